#pragma once

#include "interp_actors/base/death_report.hpp"
#include "interp_actors/python/object.hpp"

#include <memory>

namespace interp_actors::python {

/// Creates the type `Death`: a death report in Python. Null with an exception set on failure.
object make_death_type(const gil_held& gil, PyObject* module);

/// Returns an instance for `report`, or None for none. Null with an exception set on failure.
object to_python(const gil_held& gil, PyObject* death_type, std::shared_ptr<const death_report> report);

} // namespace interp_actors::python
