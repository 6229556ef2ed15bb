#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace interp_actors {

/// Counts of a fleet. The totals count from its start.
struct fleet_stats {
  std::size_t members = 0;
  /// Members that wait for something to do, and those that handle a message. The others start, or are down.
  std::size_t idle = 0;
  std::size_t busy = 0;
  std::size_t waiting = 0;
  /// Bytes that wait; counted only where there is a limit for them.
  std::size_t waiting_bytes = 0;
  /// How long the oldest message has waited since it came, or was put back.
  std::chrono::nanoseconds oldest_wait{0};
  /// Messages that were let in, each once, and a broadcast once for each member.
  std::uint64_t accepted = 0;
  /// Handed to members, redeliveries included.
  std::uint64_t delivered = 0;
  /// Put back and delivered again.
  std::uint64_t redelivered = 0;
  /// Not let in: there was no room, or the fleet drains or is closed.
  std::uint64_t refused = 0;
  /// Whose deadline passed before a member took them.
  std::uint64_t expired = 0;
  /// Given up by the queue: those that had their attempts, and asynchronous ones that were refused.
  std::uint64_t dead_letters = 0;
  /// How often the present members were started again by themselves, replacements of those that served long enough included.
  std::uint64_t restarts = 0;
};

} // namespace interp_actors
