#pragma once

#include "interp_actors/python/gil.hpp"

#include <string>

struct _ts;

namespace interp_actors::python {

/// Calls that a stack names; of a deeper one, the last ones.
inline constexpr int max_stack_depth = 64;

/// The Python calls of a thread of the calling thread's interpreter, as lines like those of a traceback: `  File "x.py",
/// line 3, in f`, the innermost last. Empty where it runs no Python code. Runs no Python code itself, raises nothing and
/// keeps nothing.
std::string stack_of(const gil_held& gil, _ts* thread_state);

/// The same without a GIL, for a thread that does not move: one in C code that does not return. Empty where CPython
/// cannot tell (3.14).
/// Thread: any. Death: the thread state must not end meanwhile.
/// Source: CPython 3.15, PyUnstable_DumpTraceback, which reads the frames as they lie in memory.
std::string stack_from_outside(_ts* thread_state);

} // namespace interp_actors::python
