#pragma once

#include <caf/error.hpp>
#include <caf/sec.hpp>

#include <string_view>
#include <type_traits>
#include <utility>

/// The language of `inspect` overloads, for inspectors of our own that know the whole type of each field:
/// CAF's serialisers take sets for lists and durations for numbers.
/// Source: CAF 0.18.7 and 1.1, save_inspector.hpp and load_inspector.hpp.
namespace interp_actors::detail {

/// What an inspector of our own says of itself to `inspect` overloads. `Self` has `object_begin(type, count)`,
/// `object_end()` and `field(field)` for each kind of field below.
template <class Self>
class inspection {
public:
  bool has_human_readable_format() const noexcept { return false; }

  void set_error(caf::error problem) { error_ = std::move(problem); }
  template <class... Ts>
  void emplace_error(Ts&&... xs) {
    error_ = caf::make_error(std::forward<Ts>(xs)...);
  }
  caf::error& get_error() noexcept { return error_; }

  template <class T>
  auto object(T&) {
    return object_type{self(), Self::template name_of<T>()};
  }
  template <class Name>
  auto virtual_object(const Name& name) {
    return object_type{self(), std::string_view{name.data(), name.size()}};
  }

private:
  struct object_type {
    Self* self;
    std::string_view type;

    template <class... Fields>
    bool fields(Fields&&... fields) {
      self->object_begin(type, sizeof...(Fields));
      (self->visit_field(fields), ...);
      self->object_end();
      return true;
    }
    template <class Name>
    object_type pretty_name(const Name& name) && {
      return {self, std::string_view{name.data(), name.size()}};
    }
    template <class F>
    auto on_load(F f) && {
      return with_callback<F, true>{*this, std::move(f)};
    }
    template <class F>
    auto on_save(F f) && {
      return with_callback<F, false>{*this, std::move(f)};
    }
  };

  template <class F, bool OnLoad>
  struct with_callback {
    object_type object;
    F callback;

    template <class... Fields>
    bool fields(Fields&&... fields) {
      object.self->object_begin(object.type, sizeof...(Fields));
      (object.self->visit_field(fields), ...);
      if constexpr (OnLoad == Self::is_loading && !Self::is_describing)
        object.self->check(callback(), "its callback refused it");
      object.self->object_end();
      return true;
    }
    template <class G>
    with_callback&& on_load(G&&) && {
      return std::move(*this);
    }
    template <class G>
    with_callback&& on_save(G&&) && {
      return std::move(*this);
    }
  };

  Self* self() { return static_cast<Self*>(this); }

  caf::error error_;
};

/// Stands for a fallback or a rule that a field does not have.
struct no_extra {};

/// A field that is a member.
template <class T, class Fallback = no_extra, class Rule = no_extra>
struct member_field {
  std::string_view name;
  T* value;
  [[no_unique_address]] Fallback fallback_value{};
  [[no_unique_address]] Rule rule{};

  template <class U>
  auto fallback(U other) && {
    return member_field<T, U, Rule>{name, value, std::move(other), std::move(rule)};
  }
  template <class F>
  auto invariant(F check) && {
    return member_field<T, Fallback, F>{name, value, std::move(fallback_value), std::move(check)};
  }
};

/// A field behind functions.
template <class Get, class Set, class Fallback = no_extra, class Rule = no_extra>
struct virtual_field {
  std::string_view name;
  Get get;
  Set set;
  [[no_unique_address]] Fallback fallback_value{};
  [[no_unique_address]] Rule rule{};

  template <class U>
  auto fallback(U other) && {
    return virtual_field<Get, Set, U, Rule>{name, std::move(get), std::move(set), std::move(other),
                                            std::move(rule)};
  }
  template <class F>
  auto invariant(F check) && {
    return virtual_field<Get, Set, Fallback, F>{name, std::move(get), std::move(set),
                                                std::move(fallback_value), std::move(check)};
  }
};

/// A field behind functions that may be absent.
template <class IsPresent, class Get, class Reset, class Set>
struct optional_field {
  std::string_view name;
  IsPresent is_present;
  Get get;
  Reset reset;
  Set set;
};

/// Makes the fields for `inspect` overloads; `Name` is CAF's own kind of text.
struct field_maker {
  template <class Name, class T>
  static auto field(const Name& name, T& x) {
    return member_field<T>{to_view(name), &x};
  }
  template <class Name, class Get, class Set>
  static auto field(const Name& name, Get get, Set set) {
    return virtual_field<Get, Set>{to_view(name), std::move(get), std::move(set)};
  }
  template <class Name, class IsPresent, class Get, class Reset, class Set>
  static auto field(const Name& name, IsPresent is_present, Get get, Reset reset, Set set) {
    return optional_field<IsPresent, Get, Reset, Set>{to_view(name), std::move(is_present), std::move(get),
                                                      std::move(reset), std::move(set)};
  }

private:
  template <class Name>
    requires requires(const Name& name) { name.data(); }
  static std::string_view to_view(const Name& name) {
    return {name.data(), name.size()};
  }
  static std::string_view to_view(const char* name) { return name; }
};

} // namespace interp_actors::detail
