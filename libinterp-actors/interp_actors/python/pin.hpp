#pragma once

#include "interp_actors/base/bell.hpp"
#include "interp_actors/base/shared_bytes.hpp"
#include "interp_actors/python/object.hpp"

#include <atomic>
#include <cstdint>
#include <memory>

namespace interp_actors::python {

/// Keeps Python `bytes` of one interpreter alive while payloads elsewhere use their memory. The last handle
/// of a pin, in whatever thread, puts it on a lock-free list here; the owner takes it off under its own GIL.
/// Nobody takes a foreign GIL.
/// Thread: `pin` and `drain` any that holds the interpreter's GIL, `live` and `close` the interpreter's own;
/// `give_back` may come from any thread.
/// Death: pins outlive the interpreter only after `close`, which orphans them: their memory stays, for good.
class pin_owner : public std::enable_shared_from_this<pin_owner> {
public:
  /// Pins of this many bytes given back wake an idle owner; fewer wait for its next entry.
  static constexpr std::size_t wake_bytes = 1024 * 1024;

  explicit pin_owner(std::shared_ptr<bell> wake) : wake_{std::move(wake)} {}

  /// Returns a payload over `size` bytes at `data`, which lie inside of `bytes`, an exact Python bytes
  /// object.
  shared_bytes pin(const gil_held& gil, PyObject* bytes, const std::byte* data, std::size_t size);

  /// Drops what was given back. Costs one load when there is nothing.
  void drain(const gil_held& gil) {
    // Finalisers may come here after `close`.
    if (auto* head = released_.load(std::memory_order_seq_cst); head != nullptr && head != closed())
      drop_released(gil);
  }

  /// Pins that somebody still holds.
  std::size_t live() const noexcept { return live_; }

  /// From now on every pin that is given back wakes the owner.
  void wake_always() noexcept { wake_always_.store(true); }

  /// Orphans the pins that are still held: their bytes stay valid and are never returned.
  void close(const gil_held& gil);

private:
  struct pinned;

  static void give_back(interp_actors::detail::block* block) noexcept;
  void drop_released(const gil_held& gil);

  // A node that stands for "closed" in the list's head.
  static pinned* closed() noexcept { return reinterpret_cast<pinned*>(std::uintptr_t{1}); }

  std::atomic<pinned*> released_{nullptr};
  std::atomic<std::size_t> released_bytes_{0};
  std::atomic<bool> wake_always_{false};
  std::size_t live_ = 0;
  std::shared_ptr<bell> wake_;
};

} // namespace interp_actors::python
