#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace interp_actors {

/// One call in a Python traceback, or several in a row at the very same line. All text is UTF-8; what UTF-8
/// cannot hold (lone surrogates) is escaped as in Python.
struct python_frame {
  std::string file;
  /// Line in `file`, counted from 1; 0 where Python does not know it.
  int line = 0;
  std::string function;
  /// The line's text without its indentation; empty where the source cannot be read.
  std::string source_line;
  /// Calls in a row that it stands for, more than 1 in a recursion.
  std::size_t times = 1;

  friend bool operator==(const python_frame&, const python_frame&) = default;
};

/// Where a SyntaxError found its mistake.
struct python_syntax_location {
  std::string file;
  /// Line in `file`, counted from 1; 0 for the file as a whole, -1 where Python does not say.
  int line = -1;
  /// Column of the mistake and of its end, counted in characters from 1; 0 where Python does not say. A
  /// mistake that goes on in later lines ends behind its first one.
  int column = 0;
  int end_column = 0;
  /// The line with its indentation, or several; empty where Python does not say.
  std::string text;

  friend bool operator==(const python_syntax_location&, const python_syntax_location&) = default;
};

/// An argument of an exception, where it is one of Python's simple values.
struct python_argument {
  enum class kind : std::uint8_t { none, boolean, integer, real, text, bytes };

  kind type = kind::none;
  /// As Python writes it; UTF-8 with surrogates for a text, the bytes themselves for bytes.
  std::string text;

  friend bool operator==(const python_argument&, const python_argument&) = default;
};

/// One exception of a `python_error`. `cause`, `context` and `group` name others by their place in
/// `python_error::exceptions`; -1 stands for none.
struct python_exception_data {
  /// The class with its module, as a traceback prints it: "ValueError", "json.decoder.JSONDecodeError".
  std::string type;
  /// str() of the exception, or a note that it raised in turn.
  std::string message;
  std::vector<std::string> notes;
  /// From the outermost call to the line that raised.
  std::vector<python_frame> frames;
  /// Calls left out of the middle of `frames`, which keeps the first and the last ones of a very deep
  /// traceback.
  std::size_t frames_left_out = 0;
  /// Place in `frames` before which they are missing.
  std::size_t left_out_at = 0;
  std::optional<python_syntax_location> syntax;
  int cause = -1;
  int context = -1;
  bool suppress_context = false;
  bool is_group = false;
  std::vector<int> group;
  /// `args` of the exception, from which it can be built again; nothing where one of them is no simple value, an
  /// integer of more than 64 bits or a text or bytes of more than 65,536 elements, and where there are more than 16.
  std::optional<std::vector<python_argument>> args;

  friend bool operator==(const python_exception_data&, const python_exception_data&) = default;
};

/// A Python exception as data, whole: type, message, traceback, notes, chain, groups. A plain value without
/// any Python object, so it outlives its interpreter, travels in messages and can be read in any thread. Texts
/// are cut at 64 KiB, those of frames at 4 KiB; there are at most 64 notes each and 256 exceptions, and those
/// that come after 4 MiB of text keep their type alone.
class python_error {
public:
  /// The exception that was raised, first, and all that it refers to.
  std::vector<python_exception_data> exceptions;

  /// For SystemExit: the process exit code that it asks for (0 for None, 1 for a text), as the `python`
  /// program has it.
  std::optional<int> exit_code;

  /// Exceptions of chains and groups that were left out because there were too many.
  std::size_t left_out = 0;

  /// Class and message of the exception raised, as the last line of its traceback: "ValueError: too large".
  std::string summary() const;

  /// The class of the exception raised, or an empty text.
  std::string type() const { return exceptions.empty() ? std::string{} : exceptions.front().type; }

  /// Its message.
  std::string message() const { return exceptions.empty() ? std::string{} : exceptions.front().message; }

  /// The traceback in Python's own layout, with source lines, causes, contexts, notes and groups; ends with a
  /// newline.
  std::string traceback() const;

  friend bool operator==(const python_error&, const python_error&) = default;
};

/// Prints the traceback.
std::ostream& operator<<(std::ostream& out, const python_error& error);

/// The summary, for logs and CAF's printing.
std::string to_string(const python_error& error);

/// A `python_error` as a C++ exception; `what()` is the traceback.
class python_exception : public std::runtime_error {
public:
  explicit python_exception(python_error error);

  const python_error& error() const noexcept { return error_; }

private:
  python_error error_;
};

} // namespace interp_actors
