#pragma once

#include "interp_actors/actor/interface.hpp"

#include <iosfwd>
#include <string_view>

namespace interp_actors {

/// Prints a Python module: `type` as a class `typing.Protocol`, and a dataclass for each structure in it. A class
/// that has these methods, or a module that has these functions, implements the interface: mypy can check it, and
/// the start check and the conversion accept it.
///
/// The class is called `name`, or as the type in CamelCase, or Interface where CAF has no name for the type.
/// Structures keep their C++ names, by which variants tell them apart, without the namespace; those that two
/// share, or that Python needs itself, get the namespace in front (`shop_item` for `shop::item`), and an underscore
/// behind where even that is taken. The text is the same each time.
/// Thread: any.
/// Errors: std::invalid_argument for a name that Python cannot have.
void write_protocol(std::ostream& out, const interface& type, std::string_view name = {});

/// As above, for a `caf::typed_actor`.
template <class Handle>
void write_protocol(std::ostream& out, std::string_view name = {}) {
  write_protocol(out, interface_of<Handle>(), name);
}

} // namespace interp_actors
