#pragma once

#include "interp_actors/base/value.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace interp_actors {

/// A value as bytes that describe themselves: whoever reads them needs none of the types that were written.
/// Payloads and actors ride beside the bytes, which name them by their place, so nothing large is copied. A
/// plain value.
/// Source: RFC 8949 (CBOR); definite lengths alone, and tags of our own, see packed_value.cpp.
struct packed_value {
  std::vector<std::byte> bytes;
  std::vector<shared_bytes> payloads;
  std::vector<actor_reference_ptr> actors;
};

/// Appends values to a `packed_value`, one behind the other.
class packed_writer final : public value_sink {
public:
  explicit packed_writer(packed_value& out) : out_{out} {}

  void nil() override;
  void boolean(bool value) override;
  void integer(std::int64_t value) override;
  void unsigned_integer(std::uint64_t value) override;
  void real(double value) override;
  void text(std::string_view value) override;
  void enumeration(const enumeration_value& value) override;
  void payload(const shared_bytes& value) override;
  void duration(std::chrono::nanoseconds value) override;
  void time(std::chrono::nanoseconds value) override;
  void error(const error_value& value) override;
  void actor(const actor_reference_ptr& value) override;
  void begin_list(std::size_t size) override;
  void begin_tuple(std::size_t size) override;
  void begin_set(std::size_t size) override;
  void begin_map(std::size_t size) override;
  void begin_struct(std::string_view type, std::size_t fields) override;
  void field(std::string_view name) override { text(name); }
  void end() override { --level_; }

private:
  void head(unsigned major, std::uint64_t argument);
  void tag(std::uint64_t number) { head(6, number); }
  void begin(unsigned major, std::size_t size);

  packed_value& out_;
  std::size_t level_ = 0;
};

/// Reads the values of a `packed_value`, whoever wrote its bytes: what does not make sense is an error, and
/// nothing is allocated for what is only announced.
/// Owner: `in` must outlive it.
class packed_reader final : public value_source {
public:
  explicit packed_reader(const packed_value& in) : in_{in} {}

  /// Whether all bytes have been read.
  bool at_end() const noexcept { return place_ == in_.bytes.size(); }

  value_kind next() override;
  std::string describe() override;
  void nil() override;
  bool boolean() override;
  std::int64_t integer() override;
  std::uint64_t unsigned_integer() override;
  double real() override;
  std::string_view text() override;
  enumeration_value enumeration() override;
  shared_bytes payload() override;
  std::chrono::nanoseconds duration() override;
  std::chrono::nanoseconds time() override;
  error_value error() override;
  actor_reference_ptr actor() override;
  std::size_t begin_list() override;
  std::size_t begin_tuple() override;
  std::size_t begin_set() override;
  std::size_t begin_map() override;
  std::size_t begin_struct() override;
  bool field(std::string_view name) override;
  std::string_view next_field() override;
  void end() override;
  std::string struct_name() override;
  position mark() override { return {levels_.size(), place_}; }
  void rewind(position where) override;

private:
  struct head {
    unsigned major = 0;
    std::uint64_t argument = 0;
    /// Where what it announces begins.
    std::size_t behind = 0;
  };

  /// A container that was begun. Fields are found wherever they are, and at once in their own order.
  struct level {
    bool is_struct = false;
    std::size_t fields = 0;
    std::size_t first = 0;     // place of the first field
    std::size_t passed = 0;    // fields in front of `following`
    std::size_t following = 0; // place of the field behind the last one that was read in order
    std::size_t found = 0;
  };

  head head_at(std::size_t place) const;
  head expect(unsigned major, const char* what);
  head expect_tag(std::uint64_t number, const char* what);
  std::string_view text_at(std::size_t place, std::size_t& behind) const;
  std::int64_t signed_at(const head& from) const;
  std::size_t behind(std::size_t place) const;
  head sequence_head(const char* expected);
  std::size_t begin(const head& from, std::size_t parts_of_each);
  std::uint64_t index(std::uint64_t tag, std::size_t limit, const char* what);
  [[noreturn]] void mismatch(const char* expected);

  const packed_value& in_;
  std::size_t place_ = 0;
  std::vector<level> levels_;
};

} // namespace interp_actors
