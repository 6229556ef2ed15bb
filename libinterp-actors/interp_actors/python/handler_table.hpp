#pragma once

#include "interp_actors/base/type_shape.hpp"
#include "interp_actors/python/annotation.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace interp_actors::python {

/// A value that cannot go into a handler, or came out of it. The text names the handler, what was expected
/// and what there was.
class wrong_value : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// One that cannot go in: the handler was not called.
class wrong_argument : public wrong_value {
public:
  using wrong_value::wrong_value;
};

/// One that came out.
class wrong_result : public wrong_value {
public:
  using wrong_value::wrong_value;
};

/// What a handler is called for: gives it its arguments, and takes its result.
class handler_call {
public:
  handler_call() = default;
  handler_call(const handler_call&) = delete;
  handler_call& operator=(const handler_call&) = delete;
  virtual ~handler_call() = default;

  virtual void write_argument(std::size_t index, value_sink& sink) = 0;
  /// Not called where nobody waits for the result.
  virtual void read_result(value_source& source) = 0;
  virtual bool wants_result() const = 0;
};

/// How a source implements an interface.
struct implementation {
  /// What there is a handler for. Must outlive the table.
  std::vector<const handler_signature*> handlers;
  /// The class whose methods they are; empty where they are functions.
  std::string class_name;
  /// What its constructor is given; must outlive the making of the table.
  const handler_signature* constructor = nullptr;
  handler_call* construction = nullptr;
  /// For messages: "scorer.py".
  std::string source_name;
};

/// The handlers of an interface in the code of one interpreter: functions of its source, or methods of an
/// instance of a class, which holds the state. They are looked up at each call, so redefining them takes
/// effect.
/// Owner: the interpreter, which drops it before it ends.
/// Thread: the interpreter's own.
class handler_table {
public:
  /// Checks that every handler is there and fits, and makes the instance.
  /// Errors: `interface_mismatch`, `wrong_argument`, `raised`.
  handler_table(const gil_held& gil, conversion& values, PyObject* source_names, const implementation& what);

  /// Calls handler `index`.
  /// Errors: `wrong_argument`, `wrong_result`, `raised`, `call_refused`, `interface_mismatch` where it is not there
  /// any more.
  void call(const gil_held& gil, conversion& values, std::size_t index, handler_call& call);

  /// Whether there is a handler of this name.
  bool has(std::string_view name) const noexcept;

  /// The instance whose methods the handlers are, borrowed; null where they are functions.
  PyObject* instance() const noexcept { return instance_.get(); }

  /// Leaves everything to an interpreter that is abandoned.
  void abandon() noexcept;

private:
  struct handler {
    object name;
    const handler_signature* signature = nullptr;
    std::string full_name; // "handler 'score' of 'scorer.py'"
    checked_handler checked;
  };

  object find(const gil_held& gil, const handler& wanted);
  object make_instance(const gil_held& gil, conversion& values, PyObject* type, const implementation& what);

  object names_;    // the source's own, a dict
  object instance_; // or null
  class_plans plans_;
  std::vector<handler> handlers_;
};

} // namespace interp_actors::python
