#pragma once

#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

struct module_state;

/// Adds what reaches other actors to the module: `spawn`, `current`, `send_after` and their types. Returns
/// false with an exception set.
bool add_actors(const gil_held& gil, PyObject* module, module_state& state);

} // namespace interp_actors::python
