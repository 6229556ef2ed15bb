#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace interp_actors {

/// What one thread waits on and any thread rings: a flag that stays set until the waiter takes it. Rings that
/// come before the wait are not lost; several of them count as one.
/// Thread: `ring` in any thread, `wait` in one at a time.
class bell {
public:
  using clock = std::chrono::steady_clock;

  /// Wakes the waiter, now or at its next wait. What was written before is visible to it.
  void ring() noexcept;

  /// Returns once the bell has been rung.
  void wait() noexcept;

  /// Returns true once the bell has been rung, or false at `deadline`.
  bool wait_until(clock::time_point deadline) noexcept;

private:
  bool take_ring() noexcept;

  std::atomic<std::uint32_t> rung_{0};
};

} // namespace interp_actors
