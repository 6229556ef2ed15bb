#pragma once

#include "interp_actors/actor/interface.hpp"
#include "interp_actors/compat.hpp"
#include "interp_actors/message/packed_message.hpp"

#include <caf/actor_companion.hpp>
#include <caf/actor_control_block.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace interp_actors {

/// Stands for an actor of this process, of a type of its own, before Python code in other processes: takes packed messages, gives
/// the actor those of its interface, and packs its answers.
/// Thread: any; conversions run in the sender's.
/// Owner: the embassy. Death: it ends with its actor, whose requests CAF answers; what it has under way then is answered, too.
class ambassador final : public caf::actor_companion {
public:
  ambassador(caf::actor_config& config, caf::strong_actor_ptr actor, const interface& type)
      : caf::actor_companion{config}, actor_{std::move(actor)}, type_{type} {}

  const caf::strong_actor_ptr& actor() const noexcept { return actor_; }
  const interface& type() const noexcept { return type_; }

  using caf::actor_companion::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, compat::execution_context* context) override;
  const char* name() const override { return "interp_actors.ambassador"; }

private:
  struct pending {
    caf::mailbox_element_ptr request;
    const interface::method* method = nullptr;
  };

  void translate(caf::mailbox_element_ptr element, compat::execution_context* context);
  void answer(caf::mailbox_element_ptr element);

  const caf::strong_actor_ptr actor_;
  const interface& type_;
  std::mutex mutex_;
  std::map<std::uint64_t, pending> pending_; // by the id of the answer
  std::uint64_t last_ = 0;
};

/// Lends handles to other processes, and takes them back.
/// Thread: any. Owner: the hub.
class embassy {
public:
  explicit embassy(caf::actor_system& system) : system_{system} {}
  embassy(const embassy&) = delete;
  embassy& operator=(const embassy&) = delete;

  /// Puts ambassadors in the places of actors that do not understand packed messages.
  void lend(packed_message& content);
  /// Puts the actors back in the places of their ambassadors.
  static void take_back(packed_message& content);

  /// Ends all ambassadors.
  void close();

private:
  using key = std::pair<caf::actor_id, const interface*>;

  struct entries {
    std::mutex mutex;
    std::map<key, caf::strong_actor_ptr> known;
  };

  caf::actor_system& system_;
  const std::shared_ptr<entries> entries_ = std::make_shared<entries>();
};

} // namespace interp_actors
