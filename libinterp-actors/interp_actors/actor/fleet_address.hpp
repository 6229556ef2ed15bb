#pragma once

#include "interp_actors/actor/deadline_rules.hpp"
#include "interp_actors/actor/fleet_queue.hpp"

#include <caf/actor_companion.hpp>

#include <functional>
#include <memory>
#include <set>
#include <string>

namespace interp_actors {

/// What users of a fleet hold: the CAF actor in front of its queue. It runs no code of its own and never blocks; what
/// arrives goes into the queue in the sender's thread, whatever has become of the members.
/// Thread: `enqueue` any.
/// Owner: the fleet's supervisor, whose handle keeps it; it goes on without any other. When that one is dropped, the
/// queue is closed.
class fleet_address final : public caf::actor_companion {
public:
  /// What is done about an exit message that is not for a normal end. Called in the sender's thread; must not block.
  using exit_handler = std::function<void(const caf::error& reason)>;

  /// Deadlines come from `options`; the rest of it is for the members. `type` is null for the generic interface.
  fleet_address(caf::actor_config& config, std::shared_ptr<fleet_queue> queue, const spawn_options& options,
                exit_handler on_exit, const interface* type = nullptr);
  ~fleet_address() override;

  /// Closes the queue and ends the actor for `reason`: tells those who monitor it. Where what was attached to its end
  /// throws, a line on stderr says so, and the rest hears nothing.
  void take_down(caf::error reason);

  /// By when a message that is accepted now is to be done; no time where that is known when a member takes it.
  time_point deadline_of(const caf::message& content) const;

  using caf::actor_companion::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, compat::execution_context* context) override;
  const char* name() const override { return "interp_actors.fleet"; }
  std::set<std::string> message_types() const override;

  const std::shared_ptr<fleet_queue>& queue() const noexcept { return queue_; }

private:
  void INTERP_ACTORS_ON_LAST_HANDLE() override;

  const std::shared_ptr<fleet_queue> queue_;
  const deadline_rules deadlines_;
  const exit_handler on_exit_;
  const interface* const type_;
};

} // namespace interp_actors
