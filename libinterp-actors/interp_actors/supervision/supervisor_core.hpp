#pragma once

#include "interp_actors/supervision/supervisor_command.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>

namespace interp_actors {

/// The mind of one supervisor: is told what happens and when, and says what is to be done. It knows no clock, no thread
/// and no actor.
///
/// The commands of one call are carried out in their order before the next call. Events of incarnations that are
/// not the latest, or that say nothing new, change nothing. However many incarnations are lost with a node, that counts once
/// against the intensity: it is one event, and says nothing of the others that ran there.
/// Thread: one at a time.
/// Owner: the supervisor's actor.
class supervisor_core {
public:
  /// `random` returns numbers from 0 up to 1 for the jitter.
  /// Errors: std::invalid_argument where `problems_of(spec)` has something to say.
  supervisor_core(supervisor_spec spec, std::function<double()> random);

  // -- events -----------------------------------------------------------------------------------------------------------

  /// Starts the children one after the other; then comes `tree_started`. If one fails, those before it are stopped, and
  /// the supervisor ends with a start_failed.
  supervisor_commands start(restart_time now);

  supervisor_commands on_started(restart_time now, slot_id slot, std::uint64_t incarnation);

  /// The incarnation has ended, or could not be started.
  supervisor_commands on_death(restart_time now, slot_id slot, std::uint64_t incarnation, child_death death);

  /// Its teardown is over.
  supervisor_commands on_gone(restart_time now, slot_id slot, std::uint64_t incarnation);

  /// The incarnation has served as long as it should: it is stopped and started again, which does not count against the
  /// intensity.
  supervisor_commands recycle(restart_time now, slot_id slot, std::uint64_t incarnation);

  /// It is `arm_timer`'s time, or sooner: then comes another `arm_timer`.
  supervisor_commands on_timer(restart_time now);

  /// Stops the children in the reverse order of their start, one after the other; `dynamic` ones, and those with budgets of
  /// their own, all at once. The first reason to end counts.
  supervisor_commands stop(restart_time now, death_reason reason, caf::error error);

  // -- operations, each answered once, perhaps later: reply_operation -----------------------------------------------------
  // Source: OTP 28, supervisor. A supervisor that ends answers with `errc::stopped`.

  /// Adds a child and is done when it has started; if it fails, its description is not kept. With the strategy `dynamic`,
  /// the template is the description: `child` gives the name, which may be empty, and the body unless it is null.
  /// Errors: `errc::invalid_spec`, `errc::child_exists`, why it did not start.
  supervisor_commands start_child(restart_time now, ticket_id ticket, child_spec child);

  /// Stops a child that stays down until it is started again; is done when it is gone. A temporary or dynamic one
  /// is deleted.
  /// Errors: `errc::no_such_child`.
  supervisor_commands terminate_child(restart_time now, ticket_id ticket, std::string_view name);

  /// Starts a child that is down, and is done when it has started.
  /// Errors: `errc::no_such_child`, `errc::child_active`, `errc::wrong_strategy` for dynamic, `errc::gave_up` for one
  /// that is down for good, why it did not start.
  supervisor_commands restart_child(restart_time now, ticket_id ticket, std::string_view name);

  /// Deletes a child that is down; is done when it is gone.
  /// Errors: `errc::no_such_child`, `errc::child_active`, `errc::wrong_strategy` for dynamic.
  supervisor_commands delete_child(restart_time now, ticket_id ticket, std::string_view name);

  // -- properties -------------------------------------------------------------------------------------------------------

  /// In the order of their start, without those that are deleted.
  std::vector<child_info> list_children() const;

  child_counts count_children() const;

  /// Whether `list_children` names it.
  bool knows(slot_id id) const;

private:
  enum class mode : std::uint8_t { idle, starting, running, stopping, ended };
  enum class phase : std::uint8_t { down, starting, running, stopping };
  enum class closed : std::uint8_t { no, until_started, for_good };

  struct slot {
    slot_id id = 0;
    std::shared_ptr<const child_spec> spec;
    restart_window window; // its own budget
    std::uint64_t incarnation = 0;
    phase now_is = phase::down; // a stopping one is down when it is gone
    bool initial = false;       // its first start is part of the tree's
    bool wanted = false;        // to be started when that is possible
    bool to_stop = false;       // to be stopped when its turn has come
    bool leaving = false;       // deleted; erased when it is gone
    bool gave_up = false;       // has exceeded its own budget
    bool ready = false;         // need not wait until its last incarnation is gone
    closed address = closed::no;
    std::optional<restart_time> not_before;
    std::set<std::uint64_t> tearing_down; // incarnations that are dead and not gone
    std::set<std::string> counted_losses; // of nodes, since this incarnation was started
    slot_id after = 0;                    // a leaving one of the same name, which must be gone first
    std::optional<ticket_id> start_ticket;
    bool discard = false; // deleted if it does not start
    std::vector<ticket_id> end_tickets;
    backoff_history history;
    std::size_t restarts = 0;
    std::shared_ptr<const death_report> last_death;
    caf::error why; // it is stopped or stays down
  };

  bool is_group() const noexcept { return spec_.strategy == one_for_all || spec_.strategy == rest_for_one; }
  bool is_ending() const noexcept { return mode_ == mode::stopping || mode_ == mode::ended; }
  static bool is_live(const slot& s) noexcept;
  static child_state state_of(const slot& s) noexcept;
  slot* find(slot_id id, std::uint64_t incarnation);
  slot* find(std::string_view name);
  slot& add(child_spec child);
  void died(restart_time now, slot& s, child_death death);
  void follow(restart_time now, slot& s, bool failed_restart, const death_report& report,
              const child_death& death);
  void leave(slot& s);
  void begin_end(death_reason reason, caf::error error);
  void reply(ticket_id ticket, caf::error error, slot_id id = 0);
  bool refuse(ticket_id ticket, slot* s, std::string_view name);
  supervisor_commands advance(restart_time now);
  void close_addresses();
  void stop_due();
  void erase_gone();
  void start_due(restart_time now);
  bool can_start(restart_time now, const slot& s);
  void start(slot& s);
  void stop(slot& s);
  void wake_at(restart_time now, restart_time at);
  void forget_settled();

  supervisor_spec spec_;
  std::function<double()> random_;
  mode mode_ = mode::idle;
  std::map<slot_id, slot> slots_;                       // in the order of their start
  std::map<std::string, slot_id, std::less<>> by_name_; // the latest of that name
  std::set<slot_id> unsettled_;                         // those with something to do or to wait for
  slot_id last_id_ = 0;
  std::uint64_t generated_ = 0;
  restart_window window_;
  std::optional<restart_time> armed_;
  supervisor_ended end_;
  supervisor_commands out_;
};

} // namespace interp_actors
