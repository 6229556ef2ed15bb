#pragma once

#include "interp_actors/supervision/child_body.hpp"
#include "interp_actors/supervision/relay.hpp"

#include <set>

namespace interp_actors {

/// A child that is an actor of its own, behind a relay.
/// Thread: its supervisor's.
/// Owner: the supervisor.
class relay_process : public child_process {
public:
  /// `types` are the messages of its interface.
  relay_process(std::shared_ptr<roster> home, std::string name, std::shared_ptr<child_events> events,
                std::set<std::string> types);
  ~relay_process() override;

  caf::strong_actor_ptr address() const override { return front_; }
  void close(const caf::error& reason, bool for_good) final;

protected:
  relay& front() const { return *static_cast<relay*>(front_->get()); }

  const std::shared_ptr<roster> home_;
  const std::string name_;
  const std::shared_ptr<child_events> events_;
  const caf::strong_actor_ptr front_;
  std::uint64_t number_ = 0;

private:
  bool closed_ = false;
};

} // namespace interp_actors
