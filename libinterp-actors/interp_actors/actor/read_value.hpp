#pragma once

#include "interp_actors/actor/read_scalar.hpp"
#include "interp_actors/actor/reference.hpp"
#include "interp_actors/actor/shape_of.hpp"
#include "interp_actors/actor/value_reader.hpp"
#include "interp_actors/actor/value_traits.hpp"

namespace interp_actors {

/// As `read_value(source, x)`, for a new `T`.
template <class T>
T read_value(value_source& source) {
  T result{};
  read_value(source, result);
  return result;
}

namespace detail {

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
    if (((is_named(shape_of<Ts>(), name)
          && try_alternative<Ts>(source, x, kind, fit(shape_of<Ts>(), kind), last))
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
