#pragma once

#include "interp_actors/actor/inspection.hpp"
#include "interp_actors/actor/value_traits.hpp"
#include "interp_actors/base/type_shape.hpp"

#include <limits>

namespace interp_actors {

/// The shape of `T`, made once.
/// Thread: any.
template <class T>
const type_shape& shape_of();

namespace detail {

/// Finds the fields of a structure by letting its `inspect` overload name them.
class shape_inspector : public inspection<shape_inspector>, public field_maker {
public:
  static constexpr bool is_loading = false;
  static constexpr bool is_describing = true;

  explicit shape_inspector(type_shape& out) : out_{out} {}

  template <class T>
  static std::string_view name_of() {
    return type_name<T>();
  }
  void object_begin(std::string_view type, std::size_t) {
    out_.what = type_shape::kind::structure;
    out_.name = type.empty() ? "structure" : std::string{type};
  }
  void object_end() {}

  template <class T, class Fallback, class Rule>
  void visit_field(member_field<T, Fallback, Rule>& x) {
    add<T>(x.name, is_optional<T> || !std::is_same_v<Fallback, no_extra>);
  }
  template <class Get, class Set, class Fallback, class Rule>
  void visit_field(virtual_field<Get, Set, Fallback, Rule>& x) {
    using type = std::decay_t<decltype(x.get())>;
    add<type>(x.name, is_optional<type> || !std::is_same_v<Fallback, no_extra>);
  }
  template <class IsPresent, class Get, class Reset, class Set>
  void visit_field(optional_field<IsPresent, Get, Reset, Set>& x) {
    add<std::optional<std::decay_t<decltype(x.get())>>>(x.name, true);
  }

  // A type that travels as another one has the shape of that.
  template <class T>
  bool apply(T&) {
    out_ = shape_of<std::decay_t<T>>();
    return true;
  }
  template <class Get, class Set>
  bool apply(Get get, Set&&) {
    out_ = shape_of<std::decay_t<decltype(get())>>();
    return true;
  }
  template <class T>
  bool value(T& x) {
    return apply(x);
  }

private:
  template <class T>
  void add(std::string_view name, bool may_be_missing) {
    out_.fields.push_back({std::string{name}, &shape_of<T>, may_be_missing});
  }

  type_shape& out_;
};

template <class T>
type_shape integer_shape() {
  type_shape result{.what = type_shape::kind::integer};
  if constexpr (std::is_same_v<T, std::byte>) {
    result.name = "std::byte";
    result.max = 255;
  } else {
    result.min = static_cast<std::int64_t>(std::numeric_limits<T>::min());
    result.max = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    result.name = (std::is_signed_v<T> ? "int" : "uint") + std::to_string(8 * sizeof(T)) + "_t";
  }
  return result;
}

template <class T, std::size_t... Is>
std::vector<shape_ref> tuple_parts(std::index_sequence<Is...>) {
  return {&shape_of<std::remove_const_t<std::tuple_element_t<Is, T>>>...};
}

template <class... Ts>
std::vector<shape_ref> variant_parts(const std::variant<Ts...>*) {
  return {&shape_of<Ts>...};
}

template <class T>
type_shape make_shape() {
  using kind = type_shape::kind;
  type_shape result;
  if constexpr (nil_like<T>) {
    result = {.what = kind::nil, .name = "caf::unit_t"};
  } else if constexpr (std::is_same_v<T, bool>) {
    result = {.what = kind::boolean, .name = "bool"};
  } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, std::byte>) {
    result = integer_shape<T>();
  } else if constexpr (std::is_floating_point_v<T>) {
    result = {.what = kind::real, .name = std::is_same_v<T, float> ? "float" : "double"};
  } else if constexpr (std::is_same_v<T, std::string>) {
    result = {.what = kind::text, .name = "std::string"};
  } else if constexpr (std::is_same_v<T, shared_bytes>) {
    result = {.what = kind::payload, .name = "interp_actors::shared_bytes"};
  } else if constexpr (std::is_same_v<T, caf::error>) {
    result = {.what = kind::error, .name = "caf::error"};
  } else if constexpr (handle<T>) {
    auto name = type_name<T>();
    result = {.what = kind::actor, .name = name.empty() ? "caf::typed_actor<...>" : std::string{name}};
  } else if constexpr (std::is_enum_v<T>) {
    auto name = type_name<T>();
    result = {.what = kind::enumeration,
              .name = name.empty() ? "enum" : std::string{name},
              .has_names = named_enum<T>};
  } else if constexpr (is_duration<T>) {
    result = {.what = kind::duration, .name = "std::chrono::duration"};
  } else if constexpr (is_time_point<T>) {
    result = {.what = kind::time, .name = "std::chrono::system_clock::time_point"};
  } else if constexpr (is_optional<T>) {
    result = {.what = kind::optional, .parts = {&shape_of<typename T::value_type>}};
  } else if constexpr (is_variant<T>) {
    result = {.what = kind::variant, .parts = variant_parts(static_cast<const T*>(nullptr))};
  } else if constexpr (is_array<T>) {
    result = {
        .what = kind::array, .size = std::tuple_size_v<T>, .parts = {&shape_of<typename T::value_type>}};
  } else if constexpr (tuple_like<T>) {
    result = {.what = kind::tuple, .parts = tuple_parts<T>(std::make_index_sequence<std::tuple_size_v<T>>{})};
  } else if constexpr (map_like<T>) {
    result = {.what = kind::map,
              .parts = {&shape_of<typename T::key_type>, &shape_of<typename T::mapped_type>}};
  } else if constexpr (set_like<T>) {
    result = {.what = kind::set, .parts = {&shape_of<typename T::key_type>}};
  } else if constexpr (list_like<T>) {
    result = {.what = kind::list, .parts = {&shape_of<typename T::value_type>}};
  } else {
    shape_inspector inspector{result};
    T example{};
    call_inspect(inspector, example);
  }
  return result;
}

} // namespace detail

template <class T>
const type_shape& shape_of() {
  static const type_shape shape = detail::make_shape<T>();
  return shape;
}

} // namespace interp_actors
