#pragma once

#include "interp_actors/actor/deadline.hpp"
#include "interp_actors/actor/element_list.hpp"
#include "interp_actors/actor/handover.hpp"
#include "interp_actors/actor/settings.hpp"
#include "interp_actors/base/bell_pool.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/message.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace interp_actors {

/// The mailbox of an address: outlives the incarnations that take from it, one after the other.
///
/// Senders push without a lock. Taking, the deadlines of what waits, and what the consumer does at the moment
/// (its *activity*) are guarded by one mutex, so that the timer can answer for a consumer that is stuck.
/// Whoever ends an activity first, its consumer or the timer, answers its request; the other finds it gone.
///
/// Life of the address: while its consumer is not parked, the mailbox holds one strong reference to the
/// address, so an accepted message is handled even if the last handle is dropped. A consumer that parks gives
/// the reference back. A consumer that works on what comes from a shared queue may be parked here; it holds none then.
///
/// Consumers follow each other where a supervisor wants it: one that `vacate`s or is abandoned leaves what waits to
/// the next one that `attach`es. Whatever an earlier one still does finds itself fenced.
/// Thread: `push`, `close`, `stop_activity`, `retire`, `cancel`, `put_back` any; `take`, `park`, `begin`, `end`, `vacate` the
/// consumer; `expire` and `step` the timer.
class mailbox {
public:
  enum class push_result { accepted, full, closed };

  using consumer_number = interp_actors::consumer_number;
  using activity_number = interp_actors::activity_number;
  using taken = taken_message;
  using outcome = activity_outcome;
  using ladder_step = interp_actors::ladder_step;

  explicit mailbox(const mailbox_limits& limits) : mailbox{limits, {}, std::make_shared<bell_pool>()} {}
  mailbox(const mailbox_limits& limits, succession rules, std::shared_ptr<bell_pool> bells);
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;
  ~mailbox();

  /// Ties the mailbox to its address, before the first message.
  void bind(caf::actor_control_block* address) { address_ = address; }
  caf::actor_control_block* address() const noexcept { return address_.get(); }

  /// Returns a handle of the address, or null where the last one is gone.
  caf::strong_actor_ptr lock_address() const noexcept { return address_.lock(); }

  /// Whether consumers may follow each other.
  bool outlives_consumers() const noexcept { return rules_.remembers; }
  /// Wakes the consumer, perhaps in vain.
  void ring() noexcept { door_->ring(); }
  const std::shared_ptr<doorbell>& wake() const noexcept { return door_; }

  /// A bell for one consumer, for its pins, too.
  std::shared_ptr<bell> make_bell() { return door_->make_bell(); }

  // -- senders --------------------------------------------------------------------------------------------

  /// Takes `element` over unless it is refused; `deadline` may be `no_deadline`.
  push_result push(caf::mailbox_element_ptr& element, time_point deadline);

  /// The same for what the interpreter's own code waits for: it is never full for that, and it takes nobody's
  /// place. There is at most one for each callback that the code has registered.
  push_result push_event(caf::mailbox_element_ptr& element);

  /// Refuses everything from now on, and answers what waits with `reason`. Later calls do nothing.
  /// `reachable` is false when the last handle is gone, for the thread that dropped it; others that come
  /// between the two leave the closing to it. Returns whether this call closed it.
  bool close(caf::error reason, bool reachable = true);

  /// Takes messages again, unless nobody can send any.
  void reopen();
  /// Gives what runs, or is about to begin, until `when` at the latest; it counts as stopping then. A consumer
  /// that runs nothing has until `when` and `idle_slack` to notice. Does nothing once the consumer winds down.
  void stop_activity(time_point when);

  /// Asks `consumer` to make room for another one, for `reason`: it takes nothing any more, and has until `when` as with
  /// `stop_activity`. The mailbox stays open. Returns false where the consumer is fenced or the mailbox closed.
  bool retire(consumer_number consumer, const caf::error& reason, time_point when);

  /// Lets the next consumer begin with a message whose handling was cut short; or the next one who takes from the
  /// shared queue, where it came from there. Answered with the reason where the mailbox is closed.
  void put_back(delivery again, bool shared);

  /// Gives the winding down until `when` at the latest.
  void hurry(time_point when);

  /// Marks the running request as cancelled and returns its activity, or 0 where none runs.
  activity_number cancel(time_point answer_at);

  /// The same for the one request `id` of `sender`. If it waits, it is answered at once, and the result is 0.
  activity_number cancel(const caf::actor_control_block* sender, caf::message_id id, time_point answer_at);

  /// Why the mailbox is closed, or its consumer to make room; an error without a code for a normal end.
  caf::error reason() const;
  bool unreachable() const;

  std::size_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  // -- the consumer ---------------------------------------------------------------------------------------

  /// Makes the caller the consumer, with a reference to the address, and `wake` from `make_bell` its bell. Earlier ones
  /// are fenced.
  consumer_number attach(const std::shared_ptr<bell>& wake);

  /// Leaves the mailbox to the next consumer, and what waits in it. Returns the references to the address that the
  /// caller is to give back; none where it is fenced already.
  std::optional<int> vacate(consumer_number consumer);

  /// Takes the next message, urgent ones first, and begins its activity; or says why there is none. Where it
  /// is empty, the next push rings the bell.
  taken take(consumer_number consumer);

  /// Waits until there may be something to take, or the bell has been rung for another reason. To be called
  /// after `take` found the mailbox empty. Returns at once where the consumer is fenced.
  void park(consumer_number consumer);

  /// Begins an activity without a message: the start, or a part of the winding down, which no `stop_activity`
  /// shortens. Returns 0 where the consumer is fenced.
  enum class phase { start, end };
  activity_number begin(consumer_number consumer, time_point deadline, phase of);

  /// Whether `consumer` still counts.
  bool is_current(consumer_number consumer) const;

  /// Ends the activity.
  outcome end(consumer_number consumer, activity_number activity);

  /// The consumer, which has left, is done with what it took from the shared queue; to be called after `put_back`.
  void rest();

  /// Gives back the consumer's reference to the address; the address may be gone afterwards.
  void release_address() noexcept;

  // -- the timer ------------------------------------------------------------------------------------------

  /// Answers waiting requests whose deadline has passed; returns the earliest deadline of those that still
  /// wait.
  time_point expire(time_point now);

  /// Moves what `consumer` runs up the ladder: interrupt, answer, interrupt again, abandon (which fences it).
  /// Does nothing for a consumer that is fenced already.
  ladder_step step(consumer_number consumer, time_point now, std::chrono::nanoseconds grace);

  /// Abandons `consumer` now, if it does anything.
  ladder_step give_up(consumer_number consumer);

private:
  using element_type = caf::mailbox_element;

  struct activity {
    activity_number number = 0;
    element_type* request = nullptr; // borrowed from the consumer, which holds it until the activity's end
    time_point deadline = no_deadline;
    time_point answer_cancelled_at = no_deadline;
    interrupt_cause cause = interrupt_cause::none;
    bool answered = false;
    bool idle = false;                  // stands for what the consumer does not get to do
    int step = 0;                       // of the ladder
    time_point next_step = no_deadline; // counted from the one before, also where the timer came late
  };

  /// What is being handled, where somebody may want to know.
  struct remembered {
    caf::message content;
    caf::strong_actor_ptr sender;
    caf::message_id id;
    std::vector<std::shared_ptr<const death_report>> deaths;
    time_point deadline = no_deadline;
    bool shared = false;
  };

  /// Whether the inbox bears the consumer's mark, and whether that has given back its reference to the address.
  enum class parking { no, marked, parked };

  // Marks in the inbox's head besides a list of elements.
  static element_type* parked_mark() noexcept { return reinterpret_cast<element_type*>(std::uintptr_t{1}); }
  static element_type* closed_mark() noexcept { return reinterpret_cast<element_type*>(std::uintptr_t{2}); }
  static bool is_list(element_type* head) noexcept { return reinterpret_cast<std::uintptr_t>(head) > 2; }

  // What an element waits until stands in CAF's own field `enqueue_time`, which CAF uses in its own mailboxes
  // alone. Events have none, and this instead, which is no time that anybody could ask for.
  static constexpr time_point event_mark = no_deadline - time_point::duration{1};
  static time_point deadline_of(const element_type& element) noexcept;

  bool insert(caf::mailbox_element_ptr& element); // false where it is closed
  void forget(const element_type& element);       // bounds

  // The rest needs mutex_.
  void refill();
  bool mark_parked(); // under it, since the timer's refill must not empty the inbox before the mark
  void sort_in(element_type* newest_first);
  void limit_to_stop();
  int unpark(); // the references to the address that the consumer has then
  void abandon(ladder_step& result);
  void cut_short(ladder_step& result); // abandons, with what is told of it
  bool is_for_the_next() const;        // what is handled, once it is cut short
  void remember(const taken& next);
  delivery pop(bool& shared);
  const caf::error& stop_reason() const noexcept { return closed_ ? reason_ : retire_reason_; }
  void climb(time_point now, std::chrono::nanoseconds grace, ladder_step& result,
             caf::mailbox_element_ptr& answer, caf::error& why);
  caf::mailbox_element_ptr take_answer(); // null where the request has been answered

  alignas(64) std::atomic<element_type*> inbox_{nullptr};
  std::atomic<std::size_t> waiting_messages_{0};
  std::atomic<std::size_t> waiting_bytes_{0};
  std::atomic<std::size_t> dropped_{0};
  const mailbox_limits limits_;
  const succession rules_;
  caf::weak_actor_ptr address_;
  const std::shared_ptr<doorbell> door_; // of the consumer

  alignas(64) mutable std::mutex mutex_;
  element_list urgent_;
  element_list normal_;
  std::deque<delivery> again_; // before all others
  activity current_;
  remembered handled_;                   // beside `current_`
  std::shared_ptr<bell> consumers_bell_; // null before the first one
  activity_number last_activity_ = 0;
  consumer_number consumer_ = 0;
  caf::error reason_;
  caf::error retire_reason_;
  bool closed_ = false;
  bool retiring_ = false;
  bool waits_for_more_ = false; // the shared queue knows that the consumer is idle
  bool unreachable_ = false;
  bool winding_down_ = false;
  time_point stop_at_ = no_deadline; // by when the consumer is to wind down
  parking parking_ = parking::no;    // the consumer's own
};

} // namespace interp_actors
