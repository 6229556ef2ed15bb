#pragma once

#include "interp_actors/actor/inspection.hpp"
#include "interp_actors/actor/shape_of.hpp"
#include "interp_actors/base/value.hpp"

#include <caf/error.hpp>

#include <optional>

namespace interp_actors {

/// Takes a value from `source` as a `T`, any type that CAF can inspect.
/// Errors: `value_error` that names the place, what was there and what was expected.
template <class T>
void read_value(value_source& source, T& x);

namespace detail {

/// What `inspect` overloads of structures read with.
class value_reader : public inspection<value_reader>, public field_maker {
public:
  static constexpr bool is_loading = true;
  static constexpr bool is_describing = false;

  explicit value_reader(value_source& source) : source_{source} {}

  template <class T>
  static std::string_view name_of() {
    return type_name<T>();
  }
  void object_begin(std::string_view, std::size_t) { source_.begin_struct(); }
  void object_end() { source_.end(); }

  template <class T, class Fallback, class Rule>
  void visit_field(member_field<T, Fallback, Rule>& x) {
    load_field(x, *x.value);
  }
  template <class Get, class Set, class Fallback, class Rule>
  void visit_field(virtual_field<Get, Set, Fallback, Rule>& x) {
    std::decay_t<decltype(x.get())> value{};
    load_field(x, value);
    set_field(x, std::move(value));
  }
  template <class IsPresent, class Get, class Reset, class Set>
  void visit_field(optional_field<IsPresent, Get, Reset, Set>& x) {
    using type = std::decay_t<decltype(x.get())>;
    std::optional<type> value;
    if (source_.field(x.name))
      at_field(x.name, [&] { read_value(source_, value); });
    if (value)
      set_field(x, std::move(*value));
    else
      x.reset();
  }

  void check(bool ok, const char* what) {
    if (!ok)
      throw value_error(std::string{"a value that does not fit: "} + what);
  }
  void check(const caf::error& problem, const char*) {
    if (problem)
      throw value_error("a value that does not fit: " + to_string(problem));
  }

  template <class T>
  bool apply(T& x) {
    read_value(source_, x);
    return true;
  }
  template <class Get, class Set>
  bool apply(Get get, Set&& set) {
    std::decay_t<decltype(get())> value{};
    read_value(source_, value);
    call(set, std::move(value));
    return true;
  }
  template <class T>
  bool value(T& x) {
    return apply(x);
  }

private:
  template <class F>
  void at_field(std::string_view name, F f) {
    try {
      f();
    } catch (value_error& problem) {
      problem.prepend("." + std::string{name});
      throw;
    }
  }

  template <class Field, class T>
  void load_field(Field& x, T& value) {
    constexpr bool has_fallback = !std::is_same_v<std::decay_t<decltype(x.fallback_value)>, no_extra>;
    bool there = source_.field(x.name);
    if constexpr (has_fallback) {
      if (!there
          || (source_.next() == value_kind::nil && fit(shape_of<T>(), value_kind::nil) == fitness::none)) {
        if (there)
          source_.nil();
        value = x.fallback_value;
        return;
      }
    } else if constexpr (is_optional<T>) {
      if (!there) {
        value.reset();
        return;
      }
    } else {
      if (!there)
        throw value_error("a structure without the field '" + std::string{x.name} + "'");
    }
    at_field(x.name, [&] {
      read_value(source_, value);
      if constexpr (!std::is_same_v<std::decay_t<decltype(x.rule)>, no_extra>)
        check(x.rule(value), "it breaks the field's invariant");
    });
  }

  template <class Field, class T>
  void set_field(Field& x, T value) {
    at_field(x.name, [&] { call(x.set, std::move(value)); });
  }

  template <class Set, class T>
  void call(Set& set, T value) {
    using result = decltype(set(std::move(value)));
    if constexpr (std::is_void_v<result>)
      set(std::move(value));
    else
      check(set(std::move(value)), "its setter refused it");
  }

  value_source& source_;
};

} // namespace detail

} // namespace interp_actors
