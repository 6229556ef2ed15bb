#pragma once

#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

struct line_gate;

/// Creates the type of the raw streams behind `sys.stdout` and `sys.stderr`: what a thread writes is kept
/// until its line is complete, then written in one go, with the GIL released. `flush` writes an incomplete
/// line as well.
object make_lines_type(const gil_held& gil, PyObject* module);

/// Puts such streams in place of `sys.stdout` and `sys.stderr`. Returns false with an exception set on
/// failure.
bool replace_standard_streams(const gil_held& gil, PyObject* lines_type, line_gate* gate);

/// Writes incomplete lines of the calling thread, as Python does at its end.
void flush_standard_streams(const gil_held& gil);

} // namespace interp_actors::python
