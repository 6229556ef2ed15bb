#pragma once

#include <algorithm>
#include <cstddef>

namespace interp_actors {

/// Decides whether a receiver that has nothing to do lets others have its core once before it sleeps.
///
/// Where sender and receiver share a core, waking a sleeping receiver takes the core from the sender, for one
/// message: a stream then costs a context switch for every few messages. A receiver that yields instead finds all
/// that was sent meanwhile. Where that brings little, as with questions and answers or a sender on another core, it
/// only costs time, and much of it where others want the core: each vain attempt halves how often it is tried.
/// Thread: one at a time.
class yield_policy {
public:
  /// As many messages while it yielded make it worthwhile.
  static constexpr std::size_t worthwhile = 8;
  /// Waits in a row that are spared at most.
  static constexpr std::size_t longest_rest = 1023;

  /// Whether to yield in the wait that begins.
  bool begin() noexcept {
    if (rest_ == 0)
      return true;
    --rest_;
    return false;
  }

  /// Notes how many messages a yielding brought.
  void end(std::size_t messages) noexcept {
    next_rest_ = messages >= worthwhile ? 0 : std::min(2 * next_rest_ + 1, longest_rest);
    rest_ = next_rest_;
  }

private:
  std::size_t rest_ = 0;
  std::size_t next_rest_ = 0;
};

} // namespace interp_actors
