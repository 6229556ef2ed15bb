#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/actors.hpp"

#include "interp_actors/python/module/answer.hpp"
#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/death.hpp"
#include "interp_actors/python/module/events.hpp"
#include "interp_actors/python/module/future.hpp"
#include "interp_actors/python/module/method.hpp"
#include "interp_actors/python/module/reference.hpp"
#include "interp_actors/python/module/remote_error.hpp"
#include "interp_actors/python/module/state.hpp"

#include <array>
#include <optional>
#include <string>

namespace interp_actors::python {

namespace {

/// What a child runs: a str is source text, a module is imported again, a path is read. Nothing with an
/// exception set.
std::optional<source> source_of(const gil_held& gil, PyObject* value) {
  if (PyUnicode_Check(value)) {
    auto code = read_text(gil, value, "spawn(): the source");
    return code ? std::optional{text(std::move(*code), "<spawn>")} : std::nullopt;
  }
  if (PyModule_Check(value)) {
    auto name = steal(gil, PyModule_GetNameObject(value));
    auto found = name ? read_text(gil, name.get(), "spawn(): the module's name") : std::nullopt;
    if (found && *found == "__main__") {
      PyErr_SetString(PyExc_ValueError, "spawn(): __main__ cannot be imported; give its source or its path");
      return std::nullopt;
    }
    return found ? std::optional{module(std::move(*found))} : std::nullopt;
  }
  PyObject* path_method = nullptr;
  auto* type = reinterpret_cast<PyObject*>(Py_TYPE(value));
  if (PyObject_GetOptionalAttrString(type, "__fspath__", &path_method) < 0)
    return std::nullopt;
  if (!steal(gil, path_method)) {
    PyErr_Format(PyExc_TypeError, "spawn() takes source text, a module or a path, not a %.200s",
                 Py_TYPE(value)->tp_name);
    return std::nullopt;
  }
  PyObject* path = nullptr;
  if (!PyUnicode_FSConverter(value, &path))
    return std::nullopt;
  auto bytes = steal(gil, path);
  return file(
      std::string{PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))});
}

PyObject* spawn(PyObject* module, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = state_of_module(module);
    static constexpr std::array names{"source", "name", "link", "timeout"};
    std::array<PyObject*, 4> given{};
    auto until = host::clock::time_point::max();
    if (!take_arguments("spawn", names, 1, 1, values, count, keywords, given)
        || !read_timeout(gil, given[3], until))
      return nullptr;
    auto* out = host_of(gil, state);
    auto link = given[2] ? PyObject_IsTrue(given[2]) : 1;
    if (!out || link < 0)
      return nullptr;
    std::string name = out->name() + ".child";
    if (given[1] && given[1] != Py_None) {
      auto wanted = read_text(gil, given[1], "spawn(): name");
      if (!wanted)
        return nullptr;
      name = std::move(*wanted);
    }
    auto code = source_of(gil, given[0]);
    if (!code)
      return nullptr;
    std::chrono::nanoseconds limit{0};
    if (until != host::clock::time_point::max())
      limit = std::max<std::chrono::nanoseconds>(until - host::clock::now(), std::chrono::nanoseconds{1});
    auto birth = gil.release([&] { return out->spawn(std::move(*code), std::move(name), limit); });
    // The child's start has a deadline of its own, which always ends the waiting.
    object child;
    actor_reference_ptr reference;
    if (wait_for(gil, state, *birth.answer, host::clock::time_point::max(), "the child")
        && (child = result_of(gil, state, *birth.answer)))
      reference = reference_of(gil, state.types.reference, child.get());
    gil.release([&] {
      if (!reference)
        birth.forget();
      else if (link == 1)
        out->adopt(reference);
      birth = {};
      reference.reset();
    });
    return child.release();
  });
}

PyObject* current(PyObject* module, PyObject*) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = state_of_module(module);
    auto* out = host_of(gil, state);
    if (!out)
      return nullptr;
    auto made = checked(steal(gil, PyStructSequence_New(reinterpret_cast<PyTypeObject*>(state.current))));
    auto sender = in_own_thread(state) ? out->sender() : actor_reference_ptr{};
    std::array<object, 3> parts{checked(to_python(gil, state.types.reference, out->self())),
                                checked(to_str(gil, out->name())),
                                checked(to_python(gil, state.types.reference, std::move(sender)))};
    for (Py_ssize_t i = 0; i < 3; ++i)
      PyStructSequence_SetItem(made.get(), i, parts[static_cast<std::size_t>(i)].release());
    return made.release();
  });
}

PyObject* previous_death(PyObject* module, PyObject*) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = state_of_module(module);
    auto* out = host_of(gil, state);
    return out ? to_python(gil, state.death, out->previous_death()).release() : nullptr;
  });
}

object make_current_type(const gil_held& gil) {
  static PyStructSequence_Field fields[] = {
      {"address", "this interpreter's own Reference"},
      {"name", "its name"},
      {"sender", "the Reference of whoever sent the message that is being handled, or None"},
      {nullptr, nullptr},
  };
  static PyStructSequence_Desc description = {
      "interp_actors.Current", "What an interpreter knows of itself, as current() tells it.", fields, 3};
  return steal(gil, reinterpret_cast<PyObject*>(PyStructSequence_NewType(&description)));
}

} // namespace

bool add_actors(const gil_held& gil, PyObject* module, module_state& state) {
  static PyMethodDef functions[] = {
      {"spawn", as_function(spawn), METH_FASTCALL | METH_KEYWORDS,
       "spawn($module, source, *, name=None, link=True, timeout=None)\n--\n\n"
       "Start a child interpreter and return its Reference once its source has run.\n\n"
       "Its functions are called through the Reference, with any values.\n\n"
       "Args:\n"
       "    source: source text, a module, which the child imports, or the path of a file.\n"
       "    name: for its thread and for logs; None is this one's with '.child' behind it.\n"
       "    link: the child ends with this interpreter, and this one with a child that fails.\n"
       "    timeout: seconds that its start may take; None is 30.\n\n"
       "Raises:\n"
       "    RemoteError: its source raised.\n"
       "    ActorError: it could not be started.\n"
       "    TimeoutError: it did not start in time."},
      {"current", current, METH_NOARGS,
       "current($module)\n--\n\nReturn this interpreter's address and name, and the sender of the message "
       "that it "
       "handles."},
      {"previous_death", previous_death, METH_NOARGS,
       "previous_death($module)\n--\n\nReturn how the interpreter before this one, which had the same "
       "address, "
       "ended, or None where this is the first."},
      {"send_after", as_function(send_after), METH_FASTCALL,
       "send_after($module, seconds, method, /, *args)\n--\n\nSend a message to method, as in ref.name, "
       "after a "
       "delay and return its Timer.\n\n"
       "It is not sent where this interpreter has ended by then.\n\n"
       "Raises:\n    TypeError: an argument cannot be sent.\n    ValueError: the delay is negative or "
       "endless."},
      {nullptr, nullptr, 0, nullptr},
  };
  state.method = make_method_type(gil, module).release();
  state.future = make_future_type(gil, module).release();
  state.monitor = make_monitor_type(gil, module).release();
  state.timer = make_timer_type(gil, module).release();
  state.current = make_current_type(gil).release();
  state.death = make_death_type(gil, module).release();
  state.remote_error = make_remote_error_type(gil).release();
  state.cancelled_error =
      PyErr_NewExceptionWithDoc("interp_actors.CancelledError",
                                "Raised for the result of a Future that was cancelled.", nullptr, nullptr);
  state.events = PyDict_New();
  auto add = [&](const char* name, PyObject* what) {
    return what && PyModule_AddObjectRef(module, name, what) == 0;
  };
  return state.events && add("Method", state.method) && add("Future", state.future)
         && add("Monitor", state.monitor) && add("Timer", state.timer) && add("Current", state.current)
         && add("Death", state.death) && add("RemoteError", state.remote_error)
         && add("CancelledError", state.cancelled_error) && PyModule_AddFunctions(module, functions) == 0;
}

} // namespace interp_actors::python
