#pragma once

#include "interp_actors/base/death_report.hpp"
#include "interp_actors/supervision/supervisor_spec.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace interp_actors {

/// The time that restarts are counted and delayed by. Nothing here reads a clock.
using restart_time = std::chrono::steady_clock::time_point;

/// Whether a transient child that ended for `reason` is started again. Source: OTP 28, supervisor: all but normal and
/// shutdown.
bool is_abnormal(death_reason reason);

/// Whether a child is started again after its own end.
bool restarts_after(restart_type type, death_reason reason);

/// The delay after `restarts` delayed restarts in a row; `random` is at least 0 and less than 1.
caf::timespan delay_after(const backoff& delays, std::size_t restarts, double random);

/// The restarts that count: those of the last period. A value.
class restart_window {
public:
  restart_window(int intensity, caf::timespan period) : intensity_{intensity}, period_{period} {}

  /// Whether one more is allowed. A restart of just a period ago still counts, as in OTP.
  bool allows(restart_time now) const { return left(now) > 0; }

  /// How many more are allowed.
  int left(restart_time now) const;

  /// Counts one, and forgets those that count no longer.
  void add(restart_time now);

private:
  int intensity_;
  caf::timespan period_;
  std::vector<restart_time> restarts_; // oldest first
};

/// How often in a row a child was started again with a delay. A value.
struct backoff_history {
  std::size_t restarts = 0;
  /// When it was started; nothing while it is not.
  std::optional<restart_time> started;
};

/// A child as its siblings' deaths see it.
struct supervised {
  const child_spec* spec = nullptr;
  /// It starts or runs.
  bool live = false;
  /// It is down and will be started again by itself.
  bool awaited = false;
};

/// A death that the supervisor did not ask for.
struct unasked_death {
  /// Place of the child, which is live no longer.
  std::size_t who = 0;
  death_reason reason = death_reason::normal;
  /// A restart failed: it is tried again, whatever the reason and the restart type.
  bool failed_restart = false;
};

/// What follows from a death.
struct decision {
  enum class outcome : std::uint8_t {
    /// The child stays down.
    none,
    /// Children are started again.
    restart,
    /// The child has exceeded its own budget and stays down for good.
    child_gives_up,
    /// The intensity is exceeded: the supervisor ends with this death's reason.
    give_up,
    /// The supervisor ends normally, as its significant children have.
    auto_shutdown,
  };

  outcome what = outcome::none;
  /// Live children that are stopped, in this order.
  std::vector<std::size_t> stop;
  /// Children that are then started, in this order.
  std::vector<std::size_t> start;
  /// Children whose descriptions are deleted once they have ended.
  std::vector<std::size_t> remove;
  /// Time before the first start.
  caf::timespan delay{0};

  friend bool operator==(const decision&, const decision&) = default;
};

/// Decides on a death: a function of its arguments alone. `children` are in the order of their start; `window` holds the
/// restarts that count, the supervisor's or the child's own; a restart that is decided on is yet to be added
/// to it. `history` is the child's.
decision decide(const supervisor_spec& spec, std::span<const supervised> children, const unasked_death& death,
                const restart_window& window, const backoff_history& history, restart_time now,
                double random);

/// The history of a child after a restart that was decided on at `now`.
backoff_history after_restart(const backoff& delays, const backoff_history& history, restart_time now);

} // namespace interp_actors
