#pragma once

#include "interp_actors/actor/deadline_rules.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/roster.hpp"
#include "interp_actors/actor/settings.hpp"

#include <caf/actor_companion.hpp>
#include <caf/system_messages.hpp>

#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace interp_actors {

class expiry;
class interface;
class resident;

/// What users hold: the CAF actor in front of a mailbox. It runs no code of its own; what arrives goes into
/// the mailbox in the sender's thread, but for what cannot wait behind a handler that never ends: exit messages,
/// cancellations, and the answers and down messages for which that handler may wait.
/// Thread: `enqueue` any.
class address final : public caf::actor_companion {
public:
  address(caf::actor_config& config, std::shared_ptr<roster> home,
          std::shared_ptr<interp_actors::mailbox> box, const spawn_options& options,
          const interface* type = nullptr);
  ~address() override;

  /// Names the one that takes from the mailbox from now on.
  void inhabit(const std::shared_ptr<resident>& next);

  /// Has what waits in the mailbox until `deadline` looked after, whoever takes from it.
  void watch(time_point deadline);

  const std::shared_ptr<interp_actors::mailbox>& box() const noexcept { return box_; }

  /// Ends the actor for `reason`: tells those who monitor it, and runs what was attached to its end. Where that throws,
  /// a line on stderr says so, and the rest hears nothing.
  void take_down(caf::error reason);

  using caf::actor_companion::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, compat::execution_context* context) override;
  const char* name() const override { return "interp_actors.interpreter"; }
  std::set<std::string> message_types() const override;

private:
  void INTERP_ACTORS_ON_LAST_HANDLE() override;
  void on_exit_message(const caf::exit_msg& message);

  std::shared_ptr<resident> inhabitant() const;

  const std::shared_ptr<roster> home_;
  const std::shared_ptr<interp_actors::mailbox> box_;
  const std::shared_ptr<expiry> expiry_;
  mutable std::mutex inhabitant_mutex_;
  std::weak_ptr<resident> inhabitant_;
  const std::string name_;
  const std::string limits_text_;
  const deadline_rules deadlines_;
  const interface* const type_; // null for the generic one
};

} // namespace interp_actors
