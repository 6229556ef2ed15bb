#pragma once

#include "interp_actors/python/memory_view.hpp"
#include "interp_actors/python/object.hpp"

#include <array>
#include <exception>
#include <string>
#include <string_view>

namespace interp_actors::python {

/// Says that a Python exception is set, on its way through C++ that knows nothing of Python.
class raised : public std::exception {
public:
  const char* what() const noexcept override { return "a Python exception is set"; }
};

/// Says that a Python exception is set: a function refused to be called, before any of its code ran.
class call_refused : public raised {};

/// Returns what it is given, or throws `raised` for null.
object checked(object made);

/// The same for the result of a call.
/// Errors: also `call_refused`.
object called(const gil_held& gil, object result);

/// Whether the exception that is set says that the arguments of a call do not fit the function's parameters: a
/// TypeError without a frame.
bool is_refusal(const gil_held& gil);

/// Clears an Exception that is set; others (an interrupt, an exit) go on.
/// Errors: `raised`.
void clear_exception();

/// What the conversion between values and Python objects needs of its interpreter: the types of the module,
/// and what it looks up once.
/// Owner: the interpreter, which calls `clear` before it ends.
/// Thread: any that holds the GIL.
class conversion {
public:
  void set_types(const payload_rules& rules, _typeobject* reference_type, PyObject* error_type) {
    rules_ = rules;
    reference_type_ = reference_type;
    error_type_ = error_type;
  }

  const payload_rules& rules() const noexcept { return rules_; }
  _typeobject* reference_type() const noexcept { return reference_type_; }
  PyObject* error_type() const noexcept { return error_type_; }

  /// Returns `name` as an interned str.
  /// Errors: `raised`.
  object name(const gil_held& gil, std::string_view name);

  /// Classes of the module `datetime`, which is imported when they are first asked for.
  struct datetime_types {
    object timedelta;
    object datetime;
    object epoch; // 1970-01-01T00:00Z, aware
  };

  /// Errors: `raised`.
  const datetime_types& datetime(const gil_held& gil);

  /// The same where the code of this interpreter has imported the module already, else null.
  const datetime_types* known_datetime(const gil_held& gil);

  void clear() noexcept;

  /// Leaves everything to an interpreter that is abandoned, or has ended.
  void abandon() noexcept;

private:
  payload_rules rules_;
  _typeobject* reference_type_ = nullptr;
  PyObject* error_type_ = nullptr;
  datetime_types datetime_;
  std::array<object, 256> names_; // by hash; a newer name takes the place of an older one
};

/// Names the type of `value` and, if it is a number or text, its value, cut to what a message can show.
std::string describe(const gil_held& gil, PyObject* value);

} // namespace interp_actors::python
