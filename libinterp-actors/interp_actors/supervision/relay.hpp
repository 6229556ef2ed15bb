#pragma once

#include "interp_actors/compat.hpp"

#include <caf/actor_companion.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>

#include <cstddef>
#include <deque>
#include <mutex>
#include <set>
#include <string>

namespace interp_actors {

/// The address of a child that is an actor of its own: hands what arrives to the actor that is there for now, and keeps
/// it while there is none. It answers nothing itself but for what it cannot keep. Exit messages are for the actor that is
/// there: none is kept for the next one.
/// Thread: any. The order of each sender's messages stays, also over a change of the actor.
/// Death: what an actor had in its mailbox when it ended has been answered by CAF.
/// Owner: the child.
class relay final : public caf::actor_companion {
public:
  /// Keeps as many messages at most.
  static constexpr std::size_t most_waiting = 65'536;

  relay(caf::actor_config& config, std::string name, std::set<std::string> types);

  /// From now on everything goes to `actor`, what has waited first.
  void lead_to(caf::strong_actor_ptr actor);

  /// The actor has ended: what arrives waits for the next one. To be called before that can come.
  void leave();

  /// Answers what waits and what comes with `reason` until the next `lead_to`.
  void shut(caf::error reason);

  /// Ends the actor itself, for good.
  void take_down(caf::error reason);

  using caf::actor_companion::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, compat::execution_context* context) override;
  const char* name() const override { return "interp_actors.child"; }
  std::set<std::string> message_types() const override { return types_; }

private:
  const std::string name_;
  const std::set<std::string> types_;
  std::mutex mutex_;
  caf::strong_actor_ptr actor_;
  std::deque<caf::mailbox_element_ptr> waiting_;
  bool handing_over_ = false; // somebody empties `waiting_`, which all others join
  bool shut_ = false;
  caf::error reason_;
};

} // namespace interp_actors
