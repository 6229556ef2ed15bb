#pragma once

#include "interp_actors/python/module/host.hpp"
#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

struct module_state;

/// Creates the types `Monitor` and `Timer`: what can be taken back. Null with an exception set on failure.
object make_monitor_type(const gil_held& gil, PyObject* module);
object make_timer_type(const gil_held& gil, PyObject* module);

/// Calls `callback(reason)` as a message of this interpreter once `whom` has ended. Returns a Monitor, or null
/// with an exception set.
object start_monitor(const gil_held& gil, module_state& state, host& out, const actor_reference_ptr& whom,
                     PyObject* callback);

/// Sends `what` later. Returns a Timer, or null with an exception set.
object start_timer(const gil_held& gil, module_state& state, host& out, PyObject* seconds,
                   host::letter_ptr what);

/// Keeps `what` until `event` is run. Returns false with an exception set.
bool keep_for_event(const gil_held& gil, module_state& state, event_number event, PyObject* what);

/// Takes it back; null where it is not there any more.
object take_for_event(const gil_held& gil, module_state& state, event_number event);

/// Drops all that is kept, in an interpreter that has ended.
void drop_events(const gil_held& gil, PyObject* module);

/// Runs what is kept for `event`, in the interpreter's own thread. Returns false with an exception set.
bool run_event(const gil_held& gil, PyObject* module, event_number event);

} // namespace interp_actors::python
