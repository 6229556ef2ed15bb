#pragma once

#include "interp_actors/base/value.hpp"
#include "interp_actors/python/object.hpp"

struct _typeobject;

namespace interp_actors::python {

/// Creates the type `Reference`: an actor's address in Python, which keeps the actor alive. Equal where the
/// actors are. Null with an exception set on failure.
object make_reference_type(const gil_held& gil, PyObject* module);

/// Returns a Reference to `actor`, or None for none. Null with an exception set on failure.
object to_python(const gil_held& gil, _typeobject* reference_type, actor_reference_ptr actor);

/// Returns the actor of `value`, null where it is no Reference.
actor_reference_ptr reference_of(const gil_held& gil, _typeobject* reference_type, PyObject* value);

} // namespace interp_actors::python
