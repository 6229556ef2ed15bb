#pragma once

#include "interp_actors/base/shared_bytes.hpp"
#include "interp_actors/python/object.hpp"

#include <optional>

struct _typeobject;

namespace interp_actors::python {

class pin_owner;

/// Creates the interpreter's exporter type: what stands behind every memoryview of a payload, and keeps the
/// payload alive until Python has dropped the last view, slice or cast. Null with an exception set on
/// failure.
object make_exporter_type(const gil_held& gil, PyObject* module);

/// Returns `bytes` as a read-only memoryview without a copy, or None for a handle that holds nothing. Null
/// with an exception set on failure.
object to_python(const gil_held& gil, _typeobject* exporter_type, shared_bytes bytes);

/// Makes `view` the view of `bytes`, plain ones or none at all, and lets go of what it showed, if it is a whole
/// view of plain bytes that `to_python` made and its caller's reference is the only one to it, its buffer and its
/// payload. Returns false where it is not, or where that cannot be known; then `bytes` are as they were.
bool reuse_view(const gil_held& gil, _typeobject* exporter_type, PyObject* view, shared_bytes& bytes);

/// Keeps one memoryview that a call is done with, so that the next call need not allocate three objects
/// (about 50 ns of a round trip's processor time). Kept only where nothing else can see the view, its buffer
/// or its payload.
/// Owner: the interpreter, which calls `clear` before it ends.
/// Thread: the interpreter's own.
class spare_view {
public:
  /// As `to_python`, with the spare view if there is one.
  object make(const gil_held& gil, _typeobject* exporter_type, shared_bytes bytes);

  /// Takes back what `make` returned: keeps it, without its payload, or drops it.
  void give_back(const gil_held& gil, _typeobject* exporter_type, object view);

  void clear() noexcept { spare_ = {}; }

  /// Leaves the spare view to an interpreter that is abandoned.
  void abandon() noexcept { spare_.release(); }

private:
  object spare_;
};

/// How Python bytes become payloads.
struct payload_rules {
  _typeobject* exporter_type = nullptr;
  pin_owner* pins = nullptr;
  /// Python `bytes` of fewer bytes are copied, larger ones pinned.
  std::size_t pin_threshold = 0;
};

/// Returns the payload for `value`: None gives a handle that holds nothing; exact bytes are copied or pinned;
/// a contiguous memoryview of a payload or of exact bytes is forwarded without a copy, with its format; a
/// subclass of bytes is copied. All else is refused: nothing, with a TypeError set that starts with `what`
/// and says how to copy.
std::optional<shared_bytes> from_python(const gil_held& gil, const payload_rules& rules, PyObject* value,
                                        const char* what);

} // namespace interp_actors::python
