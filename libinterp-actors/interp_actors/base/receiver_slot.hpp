#pragma once

#include "interp_actors/base/channel_item.hpp"

#include <memory>
#include <mutex>

namespace interp_actors {

/// Where a receiving end lies until somebody claims it: what messages carry in its place, since they can be
/// copied and it cannot.
/// Thread: any.
/// Owner: shared by all copies. Whoever drops the last one drops the end, unless it was claimed.
class receiver_slot {
public:
  explicit receiver_slot(channel_lease lease) : queue_{lease.queue()}, lease_{std::move(lease)} {}

  /// Takes the end; nothing where somebody else has it.
  channel_lease claim() {
    std::lock_guard guard{mutex_};
    return std::move(lease_);
  }

  /// Puts back what was claimed.
  void restore(channel_lease lease) {
    std::lock_guard guard{mutex_};
    lease_ = std::move(lease);
  }

  /// The channel, whoever holds its receiving end.
  const std::shared_ptr<channel_queue>& queue() const noexcept { return queue_; }

private:
  const std::shared_ptr<channel_queue> queue_;
  std::mutex mutex_;
  channel_lease lease_;
};

} // namespace interp_actors
