#pragma once

#include "interp_actors/message/inspect.hpp"
#include "interp_actors/supervision/supervisor_command.hpp"

#include <caf/timestamp.hpp>

#include <optional>

namespace interp_actors {

/// Reports and lists of children travel as CAF messages, also to other nodes.
template <class Inspector>
bool inspect(Inspector& f, death_report& x) {
  auto uptime = std::chrono::duration_cast<caf::timespan>(x.uptime);
  auto when = std::chrono::time_point_cast<caf::timespan>(x.when);
  if (!f.object(x).fields(f.field("child", x.child), f.field("incarnation", x.incarnation),
                          f.field("interpreter", x.interpreter), f.field("reason", x.reason),
                          f.field("node", x.node), f.field("text", x.text), f.field("error", x.error),
                          f.field("exit_code", x.exit_code), f.field("request", x.request),
                          f.field("uptime", uptime), f.field("requests_served", x.requests_served),
                          f.field("tracked_objects", x.tracked_objects), f.field("views_held", x.views_held),
                          f.field("restarts_left", x.restarts_left), f.field("when", when)))
    return false;
  if constexpr (Inspector::is_loading) {
    x.uptime = uptime;
    x.when = std::chrono::time_point_cast<std::chrono::system_clock::duration>(when);
  }
  return true;
}

template <class Inspector>
bool inspect(Inspector& f, child_kind& x) {
  auto get = [&x] { return static_cast<std::uint8_t>(x); };
  auto set = [&x](std::uint8_t value) {
    x = static_cast<child_kind>(value);
    return value <= static_cast<std::uint8_t>(child_kind::supervisor);
  };
  return f.apply(get, set);
}

template <class Inspector>
bool inspect(Inspector& f, child_state& x) {
  auto get = [&x] { return static_cast<std::uint8_t>(x); };
  auto set = [&x](std::uint8_t value) {
    x = static_cast<child_state>(value);
    return value <= static_cast<std::uint8_t>(child_state::down_for_good);
  };
  return f.apply(get, set);
}

template <class Inspector>
bool inspect(Inspector& f, child_info& x) {
  std::optional<death_report> last;
  if (x.last_death)
    last = *x.last_death;
  if (!f.object(x).fields(f.field("name", x.name), f.field("slot", x.slot), f.field("kind", x.kind),
                          f.field("state", x.state), f.field("incarnation", x.incarnation),
                          f.field("restarts", x.restarts), f.field("last_death", last)))
    return false;
  if constexpr (Inspector::is_loading)
    x.last_death = last ? std::make_shared<const death_report>(std::move(*last)) : nullptr;
  return true;
}

template <class Inspector>
bool inspect(Inspector& f, child_counts& x) {
  return f.object(x).fields(f.field("specs", x.specs), f.field("active", x.active),
                            f.field("supervisors", x.supervisors), f.field("workers", x.workers));
}

} // namespace interp_actors
