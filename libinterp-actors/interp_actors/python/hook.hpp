#pragma once

#include "interp_actors/base/shared_bytes.hpp"
#include "interp_actors/python/object.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace interp_actors::python {

/// Functions that a source may have, by which it takes part in its own start and restart.
enum class hook : std::uint8_t {
  /// `started()` ends the start, and may refuse it by raising.
  started,
  /// `snapshot()` returns the state that is worth keeping, as bytes, or None.
  snapshot,
  /// `restore(view)` is given the bytes of an earlier snapshot.
  restore,
};

/// All of them.
inline constexpr hook all_hooks[] = {hook::started, hook::snapshot, hook::restore};

/// The function's name.
std::string_view name_of(hook which) noexcept;

/// Checks that `callable` can be called as `which`, as far as that can be known.
/// Errors: `interface_mismatch` with a text that names the hook and its source.
void check_hook(const gil_held& gil, PyObject* callable, hook which, const std::string& source_name);

/// Copies what `snapshot()` returned: bytes or any other C-contiguous buffer; None gives a handle that holds nothing.
/// All else is refused: nothing, with a TypeError set that says what to return.
std::optional<shared_bytes> copy_of_snapshot(const gil_held& gil, PyObject* result);

} // namespace interp_actors::python
