#include "interp_actors/base/channel_holdings.hpp"

namespace interp_actors {

channel_holdings::number channel_holdings::hold(held_end end) {
  std::lock_guard guard{mutex_};
  if (given_up())
    return 0; // `end` is dropped by the caller, without the mutex
  ends_.emplace(++last_, std::move(end));
  return last_;
}

held_end channel_holdings::release(number of) {
  std::lock_guard guard{mutex_};
  auto place = ends_.find(of);
  if (place == ends_.end())
    return {};
  auto result = std::move(place->second);
  ends_.erase(place);
  return result;
}

sending_end channel_holdings::share(number of) {
  std::lock_guard guard{mutex_};
  auto place = ends_.find(of);
  auto* end = place == ends_.end() ? nullptr : std::get_if<sending_end>(&place->second);
  return end ? *end : sending_end{};
}

void channel_holdings::give_up(const std::string& reason) noexcept {
  std::unordered_map<number, held_end> ends;
  {
    std::lock_guard guard{mutex_};
    given_up_.store(true, std::memory_order_release);
    ends.swap(ends_);
  }
  for (auto& [number, end] : ends)
    if (auto* lease = std::get_if<channel_lease>(&end))
      lease->revoke(reason); // the interpreter's own thread may be at work on it, if it was abandoned
}

} // namespace interp_actors
