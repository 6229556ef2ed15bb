#pragma once

#include "interp_actors/base/shared_bytes.hpp"

#include <caf/actor.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/inspector_access.hpp>
#include <caf/is_typed_actor.hpp>
#include <caf/type_id.hpp>
#include <caf/unit.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

/// What a C++ type is for the conversion to and from values.
namespace interp_actors::detail {

template <class T>
inline constexpr bool is_duration = false;
template <class Rep, class Period>
inline constexpr bool is_duration<std::chrono::duration<Rep, Period>> = true;

template <class T>
inline constexpr bool is_time_point = false;
template <class Duration>
inline constexpr bool is_time_point<std::chrono::time_point<std::chrono::system_clock, Duration>> = true;

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_variant = false;
template <class... Ts>
inline constexpr bool is_variant<std::variant<Ts...>> = true;

template <class T>
inline constexpr bool is_smart_pointer = false;
template <class T>
inline constexpr bool is_smart_pointer<std::unique_ptr<T>> = true;
template <class T>
inline constexpr bool is_smart_pointer<std::shared_ptr<T>> = true;

template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t N>
inline constexpr bool is_array<std::array<T, N>> = true;

template <class T>
concept tuple_like = requires { std::tuple_size<T>::value; };

template <class T>
concept container = requires(T& x, const T& y, typename T::value_type value) {
  y.begin();
  y.end();
  y.size();
  x.clear();
};

template <class T>
concept map_like = container<T> && requires {
  typename T::key_type;
  typename T::mapped_type;
};

template <class T>
concept set_like = container<T> && !map_like<T> && requires { typename T::key_type; };

template <class T>
concept list_like = container<T> && !map_like<T> && !set_like<T>;

template <class T>
concept nil_like = std::is_same_v<T, caf::unit_t> || std::is_same_v<T, std::monostate>;

/// A handle that keeps its actor alive.
template <class T>
concept handle = std::is_same_v<T, caf::actor> || std::is_same_v<T, caf::strong_actor_ptr>
                 || caf::is_typed_actor<T>::value;

template <class T>
concept named_enum = std::is_enum_v<T> && requires(T x, std::string name) {
  { to_string(x) } -> std::convertible_to<std::string>;
  { from_string(name, x) } -> std::same_as<bool>;
};

template <class T>
concept checked_enum = std::is_enum_v<T> && requires(T x) {
  { from_integer(static_cast<std::underlying_type_t<T>>(0), x) } -> std::same_as<bool>;
};

template <class T, class Inspector>
concept with_inspect = requires(T& x, Inspector& f) {
  { inspect(f, x) } -> std::convertible_to<bool>;
};

template <class T>
concept with_access = requires { sizeof(caf::inspector_access<T>); };

/// The name under which CAF knows `T`, or an empty text.
template <class T>
std::string_view type_name() {
  if constexpr (caf::has_type_id_v<T>) {
    auto name = caf::type_name_v<T>;
    return {name.data(), name.size()};
  } else {
    return {};
  }
}

/// Calls the inspection of a user's type.
template <class Inspector, class T>
bool call_inspect(Inspector& f, T& x) {
  static_assert(!is_smart_pointer<T>, "values have no pointers; give the object, or an optional of it");
  if constexpr (with_inspect<T, Inspector>)
    return inspect(f, x);
  else if constexpr (with_access<T>)
    return caf::inspector_access<T>::apply(f, x);
  else {
    static_assert(std::is_empty_v<T>, "give the type an inspect overload, as CAF asks for");
    return f.object(x).fields();
  }
}

} // namespace interp_actors::detail
