#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/events.hpp"

#include "interp_actors/python/module/actor_error.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/future.hpp"
#include "interp_actors/python/module/state.hpp"

#include <cmath>

namespace interp_actors::python {

namespace {

/// A Monitor or a Timer.
struct handle {
  PyObject_HEAD event_number event;
};

event_number event_of(PyObject* self) {
  return reinterpret_cast<handle*>(self)->event;
}

void handle_dealloc(PyObject* self) {
  auto* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

object make_handle(const gil_held& gil, PyObject* type, event_number event) {
  auto* made = PyObject_New(handle, reinterpret_cast<PyTypeObject*>(type));
  if (made)
    made->event = event;
  return steal(gil, reinterpret_cast<PyObject*>(made));
}

object make_handle_type(const gil_held& gil, PyObject* module, const char* name, const char* documentation,
                        PyMethodDef* methods) {
  PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(handle_dealloc)},
      {Py_tp_methods, methods},
      {Py_tp_doc, const_cast<char*>(documentation)},
      {0, nullptr},
  };
  PyType_Spec spec = {name, static_cast<int>(sizeof(handle)), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                      slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

object key_of(const gil_held& gil, event_number event) {
  return steal(gil, PyLong_FromUnsignedLongLong(event));
}

PyObject* monitor_cancel(PyObject* self, PyObject*) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = *state_of(self);
    auto* out = host_of(gil, state);
    if (!out)
      return nullptr;
    auto kept = take_for_event(gil, state, event_of(self));
    if (!kept && PyErr_Occurred())
      return nullptr;
    gil.release([&] { out->demonitor(event_of(self)); });
    return PyBool_FromLong(static_cast<bool>(kept));
  });
}

PyObject* timer_cancel(PyObject* self, PyObject*) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto* out = host_of(gil, *state_of(self));
    if (!out)
      return nullptr;
    return PyBool_FromLong(gil.release([&] { return out->cancel_timer(event_of(self)); }));
  });
}

} // namespace

object make_monitor_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"cancel", monitor_cancel, METH_NOARGS,
       "cancel($self, /)\n--\n\nStop watching; the callback does not run any more.\n\nReturn whether it "
       "could "
       "still have run."},
      {nullptr, nullptr, 0, nullptr},
  };
  return make_handle_type(gil, module, "interp_actors.Monitor",
                          "Watches an actor, as Reference.monitor() asked for. It need not be kept.",
                          methods);
}

object make_timer_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"cancel", timer_cancel, METH_NOARGS,
       "cancel($self, /)\n--\n\nDo not send the message.\n\nReturn whether it had not been sent yet."},
      {nullptr, nullptr, 0, nullptr},
  };
  return make_handle_type(gil, module, "interp_actors.Timer",
                          "A message that is sent later, as send_after() asked for. It need not be kept.",
                          methods);
}

object start_monitor(const gil_held& gil, module_state& state, host& out, const actor_reference_ptr& whom,
                     PyObject* callback) {
  auto event = out.new_event();
  auto made = make_handle(gil, state.monitor, event);
  if (!made || !keep_for_event(gil, state, event, callback))
    return {};
  gil.release([&] { out.monitor(whom, event); });
  return made;
}

object start_timer(const gil_held& gil, module_state& state, host& out, PyObject* seconds,
                   host::letter_ptr what) {
  auto delay = PyFloat_AsDouble(seconds);
  if (delay == -1 && PyErr_Occurred())
    return {};
  if (!(delay >= 0) || std::isinf(delay)) {
    PyErr_SetString(PyExc_ValueError, "a delay is a number of seconds, at least 0");
    return {};
  }
  constexpr double longest = 1e9; // 31 years
  auto after = std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(std::min(delay, longest)));
  // The handle is made last: the number is known then.
  auto event = gil.release([&] { return out.send_after(after, std::move(what)); });
  return make_handle(gil, state.timer, event);
}

bool keep_for_event(const gil_held& gil, module_state& state, event_number event, PyObject* what) {
  auto key = key_of(gil, event);
  return key && PyDict_SetItem(state.events, key.get(), what) == 0;
}

object take_for_event(const gil_held& gil, module_state& state, event_number event) {
  auto key = key_of(gil, event);
  PyObject* found = nullptr;
  if (!key || PyDict_Pop(state.events, key.get(), &found) < 0)
    return {};
  return steal(gil, found);
}

void drop_events(const gil_held&, PyObject* module) {
  PyDict_Clear(state_of_module(module).events);
}

bool run_event(const gil_held& gil, PyObject* module, event_number event) {
  auto& state = state_of_module(module);
  auto what = take_for_event(gil, state, event);
  if (!what)
    return !PyErr_Occurred(); // it was cancelled
  if (is_future(state, what.get()))
    return run_callbacks(gil, what.get());
  auto reason = gil.release([&] { return state.context->host->take_reason(event); });
  auto argument = to_python(gil, state.types.actor_error, reason);
  return argument && steal(gil, PyObject_CallOneArg(what.get(), argument.get()));
}

} // namespace interp_actors::python
