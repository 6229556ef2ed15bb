#pragma once

#include "interp_actors/base/python_error.hpp"
#include "interp_actors/python/object.hpp"

#include <exception>
#include <map>
#include <string>

namespace interp_actors::python {

/// How a Python exception ends what raised it.
enum class raised_kind {
  /// An `Exception`.
  exception,
  /// One that says that the arguments of a call do not fit the function, none of whose code ran.
  refused_call,
  /// `SystemExit`.
  exit,
  /// `interp_actors.Interrupted`, which our own interrupt raised.
  interrupted,
  /// Any other `BaseException`.
  base_exception,
};

/// A Python exception on its way through C++, inside of its interpreter's thread.
class error : public std::exception {
public:
  error(raised_kind kind, python_error what) : kind_{kind}, what_{std::move(what)} {}

  raised_kind kind() const noexcept { return kind_; }
  const python_error& data() const noexcept { return what_; }
  python_error take() { return std::move(what_); }
  const char* what() const noexcept override { return "a Python exception"; }

private:
  raised_kind kind_;
  python_error what_;
};

/// Source texts that exist in memory alone, by the file name that tracebacks give them.
using source_texts = std::map<std::string, std::string, std::less<>>;

/// Takes `exception` apart without importing any Python module. Runs the exception's own `__str__`; never
/// raises.
/// Source: traceback.TracebackException of CPython 3.14 for what is taken and how it is named.
python_error capture(const gil_held& gil, PyObject* exception, const source_texts& texts);

/// Clears the exception that is set and throws it as `error`.
/// Precondition: one is set. `interrupted` is the interpreter's `interp_actors.Interrupted`, or null before
/// there is one.
[[noreturn]] void throw_raised(const gil_held& gil, const source_texts& texts, PyObject* interrupted,
                               raised_kind what_exceptions_are = raised_kind::exception);

/// Clears an `Exception` that is set and returns what it says, as the last line of its traceback does; others go
/// on.
/// Errors: `raised`.
std::string take_summary(const gil_held& gil);

} // namespace interp_actors::python
