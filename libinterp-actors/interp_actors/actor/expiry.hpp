#pragma once

#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/timer.hpp"

#include <memory>

namespace interp_actors {

/// Answers what waits in a mailbox beyond its deadline, also while nobody takes from it.
/// Thread: the timer's.
/// Owner: the address.
class expiry final : public timer::client {
public:
  explicit expiry(std::shared_ptr<mailbox> box) : box_{std::move(box)} {}

protected:
  time_point tick(time_point now) override { return box_->expire(now); }

private:
  const std::shared_ptr<mailbox> box_;
};

} // namespace interp_actors
