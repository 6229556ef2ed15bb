#pragma once

#include "interp_actors/base/channel_item.hpp"
#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

struct module_state;

/// Adds the types `SendChannel` and `ReceiveChannel`, the exceptions of channels, and the functions `channel`
/// and `select` to the module. Returns false with an
/// exception set on failure.
bool add_channels(const gil_held& gil, PyObject* module, module_state& state);

/// Returns `end` as a `SendChannel` or `ReceiveChannel` that belongs to the calling interpreter. Null with an
/// exception set on failure; the end is dropped then.
object to_python(const gil_held& gil, module_state& state, held_end end);

/// Returns a further hold on the sending end `value`, or takes the receiving end `value` from its object,
/// which refuses to be used from then on. Nothing with an exception set where it is neither, gone, or in use.
held_end end_from_python(const gil_held& gil, module_state& state, PyObject* value);

/// Gives back what `end_from_python` took.
void give_back(const gil_held& gil, module_state& state, PyObject* value, held_end end);

} // namespace interp_actors::python
