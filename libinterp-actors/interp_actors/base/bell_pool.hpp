#pragma once

#include "interp_actors/base/bell.hpp"

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

} // namespace interp_actors
