#pragma once

#include "interp_actors/python/module/module.hpp"

namespace interp_actors::python {

/// The state of the module in one interpreter. Private to the module's own source files.
struct module_state {
  module_context* context = nullptr; // null in the main interpreter
  module_types types;
  PyObject* lines = nullptr;
  PyObject* builder = nullptr;
  PyObject* send_channel = nullptr;
  PyObject* receive_channel = nullptr;
  PyObject* interpreter = nullptr;
  PyObject* channel_closed = nullptr;
  PyObject* channel_full = nullptr;
  PyObject* remote_error = nullptr;

  /// Calls `f` with each reference that the module owns.
  template <class F>
  void each(F f) {
    f(types.exporter);
    for (auto* one : {&types.interrupted, &lines, &builder, &send_channel, &receive_channel, &interpreter,
                      &channel_closed, &channel_full, &remote_error})
      f(*one);
  }
};

/// The module state behind an instance of one of the module's types.
module_state* state_of(PyObject* instance);

/// Every function that Python code can call, and that has an effect outside of its interpreter, begins with
/// this: drops pins that were given back, and raises Interrupted in an interpreter that was abandoned. Returns
/// false with the exception set.
bool check_entry(const gil_held& gil, PyObject* instance);
bool check_entry(const gil_held& gil, module_state& state);

/// The state of the module itself.
module_state& state_of_module(PyObject* module);

} // namespace interp_actors::python
