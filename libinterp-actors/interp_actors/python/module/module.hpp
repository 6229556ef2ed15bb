#pragma once

#include "interp_actors/python/conversion.hpp"
#include "interp_actors/python/memory_view.hpp"

#include <memory>
#include <mutex>

namespace interp_actors {
class channel_holdings;
} // namespace interp_actors

namespace interp_actors::python {

class host;
class interrupter;
class pin_owner;

/// Makes writes of whole lines by many interpreters come out one after the other: one mutex for each standard
/// stream. One for each process, the engine's.
struct line_gate {
  std::timed_mutex out;
  std::timed_mutex err;
};

/// What the module knows of its interpreter.
/// Owner: the interpreter, which outlives the module's use, or nobody once that was abandoned.
struct module_context {
  std::shared_ptr<interrupter> control;
  std::shared_ptr<pin_owner> pins; // that of `rules`
  payload_rules rules;
  conversion values;
  line_gate* gate = nullptr;
  std::shared_ptr<channel_holdings> holdings;
  std::shared_ptr<interp_actors::python::host> host; // null where Python code reaches nobody
  std::size_t views = 0;                             // payloads that its code sees; with the GIL
  PyObject* module = nullptr;                        // the first module object, borrowed from the interpreter
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

/// Drops `module`; a module object that finalisers make anew afterwards belongs to no actor.
void leave_module(const gil_held& gil, module_context& context, object& module);

} // namespace interp_actors::python
