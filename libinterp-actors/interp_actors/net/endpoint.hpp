#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace interp_actors {

/// Where a node listens. A plain value.
struct endpoint {
  std::string host;
  /// 0 lets the system choose one, where a node is to listen.
  std::uint16_t port = 0;

  friend bool operator==(const endpoint&, const endpoint&) = default;
};

/// "HOST:PORT", with brackets around an IPv6 address.
std::string to_string(const endpoint& where);
std::optional<endpoint> parse_endpoint(std::string_view text);

/// Whether all addresses of the host are this machine's own loopback.
/// Errors: std::runtime_error for a host that cannot be found.
bool is_loopback(const endpoint& where);

} // namespace interp_actors
