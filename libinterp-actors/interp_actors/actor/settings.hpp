#pragma once

#include "interp_actors/message/channel_end.hpp"

#include <caf/timespan.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace interp_actors {

/// How much may wait in a mailbox. What comes beyond is refused: requests with `errc::mailbox_full`;
/// asynchronous messages become dead letters.
struct mailbox_limits {
  /// Messages; 0 is no limit.
  std::size_t messages = 65'536;
  /// Bytes of the payloads that are arguments themselves, or packed ones, not of those inside of other values; 0 is
  /// no limit.
  std::size_t bytes = 0;
};

/// What, besides `BaseException`s, ends an incarnation.
enum class fail_on {
  /// An `Exception` that leaves a request handler answers the request, and the incarnation lives.
  base_exceptions,
  /// Every exception that leaves a handler ends the incarnation, as in OTP; so does a
  /// result of a wrong type.
  exceptions,
};

/// How an interpreter is spawned.
struct spawn_options {
  /// For logs, and for the name of the thread (its first 15 characters).
  std::string name = "interpreter";
  /// Functions of the source that must exist and be callable, or the spawn fails.
  std::vector<std::string> functions;
  /// For typed actors: the class of the source whose methods are the handlers. An instance is made at the
  /// start and holds the state; empty for functions.
  std::string class_name;
  mailbox_limits mailbox;
  /// Time for each message, from its acceptance into the mailbox to the end of its handler; 0 is no deadline.
  caf::timespan deadline{0};
  /// Deadlines of single functions, by the name that callers give; they replace `deadline`.
  std::map<std::string, caf::timespan, std::less<>> handler_deadlines;
  /// Time for creating the interpreter and loading its source; 0 is no deadline.
  caf::timespan start_deadline = std::chrono::seconds{30};
  interp_actors::fail_on fail_on = interp_actors::fail_on::base_exceptions;
  /// Ends of channels that are globals of that name before the source runs.
  channel_bindings channels;
};

/// What incarnations that follow each other do for their address.
struct succession_options {
  /// How many incarnations may die of one message before it is put aside as a dead letter. With 0, its sender is told of the first
  /// death and nothing is put aside. An end with exit code 0 is none: the message is done, and its sender is told `errc::exited`.
  unsigned attempts = 0;
  /// Calls `snapshot()` of the source after that many messages, once the last of them is answered; 0 is never. The last
  /// snapshot is kept with the child: also while it is terminated, until it is deleted or its supervisor ends.
  std::size_t snapshot_messages = 0;
  /// Calls it at most that long after a message that no snapshot has seen; 0 is never.
  caf::timespan snapshot_interval{0};
  /// Replaces an incarnation that has been given that many messages, or is that old; 0 is never. Does not count against the
  /// supervisor's intensity.
  std::size_t recycle_messages = 0;
  caf::timespan recycle_age{0};
};

/// Limits that hold for every interpreter of a runtime.
struct interpreter_settings {
  /// From an interrupt to giving up: the time that code has to end once it was interrupted.
  caf::timespan grace = std::chrono::milliseconds{500};
  /// Time that a running handler has to end when its interpreter is asked to stop (`exit_reason::kill` gives
  /// none). OTP's default for a worker's shutdown.
  caf::timespan shutdown_timeout = std::chrono::seconds{5};
  /// How long Python code waits for another actor's answer where it does not say. OTP's default.
  caf::timespan call_timeout = std::chrono::seconds{5};
  /// Time that an ending interpreter gives the Python threads and atexit functions which its code left behind. Threads
  /// are made to raise SystemExit after 0.1 s, atexit functions after half of it.
  caf::timespan teardown_timeout = std::chrono::seconds{2};
  /// Time that an ended interpreter waits for others to let go of its bytes.
  caf::timespan linger_timeout = std::chrono::seconds{30};
  /// Python `bytes` of at least this size travel without a copy.
  std::size_t pin_threshold = 4096;
};

} // namespace interp_actors
