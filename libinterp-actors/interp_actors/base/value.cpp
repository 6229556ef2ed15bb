#include "interp_actors/base/value.hpp"

#include <array>

namespace interp_actors {

std::string_view to_string(value_kind kind) {
  static constexpr std::array<std::string_view, 16> names{
      "None",     "bool",     "int",       "float", "str",   "enumerator", "memoryview", "timedelta",
      "datetime", "an error", "Reference", "list",  "tuple", "set",        "dict",       "a structure"};
  return names[static_cast<std::size_t>(kind)];
}

void check_levels(std::size_t levels) {
  if (levels == max_value_levels)
    throw value_error("nested deeper than " + std::to_string(max_value_levels) + " levels");
}

value_error::value_error(std::string got, std::string expected, bool is_exact)
    : got_{std::move(got)}, expected_{std::move(expected)}, is_exact_{is_exact} {
  compose();
}

value_error::value_error(std::string problem) : got_{std::move(problem)} {
  compose();
}

void value_error::prepend(std::string_view step) {
  path_.insert(0, step);
  compose();
}

void value_error::expect(std::string expected) {
  if (!path_.empty() || is_exact_)
    return;
  expected_ = std::move(expected);
  compose();
}

void value_error::compose() {
  text_ = path_.empty() ? got_ : "a value whose " + path_ + " is " + got_;
  if (!expected_.empty())
    text_ += ", where " + expected_ + " was expected";
}

std::string shortened(std::string_view text, std::size_t size) {
  if (text.size() <= size)
    return std::string{text};
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80)
    --size;
  return std::string{text.substr(0, size)} + "...";
}

namespace {

void transfer_integer(value_source& from, value_sink& to) {
  std::int64_t number = 0;
  try {
    number = from.integer();
  } catch (const value_error&) {
    to.unsigned_integer(from.unsigned_integer());
    return;
  }
  to.integer(number);
}

void transfer_parts(value_source& from, value_sink& to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    transfer(from, to);
  from.end();
  to.end();
}

/// The same for parts that have a place.
void transfer_row(value_source& from, value_sink& to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    try {
      transfer(from, to);
    } catch (value_error& problem) {
      problem.prepend("[" + std::to_string(i) + "]");
      throw;
    }
  }
  from.end();
  to.end();
}

} // namespace

void transfer(value_source& from, value_sink& to) {
  switch (from.next()) {
  case value_kind::nil:
    from.nil();
    to.nil();
    return;
  case value_kind::boolean:
    to.boolean(from.boolean());
    return;
  case value_kind::integer:
    transfer_integer(from, to);
    return;
  case value_kind::real:
    to.real(from.real());
    return;
  case value_kind::text:
    to.text(from.text());
    return;
  case value_kind::enumeration:
    to.enumeration(from.enumeration());
    return;
  case value_kind::payload:
    to.payload(from.payload());
    return;
  case value_kind::duration:
    to.duration(from.duration());
    return;
  case value_kind::time:
    to.time(from.time());
    return;
  case value_kind::error:
    to.error(from.error());
    return;
  case value_kind::actor:
    to.actor(from.actor());
    return;
  case value_kind::list: {
    auto size = from.begin_list();
    to.begin_list(size);
    transfer_row(from, to, size);
    return;
  }
  case value_kind::tuple: {
    auto size = from.begin_tuple();
    to.begin_tuple(size);
    transfer_row(from, to, size);
    return;
  }
  case value_kind::set: {
    auto size = from.begin_set();
    to.begin_set(size);
    transfer_parts(from, to, size);
    return;
  }
  case value_kind::map: {
    auto size = from.begin_map();
    to.begin_map(size);
    transfer_parts(from, to, 2 * size);
    return;
  }
  case value_kind::structure: {
    auto type = from.struct_name();
    auto size = from.begin_struct();
    to.begin_struct(type, size);
    for (std::size_t i = 0; i < size; ++i) {
      std::string name{from.next_field()};
      to.field(name);
      try {
        transfer(from, to);
      } catch (value_error& problem) {
        problem.prepend("." + name);
        throw;
      }
    }
    from.end();
    to.end();
    return;
  }
  }
}

// -- python_error
// -------------------------------------------------------------------------------------------------------

namespace {

void write_text(value_sink& sink, std::string_view name, const std::string& value) {
  sink.field(name);
  sink.text(value);
}

void write_number(value_sink& sink, std::string_view name, std::int64_t value) {
  sink.field(name);
  sink.integer(value);
}

void write_argument(value_sink& sink, const python_argument& value) {
  sink.begin_struct("interp_actors::python_argument", 2);
  write_number(sink, "type", static_cast<std::int64_t>(value.type));
  sink.field("text");
  if (value.type == python_argument::kind::bytes)
    sink.payload(shared_bytes::copy(value.text));
  else
    sink.text(value.text);
  sink.end();
}

void write_exception(value_sink& sink, const python_exception_data& value) {
  sink.begin_struct("interp_actors::python_exception_data", 13);
  write_text(sink, "type", value.type);
  write_text(sink, "message", value.message);
  sink.field("notes");
  sink.begin_list(value.notes.size());
  for (auto& note : value.notes)
    sink.text(note);
  sink.end();
  sink.field("frames");
  sink.begin_list(value.frames.size());
  for (auto& frame : value.frames) {
    sink.begin_struct("interp_actors::python_frame", 5);
    write_text(sink, "file", frame.file);
    write_number(sink, "line", frame.line);
    write_text(sink, "function", frame.function);
    write_text(sink, "source_line", frame.source_line);
    write_number(sink, "times", static_cast<std::int64_t>(frame.times));
    sink.end();
  }
  sink.end();
  write_number(sink, "frames_left_out", static_cast<std::int64_t>(value.frames_left_out));
  write_number(sink, "left_out_at", static_cast<std::int64_t>(value.left_out_at));
  sink.field("syntax");
  if (auto& syntax = value.syntax) {
    sink.begin_struct("interp_actors::python_syntax_location", 5);
    write_text(sink, "file", syntax->file);
    write_number(sink, "line", syntax->line);
    write_number(sink, "column", syntax->column);
    write_number(sink, "end_column", syntax->end_column);
    write_text(sink, "text", syntax->text);
    sink.end();
  } else {
    sink.nil();
  }
  write_number(sink, "cause", value.cause);
  write_number(sink, "context", value.context);
  sink.field("suppress_context");
  sink.boolean(value.suppress_context);
  sink.field("is_group");
  sink.boolean(value.is_group);
  sink.field("group");
  sink.begin_list(value.group.size());
  for (auto member : value.group)
    sink.integer(member);
  sink.end();
  sink.field("args");
  if (value.args) {
    sink.begin_list(value.args->size());
    for (auto& argument : *value.args)
      write_argument(sink, argument);
    sink.end();
  } else {
    sink.nil();
  }
  sink.end();
}

void go_to(value_source& source, std::string_view name) {
  if (!source.field(name))
    throw value_error("an exception without its field '" + std::string{name} + "'");
}

std::string read_text(value_source& source, std::string_view name) {
  go_to(source, name);
  return std::string{source.text()};
}

int to_int(std::int64_t number) {
  if (number < INT32_MIN || number > INT32_MAX)
    throw value_error("int " + std::to_string(number), "a number of 32 bits");
  return static_cast<int>(number);
}

int read_int(value_source& source, std::string_view name) {
  go_to(source, name);
  return to_int(source.integer());
}

std::size_t read_size(value_source& source, std::string_view name) {
  go_to(source, name);
  return source.unsigned_integer();
}

python_frame read_frame(value_source& source) {
  python_frame result;
  source.begin_struct();
  result.file = read_text(source, "file");
  result.line = read_int(source, "line");
  result.function = read_text(source, "function");
  result.source_line = read_text(source, "source_line");
  result.times = read_size(source, "times");
  source.end();
  return result;
}

python_syntax_location read_syntax(value_source& source) {
  python_syntax_location result;
  source.begin_struct();
  result.file = read_text(source, "file");
  result.line = read_int(source, "line");
  result.column = read_int(source, "column");
  result.end_column = read_int(source, "end_column");
  result.text = read_text(source, "text");
  source.end();
  return result;
}

python_argument read_argument(value_source& source) {
  python_argument result;
  source.begin_struct();
  auto type = read_size(source, "type");
  if (type > static_cast<std::size_t>(python_argument::kind::bytes))
    throw value_error("an exception's argument of a kind that is not known");
  result.type = static_cast<python_argument::kind>(type);
  go_to(source, "text");
  if (result.type == python_argument::kind::bytes)
    result.text = source.payload().as_string_view();
  else
    result.text = source.text();
  source.end();
  return result;
}

/// Reads a list; `read` takes one element.
template <class F>
void read_list(value_source& source, F read) {
  for (auto count = source.begin_list(); count > 0; --count)
    read();
  source.end();
}

python_exception_data read_exception(value_source& source) {
  python_exception_data result;
  source.begin_struct();
  result.type = read_text(source, "type");
  result.message = read_text(source, "message");
  go_to(source, "notes");
  read_list(source, [&] { result.notes.emplace_back(source.text()); });
  go_to(source, "frames");
  read_list(source, [&] { result.frames.push_back(read_frame(source)); });
  result.frames_left_out = read_size(source, "frames_left_out");
  result.left_out_at = read_size(source, "left_out_at");
  go_to(source, "syntax");
  if (source.next() == value_kind::nil)
    source.nil();
  else
    result.syntax = read_syntax(source);
  result.cause = read_int(source, "cause");
  result.context = read_int(source, "context");
  go_to(source, "suppress_context");
  result.suppress_context = source.boolean();
  go_to(source, "is_group");
  result.is_group = source.boolean();
  go_to(source, "group");
  read_list(source, [&] { result.group.push_back(to_int(source.integer())); });
  go_to(source, "args");
  if (source.next() == value_kind::nil) {
    source.nil();
  } else {
    result.args.emplace();
    read_list(source, [&] { result.args->push_back(read_argument(source)); });
  }
  source.end();
  return result;
}

/// Whether every exception that `one` refers to is there: what prints it relies on that.
bool is_whole(const python_exception_data& one, std::size_t count) {
  auto is_place = [count](int place) { return place >= -1 && place < static_cast<int>(count); };
  for (auto member : one.group)
    if (!is_place(member) || member < 0)
      return false;
  return is_place(one.cause) && is_place(one.context) && one.left_out_at <= one.frames.size();
}

} // namespace

void write_python_error(value_sink& sink, const python_error& error) {
  sink.begin_struct("interp_actors::python_error", 3);
  sink.field("exceptions");
  sink.begin_list(error.exceptions.size());
  for (auto& one : error.exceptions)
    write_exception(sink, one);
  sink.end();
  sink.field("exit_code");
  if (error.exit_code)
    sink.integer(*error.exit_code);
  else
    sink.nil();
  write_number(sink, "left_out", static_cast<std::int64_t>(error.left_out));
  sink.end();
}

python_error read_python_error(value_source& source) {
  python_error result;
  source.begin_struct();
  go_to(source, "exceptions");
  read_list(source, [&] { result.exceptions.push_back(read_exception(source)); });
  go_to(source, "exit_code");
  if (source.next() == value_kind::nil)
    source.nil();
  else
    result.exit_code = to_int(source.integer());
  result.left_out = read_size(source, "left_out");
  source.end();
  for (auto& one : result.exceptions)
    if (!is_whole(one, result.exceptions.size()))
      throw value_error("an exception that refers to others which are missing");
  return result;
}

} // namespace interp_actors
