#include "interp_actors/python/module/awaited.hpp"

#include <algorithm>
#include <utility>

namespace interp_actors::python {

template <class F>
bool awaited::end(state how, F set) {
  std::vector<std::function<void()>> watchers;
  {
    std::lock_guard guard{mutex_};
    if (now() != state::waiting)
      return false;
    set();
    state_.store(how, std::memory_order_release);
    for (auto* bell : waiters_)
      bell->ring();
    watchers.swap(watchers_);
  }
  for (auto& watcher : watchers)
    watcher();
  return true;
}

bool awaited::finish(std::unique_ptr<const reply> value) {
  return end(state::replied, [&] { value_ = std::move(value); });
}

bool awaited::fail(error_value why) {
  return end(state::failed, [&] { failure_ = std::move(why); });
}

bool awaited::cancel() {
  return end(state::cancelled, [] {});
}

void awaited::when_done(std::function<void()> f) {
  {
    std::lock_guard guard{mutex_};
    if (now() == state::waiting) {
      watchers_.push_back(std::move(f));
      return;
    }
  }
  f();
}

awaited::waiter::waiter(awaited& what, bell& bell) : what_{what}, bell_{bell} {
  std::lock_guard guard{what_.mutex_};
  what_.waiters_.push_back(&bell);
}

awaited::waiter::~waiter() {
  std::lock_guard guard{what_.mutex_};
  what_.waiters_.erase(std::ranges::find(what_.waiters_, &bell_));
}

} // namespace interp_actors::python
