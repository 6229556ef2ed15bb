#pragma once

#include "interp_actors/actor/shape_of.hpp"
#include "interp_actors/actor/value_traits.hpp"
#include "interp_actors/base/value.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <ratio>
#include <string>
#include <utility>

/// Numbers, enumerators and durations, which must fit their types.
namespace interp_actors::detail {

/// Says in the words of `T` what was expected, where the value as a whole is the mistake.
template <class T, class F>
decltype(auto) expecting(F f) {
  try {
    return f();
  } catch (value_error& problem) {
    problem.expect(python_name(shape_of<T>()));
    throw;
  }
}

template <class T>
void read_integer(value_source& source, T& x) {
  auto start = source.mark();
  auto refuse = [&] {
    source.rewind(start);
    throw value_error(source.describe(),
                      std::string{"int from "} + std::to_string(std::numeric_limits<T>::min()) + " to "
                          + std::to_string(std::numeric_limits<T>::max()),
                      true);
  };
  if constexpr (std::is_signed_v<T>) {
    std::int64_t number = 0;
    try {
      number = source.integer();
    } catch (const value_error&) {
      if (source.next() != value_kind::integer)
        throw;
      refuse();
    }
    if (!std::in_range<T>(number))
      refuse();
    x = static_cast<T>(number);
  } else {
    std::uint64_t number = 0;
    try {
      number = source.unsigned_integer();
    } catch (const value_error&) {
      if (source.next() != value_kind::integer)
        throw;
      refuse();
    }
    if (number > std::numeric_limits<T>::max())
      refuse();
    x = static_cast<T>(number);
  }
}

template <class T>
void read_enum(value_source& source, T& x) {
  auto start = source.mark();
  auto found = expecting<T>([&] { return source.enumeration(); });
  auto refuse = [&] {
    source.rewind(start);
    throw value_error(source.describe(), "a value of " + cpp_name(shape_of<T>()), true);
  };
  using integer = std::underlying_type_t<T>;
  if constexpr (named_enum<T>) {
    if (!found.name.empty() && from_string(std::string{found.name}, x))
      return;
  }
  if (!found.number || !std::in_range<decltype(+integer{})>(*found.number)
      || *found.number < static_cast<std::int64_t>(std::numeric_limits<integer>::min())
      || static_cast<std::uint64_t>(std::max<std::int64_t>(*found.number, 0))
             > static_cast<std::uint64_t>(std::numeric_limits<integer>::max()))
    refuse();
  auto number = static_cast<integer>(*found.number);
  if constexpr (checked_enum<T>) {
    if (!from_integer(number, x))
      refuse();
  } else {
    if (named_enum<T> && !found.name.empty())
      refuse(); // its name says more than its number
    x = static_cast<T>(number);
  }
}

template <class T>
void read_duration(std::chrono::nanoseconds from, T& x) {
  using rep = typename T::rep;
  if constexpr (std::is_floating_point_v<rep>) {
    x = std::chrono::duration_cast<T>(from);
  } else {
    using factor = std::ratio_divide<std::nano, typename T::period>;
    std::int64_t count = 0;
    if (__builtin_mul_overflow(from.count(), std::intmax_t{factor::num}, &count))
      throw value_error("a duration that its type cannot hold");
    count /= factor::den;
    if (!std::in_range<rep>(count))
      throw value_error("a duration that its type cannot hold");
    x = T{static_cast<rep>(count)};
  }
}

} // namespace interp_actors::detail
