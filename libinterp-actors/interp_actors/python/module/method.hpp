#pragma once

#include "interp_actors/base/value.hpp"
#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

struct module_state;

/// Creates the type `Method`: a function of another actor. Null with an exception set on failure.
object make_method_type(const gil_held& gil, PyObject* module);

/// Returns the function `name`, a str, of `actor`, or null with an exception set.
object make_method(const gil_held& gil, module_state& state, actor_reference_ptr actor, PyObject* name);

/// `send_after(seconds, method, *args)` of the module. Returns a Timer, or null with an exception set.
PyObject* send_after(PyObject* module, PyObject* const* values, std::ptrdiff_t count);

} // namespace interp_actors::python
