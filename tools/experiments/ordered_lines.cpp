#include "ordered_lines.hpp"

namespace ia_experiments {

bool ordered_lines::wait_for_room(std::size_t next) {
  std::unique_lock guard{mutex_};
  changed_.wait(guard, [&] { return closed_ || next < written_ + window_; });
  return !closed_;
}

void ordered_lines::put(std::size_t number, std::string line) {
  {
    std::lock_guard guard{mutex_};
    kept_.emplace(number, std::move(line));
    for (auto next = kept_.begin(); next != kept_.end() && next->first == written_;
         next = kept_.erase(next), ++written_)
      write_(next->second);
  }
  changed_.notify_all();
}

void ordered_lines::close() {
  {
    std::lock_guard guard{mutex_};
    closed_ = true;
  }
  changed_.notify_all();
}

} // namespace ia_experiments
