#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace ia_experiments {

/// Puts lines that come in any order into theirs, and keeps those that must wait for an earlier one. Whoever begins something new first
/// waits for room, so that no more than `window` lines are kept however long the earliest one takes.
/// Thread: any. `write` is called by one at a time, with the mutex held, which others wait for: nobody gets ahead of a slow reader.
/// Death: every number that was begun must be put, also where its work failed; a waiter is released by `close`.
class ordered_lines {
public:
  ordered_lines(std::function<void(const std::string&)> write, std::size_t window)
      : write_{std::move(write)}, window_{window} {}

  /// Waits until number `next` may be begun. Returns false once closed.
  bool wait_for_room(std::size_t next);

  /// Writes the line and those after it that waited for it, or keeps it.
  void put(std::size_t number, std::string line);

  /// Lets nobody wait any more.
  void close();

private:
  const std::function<void(const std::string&)> write_;
  const std::size_t window_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::size_t, std::string> kept_;
  std::size_t written_ = 0;
  bool closed_ = false;
};

} // namespace ia_experiments
