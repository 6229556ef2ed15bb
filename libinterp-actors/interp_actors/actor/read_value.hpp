#pragma once

#include "interp_actors/actor/reference.hpp"
#include "interp_actors/actor/shape_of.hpp"
#include "interp_actors/actor/value_reader.hpp"
#include "interp_actors/actor/value_traits.hpp"

#include <algorithm>
#include <limits>

namespace interp_actors {

/// As `read_value(source, x)`, for a new `T`.
template <class T>
T read_value(value_source& source) {
  T result{};
  read_value(source, result);
  return result;
}

namespace detail {

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

/// Reads one part of a list or map; `step` names it.
template <class T, class Step>
void read_part(value_source& source, T& x, Step step) {
  try {
    read_value(source, x);
  } catch (value_error& problem) {
    problem.prepend(step());
    throw;
  }
}

inline std::string index_step(std::size_t index) {
  return "[" + std::to_string(index) + "]";
}

template <class T>
void read_integer(value_source& source, T& x) {
  auto start = source.mark();
  auto refuse = [&] {
    source.rewind(start);
    throw value_error(source.describe(), std::string{"int from "}
                                             + std::to_string(std::numeric_limits<T>::min()) + " to "
                                             + std::to_string(std::numeric_limits<T>::max()));
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
    throw value_error(source.describe(), "a value of " + cpp_name(shape_of<T>()));
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

template <class T, std::size_t... Is>
void read_parts(value_source& source, T& x, std::index_sequence<Is...>) {
  (read_part(source, std::get<Is>(x), [] { return index_step(Is); }), ...);
}

template <class T>
void read_tuple(value_source& source, T& x) {
  auto start = source.mark();
  auto size = expecting<T>([&] { return source.begin_tuple(); });
  constexpr auto wanted = std::tuple_size_v<T>;
  if (size != wanted) {
    source.rewind(start);
    throw value_error(std::string{to_string(source.next())} + " of " + std::to_string(size),
                      python_name(shape_of<T>()) + " of " + std::to_string(wanted));
  }
  read_parts(source, x, std::make_index_sequence<wanted>{});
  source.end();
}

template <class T>
void read_map(value_source& source, T& x) {
  x.clear();
  auto count = expecting<T>([&] { return source.begin_map(); });
  for (std::size_t i = 0; i < count; ++i) {
    auto at_key = [&source, start = source.mark()] {
      source.rewind(start);
      return "[" + source.describe() + "]";
    };
    auto key = typename T::key_type{};
    auto value = typename T::mapped_type{};
    read_part(source, key, at_key);
    read_part(source, value, at_key);
    x.emplace(std::move(key), std::move(value));
  }
  source.end();
}

template <class T>
void read_elements(value_source& source, T& x) {
  x.clear();
  auto count = expecting<T>([&] {
    if constexpr (set_like<T>)
      return source.begin_set();
    else
      return source.begin_list();
  });
  for (std::size_t i = 0; i < count; ++i) {
    auto part = typename T::value_type{};
    read_part(source, part, [i] { return index_step(i); });
    x.insert(x.end(), std::move(part));
  }
  source.end();
}

/// Tries one alternative; true where it fits.
template <class Alternative, class Variant>
bool try_alternative(value_source& source, Variant& x, value_kind kind, fitness wanted,
                     std::optional<value_error>& last) {
  if (fit(shape_of<Alternative>(), kind) != wanted)
    return false;
  auto start = source.mark();
  try {
    x = read_value<Alternative>(source);
    return true;
  } catch (const value_error& problem) {
    source.rewind(start);
    last = problem;
    return false;
  }
}

template <class... Ts>
void read_variant(value_source& source, std::variant<Ts...>& x) {
  auto kind = source.next();
  std::optional<value_error> last;
  // The structure that says its name comes first, then what needs no conversion.
  if (kind == value_kind::structure) {
    auto name = source.struct_name();
    auto is_named = [&name](const type_shape& shape) {
      return !name.empty() && (shape.name == name || python_name(shape) == name);
    };
    if (((is_named(shape_of<Ts>()) && try_alternative<Ts>(source, x, kind, fit(shape_of<Ts>(), kind), last))
         || ...))
      return;
  }
  if ((try_alternative<Ts>(source, x, kind, fitness::exact, last) || ...)
      || (try_alternative<Ts>(source, x, kind, fitness::converted, last) || ...))
    return;
  if (last)
    throw *last;
  throw value_error(source.describe(), python_name(shape_of<std::variant<Ts...>>()));
}

} // namespace detail

template <class T>
void read_value(value_source& source, T& x) {
  if constexpr (detail::nil_like<T>) {
    source.nil();
  } else if constexpr (std::is_same_v<T, bool>) {
    x = source.boolean();
  } else if constexpr (std::is_same_v<T, std::byte>) {
    x = static_cast<std::byte>(read_value<std::uint8_t>(source));
  } else if constexpr (std::is_integral_v<T>) {
    detail::read_integer(source, x);
  } else if constexpr (std::is_floating_point_v<T>) {
    x = static_cast<T>(source.real());
  } else if constexpr (std::is_same_v<T, std::string>) {
    x = source.text();
  } else if constexpr (std::is_same_v<T, shared_bytes>) {
    x = source.payload();
  } else if constexpr (std::is_same_v<T, caf::error>) {
    x = to_caf_error(source.error());
  } else if constexpr (detail::handle<T>) {
    x = handle_of<T>(source.actor(), cpp_name(shape_of<T>()));
  } else if constexpr (std::is_enum_v<T>) {
    detail::read_enum(source, x);
  } else if constexpr (detail::is_duration<T>) {
    detail::read_duration(source.duration(), x);
  } else if constexpr (detail::is_time_point<T>) {
    typename T::duration since_epoch{};
    detail::read_duration(source.time(), since_epoch);
    x = T{since_epoch};
  } else if constexpr (detail::is_optional<T>) {
    if (source.next() == value_kind::nil) {
      source.nil();
      x.reset();
    } else {
      detail::expecting<T>([&] { read_value(source, x.emplace()); });
    }
  } else if constexpr (detail::is_variant<T>) {
    detail::read_variant(source, x);
  } else if constexpr (detail::tuple_like<T>) {
    detail::read_tuple(source, x);
  } else if constexpr (detail::map_like<T>) {
    detail::read_map(source, x);
  } else if constexpr (detail::container<T>) {
    detail::read_elements(source, x);
  } else {
    detail::value_reader reader{source};
    bool done = detail::expecting<T>([&] { return detail::call_inspect(reader, x); });
    if (!done)
      throw value_error("a value that does not fit: " + to_string(reader.get_error()));
  }
}

} // namespace interp_actors
