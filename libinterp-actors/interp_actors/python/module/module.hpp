#pragma once

#include "interp_actors/python/memory_view.hpp"

#include <memory>
#include <mutex>

namespace interp_actors::python {

class conversion;
class interrupter;
class peers;
class pin_owner;

/// Makes writes of whole lines by many interpreters come out one after the other. One for each process, the
/// engine's.
struct line_gate {
  std::mutex mutex;
};

/// What the module knows of its interpreter.
/// Owner: the interpreter, which outlives the module's use.
struct module_context {
  interrupter* control = nullptr;
  payload_rules rules;
  conversion* values = nullptr;
  line_gate* gate = nullptr;
  interp_actors::python::peers* peers = nullptr; // null where Python code reaches nobody
  unsigned long thread = 0;                      // the interpreter's own
};

/// References to the module's types that the interpreter uses, borrowed from the module's state.
struct module_types {
  PyObject* interrupted = nullptr;
  _typeobject* exporter = nullptr;
  _typeobject* reference = nullptr;
  PyObject* actor_error = nullptr;
};

/// Name under which Python code imports the module.
inline constexpr const char* module_name = "interp_actors";

/// Makes the module importable in every interpreter. To be called once, before CPython starts.
void register_module();

/// Imports the module into the calling interpreter, ties it to `context` and replaces `sys.stdout` and
/// `sys.stderr` by writers of whole lines. Returns false with an exception set on failure; `module` keeps the
/// types alive.
bool enter_module(const gil_held& gil, module_context& context, module_types& types, object& module);

} // namespace interp_actors::python
