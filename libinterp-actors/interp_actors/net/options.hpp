#pragma once

#include "interp_actors/net/certificate_files.hpp"

#include <caf/timespan.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace interp_actors {

/// How a process takes part in a network of nodes.
struct network_options {
  /// Whether it does. Given nodes or certificates, it does, too.
  bool enabled = false;
  /// Nodes to connect to, and to reconnect to for ever: "HOST:PORT".
  std::vector<std::string> nodes;
  /// A connection without a sign of life for that long and a quarter of it is lost, with all that runs at its other end.
  caf::timespan node_timeout = std::chrono::seconds{5};
  /// Arguments, results, snapshots and files of code of more bytes are refused, by both sides.
  std::size_t message_bytes = std::size_t{4} << 30;
  /// Who this process is. Without certificates only this machine's own loopback is used.
  certificate_files certificates;

  bool is_wanted() const noexcept { return enabled || !nodes.empty() || !certificates.empty(); }
};

} // namespace interp_actors
