#pragma once

#include "interp_actors/net/endpoint.hpp"
#include "interp_actors/net/socket.hpp"
#include "interp_actors/net/tls.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/message.hpp>
#include <caf/timespan.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

/// CAF's network, over sockets and TLS of our own: CAF's module for TLS neither tells whom it refuses, nor limits what a
/// stranger announces, nor how long a connection takes. See decision 17.
namespace interp_actors {

/// Registers the types of CAF's network.
void init_network_types();

/// Offers the options of CAF's network on the command line, with the defaults that fit ours.
void add_network_options(caf::actor_system_config& config);

/// Has the actor system load CAF's network. A connection without a sign of life ends after `patience`, unless the
/// configuration of CAF says otherwise. To be called after parsing.
void load_network(caf::actor_system_config& config, caf::timespan patience);

/// Whether the actor system has it.
bool has_network(caf::actor_system& system);

/// A connection of CAF's, as seen from outside.
/// Thread: any.
/// Owner: whoever made it, and CAF's side of it.
class connection {
public:
  /// Ends it.
  void cut() noexcept;
  /// Why it failed; empty where nobody knows, or it did not.
  std::string problem() const;
  /// Who is at the other side, for people.
  std::string peer() const;

  // -- for CAF's side

  void begin(int fd);
  void end() noexcept;
  void fail(std::string problem);
  /// The other side has said who it is.
  void establish();
  bool is_established() const;

private:
  mutable std::mutex mutex_;
  int fd_ = -1; // CAF's own
  bool established_ = false;
  std::string peer_;
  std::string problem_;
};

/// Hands a connected socket to CAF, which answers `asker` with a response to `id`: see `read_connected`.
/// `tls` is null for none.
/// Errors: std::bad_alloc.
void hand_over(caf::actor_system& system, unique_fd fd, const std::shared_ptr<const tls_context>& tls,
               const std::shared_ptr<connection>& way, const caf::strong_actor_ptr& asker,
               caf::message_id id);

/// The published actor of the other process.
/// Errors: those of CAF; `errc::refused`.
caf::expected<caf::strong_actor_ptr> read_connected(const caf::message& answer);

/// Lets the whole world that has certificates, or this machine without `tls`, reach `whom` through `fd`, which listens.
/// Whom it refuses is told to `log`, once for each reason and address.
/// Returns what ends that.
class publication {
public:
  publication(caf::actor_system& system, const caf::strong_actor_ptr& whom, std::uint16_t port, unique_fd fd,
              std::shared_ptr<const tls_context> tls, std::function<void(const std::string&)> log);
  publication(const publication&) = delete;
  publication& operator=(const publication&) = delete;
  ~publication();

private:
  caf::actor_system& system_;
  const std::uint16_t port_;
};

} // namespace interp_actors
