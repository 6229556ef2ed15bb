#pragma once

#include "interp_actors/actor/roster.hpp"
#include "interp_actors/actor/timer.hpp"
#include "interp_actors/net/host_session.hpp"
#include "interp_actors/net/module_store.hpp"
#include "interp_actors/net/node_options.hpp"
#include "interp_actors/net/transport.hpp"

#include <caf/expected.hpp>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace interp_actors {

/// A node: the one published actor, and the sessions of its controllers.
///
/// A controller that comes again is a new session; what the node still runs for its old one is ended, and before that is gone,
/// nothing new is started for it: there are no twins. A session without a sign of life ends when its lease is over.
/// Thread: any.
/// Owner: the runtime's list of what is to be done at its stop. Death: `close` stops all tenants, and waits for their ends.
class node_host final : public timer::client, public std::enable_shared_from_this<node_host> {
public:
  node_host(std::shared_ptr<roster> home, node_options options);

  /// Listens. Errors: `errc::refused`, `errc::stopped`.
  caf::error open(const certificate_files& certificates);

  /// Where it listens, with its real port.
  const endpoint& where() const noexcept { return where_; }

  void close();

  // -- for sessions

  const node_options& options() const noexcept { return options_; }
  const std::shared_ptr<roster>& home() const noexcept { return home_; }
  bool take_slot();
  void give_slot_back();
  /// Closes sessions that are over and empty, and lets those begin that have waited for them.
  void tidy();
  module_store& store() noexcept { return store_; }
  /// Whether a controller may name this folder.
  bool allows(const std::string& folder) const;

protected:
  time_point tick(time_point now) override;

private:
  void receive(caf::mailbox_element_ptr element);
  caf::message answer(const caf::message& content);
  void tell_free();

  const std::shared_ptr<roster> home_;
  const node_options options_;
  endpoint where_;
  caf::strong_actor_ptr gatekeeper_;
  std::optional<publication> published_;

  mutable std::mutex mutex_; // sessions are called without it, but for what only sends or looks
  std::condition_variable changed_;
  bool closing_ = false;
  std::uint64_t free_;
  std::vector<std::shared_ptr<host_session>> sessions_;
  module_store store_;
};

} // namespace interp_actors
