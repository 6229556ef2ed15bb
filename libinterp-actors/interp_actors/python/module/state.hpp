#pragma once

#include "interp_actors/python/module/module.hpp"

namespace interp_actors::python {

/// The state of the module in one interpreter. Private to the module's own source files.
struct module_state {
  module_context* context = nullptr; // null in the main interpreter
  module_types types;
  PyObject* lines = nullptr;
  PyObject* builder = nullptr;
};

/// The module state behind an instance of one of the module's types.
module_state* state_of(PyObject* instance);

/// Every function that Python code can call, and that has an effect outside of its interpreter, begins with
/// this: drops pins that were given back, and raises Interrupted in an interpreter that was abandoned. Returns
/// false with the exception set.
bool check_entry(const gil_held& gil, PyObject* instance);

} // namespace interp_actors::python
