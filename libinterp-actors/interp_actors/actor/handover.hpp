#pragma once

#include "interp_actors/actor/deadline.hpp"
#include "interp_actors/actor/delivery.hpp"

#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

/// What a mailbox, its consumer and the timer tell each other.
namespace interp_actors {

/// Numbers the incarnations of an address.
using consumer_number = std::uint64_t;
/// Numbers what a consumer does.
using activity_number = std::uint64_t;

/// What a consumer is given.
struct taken_message {
  /// `expired` is a request whose deadline has passed, to be answered by the consumer.
  enum class kind { message, expired, empty, closed, fenced } what = kind::empty;
  caf::mailbox_element_ptr element = nullptr;
  activity_number activity = 0;
  time_point deadline = no_deadline;
  /// Incarnations that died of it.
  std::vector<std::shared_ptr<const death_report>> deaths = {};
  /// It came from the shared queue.
  bool shared = false;
};

/// How an activity ended, for its consumer.
struct activity_outcome {
  /// The consumer still counts: it was not abandoned.
  bool current = false;
  /// Nobody has answered the request yet.
  bool unanswered = false;
  interrupt_cause cause = interrupt_cause::none;
  /// The mailbox takes nothing any more, or its consumer is to make room for another one.
  bool closed = false;
};

/// What the timer is to do next.
struct ladder_step {
  /// `insist` interrupts once more, and `make_way` is for a consumer that runs nothing and does not notice that
  /// it is to stop: see `interrupter`.
  enum class kind { wait, interrupt, insist, make_way, abandon } what = kind::wait;
  activity_number activity = 0;
  time_point next = no_deadline;
  /// For one that is abandoned: the references to the address that it leaves, what it was handling, and whether
  /// nobody has answered that, nor will.
  int references = 0;
  caf::message handled;
  std::optional<delivery> unfinished;
  bool shared = false; // `unfinished` came from the shared queue
};

/// What a mailbox does for consumers that follow each other.
struct succession {
  /// It remembers what is being handled, for whoever tells of an abandonment.
  bool remembers = false;
  /// What a consumer was handling that makes room for another one is for that one.
  bool redelivers = false;
  /// Where consumers find more.
  std::shared_ptr<shared_queue> queue;
};

} // namespace interp_actors
