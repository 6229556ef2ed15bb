#include "interp_actors/base/bell_pool.hpp"

namespace interp_actors {

std::shared_ptr<bell> bell_pool::take() {
  bell* next = nullptr;
  {
    std::lock_guard guard{mutex_};
    if (free_.empty()) {
      free_.reserve(bells_.size() + 1); // so that giving back never allocates
      bells_.push_back(std::make_unique<bell>());
      free_.push_back(bells_.back().get());
    }
    next = free_.back();
    free_.pop_back();
  }
  return {next, [self = shared_from_this()](bell* used) { self->give_back(used); }};
}

void bell_pool::give_back(bell* used) {
  std::lock_guard guard{mutex_};
  free_.push_back(used);
}

} // namespace interp_actors
