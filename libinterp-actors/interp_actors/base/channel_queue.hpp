#pragma once

#include "interp_actors/base/bell.hpp"
#include "interp_actors/base/channel_item.hpp"
#include "interp_actors/base/value.hpp"

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>

namespace interp_actors {

/// What a channel does with a message for which it has no room.
enum class when_full : std::uint8_t {
  /// Lets its sender wait.
  wait,
  /// Refuses it.
  fail,
  /// Takes it, and drops the oldest ones instead.
  drop_oldest,
};

/// How much a channel holds, and what its messages are.
struct channel_options {
  /// Messages that may wait; 0 is no limit.
  std::size_t messages = 64;
  /// Bytes that may wait; 0 is no limit. One message is always let in, however large.
  std::size_t bytes = 0;
  interp_actors::when_full when_full = interp_actors::when_full::wait;
  /// Lets Python code send pickled objects. Unpickling runs whatever code the sender wants, so say this only
  /// where all senders are trusted.
  bool objects = false;
  /// For logs and errors.
  std::string name = "channel";
};

/// How an offered message fared.
enum class send_result : std::uint8_t {
  accepted,
  /// There is no room, and its sender may wait for it: nothing was taken.
  wait,
  /// There is no room, and the channel refuses it.
  full,
  /// The channel is closed, or no more messages may come.
  closed,
  /// This message alone failed, for the reason that its `waiting_send` bears.
  failed,
};

/// A message whose sender waits until there is room.
/// Owner: shared by its sender and the channel. `item` is the channel's from the submission to the end.
class waiting_send {
public:
  explicit waiting_send(channel_item item) : item{std::move(item)} {}
  virtual ~waiting_send() = default;

  /// Called once with anything but `wait`, in any thread and without any lock held.
  virtual void finished(send_result result) noexcept = 0;

  channel_item item;
  /// Why it failed; set before `finished(failed)`, by the actor elsewhere that was asked.
  std::optional<error_value> problem;
};

/// Where the messages of a sender go in: the queue itself, or an actor that stands for one elsewhere.
/// Thread: any.
class channel_entry {
public:
  virtual ~channel_entry() = default;

  /// Takes `item` if there is room at once; otherwise leaves it. `dropped` gets what had to give way.
  virtual send_result offer(channel_item& item, std::vector<channel_item>& dropped) = 0;

  /// Takes a message whose sender waits, after `offer` returned `wait`.
  virtual void submit(std::shared_ptr<waiting_send> sender) = 0;

  /// Takes a waiting message back; false where it has been accepted or refused meanwhile.
  virtual bool withdraw(const waiting_send& sender) = 0;

  /// Why the channel is closed.
  virtual std::string reason() const = 0;

  /// Tells the owner of the channel what `offer` dropped. Never called with a lock held.
  virtual void report(std::vector<channel_item> dropped) = 0;

  /// The queue, or null for a channel elsewhere.
  virtual channel_queue* local() noexcept = 0;
};

/// The messages of one channel on their way: many senders, one receiver, bounds in messages and bytes.
///
/// Each sender's messages keep their order; senders that wait are let in first come, first served. The
/// receiver takes all that waits at once, and what it has not handed on yet still counts towards the bounds.
/// Waiters are woken without the mutex, which is held for short times only.
/// Thread: senders and `close` any; the receiver's functions the holder of the lease, in one thread at a time.
/// Death: a sender's end leaves its messages; `end` lets the receiver see the rest; `close` refuses those
/// that wait, drops the rest and tells the owner.
class channel_queue final : public channel_entry {
public:
  /// `element` is what each message consists of: format, itemsize and shape, where -1 as the first length
  /// stands for as many as there are. Nothing for a channel that takes payloads as they are.
  explicit channel_queue(channel_options options, std::optional<buffer_format> element = {});
  ~channel_queue() override;

  /// Names who is told once that the channel was closed, and what was dropped; before the first message.
  void set_owner(std::function<void(const std::string&)> closed,
                 std::function<void(std::vector<channel_item>)> dropped);

  const channel_options options;
  const std::optional<buffer_format> element;

  // -- senders
  // ----------------------------------------------------------------------------------------------------

  send_result offer(channel_item& item, std::vector<channel_item>& dropped) override;
  void submit(std::shared_ptr<waiting_send> sender) override;
  bool withdraw(const waiting_send& sender) override;
  std::string reason() const override;
  void report(std::vector<channel_item> dropped) override;
  channel_queue* local() noexcept override { return this; }

  /// No more messages come: the receiver gets those that are there, then sees the end. A reason that is not
  /// empty makes it an error, and refuses the senders that wait.
  void end(std::string reason = {});

  // -- the receiver
  // -----------------------------------------------------------------------------------------------

  /// The next message, which stays the queue's; null where there is none.
  channel_item* front() { return batch_.empty() ? take_batch() : &batch_.items[batch_.head]; }

  /// Takes the next message.
  /// Precondition: `front` returned it.
  channel_item pop();

  /// Whether `front` would return something, or nothing will come any more.
  bool ready();

  /// Has `bell` rung once when something comes. Returns false where that is the case already.
  bool arm(const std::shared_ptr<bell>& bell);
  void disarm();

  /// Whether nothing will come any more.
  bool finished();

  /// Drops what the receiver has taken and not handed on.
  std::vector<channel_item> take_rest();

  // -- both
  // -------------------------------------------------------------------------------------------------------

  /// Closes the channel for good. Returns whether this call did.
  bool close(const std::string& reason);
  bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }

  /// Messages that wait.
  std::size_t size() const;
  std::size_t waiting_bytes() const;

  /// Counts messages that were dropped because there was no room, and returns how many there were before.
  std::size_t count_dropped(std::size_t n = 1) noexcept {
    return dropped_.fetch_add(n, std::memory_order_relaxed);
  }
  std::size_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

private:
  friend class channel_lease;

  /// First in, first out, in memory that is kept.
  struct item_list {
    std::vector<channel_item> items;
    std::size_t head = 0;

    bool empty() const noexcept { return head == items.size(); }
    std::size_t size() const noexcept { return items.size() - head; }
    void push(channel_item item);
    channel_item pop();
  };

  using senders = std::vector<std::shared_ptr<waiting_send>>;

  bool has_room(std::size_t bytes) const; // needs mutex_, as those below
  bool over_bounds() const;
  void push(channel_item item, std::size_t bytes);
  void admit(senders& admitted);
  std::size_t waiting() const;
  bool nothing_comes() const;
  channel_item* take_batch();       // the receiver, where its own is empty; returns as `front`
  void consumed(std::size_t bytes); // the receiver, without the mutex
  static void finish(senders& of, send_result result) noexcept;

  mutable std::mutex mutex_;
  item_list items_;
  std::deque<std::shared_ptr<waiting_send>> waiters_;
  std::shared_ptr<bell> receiver_bell_; // not null while the receiver waits
  std::string reason_;
  std::size_t pushed_ = 0; // counts all that ever came in
  std::size_t pushed_bytes_ = 0;
  std::size_t removed_ = 0; // those dropped or closed over
  std::size_t removed_bytes_ = 0;
  bool ended_ = false;
  std::atomic<bool> closed_{false};
  std::atomic<std::size_t> dropped_{0};
  std::function<void(const std::string&)> on_closed_;
  std::function<void(std::vector<channel_item>)> on_dropped_;
  const channel_queue* carrier_ = nullptr; // in whose messages the lease travels; guarded by one global mutex

  // Written by the receiver alone; senders read them to know how much room there is.
  alignas(64) std::atomic<std::size_t> consumed_{0};
  std::atomic<std::size_t> consumed_bytes_{0};
  std::atomic<bool> senders_wait_{false};
  item_list batch_; // the receiver's own
};

/// Returns `bytes` as a message of the element type of `queue`.
/// Errors: std::invalid_argument that says what does not fit.
shared_bytes fitted(const channel_queue& queue, shared_bytes bytes);

} // namespace interp_actors
