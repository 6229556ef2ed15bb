#pragma once

#include "interp_actors/python/interrupt.hpp"

#include <chrono>

namespace interp_actors::python {

/// Runs what Python runs at its end (`threading._shutdown`, then atexit functions) and stops all threads but
/// the calling one: after a tenth of a second waits of the library's own end and the threads are made to raise
/// SystemExit, every few milliseconds; from half of `limit` on so is the calling one, which may be in an atexit
/// function. Returns false where threads are left at the limit that `Py_EndInterpreter` would crash on or wait for
/// without end. May block for longer, in C code that a thread or an atexit function calls: whoever cannot wait for
/// that abandons the interpreter from outside.
/// Thread: the interpreter's own, with no Python frame below.
/// Source: measured on CPython 3.14 and 3.15; "Initialization, Finalization, and Threads".
bool end_python_threads(const gil_held& gil, interrupter& control, std::chrono::nanoseconds limit);

/// Whether the interpreter has threads besides the calling one.
bool has_other_threads(const gil_held& gil);

} // namespace interp_actors::python
