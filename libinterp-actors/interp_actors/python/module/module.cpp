#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/module.hpp"

#include "interp_actors/python/interrupt.hpp"
#include "interp_actors/python/module/actor_error.hpp"
#include "interp_actors/python/module/actors.hpp"
#include "interp_actors/python/module/builder.hpp"
#include "interp_actors/python/module/channel.hpp"
#include "interp_actors/python/module/host.hpp"
#include "interp_actors/python/module/lines.hpp"
#include "interp_actors/python/module/other_interpreter.hpp"
#include "interp_actors/python/module/reference.hpp"
#include "interp_actors/python/module/state.hpp"
#include "interp_actors/python/pin.hpp"

#include <stdexcept>

namespace interp_actors::python {

namespace {

/// Names the capsule in the interpreter's own dict that leads to its context.
constexpr const char* capsule_name = "interp_actors.context";

/// Keeps `context` where a second module object finds it.
bool remember(const gil_held& gil, module_context& context) {
  auto capsule = steal(gil, PyCapsule_New(&context, capsule_name, nullptr));
  auto* dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
  return dict && capsule && PyDict_SetItemString(dict, capsule_name, capsule.get()) == 0;
}

/// The interpreter's first module object; null where this is it, with an exception set where Python raises.
PyObject* first_module(const gil_held& gil) {
  auto* dict = PyInterpreterState_GetDict(PyInterpreterState_Get());
  PyObject* found = nullptr;
  if (!dict || PyDict_GetItemStringRef(dict, capsule_name, &found) <= 0)
    return nullptr;
  auto capsule = steal(gil, found);
  auto* context = static_cast<module_context*>(PyCapsule_GetPointer(capsule.get(), capsule_name));
  return context ? context->module : nullptr;
}

int module_exec(PyObject* module) {
  auto gil = gil_held::entered();
  auto* state = &state_of_module(module);
  *state = module_state{};
  // Types are what they are by identity: a second module object must not have others.
  if (auto* first = first_module(gil))
    return PyDict_Merge(PyModule_GetDict(module), state_of_module(first).names, 0);
  if (PyErr_Occurred())
    return -1;
  state->types.exporter = reinterpret_cast<PyTypeObject*>(make_exporter_type(gil, module).release());
  state->types.reference = reinterpret_cast<PyTypeObject*>(make_reference_type(gil, module).release());
  state->types.actor_error = make_actor_error_type(gil).release();
  state->lines = make_lines_type(gil, module).release();
  state->builder = make_builder_type(gil, module).release();
  state->types.interrupted =
      PyErr_NewExceptionWithDoc("interp_actors.Interrupted",
                                "Raised in a handler by its deadline, a cancellation or a stop.\n\nCode that "
                                "catches it may clean up and must end soon: "
                                "an interpreter that goes on is abandoned.",
                                PyExc_KeyboardInterrupt, nullptr);
  if (!state->types.exporter || !state->types.reference || !state->types.actor_error || !state->lines
      || !state->builder || !state->types.interrupted || !add_channels(gil, module, *state)
      || !add_actors(gil, module, *state) || !add_interpreters(gil, module, *state))
    return -1;
  if (PyModule_AddObjectRef(module, "Interrupted", state->types.interrupted) < 0
      || PyModule_AddObjectRef(module, "ActorError", state->types.actor_error) < 0
      || PyModule_AddObjectRef(module, "Reference", reinterpret_cast<PyObject*>(state->types.reference)) < 0
      || PyModule_AddObjectRef(module, "Builder", state->builder) < 0)
    return -1;
  state->names = PyDict_Copy(PyModule_GetDict(module));
  return state->names ? 0 : -1;
}

int module_traverse(PyObject* module, visitproc visit, void* arg) {
  int found = 0;
  state_of_module(module).each([&](auto* one) {
    if (one && found == 0)
      found = visit(reinterpret_cast<PyObject*>(one), arg);
  });
  return found;
}

int module_clear(PyObject* module) {
  state_of_module(module).each([](auto*& one) { Py_CLEAR(one); });
  return 0;
}

PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(module_exec)},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {0, nullptr},
};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, module_name,  "What code inside of an interpreter actor can use of its library.",
    sizeof(module_state),  nullptr,      module_slots,
    module_traverse,       module_clear, [](void* module) { module_clear(static_cast<PyObject*>(module)); },
};

PyObject* init_module() {
  return PyModuleDef_Init(&definition);
}

} // namespace

module_state& state_of_module(PyObject* module) {
  return *static_cast<module_state*>(PyModule_GetState(module));
}

module_state* state_of(PyObject* instance) {
  auto* module = PyType_GetModuleByDef(Py_TYPE(instance), &definition);
  return module ? &state_of_module(module) : nullptr;
}

bool check_entry(const gil_held& gil, PyObject* instance) {
  auto* state = state_of(instance);
  return state && check_entry(gil, *state);
}

bool check_entry(const gil_held& gil, module_state& state) {
  if (!state.context)
    return true;
  if (state.context->control->fenced()) {
    PyErr_SetString(state.types.interrupted ? state.types.interrupted : PyExc_RuntimeError,
                    "this interpreter was abandoned; nothing that it does counts any more");
    return false;
  }
  state.context->rules.pins->drain(gil);
  return true;
}

host* host_of(const gil_held& gil, module_state& state) {
  if (!check_entry(gil, state))
    return nullptr;
  if (state.context && state.context->host)
    return state.context->host.get();
  PyErr_SetString(PyExc_RuntimeError, "this interpreter is no actor, and reaches none");
  return nullptr;
}

void register_module() {
  if (PyImport_AppendInittab(module_name, init_module) < 0)
    throw std::runtime_error("interp-actors: no memory to register the module interp_actors");
}

bool enter_module(const gil_held& gil, module_context& context, module_types& types, object& module) {
  module = steal(gil, PyImport_ImportModule(module_name));
  if (!module)
    return false;
  auto* state = &state_of_module(module.get());
  state->context = &context;
  if (!remember(gil, context))
    return false;
  context.module = module.get();
  types = state->types;
  context.rules.exporter_type = types.exporter;
  context.values.set_types(context.rules, types.reference, types.actor_error);
  return replace_standard_streams(gil, state->lines, context.gate);
}

void leave_module(const gil_held&, module_context& context, object& module) {
  context.module = nullptr;
  module = {};
}

} // namespace interp_actors::python
