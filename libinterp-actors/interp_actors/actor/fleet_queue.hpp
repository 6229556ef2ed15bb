#pragma once

#include "interp_actors/actor/dead_letter.hpp"
#include "interp_actors/actor/delivery.hpp"
#include "interp_actors/actor/message_key.hpp"
#include "interp_actors/actor/settings.hpp"
#include "interp_actors/actor/timer.hpp"
#include "interp_actors/base/bell_pool.hpp"
#include "interp_actors/base/channel_queue.hpp"
#include "interp_actors/base/fleet_stats.hpp"

#include <caf/error.hpp>
#include <caf/message.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace interp_actors {

/// How a fleet's queue treats what comes.
struct fleet_queue_options {
  /// For errors and dead letters.
  std::string name = "fleet";
  /// What may wait. One message is always let in, however large.
  mailbox_limits limits;
  /// What happens beyond the limits: `fail` answers requests with `errc::mailbox_full`; `wait` keeps them all the same,
  /// however many, in their order, and their deadline counts. Asynchronous messages are dead letters either way.
  interp_actors::when_full when_full = interp_actors::when_full::fail;
  /// Incarnations that may die of one message before it is put aside. With 0, its sender is told of the first death and
  /// nothing but an asynchronous message is put aside.
  std::size_t attempts = 0;
  /// Messages with equal keys go to one member, as long as the members stay the same. Null where there are no keys.
  message_key key;
  /// The deadline of a message that a member takes now. Null where deadlines count from the acceptance, and `push` is given them.
  /// Called with the mutex held.
  std::function<time_point(const caf::message&)> deadline_when_taken = nullptr;
};

/// The messages of a fleet on their way: many senders, and several members, whose consumers take from it.
///
/// Urgent messages come first, else the one that waits longest. A message with a key and a broadcast one wait for one
/// member alone, in a lane of its own; all others for whoever comes first. When a member is removed or added, the keys
/// are dealt out anew, with what waits under them.
///
/// Who is woken: each message that any member may take *calls* one idle member, the one that was busy last, whose caches
/// are warm. At any time either no member is idle or as many are called as such messages wait; so nothing waits beside an
/// idle member, and nobody is woken without need. A called member that does not come says so: `leave`, `remove_member`.
/// Every change ends with `settle`, which restores this.
/// - A push while a member looks in vain: one of the two has the mutex first. Either the member finds the message, or it
///   is idle when the message comes, and its bell, which remembers, is rung before it waits.
/// - A called member is overtaken by one that was busy: it finds nothing and is idle again.
/// - A called member dies, or takes something else: `leave` calls another one, if any is idle; if none is, those that
///   are busy look here before they rest.
/// - It is called, but takes a message from its own lane: `settle` in that `pull` calls another one.
///
/// Lock order: a mailbox's mutex, then this one's, under which nothing is called. Bells are rung, senders answered and
/// dead letters given without it.
/// Thread: any.
/// Owner: the fleet's address, its supervisor and the members' mailboxes.
class fleet_queue final : public shared_queue,
                          public timer::client,
                          public std::enable_shared_from_this<fleet_queue> {
public:
  /// Makes sure that the timer ticks for a client at that time: the roster's `arm`.
  using arm_timer = std::function<void(const std::shared_ptr<timer::client>&, time_point)>;

  /// Errors: std::invalid_argument for `when_full::drop_oldest`.
  fleet_queue(fleet_queue_options options, std::shared_ptr<dead_letter_office> office, arm_timer arm);
  ~fleet_queue() override; // answers what waits, as requests are always answered

  const fleet_queue_options options;

  // -- senders
  // ----------------------------------------------------------------------------------------------------

  /// Takes `element`, or answers it. Returns false where the queue is closed. Never blocks.
  bool push(caf::mailbox_element_ptr element, time_point deadline);

  /// Gives each member an asynchronous message of its own, and returns how many there were; 0 where the queue takes
  /// nothing, or has no room for one; beyond that, all are let in. A copy is never handled by another member: what a member
  /// leaves behind is its successor's, and is dropped with a member that is removed.
  std::size_t broadcast(const caf::message& content, time_point deadline);

  // -- the fleet's supervisor
  // -------------------------------------------------------------------------------------

  /// From now on the consumer of `box` gets messages. `slot` says which of the members it is, for the keys.
  /// Precondition: neither the slot nor the mailbox is taken.
  void add_member(std::size_t slot, mailbox& box);

  /// Its consumer gets no more messages; what it handles it may finish or put back. To be called before the mailbox
  /// goes. Does nothing for a slot without a member.
  void remove_member(std::size_t slot);

  /// Refuses new messages (`errc::stopped`), and calls `done` once nothing waits and no member is busy with anything,
  /// or the queue is closed. `done` may be called with the mutex of a member's mailbox held, in any thread: it must
  /// do nothing but pass the word on.
  void drain(std::function<void()> done);

  /// Refuses everything from now on, and answers what waits with `reason`; an error without a code stands for a normal
  /// end. Later calls do nothing.
  void close(caf::error reason);

  fleet_stats stats() const;

  /// As a member in the next slot, and out of it.
  void join(mailbox& box) override;
  void part(mailbox& box) override;

  // -- members
  // ----------------------------------------------------------------------------------------------------

  bool pull(mailbox& by, delivery& next) override;
  void leave(mailbox& by) override;
  void put_back(mailbox& by, delivery again) override;

  // -- the timer
  // --------------------------------------------------------------------------------------------------

  /// Answers waiting requests whose deadline has passed, drops asynchronous messages, and returns the earliest deadline
  /// of those that still wait.
  time_point expire(time_point now);

protected:
  time_point tick(time_point now) override;

private:
  struct waiting {
    delivery what;
    time_point since; // when it came, or was put back
    std::size_t bytes = 0;
    std::optional<std::size_t> key;
    bool broadcast = false;
    bool again = false; // put back: before all others
  };

  /// Messages in their order.
  struct lane {
    std::deque<waiting> urgent;
    std::deque<waiting> normal;

    std::deque<waiting>* next() noexcept; // the list whose front comes next; null where there is nothing
    std::size_t size() const noexcept { return urgent.size() + normal.size(); }
  };

  struct member {
    std::size_t slot = 0;
    std::shared_ptr<doorbell> wake;
    lane own;
    /// Away: nobody waits for it. Called: rung for a message that any member may take.
    enum class state { away, idle, called } is = state::away;
    bool busy = false;
    bool handles_broadcast = false; // while busy
    bool removed = false;           // and busy still
  };

  enum class phase { open, draining, closed };

  /// What is to be done once the mutex is free: its destructor does it.
  struct aftermath {
    std::vector<std::shared_ptr<doorbell>> bells;
    std::shared_ptr<doorbell> first_bell; // mostly the only one, which takes no memory
    std::vector<std::function<void()>> drained;

    void ring(const std::shared_ptr<doorbell>& which);
    ~aftermath();
  };

  using message_list = std::deque<waiting>;

  // Those that take or return these structures need mutex_, the others must not have it.
  member* find(const mailbox& box);
  bool has_room(std::size_t bytes) const;
  member* owner_of(const waiting& message) const; // by its key; null where any member may take it
  void insert(waiting message, member* owner, aftermath& after);
  void place(waiting message, member* owner, aftermath& after);
  void forget(const waiting& message);
  message_list* next_for(member& one);
  void rest(member& one); // away, and done with its last message
  void deal_out_anew(std::vector<waiting> keyed, aftermath& after);
  void settle(aftermath& after);
  template <class F>
  void for_each_list(F f);
  caf::error refusal() const; // needs mutex_
  std::optional<std::size_t> key_of(const caf::message& content) const;
  void give_up(delivery message, caf::error why, bool is_letter);
  void arm(time_point deadline);

  const std::shared_ptr<dead_letter_office> office_;
  const arm_timer arm_;

  mutable std::mutex mutex_;
  phase phase_ = phase::open;
  caf::error reason_; // of the closing
  lane shared_;       // for any member
  std::unordered_map<const mailbox*, member> members_;
  std::vector<member*> slots_; // those that are not removed, by their slots
  std::vector<member*> idle_;  // the last one is called first
  std::size_t next_slot_ = 0;
  std::size_t called_ = 0;
  std::size_t busy_ = 0;
  std::size_t waiting_ = 0;
  std::size_t waiting_bytes_ = 0;
  std::vector<std::function<void()>> drained_; // of those who want to know
  fleet_stats totals_;
};

} // namespace interp_actors
