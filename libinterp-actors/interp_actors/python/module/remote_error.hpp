#pragma once

#include "interp_actors/base/python_error.hpp"
#include "interp_actors/python/object.hpp"

#include <string>

namespace interp_actors::python {

struct module_state;

/// Creates the exception `RemoteError`. Null with an exception set on failure.
object make_remote_error_type(const gil_held& gil);

/// Raises what was raised elsewhere: a RemoteError with its traceback, or, where `reraise` asks for it and it
/// can be built, the original exception with the RemoteError as its cause. `text` says what happened where
/// Python has nothing to say.
void raise_remote(const gil_held& gil, module_state& state, const python_error* error,
                  const std::string& text, bool reraise);

} // namespace interp_actors::python
