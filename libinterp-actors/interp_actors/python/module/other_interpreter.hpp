#pragma once

#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

struct module_state;

/// Adds the type `Interpreter`, the exception `RemoteError` and the function `create` to the module. Returns
/// false with an exception set on failure.
bool add_interpreters(const gil_held& gil, PyObject* module, module_state& state);

} // namespace interp_actors::python
