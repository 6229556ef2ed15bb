#pragma once

#include "interp_actors/actor/timer.hpp"
#include "interp_actors/supervision/supervisor.hpp"

#include <atomic>
#include <memory>
#include <utility>

namespace interp_actors {

/// Posts an event to a supervisor when its time has come; the timer may call earlier.
/// Thread: the timer's; `call_at` its owner's.
/// Owner: the supervisor that waits for the event, or the one that stops it.
/// Death: a supervisor that has ended is posted nothing.
class timed_event final : public timer::client {
public:
  timed_event(std::weak_ptr<supervisor_link> link, supervisor_link::event what)
      : link_{std::move(link)}, what_{std::move(what)} {}

  /// To be called before it is armed for that time; instead of the time before, which is forgotten.
  void call_at(time_point when) { when_ = when; }

protected:
  time_point tick(time_point now) override {
    if (time_point when = when_; now < when)
      return when;
    if (auto link = link_.lock())
      link->post(what_);
    return no_deadline;
  }

private:
  const std::weak_ptr<supervisor_link> link_;
  const supervisor_link::event what_;
  std::atomic<time_point> when_{no_deadline};
};

} // namespace interp_actors
