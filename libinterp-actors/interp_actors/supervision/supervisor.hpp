#pragma once

#include "interp_actors/actor/roster.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/supervision/supervisor_command.hpp"
#include "interp_actors/supervision/supervisor_spec.hpp"

#include <caf/actor_addr.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/result.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace interp_actors {

/// What one supervisor shares with those who look for its children, stop it or wait for it.
/// Thread: any.
/// Owner: the supervisor's actor until it has ended, and all who hold the tree.
class supervisor_link : public std::enable_shared_from_this<supervisor_link> {
public:
  /// How it ended.
  struct ending {
    death_reason reason = death_reason::shutdown;
    caf::error error;
  };

  struct started_event {
    slot_id slot;
    std::uint64_t incarnation;
  };
  struct death_event {
    slot_id slot;
    std::uint64_t incarnation;
    child_death death;
  };
  struct gone_event {
    slot_id slot;
    std::uint64_t incarnation;
  };
  struct due_event {
    slot_id slot;
    std::uint64_t incarnation;
  };
  struct timer_event {};
  struct unsubscribe_event {
    caf::actor_addr who;
  };
  struct stop_event {
    death_reason reason;
    caf::error error;
  };
  /// Its own time is up: children that stop are given up at once.
  struct abandon_event {};
  using event = std::variant<started_event, death_event, gone_event, due_event, timer_event,
                             unsubscribe_event, stop_event, abandon_event>;

  /// Lets the supervisor know, as soon as it is there; does nothing once it has ended.
  void post(event what);

  /// Asks the supervisor to stop, as OTP's `exit(Pid, shutdown)` does.
  void stop() { post(stop_event{death_reason::shutdown, {}}); }

  /// Waits until all children of the description have started, or it has ended instead: returns why, then,
  /// `errc::stopped` where it was stopped.
  caf::error wait_started();

  /// Waits until it has ended.
  ending wait_ended();

  /// The address of the child at `path`, names from here downwards with `/` between; null where there is none at the moment.
  caf::strong_actor_ptr find(std::string_view path) const;

  /// Its actor; null once it has ended.
  caf::strong_actor_ptr handle() const;

  /// Its children as they were a moment ago.
  std::vector<child_info> children() const;

  /// Name and strategy, and a line for each child with its restarts and its last death; those of supervisors below
  /// them, indented.
  std::string to_text() const;

  // -- for the supervisor's actor
  // -----------------------------------------------------------------------------------------

  struct entry {
    caf::strong_actor_ptr address;
    std::shared_ptr<supervisor_link> below; // of a supervisor that runs
  };

  /// Makes the actor, whose events wait until it is known. The first two are for people.
  void spawning(std::string name, supervision_strategy strategy,
                const std::function<caf::strong_actor_ptr()>& make);
  std::deque<event> take_events();
  void set_child(const std::string& name, entry child);
  void drop_child(const std::string& name, const caf::strong_actor_ptr& address);
  void set_children(std::vector<child_info> children);
  void report_started();
  void close(ending how);

  /// Calls back once, when it has started or ended; in the supervisor's thread. To be set before it is spawned.
  std::function<void()> on_started;
  std::function<void(const ending&)> on_ended;

private:
  void write(std::string& out, std::string_view name, const std::string& state,
             const std::string& indent) const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string name_;
  supervision_strategy strategy_ = one_for_one;
  std::deque<event> events_;
  caf::strong_actor_ptr handle_;
  std::map<std::string, entry, std::less<>> children_;
  std::vector<child_info> infos_;
  bool started_ = false;
  std::optional<ending> ended_;
};

/// Lets each child have the kind of its body, and says what is wrong with the description.
/// Errors: `errc::invalid_spec`.
caf::error prepare(supervisor_spec& spec);

/// Starts a supervisor, called `name` in its logs, which starts its children one after the other.
/// Errors: `errc::invalid_spec`.
caf::error start_supervisor(const std::shared_ptr<roster>& home, supervisor_spec spec,
                            const std::string& name, const std::shared_ptr<supervisor_link>& link);

} // namespace interp_actors
