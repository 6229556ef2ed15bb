#pragma once

#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

/// Creates the type `interp_actors.Builder`: library memory that Python fills and then freezes into a
/// payload.
object make_builder_type(const gil_held& gil, PyObject* module);

} // namespace interp_actors::python
