#pragma once

#include "interp_actors/python/interrupt.hpp"

#include <chrono>

namespace interp_actors::python {

/// How long an ending interpreter waits for the Python threads that its code left behind.
struct teardown_limits {
  /// Time for threads and pools to end by themselves.
  std::chrono::milliseconds grace{20};
  /// Time after the grace in which they are made to raise SystemExit, every few milliseconds.
  std::chrono::milliseconds limit{2000};
};

/// Runs what Python runs at its end (`threading._shutdown`, then atexit functions) and stops all threads but
/// the calling one; after the grace, waits of the library's own end. Returns false where threads are left that `Py_EndInterpreter` would crash on or wait for
/// without end. May block for longer than the limits, in C code that a thread or an atexit function calls:
/// whoever cannot wait for that abandons the interpreter from outside.
/// Thread: the interpreter's own, with no Python frame below.
/// Source: measured on CPython 3.14 and 3.15; "Initialization, Finalization, and Threads".
bool end_python_threads(const gil_held& gil, interrupter& control, const teardown_limits& limits);

} // namespace interp_actors::python
