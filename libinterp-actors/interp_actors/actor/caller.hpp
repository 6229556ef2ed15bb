#pragma once

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/actor_system.hpp>
#include <caf/expected.hpp>
#include <caf/timespan.hpp>

#include <memory>
#include <string>
#include <vector>

namespace interp_actors {

/// Lets a C++ thread that is no actor ask actors and wait for the answers. Takes
/// three quarters of the time of a `caf::scoped_actor`, which is woken while the waker still holds its lock.
/// Thread: one at a time, and none that CAF runs actors on. A caller that is destroyed ignores late answers.
class caller {
public:
  explicit caller(caf::actor_system& system);
  caller(const caller&) = delete;
  caller& operator=(const caller&) = delete;
  ~caller();

  /// Calls `function` with one payload and waits for its result.
  /// Errors: those of the request, in the result.
  caf::expected<shared_bytes> call(const interpreter_actor& receiver, std::string function,
                                   shared_bytes argument);

  /// Calls `function` with any number of payloads; `deadline` as for the message, 0 for the actor's own.
  caf::expected<shared_bytes> call(const interpreter_actor& receiver, std::string function,
                                   std::vector<shared_bytes> arguments = {}, caf::timespan deadline = {});

  /// Runs `code` and waits until it is done.
  caf::expected<void> execute(const interpreter_actor& receiver, std::string code,
                              caf::timespan deadline = {});

  /// Sends any request and waits for the answer; `timeout` 0 waits as long as it takes. Interpreters answer
  /// every request; a timeout is for other actors, and ends only the waiting.
  /// Errors: those of the request, `caf::sec::request_timeout`.
  caf::expected<caf::message> request(const caf::strong_actor_ptr& receiver, caf::message content,
                                      caf::timespan timeout = {});

private:
  class inbox;

  caf::expected<caf::message> ask(caf::actor_control_block* receiver, caf::message content,
                                  caf::timespan timeout);

  caf::strong_actor_ptr self_; // an actor of class `inbox`
  inbox* inbox_;
};

} // namespace interp_actors
