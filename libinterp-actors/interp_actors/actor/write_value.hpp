#pragma once

#include "interp_actors/actor/inspection.hpp"
#include "interp_actors/actor/reference.hpp"
#include "interp_actors/actor/value_traits.hpp"

#include <cmath>
#include <limits>

namespace interp_actors {

/// Gives `x`, of any type that CAF can inspect, to `sink`.
/// Errors: `value_error` for values that no sink can hold, and the sink's own.
template <class T>
void write_value(value_sink& sink, const T& x);

namespace detail {

class value_writer : public inspection<value_writer>, public field_maker {
public:
  static constexpr bool is_loading = false;
  static constexpr bool is_describing = false;

  explicit value_writer(value_sink& sink) : sink_{sink} {}

  template <class T>
  static std::string_view name_of() {
    return type_name<T>();
  }
  void object_begin(std::string_view type, std::size_t fields) { sink_.begin_struct(type, fields); }
  void object_end() { sink_.end(); }

  template <class T, class Fallback, class Rule>
  void visit_field(member_field<T, Fallback, Rule>& x) {
    sink_.field(x.name);
    write_value(sink_, *x.value);
  }
  template <class Get, class Set, class Fallback, class Rule>
  void visit_field(virtual_field<Get, Set, Fallback, Rule>& x) {
    sink_.field(x.name);
    auto&& value = x.get();
    write_value(sink_, value);
  }
  template <class IsPresent, class Get, class Reset, class Set>
  void visit_field(optional_field<IsPresent, Get, Reset, Set>& x) {
    sink_.field(x.name);
    if (!x.is_present())
      return sink_.nil();
    auto&& value = x.get();
    write_value(sink_, value);
  }

  void check(bool ok, const char* what) {
    if (!ok)
      throw value_error(std::string{"a structure that cannot be sent: "} + what);
  }
  void check(const caf::error& problem, const char* what) { check(!problem, what); }

  template <class T>
  bool apply(const T& x) {
    write_value(sink_, x);
    return true;
  }
  template <class Get, class Set>
  bool apply(Get&& get, Set&&) {
    auto&& value = get();
    write_value(sink_, value);
    return true;
  }
  template <class T>
  bool value(const T& x) {
    return apply(x);
  }

private:
  value_sink& sink_;
};

/// A duration in nanoseconds.
template <class Rep, class Period>
std::chrono::nanoseconds checked_nanoseconds(std::chrono::duration<Rep, Period> x) {
  using factor = std::ratio_divide<Period, std::nano>;
  constexpr auto too_long = "a duration of more than 292 years";
  if constexpr (std::is_floating_point_v<Rep>) {
    auto count =
        static_cast<double>(x.count()) * static_cast<double>(factor::num) / static_cast<double>(factor::den);
    if (!(std::abs(count) < 9.2e18))
      throw value_error(too_long);
    return std::chrono::nanoseconds{std::llround(count)};
  } else {
    std::int64_t count = 0;
    if (__builtin_mul_overflow(x.count(), std::intmax_t{factor::num}, &count))
      throw value_error(too_long);
    return std::chrono::nanoseconds{count / factor::den};
  }
}

template <class T>
enumeration_value enumeration_of(T x, std::string& name) {
  using integer = std::underlying_type_t<T>;
  if constexpr (named_enum<T>)
    name = to_string(x);
  enumeration_value result{name, std::nullopt};
  auto number = static_cast<integer>(x);
  if (std::in_range<std::int64_t>(+number))
    result.number = static_cast<std::int64_t>(number);
  return result;
}

} // namespace detail

template <class T>
void write_value(value_sink& sink, const T& x) {
  if constexpr (detail::nil_like<T>) {
    sink.nil();
  } else if constexpr (std::is_same_v<T, bool>) {
    sink.boolean(x);
  } else if constexpr (std::is_same_v<T, std::byte>) {
    sink.integer(std::to_integer<std::int64_t>(x));
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_signed_v<T>)
      sink.integer(static_cast<std::int64_t>(x));
    else
      sink.unsigned_integer(static_cast<std::uint64_t>(x));
  } else if constexpr (std::is_floating_point_v<T>) {
    sink.real(static_cast<double>(x));
  } else if constexpr (std::is_same_v<T, std::string>) {
    sink.text(x);
  } else if constexpr (std::is_same_v<T, shared_bytes>) {
    sink.payload(x);
  } else if constexpr (std::is_same_v<T, caf::error>) {
    if (x)
      sink.error(to_error_value(x));
    else
      sink.nil();
  } else if constexpr (detail::handle<T>) {
    if (auto reference = reference_to(x))
      sink.actor(reference);
    else
      sink.nil();
  } else if constexpr (std::is_enum_v<T>) {
    std::string name;
    sink.enumeration(detail::enumeration_of(x, name));
  } else if constexpr (detail::is_duration<T>) {
    sink.duration(detail::checked_nanoseconds(x));
  } else if constexpr (detail::is_time_point<T>) {
    sink.time(detail::checked_nanoseconds(x.time_since_epoch()));
  } else if constexpr (detail::is_optional<T>) {
    if (x)
      write_value(sink, *x);
    else
      sink.nil();
  } else if constexpr (detail::is_variant<T>) {
    std::visit([&sink](const auto& y) { write_value(sink, y); }, x);
  } else if constexpr (detail::tuple_like<T>) {
    sink.begin_tuple(std::tuple_size_v<T>);
    std::apply([&sink](const auto&... parts) { (write_value(sink, parts), ...); }, x);
    sink.end();
  } else if constexpr (detail::map_like<T>) {
    sink.begin_map(x.size());
    for (auto& [key, value] : x) {
      write_value(sink, key);
      write_value(sink, value);
    }
    sink.end();
  } else if constexpr (detail::container<T>) {
    if constexpr (detail::set_like<T>)
      sink.begin_set(x.size());
    else
      sink.begin_list(x.size());
    for (auto&& part : x) // a vector<bool> has no elements of its own
      write_value(sink, static_cast<const typename T::value_type&>(part));
    sink.end();
  } else {
    detail::value_writer writer{sink};
    if (!detail::call_inspect(writer, const_cast<T&>(x)))
      throw value_error("a value that cannot be inspected: " + to_string(writer.get_error()));
  }
}

} // namespace interp_actors

// A handle is written with its interface, which is made of values in turn.
#include "interp_actors/actor/interface.hpp"
