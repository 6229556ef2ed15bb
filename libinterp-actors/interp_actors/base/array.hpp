#pragma once

#include "interp_actors/base/shared_bytes.hpp"

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace interp_actors {

namespace detail {

/// The code of Python's `struct` module for a number of type `T`, in native order.
template <class T>
constexpr char number_code() {
  if constexpr (std::is_same_v<T, bool>)
    return '?';
  else if constexpr (std::is_same_v<T, std::byte>)
    return 'B';
  else if constexpr (std::is_floating_point_v<T>)
    return sizeof(T) == 4 ? 'f' : 'd';
  else
    return "bhiqBHIQ"[(sizeof(T) == 1   ? 0
                       : sizeof(T) == 2 ? 1
                       : sizeof(T) == 4 ? 2
                                        : 3)
                      + (std::is_unsigned_v<T> ? 4 : 0)];
}

template <class T>
concept number = (std::is_arithmetic_v<T> && sizeof(T) <= 8) || std::is_same_v<T, std::byte>;

template <class Struct, class Member>
Member member_type(Member Struct::*);

template <class Struct, class Member>
Struct struct_type(Member Struct::*);

} // namespace detail

/// The element format of a `T` in Python's buffers. Numbers have one; for a struct of numbers, specialise it
/// from `struct_format`:
///
///     template <>
///     struct ia::element_format<particle> : ia::struct_format<&particle::position, &particle::kind> {};
template <class T>
struct element_format;

template <detail::number T>
struct element_format<T> {
  static std::string format() { return std::string(1, detail::number_code<T>()); }
};

/// The format of a struct, from its members in the order of their declaration; what it leaves out, and the
/// gaps that the compiler makes, are pad bytes.
template <auto... Members>
struct struct_format {
  static std::string format() {
    std::string result = "=";
    std::size_t reached = 0;
    (append<Members>(result, reached), ...);
    pad(result, sizeof(type), reached);
    return result;
  }

private:
  using type = std::common_type_t<decltype(detail::struct_type(Members))...>;
  static_assert(std::is_trivially_copyable_v<type> && std::is_standard_layout_v<type>);

  static void pad(std::string& result, std::size_t to, std::size_t& reached) {
    if (to > reached)
      result += std::to_string(to - reached) + "x";
    reached = to;
  }

  template <auto Member>
  static void append(std::string& result, std::size_t& reached) {
    using member = decltype(detail::member_type(Member));
    static_assert(detail::number<member>, "members of a channel's struct are numbers");
    alignas(type) std::byte memory[sizeof(type)] = {};
    auto* object = reinterpret_cast<type*>(memory);
    auto offset = static_cast<std::size_t>(reinterpret_cast<std::byte*>(&(object->*Member)) - memory);
    if (offset < reached)
      throw std::logic_error("struct_format wants the members in the order of their declaration");
    pad(result, offset, reached);
    result += detail::number_code<member>();
    reached += sizeof(member);
  }
};

/// An immutable array of `T`, one payload: copying it never copies its elements, and in Python it is a
/// read-only memoryview of the same memory in the same format.
/// Thread: as `shared_bytes`.
template <class T>
class array {
public:
  array() = default;

  /// Takes over the memory of `values`.
  explicit array(std::vector<T> values) : array{owned(std::move(values)), {}} {}

  array(std::initializer_list<T> values) : array{std::vector<T>(values)} {}

  /// Reads `bytes` as elements with `shape`; none given stands for one dimension.
  /// Errors: std::invalid_argument where they are of another format, of a size that does not fit, or lie
  /// where a `T` cannot.
  explicit array(shared_bytes bytes, std::vector<std::ptrdiff_t> shape = {}) : bytes_{std::move(bytes)} {
    auto* given = bytes_.format();
    if (given && (given->format != element_format<T>::format() || given->itemsize != sizeof(T)))
      throw std::invalid_argument("the payload holds elements of format '" + given->format + "', not '"
                                  + element_format<T>::format() + "'");
    if (bytes_.size() % sizeof(T) != 0)
      throw std::invalid_argument("a payload of " + std::to_string(bytes_.size())
                                  + " bytes is no whole number of elements");
    if (reinterpret_cast<std::uintptr_t>(bytes_.data()) % alignof(T) != 0)
      throw std::invalid_argument("the payload's memory is not aligned for its elements");
    if (bytes_ && (!given || !shape.empty())) {
      if (shape.empty())
        shape.push_back(static_cast<std::ptrdiff_t>(bytes_.size() / sizeof(T)));
      bytes_ = bytes_.with_format({element_format<T>::format(), sizeof(T), std::move(shape), {}});
    }
  }

  std::span<const T> values() const noexcept {
    return {reinterpret_cast<const T*>(bytes_.data()), bytes_.size() / sizeof(T)};
  }
  const T* data() const noexcept { return values().data(); }
  std::size_t size() const noexcept { return bytes_.size() / sizeof(T); }
  auto begin() const noexcept { return values().begin(); }
  auto end() const noexcept { return values().end(); }
  const T& operator[](std::size_t i) const noexcept { return values()[i]; }

  /// Lengths along each dimension.
  std::vector<std::ptrdiff_t> shape() const {
    return bytes_.format() ? bytes_.format()->shape
                           : std::vector<std::ptrdiff_t>{static_cast<std::ptrdiff_t>(size())};
  }

  const shared_bytes& bytes() const noexcept { return bytes_; }

  friend bool operator==(const array&, const array&) = default;

private:
  static_assert(std::is_trivially_copyable_v<T>);

  static shared_bytes owned(std::vector<T> values) {
    if constexpr (std::is_same_v<T, bool>) {
      static_assert(!std::is_same_v<T, bool>, "std::vector<bool> is no array; use an array of unsigned char");
    } else {
      auto owner = std::make_shared<const std::vector<T>>(std::move(values));
      auto bytes = std::as_bytes(std::span{*owner});
      return shared_bytes::share(std::move(owner), bytes);
    }
  }

  shared_bytes bytes_;
};

} // namespace interp_actors
