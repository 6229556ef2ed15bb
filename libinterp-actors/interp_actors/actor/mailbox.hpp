#pragma once

#include "interp_actors/actor/settings.hpp"
#include "interp_actors/base/bell.hpp"
#include "interp_actors/compat.hpp"

#include <caf/error.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

namespace interp_actors {

using deadline_clock = std::chrono::steady_clock;
using time_point = deadline_clock::time_point;
inline constexpr time_point no_deadline = time_point::max();

/// The time `limit` from now; `no_deadline` for one too far away to count.
time_point time_after(std::chrono::nanoseconds limit);

/// Time that interrupted code has to unwind before its caller is answered without its traceback.
inline constexpr std::chrono::milliseconds unwind_time{20};

/// Time that an idle consumer has to notice that it is to stop, besides what it is given.
inline constexpr std::chrono::milliseconds idle_slack{250};

/// Answers `element` with `content`, reusing it; does nothing for what is no request.
void answer_request(caf::mailbox_element_ptr element, caf::actor_control_block* responder,
                    caf::message content);

/// Why a running activity was interrupted.
enum class interrupt_cause : std::uint8_t { none, deadline, cancelled, stopping };

/// The mailbox of an address: outlives the incarnations that take from it, one after the other.
///
/// Senders push without a lock. Taking, the deadlines of what waits, and what the consumer does at the moment
/// (its *activity*) are guarded by one mutex, so that the timer can answer for a consumer that is stuck.
/// Whoever ends an activity first, its consumer or the timer, answers its request; the other finds it gone.
///
/// Life of the address: while its consumer is not parked, the mailbox holds one strong reference to the
/// address, so an accepted message is handled even if the last handle is dropped. A consumer that parks gives
/// the reference back.
/// Thread: `push`, `close`, `stop_activity`, `cancel` any; `take`, `park`, `begin`, `end` the consumer;
/// `expire` and `step` the timer.
class mailbox {
public:
  enum class push_result { accepted, full, closed };

  /// Numbers the incarnations of an address.
  using consumer_number = std::uint64_t;
  /// Numbers what a consumer does.
  using activity_number = std::uint64_t;

  struct taken {
    /// `expired` is a request whose deadline has passed, to be answered by the consumer.
    enum class kind { message, expired, empty, closed, fenced } what = kind::empty;
    caf::mailbox_element_ptr element;
    activity_number activity = 0;
  };

  /// How an activity ended, for its consumer.
  struct outcome {
    /// The consumer still counts: it was not abandoned.
    bool current = false;
    /// Nobody has answered the request yet.
    bool unanswered = false;
    interrupt_cause cause = interrupt_cause::none;
    /// The mailbox takes nothing any more.
    bool closed = false;
  };

  /// What the timer is to do next.
  struct ladder_step {
    /// `insist` interrupts once more, and `make_way` is for a consumer that runs nothing and does not notice that
    /// it is to stop: see `interrupter`.
    enum class kind { wait, interrupt, insist, make_way, abandon } what = kind::wait;
    activity_number activity = 0;
    time_point next = no_deadline;
  };

  explicit mailbox(const mailbox_limits& limits) : limits_{limits} {}
  mailbox(const mailbox&) = delete;
  mailbox& operator=(const mailbox&) = delete;
  ~mailbox();

  /// Ties the mailbox to its address, before the first message.
  void bind(caf::actor_control_block* address) { address_ = address; }
  caf::actor_control_block* address() const noexcept { return address_.get(); }

  /// Returns a handle of the address, or null where the last one is gone.
  caf::strong_actor_ptr lock_address() const noexcept { return address_.lock(); }

  /// The bell that wakes the consumer; for pins, too.
  const std::shared_ptr<bell>& wake() const noexcept { return bell_; }

  // -- senders
  // ----------------------------------------------------------------------------------------------------

  /// Takes `element` over unless it is refused; `deadline` may be `no_deadline`.
  push_result push(caf::mailbox_element_ptr& element, time_point deadline);

  /// The same for what the interpreter's own code waits for: it is never full for that, and it takes nobody's
  /// place. There is at most one for each callback that the code has registered.
  push_result push_event(caf::mailbox_element_ptr& element);

  /// Refuses everything from now on, and answers what waits with `reason`. Later calls do nothing.
  /// `reachable` is false when the last handle is gone, for the thread that dropped it; others that come
  /// between the two leave the closing to it. Returns whether this call closed it.
  bool close(caf::error reason, bool reachable = true);

  /// Gives what runs, or is about to begin, until `when` at the latest; it counts as stopping then. A consumer
  /// that runs nothing has until `when` and `idle_slack` to notice. Does nothing once the consumer winds down.
  void stop_activity(time_point when);

  /// Gives the winding down until `when` at the latest.
  void hurry(time_point when);

  /// Marks the running request as cancelled and returns its activity, or 0 where none runs.
  activity_number cancel(time_point answer_at);

  /// The same for the one request `id` of `sender`. If it waits, it is answered at once, and the result is 0.
  activity_number cancel(const caf::actor_control_block* sender, caf::message_id id, time_point answer_at);

  /// Why the mailbox is closed; an error without a code for a normal end.
  caf::error reason() const;
  bool unreachable() const;

  std::size_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  // -- the consumer
  // -----------------------------------------------------------------------------------------------

  /// Makes the caller the consumer, with a reference to the address. Earlier ones are fenced.
  consumer_number attach();

  /// Takes the next message, urgent ones first, and begins its activity; or says why there is none. Where it
  /// is empty, the next push rings the bell.
  taken take(consumer_number consumer);

  /// Waits until there may be something to take, or the bell has been rung for another reason. To be called
  /// after `take` found the mailbox empty.
  void park();

  /// Begins an activity without a message: the start, or a part of the winding down, which no `stop_activity`
  /// shortens. Returns 0 where the consumer is fenced.
  enum class phase { start, end };
  activity_number begin(consumer_number consumer, time_point deadline, phase of);

  /// Whether `consumer` still counts.
  bool is_current(consumer_number consumer) const;

  /// Ends the activity.
  outcome end(consumer_number consumer, activity_number activity);

  /// Gives back the consumer's reference to the address; the address may be gone afterwards.
  void release_address() noexcept;

  // -- the timer
  // --------------------------------------------------------------------------------------------------

  /// Answers waiting requests whose deadline has passed; returns the earliest deadline of those that still
  /// wait.
  time_point expire(time_point now);

  /// Moves what `consumer` runs up the ladder: interrupt, answer, interrupt again, abandon (which fences it).
  /// Does nothing for a consumer that is fenced already.
  ladder_step step(consumer_number consumer, time_point now, std::chrono::nanoseconds grace);

private:
  using element_type = caf::mailbox_element;

  /// A singly linked list of elements, first in first out. Owns them.
  struct element_list {
    element_type* first = nullptr;
    element_type* last = nullptr;

    void push_back(element_type* element) noexcept;
    element_type* pop_front() noexcept;
  };

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

  /// Whether the inbox bears the parked mark for the consumer, and whether that has given back its reference
  /// to the address.
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
  void refill();                                  // needs mutex_
  bool mark_parked(); // needs mutex_: the timer's refill must not empty the inbox before the mark
  void sort_in(element_type* newest_first); // needs mutex_
  void forget(const element_type& element); // bounds
  void limit_to_stop();                     // needs mutex_
  void climb(time_point now, std::chrono::nanoseconds grace, ladder_step& result,
             caf::mailbox_element_ptr& answer,
             caf::error& why);            // needs mutex_
  caf::mailbox_element_ptr take_answer(); // needs mutex_; null where the request has been answered

  alignas(64) std::atomic<element_type*> inbox_{nullptr};
  std::atomic<std::size_t> waiting_messages_{0};
  std::atomic<std::size_t> waiting_bytes_{0};
  std::atomic<std::size_t> dropped_{0};
  const mailbox_limits limits_;
  caf::weak_actor_ptr address_;
  const std::shared_ptr<bell> bell_ = std::make_shared<bell>();

  alignas(64) mutable std::mutex mutex_;
  element_list urgent_;
  element_list normal_;
  activity current_;
  activity_number last_activity_ = 0;
  consumer_number consumer_ = 0;
  caf::error reason_;
  bool closed_ = false;
  bool unreachable_ = false;
  bool winding_down_ = false;
  time_point stop_at_ = no_deadline; // by when the consumer is to wind down
  parking parking_ = parking::no;    // the consumer's own
};

/// Bytes of the payloads that are elements of `content`, alone or in a vector or packed.
std::size_t payload_bytes(const caf::message& content);

} // namespace interp_actors
