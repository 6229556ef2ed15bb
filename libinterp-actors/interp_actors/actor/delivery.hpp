#pragma once

#include "interp_actors/base/death_report.hpp"

#include <caf/mailbox_element.hpp>

#include <memory>
#include <vector>

namespace interp_actors {

class mailbox;

/// A message that waits, with the incarnations that died of it. Its deadline stands in its element, where the mailbox
/// keeps it.
struct delivery {
  caf::mailbox_element_ptr element;
  std::vector<std::shared_ptr<const death_report>> deaths;
};

/// A queue that several mailboxes share, whose consumers take from it what they have time for: the mailbox of a
/// fleet. A consumer whose own mailbox is empty comes here for more.
/// Thread: any. `pull` and `leave` are called with the mutex of `by` held, so they call back nothing of a mailbox,
/// and never wait.
/// Owner: the fleet and its mailboxes.
class shared_queue {
public:
  shared_queue() = default;
  shared_queue(const shared_queue&) = delete;
  shared_queue& operator=(const shared_queue&) = delete;
  virtual ~shared_queue() = default;

  /// From now on the consumers of `box` may pull.
  virtual void join(mailbox& box) = 0;

  /// Its consumers pull no more; what the last one handles it may finish or put back. To be called before `box` goes.
  virtual void part(mailbox& box) = 0;

  /// Takes the next message for the consumer of `by` into `next`, which says that it is done with its last one; or
  /// returns false, and remembers that this consumer is idle: its bell is rung when there is something, perhaps in
  /// vain.
  virtual bool pull(mailbox& by, delivery& next) = 0;

  /// The consumer of `by` is done with its last message, and takes nothing until it pulls again. To be called by one
  /// that was told that there is nothing, and turns to something else before it pulls again: a message of its own
  /// mailbox, or its end. What it may have been rung for goes to another one then.
  virtual void leave(mailbox& by) = 0;

  /// Takes back what the consumer of `by` has pulled last, whose handling was cut short and which nobody has answered:
  /// to be the next one, or to be answered and put aside where it has had its attempts. To be called before that
  /// consumer leaves or pulls again, and without a lock.
  virtual void put_back(mailbox& by, delivery again) = 0;
};

} // namespace interp_actors
