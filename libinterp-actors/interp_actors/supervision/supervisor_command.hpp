#pragma once

#include "interp_actors/base/death_report.hpp"
#include "interp_actors/supervision/restart_policy.hpp"

#include <caf/error.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace interp_actors {

/// A child's place below its supervisor, and with it the child's address. Ids are never used again, and a child that was
/// started later has a greater one.
using slot_id = std::uint64_t;

/// Names an operation; whoever asks for it chooses the number.
using ticket_id = std::uint64_t;

/// How an incarnation ended, as its supervisor is told.
struct child_death {
  /// Without `restarts_left`.
  death_report report;
  /// Without a code for a normal end.
  caf::error error;
  /// A successor can take over at once, without waiting for the end of the dead one's teardown.
  bool ready_successor = false;
};

// -- what a supervisor's core wants done, in this order ------------------------------------------------------------------

/// Start this incarnation of the child, and tell of it: started, or died; then gone.
struct start_incarnation {
  slot_id slot = 0;
  /// From 1 on.
  std::uint64_t incarnation = 0;
  std::shared_ptr<const child_spec> spec;
  /// How the child ended last, by itself or not; null for the first.
  std::shared_ptr<const death_report> previous;
};

/// Ask this incarnation, which starts or runs, to end.
struct stop_incarnation {
  slot_id slot = 0;
  std::uint64_t incarnation = 0;
  shutdown how = shutdown::wait_for_ever();
  caf::error reason;
};

/// Answer what waits for the child and what comes later with `reason`: for ever, or until an incarnation is started. The
/// dead incarnation's teardown may go on. Comes again, for good, for a child that gave up and is deleted.
struct close_address {
  slot_id slot = 0;
  bool for_good = false;
  caf::error reason;
};

/// Call `on_timer` at `at`, or a little later. It replaces the one before. A call that comes too early does no harm.
struct arm_timer {
  restart_time at;
};

/// Tell the owner of a death.
struct publish_death {
  slot_id slot = 0;
  std::shared_ptr<const death_report> report;
};

/// The operation is done, or `error` says why it is not. `slot` is the child that was started, or exists already.
struct reply_operation {
  ticket_id ticket = 0;
  caf::error error;
  slot_id slot = 0;
};

/// All children of the description have been started.
struct tree_started {};

/// The supervisor has ended; all its children are gone. The last command, but for answers to operations.
struct supervisor_ended {
  death_reason reason = death_reason::shutdown;
  caf::error error;
};

using supervisor_command = std::variant<start_incarnation, stop_incarnation, close_address, arm_timer,
                                        publish_death, reply_operation, tree_started, supervisor_ended>;
using supervisor_commands = std::vector<supervisor_command>;

// -- what a supervisor knows of its children ------------------------------------------------------------------------------

enum class child_state : std::uint8_t {
  /// It will be started: when its turn has come, its backoff has passed and its last incarnation is gone.
  waiting,
  starting,
  running,
  stopping,
  /// An operation, or its siblings' restart, can start it again.
  down,
  down_for_good,
};

std::string to_string(child_state state);

struct child_info {
  std::string name;
  slot_id slot = 0;
  child_kind kind = child_kind::worker;
  child_state state = child_state::waiting;
  /// The last one that was started; 0 for none.
  std::uint64_t incarnation = 0;
  /// How often the supervisor has started it again by itself, replacements of incarnations that served long enough included.
  std::size_t restarts = 0;
  /// Null for none.
  std::shared_ptr<const death_report> last_death;
};

/// Source: OTP 28, supervisor, count_children().
struct child_counts {
  /// Descriptions; 1 with the strategy `dynamic`.
  std::size_t specs = 0;
  /// Children that run.
  std::size_t active = 0;
  /// All children of that kind, alive or not.
  std::size_t supervisors = 0;
  std::size_t workers = 0;

  friend bool operator==(const child_counts&, const child_counts&) = default;
};

} // namespace interp_actors
