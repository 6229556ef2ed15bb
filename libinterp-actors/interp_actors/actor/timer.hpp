#pragma once

#include "interp_actors/actor/mailbox.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace interp_actors {

/// Calls its clients when their time has come, in one thread of its own. Clients never block in it.
/// Thread: `arm` any.
/// Death: a client that is gone is not called; after the destructor's begin nobody is.
class timer {
public:
  class client {
  public:
    virtual ~client() = default;

  protected:
    /// Does what is due at `now` and returns when it wants to be called next, `no_deadline` for not at all.
    virtual time_point tick(time_point now) = 0;

  private:
    friend class timer;

    std::atomic<time_point::rep> armed_{no_deadline.time_since_epoch().count()};
  };

  timer();
  timer(const timer&) = delete;
  timer& operator=(const timer&) = delete;
  ~timer();

  /// Whether `client` will be called at `when` at the latest.
  static bool will_call(const client& client, time_point when) noexcept;

  /// Makes sure that `client` is called at `when` at the latest. Cheap where it already will be. Times far away are
  /// come to in steps, so that what has ended meanwhile is not kept for long.
  void arm(const std::shared_ptr<client>& client, time_point when);

private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<time_point, std::weak_ptr<client>> due_;
  bool stopped_ = false;
  std::thread thread_;
};

} // namespace interp_actors
