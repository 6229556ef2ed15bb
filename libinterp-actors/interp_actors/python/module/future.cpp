#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/future.hpp"

#include "interp_actors/python/module/answer.hpp"
#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/events.hpp"
#include "interp_actors/python/module/state.hpp"

#include <array>

namespace interp_actors::python {

namespace {

struct future {
  PyObject_HEAD std::shared_ptr<awaited> answer;
  PyObject* callbacks; // a list; null before the first one, and once they have run
  PyObject* result;    // once somebody has asked for it: the value, or the exception
  bool failed;
  bool to_self;
};

future* as_future(PyObject* self) {
  return reinterpret_cast<future*>(self);
}

int future_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_future(self)->callbacks);
  Py_VISIT(as_future(self)->result);
  return 0;
}

int future_clear(PyObject* self) {
  Py_CLEAR(as_future(self)->callbacks);
  Py_CLEAR(as_future(self)->result);
  return 0;
}

void future_dealloc(PyObject* self) {
  auto gil = gil_held::entered();
  auto* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  future_clear(self);
  destroy(gil, as_future(self)->answer);
  type->tp_free(self);
  Py_DECREF(type);
}

bool is_done(PyObject* self) {
  return as_future(self)->answer->now() != awaited::state::waiting;
}

/// Waits, and keeps what came. Returns false with an exception set where it did not come.
bool settle(const gil_held& gil, PyObject* self, PyObject* const* values, Py_ssize_t count,
            PyObject* keywords, const char* function) {
  auto& state = *state_of(self);
  static constexpr std::array names{"timeout"};
  std::array<PyObject*, 1> given{};
  auto until = host::clock::time_point::max();
  if (!take_arguments(function, names, 0, 1, values, count, keywords, given)
      || !read_timeout(gil, given[0], until) || !host_of(gil, state))
    return false;
  if (!is_done(self) && as_future(self)->to_self && in_own_thread(state)) {
    PyErr_SetString(PyExc_RuntimeError,
                    "this Future is a message to this interpreter itself, which cannot handle it while it "
                    "waits; use add_done_callback()");
    return false;
  }
  auto answer = as_future(self)->answer;
  if (!wait_for(gil, state, *answer, until, "the actor"))
    return false;
  if (as_future(self)->result)
    return true;
  auto made = result_of(gil, state, *answer);
  bool failed = !made;
  if (failed && !PyErr_ExceptionMatches(PyExc_Exception))
    return false; // an interrupt of whoever asks
  if (failed) {
    made = steal(gil, PyErr_GetRaisedException());
    if (!made)
      return false;
  }
  if (!as_future(self)->result) { // nobody else was faster
    as_future(self)->failed = failed;
    as_future(self)->result = made.release();
  }
  return true;
}

PyObject* future_result(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    if (!settle(gil, self, values, count, keywords, "result"))
      return nullptr;
    auto* result = as_future(self)->result;
    if (!as_future(self)->failed)
      return Py_NewRef(result);
    PyErr_SetRaisedException(Py_NewRef(result));
    return nullptr;
  });
}

PyObject* future_exception(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    if (!settle(gil, self, values, count, keywords, "exception"))
      return nullptr;
    auto* result = as_future(self)->result;
    if (as_future(self)->answer->now() == awaited::state::cancelled) {
      PyErr_SetRaisedException(Py_NewRef(result));
      return nullptr;
    }
    return Py_NewRef(as_future(self)->failed ? result : Py_None);
  });
}

PyObject* future_done(PyObject* self, PyObject*) {
  return PyBool_FromLong(is_done(self));
}

PyObject* future_cancelled(PyObject* self, PyObject*) {
  return PyBool_FromLong(as_future(self)->answer->now() == awaited::state::cancelled);
}

PyObject* future_running(PyObject* self, PyObject*) {
  return PyBool_FromLong(!is_done(self));
}

PyObject* future_cancel(PyObject* self, PyObject*) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto* out = host_of(gil, *state_of(self));
    if (!out)
      return nullptr;
    auto answer = as_future(self)->answer;
    gil.release([&] {
      if (answer->cancel())
        out->forget(*answer);
    });
    return PyBool_FromLong(answer->now() == awaited::state::cancelled);
  });
}

PyObject* future_add_done_callback(PyObject* self, PyObject* callback) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = *state_of(self);
    auto* out = host_of(gil, state);
    if (!out || !check_callback(callback, "the Future"))
      return nullptr;
    auto* me = as_future(self);
    auto list = checked(steal(gil, PyList_New(0)));
    if (me->callbacks) { // they have not run yet
      if (PyList_Append(me->callbacks, callback) < 0)
        return nullptr;
      Py_RETURN_NONE;
    }
    if (is_done(self))
      return PyObject_CallOneArg(callback, self);
    if (PyList_Append(list.get(), callback) < 0)
      return nullptr;
    me->callbacks = list.release();
    auto event = out->new_event();
    if (!keep_for_event(gil, state, event, self))
      return nullptr;
    auto answer = me->answer;
    gil.release([&] {
      answer->when_done([out = out->weak_from_this(), event] {
        if (auto alive = out.lock())
          alive->post(event);
      });
    });
    Py_RETURN_NONE;
  });
}

} // namespace

object make_future_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"result", as_function(future_result), METH_FASTCALL | METH_KEYWORDS,
       "result($self, timeout=None)\n--\n\nWait for the answer and return it.\n\n"
       "Args:\n"
       "    timeout: seconds to wait; None waits until the call's own timeout.\n\n"
       "Raises:\n"
       "    RemoteError: the function raised.\n"
       "    ActorError: the actor could not answer.\n"
       "    TimeoutError: no answer came in time.\n"
       "    CancelledError: this Future was cancelled."},
      {"exception", as_function(future_exception), METH_FASTCALL | METH_KEYWORDS,
       "exception($self, timeout=None)\n--\n\nWait for the answer and return the exception that result() "
       "raises, "
       "or None.\n\n"
       "Args:\n"
       "    timeout: seconds to wait; None waits until the call's own timeout.\n\n"
       "Raises:\n"
       "    TimeoutError: no answer came within timeout.\n"
       "    CancelledError: this Future was cancelled."},
      {"done", future_done, METH_NOARGS,
       "done($self, /)\n--\n\nReturn whether the answer has come, or has been cancelled."},
      {"cancelled", future_cancelled, METH_NOARGS,
       "cancelled($self, /)\n--\n\nReturn whether this Future was cancelled."},
      {"running", future_running, METH_NOARGS,
       "running($self, /)\n--\n\nReturn whether the answer is still to come."},
      {"cancel", future_cancel, METH_NOARGS,
       "cancel($self, /)\n--\n\nGive up the answer, wake those who wait for it, and run the callbacks.\n\n"
       "The actor is not told, and may do what it was asked for. Return whether this Future is cancelled."},
      {"add_done_callback", future_add_done_callback, METH_O,
       "add_done_callback($self, callback, /)\n--\n\nCall callback(future) once this Future is done.\n\n"
       "It runs as a message of this interpreter, in its own thread between two handlers; at once where the "
       "Future is done already."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(future_dealloc)},
      {Py_tp_traverse, reinterpret_cast<void*>(future_traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(future_clear)},
      {Py_tp_methods, methods},
      {Py_tp_doc, const_cast<char*>("An answer that is to come, as ref.name.future() asked for.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {"interp_actors.Future", static_cast<int>(sizeof(future)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE
                                 | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                             slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

object to_python(const gil_held& gil, module_state& state, std::shared_ptr<awaited> answer, bool to_self) {
  auto* type = reinterpret_cast<PyTypeObject*>(state.future);
  auto* made = type->tp_alloc(type, 0);
  if (!made)
    return {};
  new (&as_future(made)->answer) std::shared_ptr<awaited>(std::move(answer));
  as_future(made)->to_self = to_self;
  return steal(gil, made);
}

bool is_future(const module_state& state, PyObject* value) {
  return Py_TYPE(value) == reinterpret_cast<PyTypeObject*>(state.future);
}

bool run_callbacks(const gil_held& gil, PyObject* self) {
  auto callbacks = steal(gil, std::exchange(as_future(self)->callbacks, nullptr));
  object first;
  for (Py_ssize_t i = 0; callbacks && i < PyList_GET_SIZE(callbacks.get()); ++i) {
    auto callback = borrow(gil, PyList_GET_ITEM(callbacks.get(), i));
    if (steal(gil, PyObject_CallOneArg(callback.get(), self)))
      continue;
    auto problem = steal(gil, PyErr_GetRaisedException());
    // What is no Exception ends the interpreter, and what comes behind it.
    bool ends = !PyErr_GivenExceptionMatches(problem.get(), PyExc_Exception);
    if (!first || ends)
      first = std::move(problem);
    if (ends)
      break;
  }
  if (!first)
    return true;
  PyErr_SetRaisedException(first.release());
  return false;
}

} // namespace interp_actors::python
