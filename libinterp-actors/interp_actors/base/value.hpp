#pragma once

#include "interp_actors/base/python_error.hpp"
#include "interp_actors/base/shared_bytes.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace interp_actors {

/// How deep values may be nested. Deeper ones are refused wherever they come from, so nothing that walks
/// through values can exhaust its stack.
inline constexpr std::size_t max_value_levels = 64;

/// Checks that there is room for one more inside of `levels`.
/// Errors: `value_error`.
void check_levels(std::size_t levels);

/// What a value is, whatever holds it: a C++ object, a Python object or packed bytes.
enum class value_kind : std::uint8_t {
  nil,
  boolean,
  integer,
  real,
  text,
  enumeration,
  payload,
  duration,
  time,
  error,
  actor,
  list,
  tuple,
  set,
  map,
  structure,
};

/// The name of `kind` in Python's words: "None", "int", "list".
std::string_view to_string(value_kind kind);

/// A value that does not fit where it was to go.
class value_error : public std::exception {
public:
  /// `got` says what there was, in Python's words ("str 'abc'"), `expected` what was to be there ("float").
  /// With `is_exact`, `expect` cannot say it better: "int from 0 to 255".
  value_error(std::string got, std::string expected, bool is_exact = false);

  /// Says all by itself; goes on where a value was named: "a memoryview that is not contiguous: copy it".
  explicit value_error(std::string problem);

  /// Names the place of the value in what holds it: "[3]", ".name". The outermost step is added last.
  void prepend(std::string_view step);

  /// Says better what was expected, unless the mistake is in a part of the value.
  void expect(std::string expected);

  /// As the end of a sentence such as "the handler returned ...": "str 'abc', where float was expected"; "a
  /// value whose [3].name is int 5, where str was expected".
  const char* what() const noexcept override { return text_.c_str(); }

private:
  void compose();

  std::string path_;
  std::string got_;
  std::string expected_;
  std::string text_;
  bool is_exact_ = true;
};

/// The address of an actor as values carry it. What stands behind it is the business of the layer that made
/// it.
/// Thread: any.
class actor_reference {
public:
  actor_reference() = default;
  actor_reference(const actor_reference&) = delete;
  actor_reference& operator=(const actor_reference&) = delete;
  virtual ~actor_reference() = default;

  virtual bool equals(const actor_reference& other) const noexcept = 0;
  virtual std::size_t hash() const noexcept = 0;
  /// For people.
  virtual std::string to_string() const = 0;
};

using actor_reference_ptr = std::shared_ptr<const actor_reference>;

/// An error between actors as data.
struct error_value {
  /// The type of the code, as CAF names it ("caf::sec"), and the code; 0 is no error.
  std::string category;
  std::uint8_t code = 0;
  /// The error as text for people.
  std::string description;
  /// The text that came with the code, if any.
  std::optional<std::string> text;
  /// The Python exception that came with the code, if any.
  std::optional<python_error> python;

  friend bool operator==(const error_value&, const error_value&) = default;
};

/// An enumerator: by name where its type has names, and by number where it is known.
struct enumeration_value {
  std::string_view name;
  std::optional<std::int64_t> number;
};

/// Where a value goes, piece by piece. Each call gives one value, or begins or ends one that has parts; a
/// sink takes one whole value.
/// Errors: `value_error` for what the sink cannot hold, and what its own class says.
class value_sink {
public:
  value_sink() = default;
  value_sink(const value_sink&) = delete;
  value_sink& operator=(const value_sink&) = delete;
  virtual ~value_sink() = default;

  virtual void nil() = 0;
  virtual void boolean(bool value) = 0;
  virtual void integer(std::int64_t value) = 0;
  virtual void unsigned_integer(std::uint64_t value) = 0;
  virtual void real(double value) = 0;
  virtual void text(std::string_view value) = 0;
  virtual void enumeration(const enumeration_value& value) = 0;
  virtual void payload(const shared_bytes& value) = 0;
  virtual void duration(std::chrono::nanoseconds value) = 0;
  /// Time since the epoch of the system clock, UTC.
  virtual void time(std::chrono::nanoseconds value) = 0;
  virtual void error(const error_value& value) = 0;
  virtual void actor(const actor_reference_ptr& value) = 0;

  // What has parts: `begin_*` with their number, the parts, `end`. Parts of a map are key, value, key, value;
  // each part of a structure follows a call of `field`.

  virtual void begin_list(std::size_t size) = 0;
  virtual void begin_tuple(std::size_t size) = 0;
  virtual void begin_set(std::size_t size) = 0;
  virtual void begin_map(std::size_t size) = 0;
  virtual void begin_struct(std::string_view type, std::size_t fields) = 0;
  virtual void field(std::string_view name) = 0;
  virtual void end() = 0;
};

/// Where a value comes from, piece by piece: the reader says what it wants to read next.
/// Errors: `value_error` where something else comes; nothing is consumed then.
class value_source {
public:
  value_source() = default;
  value_source(const value_source&) = delete;
  value_source& operator=(const value_source&) = delete;
  virtual ~value_source() = default;

  /// What comes next, and as a text for people: "str 'abc'".
  virtual value_kind next() = 0;
  virtual std::string describe() = 0;

  virtual void nil() = 0;
  virtual bool boolean() = 0;
  virtual std::int64_t integer() = 0;
  virtual std::uint64_t unsigned_integer() = 0;
  /// An integer is a real, too.
  virtual double real() = 0;
  /// Valid until the next call.
  virtual std::string_view text() = 0;
  /// A text or an integer is an enumerator, too. Valid until the next call.
  virtual enumeration_value enumeration() = 0;
  virtual shared_bytes payload() = 0;
  virtual std::chrono::nanoseconds duration() = 0;
  virtual std::chrono::nanoseconds time() = 0;
  virtual error_value error() = 0;
  virtual actor_reference_ptr actor() = 0;

  // What has parts: `begin_*` returns their number; then the parts, then `end`. Lists and tuples read as each
  // other; a map of texts reads as a structure.

  virtual std::size_t begin_list() = 0;
  virtual std::size_t begin_tuple() = 0;
  virtual std::size_t begin_set() = 0;
  virtual std::size_t begin_map() = 0;
  virtual std::size_t begin_struct() = 0;
  /// Goes to the field `name`; false where there is none.
  virtual bool field(std::string_view name) = 0;
  /// Goes to the next field, and names it; for readers that do not know the structure. Valid until the next
  /// call.
  virtual std::string_view next_field() = 0;
  /// Errors: also for fields of a structure that were not read.
  virtual void end() = 0;

  /// The type's name of the structure that comes next; empty for what has none.
  virtual std::string struct_name() = 0;

  /// Where the reading is, before a value; `rewind` goes back there, also out of what was begun since.
  struct position {
    std::size_t level = 0;
    std::size_t place = 0;
  };
  virtual position mark() = 0;
  virtual void rewind(position where) = 0;
};

/// Moves one value, without knowing more of it than `from` says.
void transfer(value_source& from, value_sink& to);

/// A python_error as a value: a structure of plain texts and numbers.
void write_python_error(value_sink& sink, const python_error& error);
python_error read_python_error(value_source& source);

/// Cuts `text` to what a message can show, at a character's boundary.
std::string shortened(std::string_view text, std::size_t size = 60);

} // namespace interp_actors
