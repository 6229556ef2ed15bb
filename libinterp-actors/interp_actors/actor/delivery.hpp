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
/// Thread: any. It is called with the mutex of `by` held, so it must call back nothing of a mailbox, and never waits.
/// Owner: the fleet and its mailboxes.
class shared_queue {
public:
  shared_queue() = default;
  shared_queue(const shared_queue&) = delete;
  shared_queue& operator=(const shared_queue&) = delete;
  virtual ~shared_queue() = default;

  /// Takes the next message for the consumer of `by` into `next`; or returns false, and remembers that this
  /// consumer is idle: its bell is rung when there is something, perhaps in vain.
  /// Death: a consumer that dies after it was rung calls `leave`, which rings another one's.
  virtual bool pull(mailbox& by, delivery& next) = 0;

  /// The consumer of `by` takes nothing any more, until it pulls again.
  virtual void leave(mailbox& by) = 0;

  /// Takes a message back whose handling was cut short, to be the next one; or to be answered and put aside where it
  /// has had its attempts.
  virtual void put_back(delivery again) = 0;
};

} // namespace interp_actors
