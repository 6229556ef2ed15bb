#pragma once

#include "interp_actors/net/endpoint.hpp"

#include <caf/timespan.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace interp_actors {

/// What a process offers as a node. Whom it trusts is said in `network_options::certificates`.
struct node_options {
  /// Where it listens, "HOST:PORT"; port 0 lets the system choose one. Any host but this machine's own loopback needs
  /// certificates.
  std::string listen = "127.0.0.1:0";
  /// Interpreters that it runs for controllers at once; 0 is one for each core.
  std::size_t slots = 0;
  /// Folders whose virtual environments controllers may name, with all below them.
  std::vector<std::string> allow = {};
  /// It ends what it runs for a controller that has given no sign of life for that long.
  caf::timespan lease = std::chrono::seconds{10};
  /// Arguments and results of more bytes are refused.
  std::size_t message_bytes = std::size_t{4} << 30;
};

/// A node that serves.
struct serving_node {
  /// Where it listens, with its real port.
  endpoint at;
  std::size_t slots = 0;
};

} // namespace interp_actors
