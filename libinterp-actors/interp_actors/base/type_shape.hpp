#pragma once

#include "interp_actors/base/value.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace interp_actors {

struct type_shape;

/// A type's shape, made when it is first asked for; so types may contain themselves. A plain value.
class shape_ref {
public:
  constexpr shape_ref(std::nullptr_t = nullptr) noexcept {}
  /// The shape that `make` returns.
  constexpr shape_ref(const type_shape& (*make)()) noexcept : make_{make} {}
  /// A shape that was made already, which must outlive this.
  constexpr explicit shape_ref(const type_shape* made) noexcept : made_{made} {}

  const type_shape& operator()() const { return made_ ? *made_ : make_(); }
  constexpr explicit operator bool() const noexcept { return made_ || make_; }

private:
  const type_shape& (*make_)() = nullptr;
  const type_shape* made_ = nullptr;
};

/// What the conversion has to know of a C++ type: to check Python's annotations against it, and to say what
/// was expected. A plain value.
struct type_shape {
  enum class kind : std::uint8_t {
    nil,
    boolean,
    integer,
    real,
    text,
    enumeration,
    payload,
    duration,
    time,
    error,
    actor,
    optional,
    variant,
    list,
    array,
    tuple,
    set,
    map,
    structure,
  };

  struct field {
    std::string name;
    shape_ref shape = nullptr;
    /// Whether a dict may leave it out.
    bool may_be_missing = false;
  };

  kind what = kind::nil;
  /// As C++ names it; empty for those that are named after their parts.
  std::string name;
  /// The range of an integer.
  std::int64_t min = 0;
  std::uint64_t max = 0;
  /// The number of an array's elements.
  std::size_t size = 0;
  /// Whether an enumeration's values have names.
  bool has_names = false;
  /// Of an optional or a container the one part, of a map key and value, of a tuple or variant all.
  std::vector<shape_ref> parts;
  std::vector<field> fields;
};

/// A message of an interface as its handler sees it: the name, what it is given, what it gives back.
struct handler_signature {
  std::string name;
  std::vector<shape_ref> arguments;
  shape_ref result = nullptr;
};

/// The type in C++'s words: "std::vector<double>".
std::string cpp_name(const type_shape& shape);

/// The type in Python's words: "list[float]".
std::string python_name(const type_shape& shape);

/// Whether a class of Python's is named after the structure: as in C++, without the namespace, or with it as a
/// prefix (`shop_item` for `shop::item`); underscores at the end do not count.
bool is_named(const type_shape& shape, std::string_view python_class);

/// How well a value of `kind` fits: not at all, after a conversion (an int as a float), or as it is.
enum class fitness : std::uint8_t { none, converted, exact };
fitness fit(const type_shape& shape, value_kind kind);

} // namespace interp_actors
