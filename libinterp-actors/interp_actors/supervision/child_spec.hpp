#pragma once

#include <caf/timespan.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace interp_actors {

/// When a child that has ended is started again. Source: OTP 28, supervisor, restart().
enum class restart_type : std::uint8_t {
  /// Always.
  permanent,
  /// Where it ended for another reason than normal or shutdown.
  transient,
  /// Never; its description is deleted when it ends.
  temporary,
};
using enum restart_type;

/// What a child is to its supervisor.
enum class child_kind : std::uint8_t { worker, supervisor };

/// How long a child has to end once its supervisor asked it to.
class shutdown {
public:
  /// Until `limit` has passed; then it is given up.
  static constexpr shutdown within(caf::timespan limit) { return shutdown{limit}; }

  /// It takes its time; whoever stops it waits: a supervisor, `runtime::stop`, and a program that a signal should end. OTP:
  /// infinity.
  static constexpr shutdown wait_for_ever() { return shutdown{std::nullopt}; }

  /// None: what it runs is interrupted and given up at once. OTP: brutal_kill.
  static constexpr shutdown abandon_at_once() { return shutdown{caf::timespan{0}}; }

  /// Nothing for ever, 0 for at once.
  constexpr std::optional<caf::timespan> limit() const { return limit_; }

  friend constexpr bool operator==(const shutdown&, const shutdown&) = default;

private:
  constexpr explicit shutdown(std::optional<caf::timespan> limit) : limit_{limit} {}

  std::optional<caf::timespan> limit_;
};

/// How long a supervisor waits before it starts a child again.
/// Source: Pekko 1.1, BackoffSupervisor.
struct backoff {
  /// Before the first restart; 0 is no delay at all.
  caf::timespan initial{0};
  /// Each further delay is that many times the one before.
  double factor = 2;
  /// No delay is longer, but for the jitter.
  caf::timespan maximum = std::chrono::seconds{30};
  /// A random part of up to that many times the delay is added, so that children which ended together do not
  /// start together.
  double jitter = 0.2;
  /// A child that ran that long starts with `initial` again; 0 is as long as `initial`.
  caf::timespan reset_after{0};

  friend bool operator==(const backoff&, const backoff&) = default;
};

/// What a child consists of: source code, an actor, a supervisor.
class child_body;

/// A supervisor's description of one child. The defaults are OTP's.
struct child_spec {
  /// Unique below its supervisor.
  std::string name;
  restart_type restart = permanent;
  /// Without a value: 5000 ms for a worker, for ever for a supervisor.
  std::optional<interp_actors::shutdown> shutdown;
  /// Whether its own end can be the end of its supervisor, which `auto_shutdown` decides.
  bool significant = false;
  interp_actors::backoff backoff;
  child_kind kind = child_kind::worker;
  std::shared_ptr<const child_body> body;
};

/// What `spec.shutdown` says, or its default.
inline shutdown shutdown_of(const child_spec& spec) {
  if (spec.shutdown)
    return *spec.shutdown;
  return spec.kind == child_kind::worker ? shutdown::within(std::chrono::milliseconds{5000})
                                         : shutdown::wait_for_ever();
}

std::string to_string(restart_type type);
bool from_string(std::string_view text, restart_type& type);

} // namespace interp_actors
