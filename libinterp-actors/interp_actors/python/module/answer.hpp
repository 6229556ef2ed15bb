#pragma once

#include "interp_actors/python/module/host.hpp"
#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

struct module_state;

/// Waits until `answer` has come, with the GIL released. Returns false with an exception set: TimeoutError at
/// `until`, and whatever interrupts this interpreter.
bool wait_for(const gil_held& gil, module_state& state, awaited& answer, host::clock::time_point until,
              const char* whom);

/// Raises what a failed request is: RemoteError for an exception in another interpreter, or that exception itself
/// where `reraise` asks for it and it can be built; TimeoutError for a deadline, else ActorError.
void raise_failure(const gil_held& gil, module_state& state, const error_value& failure, bool reraise);

/// Returns what was replied, or null with the exception set that the answer is: as `raise_failure`, or
/// CancelledError; TypeError for a reply that Python cannot hold. Throws nothing.
/// Precondition: it has come.
object result_of(const gil_held& gil, module_state& state, const awaited& answer, bool reraise = false);

/// Reads a timeout in seconds, where null and None are the default of `from`. Returns false with an exception
/// set.
bool read_call_timeout(const gil_held& gil, const host& from, PyObject* value,
                       host::clock::time_point& until);

/// Whether the calling thread is the one that runs the interpreter's handlers.
bool in_own_thread(const module_state& state);

} // namespace interp_actors::python
