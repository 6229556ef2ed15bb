#pragma once

#include <atomic>
#include <cstddef>

namespace interp_actors {

/// What payloads and interpreters hold at one moment, for metrics and for tests that look for leaks.
struct payload_stats {
  /// Blocks of library memory, mapped files and pinned Python bytes that some handle still holds, and their
  /// bytes.
  std::size_t live_blocks = 0;
  std::size_t live_bytes = 0;
  /// Those among them that are pinned Python `bytes`.
  std::size_t pinned_blocks = 0;
  std::size_t pinned_bytes = 0;
  /// Pins that outlived the lingering limit of their interpreter: valid for ever, their memory never
  /// returned.
  std::size_t orphaned_pins = 0;
  /// Interpreters that ended but for the pins that others still hold.
  std::size_t lingering_interpreters = 0;
};

/// Reads all counters, each at its own moment.
/// Thread: any.
payload_stats read_payload_stats() noexcept;

namespace detail {

/// The counters behind `read_payload_stats`, for the code that makes and drops what they count.
struct payload_counter_set {
  alignas(64) std::atomic<std::size_t> live_blocks{0};
  std::atomic<std::size_t> live_bytes{0};
  alignas(64) std::atomic<std::size_t> pinned_blocks{0};
  std::atomic<std::size_t> pinned_bytes{0};
  std::atomic<std::size_t> orphaned_pins{0};
  std::atomic<std::size_t> lingering_interpreters{0};
};

inline constinit payload_counter_set payload_counters;

} // namespace detail

} // namespace interp_actors
