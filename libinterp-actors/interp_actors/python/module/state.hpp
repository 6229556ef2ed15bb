#pragma once

#include "interp_actors/python/module/module.hpp"

namespace interp_actors::python {

class host;

/// The state of the module in one interpreter. Private to the module's own source files. Where Python code makes a
/// second module object (`del sys.modules[...]` and another import), that one has the names of the first, and a
/// state that nobody uses.
struct module_state {
  module_context* context = nullptr; // null in the main interpreter
  module_types types;
  PyObject* lines = nullptr;
  PyObject* builder = nullptr;
  PyObject* send_channel = nullptr;
  PyObject* receive_channel = nullptr;
  PyObject* channel_closed = nullptr;
  PyObject* channel_full = nullptr;
  PyObject* interpreter = nullptr;
  PyObject* method = nullptr;
  PyObject* future = nullptr;
  PyObject* monitor = nullptr;
  PyObject* timer = nullptr;
  PyObject* current = nullptr;
  PyObject* death = nullptr;
  PyObject* remote_error = nullptr;
  PyObject* cancelled_error = nullptr;
  PyObject* events = nullptr; // dict: what to run, by the event's number
  PyObject* names = nullptr;  // dict: all that the module has, for a second module object

  /// Calls `f` with each reference that the module owns.
  template <class F>
  void each(F f) {
    f(types.exporter);
    f(types.reference);
    for (auto* one : {&types.interrupted, &types.actor_error, &lines, &builder, &send_channel,
                      &receive_channel, &channel_closed, &channel_full, &interpreter, &method, &future,
                      &monitor, &timer, &current, &death, &remote_error, &cancelled_error, &events, &names})
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

/// As `check_entry`, for what needs other actors. Returns null with an exception set where there are none.
host* host_of(const gil_held& gil, module_state& state);

/// The state of the module itself.
module_state& state_of_module(PyObject* module);

} // namespace interp_actors::python
