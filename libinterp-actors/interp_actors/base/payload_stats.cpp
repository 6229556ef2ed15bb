#include "interp_actors/base/payload_stats.hpp"

namespace interp_actors {

payload_stats read_payload_stats() noexcept {
  auto& counters = detail::payload_counters;
  return {
      .live_blocks = counters.live_blocks.load(std::memory_order_relaxed),
      .live_bytes = counters.live_bytes.load(std::memory_order_relaxed),
      .pinned_blocks = counters.pinned_blocks.load(std::memory_order_relaxed),
      .pinned_bytes = counters.pinned_bytes.load(std::memory_order_relaxed),
      .orphaned_pins = counters.orphaned_pins.load(std::memory_order_relaxed),
      .lingering_interpreters = counters.lingering_interpreters.load(std::memory_order_relaxed),
  };
}

} // namespace interp_actors
