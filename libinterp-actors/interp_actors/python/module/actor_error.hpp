#pragma once

#include "interp_actors/base/value.hpp"
#include "interp_actors/python/object.hpp"

#include <optional>

namespace interp_actors::python {

/// Creates the exception class `ActorError`: an error between actors in Python. Null with an exception set on
/// failure.
object make_actor_error_type(const gil_held& gil);

/// Returns an instance for `value`, or None for no error. Null with an exception set on failure.
object to_python(const gil_held& gil, PyObject* error_type, const error_value& value);

/// Returns what an ActorError was made from, or another exception as the error that it is for its caller;
/// nothing for what is no exception.
/// Errors: `raised` where an interrupt comes meanwhile.
std::optional<error_value> error_of(const gil_held& gil, PyObject* error_type, PyObject* value);

} // namespace interp_actors::python
