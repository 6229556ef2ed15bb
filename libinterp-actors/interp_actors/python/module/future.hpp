#pragma once

#include "interp_actors/python/module/host.hpp"
#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

struct module_state;

/// Creates the type `Future`: an answer that is to come. Null with an exception set on failure.
object make_future_type(const gil_held& gil, PyObject* module);

/// Returns the Future of `answer`, or null with an exception set. `to_self` says that this interpreter itself
/// is asked, whose own thread cannot wait for it.
object to_python(const gil_held& gil, module_state& state, std::shared_ptr<awaited> answer, bool to_self);

bool is_future(const module_state& state, PyObject* value);

/// Runs the callbacks of a Future that is done. Returns false with the exception set that the first one raised.
bool run_callbacks(const gil_held& gil, PyObject* future);

} // namespace interp_actors::python
