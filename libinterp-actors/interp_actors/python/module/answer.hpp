#pragma once

#include "interp_actors/python/module/peers.hpp"
#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

struct module_state;

/// Waits until `answer` has come, with the GIL released. Returns false with an exception set: TimeoutError at
/// `until`, and whatever interrupts this interpreter.
bool wait_for(const gil_held& gil, module_state& state, awaited& answer, peers::clock::time_point until,
              const char* whom);

/// Returns what was replied, or null with the exception set that the answer is: RemoteError for an exception in
/// another interpreter, TimeoutError for a deadline, CancelledError, else ActorError.
/// Errors: also `value_error` and `raised`, for a reply that Python cannot hold.
/// Precondition: it has come.
object result_of(const gil_held& gil, module_state& state, const awaited& answer);

/// Reads a timeout in seconds, where null and None are the default of `from`. Returns false with an exception
/// set.
bool read_call_timeout(const gil_held& gil, const peers& from, PyObject* value,
                       peers::clock::time_point& until);

/// Whether the calling thread is the one that runs the interpreter's handlers.
bool in_own_thread(const module_state& state);

} // namespace interp_actors::python
