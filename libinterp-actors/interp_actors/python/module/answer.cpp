#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/answer.hpp"

#include "interp_actors/base/errc.hpp"
#include "interp_actors/python/interrupt.hpp"
#include "interp_actors/python/module/actor_error.hpp"
#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/remote_error.hpp"
#include "interp_actors/python/module/state.hpp"
#include "interp_actors/python/object_sink.hpp"

namespace interp_actors::python {

bool wait_for(const gil_held& gil, module_state& state, awaited& answer, host::clock::time_point until,
              const char* whom) {
  auto& control = *state.context->control;
  bell woken;
  interrupter::waiting interrupted{control, woken};
  awaited::waiter answered{answer, woken};
  while (answer.now() == awaited::state::waiting) {
    if (!control.check(gil))
      return false;
    if (!gil.release([&] { return woken.wait_until(until); }) && answer.now() == awaited::state::waiting) {
      PyErr_Format(PyExc_TimeoutError, "%s did not answer in time", whom);
      return false;
    }
  }
  return true;
}

void raise_failure(const gil_held& gil, module_state& state, const error_value& failure, bool reraise) {
  if (failure.category == "interp_actors::errc") {
    auto code = static_cast<errc>(failure.code);
    if (code == errc::deadline_exceeded) {
      if (auto text = to_str(gil, failure.description))
        PyErr_SetObject(PyExc_TimeoutError, text.get());
      return;
    }
    bool raised_there = code == errc::python_exception || code == errc::exited || code == errc::crashed
                        || code == errc::start_failed;
    if (failure.python && raised_there)
      return raise_remote(gil, state, &*failure.python, failure.description, reraise);
  }
  if (auto error = to_python(gil, state.types.actor_error, failure))
    PyErr_SetObject(state.types.actor_error, error.get());
}

object result_of(const gil_held& gil, module_state& state, const awaited& answer, bool reraise) {
  return steal(gil, at_boundary([&]() -> PyObject* {
                 switch (answer.now()) {
                 case awaited::state::replied: {
                   object_sink sink{gil, state.context->values};
                   answer.value().write(sink);
                   return sink.take().release();
                 }
                 case awaited::state::failed:
                   raise_failure(gil, state, answer.failure(), reraise);
                   return nullptr;
                 default:
                   PyErr_SetString(state.cancelled_error, "this Future was cancelled");
                   return nullptr;
                 }
               }));
}

bool read_call_timeout(const gil_held& gil, const host& from, PyObject* value,
                       host::clock::time_point& until) {
  if (value && value != Py_None)
    return read_timeout(gil, value, until);
  until = host::clock::now() + from.call_timeout();
  return true;
}

bool in_own_thread(const module_state& state) {
  return state.context->control->is_target();
}

} // namespace interp_actors::python
