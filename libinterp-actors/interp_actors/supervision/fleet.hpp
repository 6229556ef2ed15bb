#pragma once

#include "interp_actors/actor/message_key.hpp"
#include "interp_actors/actor/settings.hpp"
#include "interp_actors/base/channel_queue.hpp"
#include "interp_actors/base/fleet_stats.hpp"
#include "interp_actors/base/source.hpp"
#include "interp_actors/supervision/python_child.hpp"
#include "interp_actors/supervision/tree.hpp"

#include <caf/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace interp_actors {

/// From when on the deadline of a message counts.
enum class deadline_start : std::uint8_t { accepted, taken };

/// How many interpreters do one work, and how.
struct fleet_options {
  interp_actors::source source;
  /// Members.
  std::size_t size = 1;
  /// For its members' names, errors and dead letters.
  std::string name = "fleet";
  /// How each member is spawned; `name` and `mailbox` do not matter. Of channels, sending ends alone: a receiving end would be the
  /// first member's.
  spawn_options spawn = {};
  /// From when on deadlines count: the acceptance into the fleet's queue, or the moment at which a member takes the message, anew
  /// for each attempt. Then what waits, as while members are started again, waits as long as it takes.
  deadline_start deadlines = deadline_start::accepted;
  /// What may wait in the queue; one message is always let in.
  mailbox_limits mailbox = {};
  /// Beyond that: `fail` answers requests with `errc::mailbox_full`; `wait` lets them in all the same, in their order, and it is
  /// their senders who wait: the bound is then the number of requests that these make before an answer. Nobody waits with an
  /// asynchronous message, which is a dead letter then.
  interp_actors::when_full when_full = interp_actors::when_full::fail;
  /// How many members may die of one message before it is put aside as a dead letter. With 0, its sender is told of the
  /// first death.
  unsigned attempts = 0;
  /// Interpreters that have loaded the source beforehand; any member's restart takes one of them.
  std::size_t spares = 0;
  /// Replaces a member that has been given that many messages, or is that old; 0 is never.
  std::size_t recycle_messages = 0;
  caf::timespan recycle_age{0};
  /// Messages with equal keys go to one member, in their order, as long as the members stay the same.
  message_key key = nullptr;
  /// A member that dies more often than that within `period` stays down for good; the fleet fails when all are.
  int intensity = 10;
  caf::timespan period = std::chrono::seconds{10};
  interp_actors::backoff backoff = {};
  interp_actors::shutdown shutdown = shutdown::within(std::chrono::seconds{5});
  /// As those of `python_options`.
  std::vector<std::string> modules = {};
  std::string virtual_env = {};
  /// Where its members run, each for itself; see `python_options::on`.
  placement on = {};
  /// Is told of each death of a member.
  death_handler on_death = nullptr;
};

namespace detail {

class fleet_state;

std::shared_ptr<fleet_state> make_fleet(const std::shared_ptr<roster>& home, fleet_options options,
                                        std::shared_ptr<const typed_start> typed, caf::error& problem);

} // namespace detail

/// What fleets have in common, whatever their interface. Copies stand for the same one; the fleet does not end with the last
/// of them, but by `stop`, when all its members are down for good, or with the runtime.
/// Thread: any but an actor's of CAF where it says that it waits.
class fleet_control {
public:
  explicit fleet_control(std::shared_ptr<detail::fleet_state> state) : state_{std::move(state)} {}

  /// Gives each member a copy of an asynchronous message, with the deadline of any other message; returns how many there
  /// were. There need be room for one only. What a member has not taken when it is removed is dropped.
  std::size_t broadcast(const caf::message& content) const;

  /// Starts or stops members until there are `size`, not counting those that are down for good, which are forgotten. Those that
  /// stop have `fleet_options::shutdown` for what they do, which is then interrupted, and delivered again with `attempts`. Waits
  /// for all that.
  /// Errors: why a member did not start; `errc::stopped`; `errc::invalid_spec` for 0.
  caf::error resize(std::size_t size) const;

  /// Refuses new messages, waits until all others are done, and stops. Returns false where that has not come about within
  /// `limit`; the fleet goes on draining then. Others may drain it at the same time.
  bool drain(caf::timespan limit) const;

  /// Refuses new messages, answers those that wait, and stops the members all at once, within their limit. Waits for that.
  void stop() const;

  /// Waits until the fleet has ended; returns why, an error without a code where it was stopped.
  caf::error wait() const;

  fleet_stats stats() const;

  /// The members with their restarts, for people.
  std::string to_text() const;

protected:
  const caf::strong_actor_ptr& address() const;

private:
  std::shared_ptr<detail::fleet_state> state_;
};

/// A fleet of interpreters behind one handle. Members take what waits longest as soon as they have time: a slow request never
/// keeps others waiting while a member is idle.
template <class Handle>
class fleet : public fleet_control {
public:
  using fleet_control::fleet_control;

  /// What users send to. It stays valid over all restarts.
  Handle handle() const { return caf::actor_cast<Handle>(address()); }
};

/// Starts a fleet and waits until its members have started.
/// Errors: as those of `start_tree`.
template <class Handle>
caf::expected<fleet<Handle>> start_fleet(const std::shared_ptr<roster>& home, fleet_options options,
                                         std::shared_ptr<const typed_start> typed) {
  caf::error problem;
  auto state = detail::make_fleet(home, std::move(options), std::move(typed), problem);
  if (!state)
    return problem;
  return fleet<Handle>{std::move(state)};
}

} // namespace interp_actors
