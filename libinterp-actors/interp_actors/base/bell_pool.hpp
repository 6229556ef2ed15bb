#pragma once

#include "interp_actors/base/bell.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace interp_actors {

/// Bells for waiters that follow each other. A bell that its waiter has given back is used again, and none is freed
/// before the pool: so whoever still has its address may ring it, in vain at worst.
/// Thread: any.
/// Owner: all that may ring one of its bells, and each bell that is out.
class bell_pool : public std::enable_shared_from_this<bell_pool> {
public:
  bell_pool() = default;
  bell_pool(const bell_pool&) = delete;
  bell_pool& operator=(const bell_pool&) = delete;

  /// A bell that nobody else waits on. It may have been rung before.
  std::shared_ptr<bell> take();

private:
  void give_back(bell* used);

  std::mutex mutex_;
  std::vector<std::unique_ptr<bell>> bells_;
  std::vector<bell*> free_;
};

/// The bell of whoever waits at some place for now: waiters follow each other there, and whoever rings need not know which
/// one it is.
/// Thread: any.
class doorbell {
public:
  explicit doorbell(std::shared_ptr<bell_pool> bells) : bells_{std::move(bells)}, first_{bells_->take()} {
    lead_to(*first_);
  }
  doorbell(const doorbell&) = delete;
  doorbell& operator=(const doorbell&) = delete;

  /// A bell for one waiter.
  std::shared_ptr<bell> make_bell() { return bells_->take(); }

  /// From now on `next`, which comes from `make_bell` or from the same pool, is the waiter's.
  void lead_to(bell& next) noexcept { bell_.store(&next, std::memory_order_release); }

  /// Wakes the waiter, perhaps in vain.
  void ring() noexcept { bell_.load(std::memory_order_acquire)->ring(); }

private:
  const std::shared_ptr<bell_pool> bells_;
  const std::shared_ptr<bell> first_;
  std::atomic<bell*> bell_{nullptr};
};

} // namespace interp_actors
