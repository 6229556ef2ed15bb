#include "interp_actors/base/packed_value.hpp"

#include <bit>
#include <limits>

namespace interp_actors {

namespace {

// Major types of CBOR.
enum major : unsigned { positive, negative, byte_string, text_string, array, map_of, tagged, simple };

// Simple values and the only float that is written.
constexpr std::uint64_t cbor_false = 20;
constexpr std::uint64_t cbor_true = 21;
constexpr std::uint64_t cbor_null = 22;
constexpr std::byte double_head{0xFB};

/// A set as an array (registered).
constexpr std::uint64_t set_tag = 258;

// Tags of our own, from the range that is given to whoever comes first.
enum own_tag : std::uint64_t {
  /// The place of a payload in `payloads`.
  payload_tag = 4'271'800,
  /// The place of an actor in `actors`.
  actor_tag,
  /// An array of fixed length whose elements differ in type.
  tuple_tag,
  /// [name, number or null]
  enumeration_tag,
  /// Nanoseconds.
  duration_tag,
  /// Nanoseconds since 1970-01-01T00:00Z.
  time_tag,
  /// [category, code, description, text or null, exception or null]
  error_tag,
  /// [type, {field: value}]
  struct_tag,
};

} // namespace

// -- writing
// ------------------------------------------------------------------------------------------------------------

void packed_writer::head(unsigned major, std::uint64_t argument) {
  auto& bytes = out_.bytes;
  auto first = [major](unsigned low) { return static_cast<std::byte>(major << 5 | low); };
  if (argument < 24) {
    bytes.push_back(first(static_cast<unsigned>(argument)));
    return;
  }
  unsigned log = argument <= 0xFF ? 0 : argument <= 0xFFFF ? 1 : argument <= 0xFFFF'FFFF ? 2 : 3;
  bytes.push_back(first(24 + log));
  for (int shift = (8 << log) - 8; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<std::byte>(argument >> shift & 0xFF));
}

void packed_writer::begin(unsigned major, std::size_t size) {
  check_levels(level_);
  ++level_;
  head(major, size);
}

void packed_writer::nil() {
  head(simple, cbor_null);
}

void packed_writer::boolean(bool value) {
  head(simple, value ? cbor_true : cbor_false);
}

void packed_writer::integer(std::int64_t value) {
  if (value < 0)
    head(negative, static_cast<std::uint64_t>(-(value + 1)));
  else
    head(positive, static_cast<std::uint64_t>(value));
}

void packed_writer::unsigned_integer(std::uint64_t value) {
  head(positive, value);
}

void packed_writer::real(double value) {
  out_.bytes.push_back(double_head);
  auto bits = std::bit_cast<std::uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8)
    out_.bytes.push_back(static_cast<std::byte>(bits >> shift & 0xFF));
}

void packed_writer::text(std::string_view value) {
  head(text_string, value.size());
  auto bytes = std::as_bytes(std::span{value.data(), value.size()});
  out_.bytes.insert(out_.bytes.end(), bytes.begin(), bytes.end());
}

void packed_writer::enumeration(const enumeration_value& value) {
  tag(enumeration_tag);
  head(array, 2);
  text(value.name);
  if (value.number)
    integer(*value.number);
  else
    nil();
}

void packed_writer::payload(const shared_bytes& value) {
  if (!value)
    return nil();
  tag(payload_tag);
  head(positive, out_.payloads.size());
  out_.payloads.push_back(value);
}

void packed_writer::duration(std::chrono::nanoseconds value) {
  tag(duration_tag);
  integer(value.count());
}

void packed_writer::time(std::chrono::nanoseconds value) {
  tag(time_tag);
  integer(value.count());
}

void packed_writer::error(const error_value& value) {
  tag(error_tag);
  head(array, 5);
  text(value.category);
  head(positive, value.code);
  text(value.description);
  if (value.text)
    text(*value.text);
  else
    nil();
  if (value.python)
    write_python_error(*this, *value.python);
  else
    nil();
}

void packed_writer::actor(const actor_reference_ptr& value) {
  if (!value)
    return nil();
  tag(actor_tag);
  head(positive, out_.actors.size());
  out_.actors.push_back(value);
}

void packed_writer::begin_list(std::size_t size) {
  begin(array, size);
}

void packed_writer::begin_tuple(std::size_t size) {
  tag(tuple_tag);
  begin(array, size);
}

void packed_writer::begin_set(std::size_t size) {
  tag(set_tag);
  begin(array, size);
}

void packed_writer::begin_map(std::size_t size) {
  begin(map_of, size);
}

void packed_writer::begin_struct(std::string_view type, std::size_t fields) {
  tag(struct_tag);
  head(array, 2);
  text(type);
  begin(map_of, fields);
}

// -- reading
// ------------------------------------------------------------------------------------------------------------

packed_reader::head packed_reader::head_at(std::size_t place) const {
  auto byte_at = [this](std::size_t at) -> unsigned {
    if (at >= in_.bytes.size())
      throw value_error("a packed value that ends too early");
    return std::to_integer<unsigned>(in_.bytes[at]);
  };
  auto first = byte_at(place);
  head result{first >> 5, first & 31, place + 1};
  if (result.argument < 24)
    return result;
  if (result.argument > 27)
    throw value_error("a packed value with a length that is not known or not defined");
  auto count = std::size_t{1} << (result.argument - 24);
  result.argument = 0;
  for (std::size_t i = 0; i < count; ++i)
    result.argument = result.argument << 8 | byte_at(result.behind++);
  auto left = in_.bytes.size() - result.behind;
  bool is_text = result.major == byte_string || result.major == text_string;
  if (is_text && result.argument > left)
    throw value_error("a packed value that ends too early");
  return result;
}

void packed_reader::mismatch(const char* expected) {
  throw value_error(describe(), expected);
}

packed_reader::head packed_reader::expect(unsigned major, const char* what) {
  auto found = head_at(place_);
  if (found.major != major)
    mismatch(what);
  return found;
}

packed_reader::head packed_reader::expect_tag(std::uint64_t number, const char* what) {
  auto found = head_at(place_);
  if (found.major != tagged || found.argument != number)
    mismatch(what);
  return head_at(found.behind);
}

std::string_view packed_reader::text_at(std::size_t place, std::size_t& behind) const {
  auto found = head_at(place);
  if (found.major != text_string)
    throw value_error("a packed value without the name of a type or field");
  if (found.argument > in_.bytes.size() - found.behind)
    throw value_error("a packed value that ends too early");
  behind = found.behind + found.argument;
  return {reinterpret_cast<const char*>(in_.bytes.data()) + found.behind, found.argument};
}

std::int64_t packed_reader::signed_at(const head& from) const {
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (from.major > negative || from.argument > most)
    throw value_error("a packed number that does not fit 64 bits");
  auto number = static_cast<std::int64_t>(from.argument);
  return from.major == positive ? number : -1 - number;
}

/// Finds the end of the value at `place`, without recursion.
std::size_t packed_reader::behind(std::size_t place) const {
  for (std::uint64_t pending = 1; pending > 0; --pending) {
    auto found = head_at(place);
    bool is_double = in_.bytes[place] == double_head;
    place = found.behind;
    auto left = in_.bytes.size() - place;
    std::uint64_t parts = 0;
    if (found.major == byte_string || found.major == text_string) {
      if (found.argument > left)
        throw value_error("a packed value that ends too early");
      place += found.argument;
    } else if (found.major == array || found.major == map_of) {
      if (found.argument > left) // each part has a byte at least
        throw value_error("a packed value that ends too early");
      parts = found.major == array ? found.argument : 2 * found.argument;
    } else if (found.major == tagged) {
      parts = 1;
    } else if (found.major == simple && found.argument >= 24 && !is_double) {
      throw value_error("a packed value of an unknown kind");
    }
    pending += parts;
  }
  return place;
}

value_kind packed_reader::next() {
  auto found = head_at(place_);
  switch (found.major) {
  case positive:
  case negative:
    return value_kind::integer;
  case text_string:
    return value_kind::text;
  case array:
    return value_kind::list;
  case map_of:
    return value_kind::map;
  case simple:
    if (in_.bytes[place_] == double_head)
      return value_kind::real;
    if (found.behind == place_ + 1 && found.argument == cbor_null)
      return value_kind::nil;
    if (found.behind == place_ + 1 && (found.argument == cbor_true || found.argument == cbor_false))
      return value_kind::boolean;
    break;
  case tagged:
    switch (found.argument) {
    case payload_tag:
      return value_kind::payload;
    case actor_tag:
      return value_kind::actor;
    case tuple_tag:
      return value_kind::tuple;
    case enumeration_tag:
      return value_kind::enumeration;
    case duration_tag:
      return value_kind::duration;
    case time_tag:
      return value_kind::time;
    case error_tag:
      return value_kind::error;
    case struct_tag:
      return value_kind::structure;
    case set_tag:
      return value_kind::set;
    default:
      break;
    }
    break;
  default:
    break;
  }
  throw value_error("a packed value of an unknown kind");
}

std::string packed_reader::describe() {
  auto kind = next();
  auto name = std::string{to_string(kind)};
  if (kind == value_kind::integer) {
    auto found = head_at(place_);
    return found.major == positive ? name + " " + std::to_string(found.argument)
                                   : name + " -1-" + std::to_string(found.argument);
  }
  if (kind == value_kind::text) {
    std::size_t end = 0;
    return name + " '" + shortened(text_at(place_, end)) + "'";
  }
  return name;
}

void packed_reader::nil() {
  if (next() != value_kind::nil)
    mismatch("None");
  ++place_;
}

bool packed_reader::boolean() {
  if (next() != value_kind::boolean)
    mismatch("bool");
  auto found = head_at(place_);
  place_ = found.behind;
  return found.argument == cbor_true;
}

std::int64_t packed_reader::integer() {
  auto found = head_at(place_);
  if (found.major == simple && next() == value_kind::boolean)
    return boolean() ? 1 : 0;
  if (found.major > negative)
    mismatch("int");
  if (found.argument > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    mismatch("int of 64 bits");
  place_ = found.behind;
  return signed_at(found);
}

std::uint64_t packed_reader::unsigned_integer() {
  auto found = head_at(place_);
  if (found.major == simple && next() == value_kind::boolean)
    return boolean() ? 1 : 0;
  if (found.major != positive)
    mismatch(found.major == negative ? "int that is not negative" : "int");
  place_ = found.behind;
  return found.argument;
}

double packed_reader::real() {
  auto found = head_at(place_);
  if (in_.bytes[place_] == double_head) {
    place_ = found.behind;
    return std::bit_cast<double>(found.argument);
  }
  if (found.major == negative) {
    place_ = found.behind;
    return -1.0 - static_cast<double>(found.argument);
  }
  if (found.major == positive || next() == value_kind::boolean)
    return static_cast<double>(unsigned_integer());
  mismatch("float");
}

std::string_view packed_reader::text() {
  expect(text_string, "str");
  std::size_t end = 0;
  auto result = text_at(place_, end);
  place_ = end;
  return result;
}

enumeration_value packed_reader::enumeration() {
  auto kind = next();
  if (kind == value_kind::text)
    return {text(), std::nullopt};
  if (kind == value_kind::integer)
    return {{}, integer()};
  auto parts = expect_tag(enumeration_tag, "an enumerator");
  if (parts.major != array || parts.argument != 2)
    throw value_error("a packed enumerator that is none");
  enumeration_value result;
  std::size_t end = 0;
  result.name = text_at(parts.behind, end);
  auto number = head_at(end);
  if (number.major != simple)
    result.number = signed_at(number);
  else if (number.argument != cbor_null)
    throw value_error("a packed enumerator that is none");
  place_ = number.behind;
  return result;
}

std::uint64_t packed_reader::index(std::uint64_t tag, std::size_t limit, const char* what) {
  auto found = expect_tag(tag, what);
  if (found.major != positive || found.argument >= limit)
    throw value_error(std::string{"a packed value that names a "} + what + " which is not there");
  place_ = found.behind;
  return found.argument;
}

shared_bytes packed_reader::payload() {
  if (next() == value_kind::nil) {
    nil();
    return {};
  }
  return in_.payloads[index(payload_tag, in_.payloads.size(), "memoryview")];
}

actor_reference_ptr packed_reader::actor() {
  if (next() == value_kind::nil) {
    nil();
    return {};
  }
  return in_.actors[index(actor_tag, in_.actors.size(), "Reference")];
}

std::chrono::nanoseconds packed_reader::duration() {
  auto found = expect_tag(duration_tag, "timedelta");
  std::chrono::nanoseconds result{signed_at(found)};
  place_ = found.behind;
  return result;
}

std::chrono::nanoseconds packed_reader::time() {
  auto found = expect_tag(time_tag, "datetime");
  std::chrono::nanoseconds result{signed_at(found)};
  place_ = found.behind;
  return result;
}

error_value packed_reader::error() {
  if (next() == value_kind::nil) {
    nil();
    return {};
  }
  auto parts = expect_tag(error_tag, "an error");
  if (parts.major != array || parts.argument != 5)
    throw value_error("a packed error that is none");
  auto start = mark();
  place_ = parts.behind;
  try {
    error_value result;
    result.category = text();
    auto code = unsigned_integer();
    if (code > 0xFF)
      throw value_error("a packed error whose code does not fit 8 bits");
    result.code = static_cast<std::uint8_t>(code);
    result.description = text();
    if (next() == value_kind::nil)
      nil();
    else
      result.text = text();
    if (next() == value_kind::nil)
      nil();
    else
      result.python = read_python_error(*this);
    return result;
  } catch (const value_error&) {
    rewind(start);
    throw;
  }
}

std::size_t packed_reader::begin(const head& from, std::size_t parts_of_each) {
  if (from.argument > (in_.bytes.size() - from.behind) / parts_of_each)
    throw value_error("a packed value that ends too early");
  check_levels(levels_.size());
  levels_.push_back({false, 0, from.behind, 0, from.behind, 0});
  place_ = from.behind;
  return from.argument;
}

packed_reader::head packed_reader::sequence_head(const char* expected) {
  auto kind = next();
  if (kind != value_kind::list && kind != value_kind::tuple)
    mismatch(expected);
  auto found = kind == value_kind::list ? head_at(place_) : head_at(head_at(place_).behind);
  if (found.major != array)
    throw value_error("a packed tuple that is none");
  return found;
}

std::size_t packed_reader::begin_list() {
  return begin(sequence_head("list"), 1);
}

std::size_t packed_reader::begin_tuple() {
  return begin(sequence_head("tuple"), 1);
}

std::size_t packed_reader::begin_set() {
  auto found = expect_tag(set_tag, "set");
  if (found.major != array)
    throw value_error("a packed set that is none");
  return begin(found, 1);
}

std::size_t packed_reader::begin_map() {
  if (next() == value_kind::structure) { // reads as a map of its fields
    auto count = begin_struct();
    levels_.back().is_struct = false;
    return count;
  }
  return begin(expect(map_of, "dict"), 2);
}

std::size_t packed_reader::begin_struct() {
  auto kind = next();
  head fields;
  if (kind == value_kind::structure) {
    auto parts = head_at(head_at(place_).behind);
    std::size_t end = 0;
    if (parts.major != array || parts.argument != 2)
      throw value_error("a packed structure that is none");
    text_at(parts.behind, end);
    fields = head_at(end);
    if (fields.major != map_of)
      throw value_error("a packed structure that is none");
  } else {
    fields = expect(map_of, "a structure");
  }
  auto count = begin(fields, 2);
  levels_.back().is_struct = true;
  levels_.back().fields = count;
  return count;
}

bool packed_reader::field(std::string_view name) {
  auto& level = levels_.back();
  std::size_t end = 0;
  if (level.passed < level.fields && text_at(level.following, end) == name) {
    next_field();
    return true;
  }
  auto at = level.first;
  for (std::size_t i = 0; i < level.fields; ++i, at = behind(end)) {
    if (text_at(at, end) != name)
      continue;
    ++level.found;
    place_ = end;
    return true;
  }
  return false;
}

std::string_view packed_reader::next_field() {
  auto& level = levels_.back();
  if (level.passed == level.fields)
    throw value_error("a packed structure without a further field");
  std::size_t end = 0;
  auto name = text_at(level.following, end);
  ++level.passed;
  ++level.found;
  place_ = end;
  level.following = behind(end);
  return name;
}

void packed_reader::end() {
  auto& level = levels_.back();
  if (level.is_struct) {
    if (level.found != level.fields)
      throw value_error("a structure with fields that its type does not have");
    for (place_ = level.following; level.passed < level.fields; ++level.passed) {
      text_at(place_, place_);
      place_ = behind(place_);
    }
  }
  levels_.pop_back();
}

std::string packed_reader::struct_name() {
  if (next() != value_kind::structure)
    return {};
  auto parts = head_at(head_at(place_).behind);
  std::size_t end = 0;
  return parts.major == array ? std::string{text_at(parts.behind, end)} : std::string{};
}

void packed_reader::rewind(position where) {
  levels_.resize(where.level);
  place_ = where.place;
}

} // namespace interp_actors
