#pragma once

#include "interp_actors/base/channel_queue.hpp"
#include "interp_actors/base/death_report.hpp"
#include "interp_actors/base/source.hpp"
#include "interp_actors/python/module/awaited.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace interp_actors::python {

/// Names something that comes back to Python code later: a down notice, a timer, the end of a future.
using event_number = std::uint64_t;

/// What the module asks of the world outside of its interpreter: what CAF does for it.
/// Thread: any of the interpreter's. `self` to `write` may be called with the GIL; the others send, and are
/// called without it. Nothing here waits.
/// Owner: the incarnation.
class host : public std::enable_shared_from_this<host> {
public:
  using clock = std::chrono::steady_clock;

  virtual ~host() = default;

  /// A message that is ready to be sent.
  class letter {
  public:
    letter() = default;
    letter(const letter&) = delete;
    letter& operator=(const letter&) = delete;
    virtual ~letter() = default;
  };
  using letter_ptr = std::unique_ptr<letter>;

  /// The interpreter's own address; null once it is gone.
  virtual actor_reference_ptr self() const = 0;
  virtual const std::string& name() const = 0;
  /// Whose message is being handled; null where nobody is named. For the interpreter's own thread.
  virtual actor_reference_ptr sender() const = 0;
  /// How the incarnation before this one ended; null where there was none.
  virtual std::shared_ptr<const death_report> previous_death() const { return {}; }
  /// How long a call waits that does not say.
  virtual std::chrono::nanoseconds call_timeout() const = 0;

  /// Whether `to` may know `function`: false where its interface says that it does not.
  virtual bool may_know(const actor_reference_ptr& to, std::string_view function) const = 0;

  /// Makes the message that calls `function` with `arguments`, a tuple.
  /// Errors: `value_error`, those of `arguments`.
  virtual letter_ptr write(const actor_reference_ptr& to, std::string_view function,
                           value_source& arguments) const = 0;

  /// Sends a request. It fails by itself at `until`; with `clock::time_point::max()` whoever waits looks after
  /// that.
  virtual std::shared_ptr<awaited> ask(letter_ptr what, clock::time_point until) = 0;

  /// Nobody waits for this answer any more.
  virtual void forget(const awaited& what) = 0;

  virtual void send(letter_ptr what) = 0;

  /// Sends `what` later, unless the interpreter has ended by then.
  virtual event_number send_after(std::chrono::nanoseconds delay, letter_ptr what) = 0;
  /// Returns whether it came in time.
  virtual bool cancel_timer(event_number timer) = 0;

  virtual event_number new_event() = 0;
  /// Lets the interpreter's own thread run what `event` names, between two messages.
  virtual void post(event_number event) = 0;

  /// Posts `event` when `whom` ends; `reason` is why, then.
  virtual void monitor(const actor_reference_ptr& whom, event_number event) = 0;
  virtual void demonitor(event_number event) = 0;
  virtual error_value take_reason(event_number event) = 0;

  virtual void link(const actor_reference_ptr& whom) = 0;
  virtual void unlink(const actor_reference_ptr& whom) = 0;

  /// Asks `whom` to end for `reason`; at once, whatever it does, with `kill`.
  virtual void exit(const actor_reference_ptr& whom, const error_value& reason) = 0;
  virtual void kill(const actor_reference_ptr& whom) = 0;

  /// A child that starts. Its answer is the reference to it.
  struct birth {
    std::shared_ptr<awaited> answer;
    /// Ends the child, which nobody is going to adopt.
    std::function<void()> forget;
  };

  /// Starts another interpreter, linked to nobody yet. `limit` is for its start; 0 is the default.
  virtual birth spawn(source code, std::string name, std::chrono::nanoseconds limit) = 0;

  /// Links `child`, which ends with this interpreter from now on, however that ends.
  virtual void adopt(const actor_reference_ptr& child) = 0;

  /// Ends of a channel, to be bound as globals.
  using bindings = std::vector<std::pair<std::string, held_end>>;

  /// Another interpreter, which ends when the last one who holds this is gone, or with the one that has created it.
  class interpreter {
  public:
    interpreter() = default;
    interpreter(const interpreter&) = delete;
    interpreter& operator=(const interpreter&) = delete;
    virtual ~interpreter() = default;

    /// Runs `code` there, with `ends` as globals. Ends that cannot be bound belong to nobody once that has failed.
    virtual std::shared_ptr<awaited> run(std::string code, bindings ends,
                                         std::chrono::nanoseconds deadline) = 0;

    /// Interrupts what `run` started, unless it is done; nobody waits for `what` any more.
    virtual void cancel(const awaited& what) = 0;

    /// Ends it, with time for what runs.
    virtual std::shared_ptr<awaited> close() = 0;
  };

  /// Errors: std::runtime_error.
  virtual std::shared_ptr<interpreter> create(std::string name) = 0;

  virtual std::pair<sending_end, channel_lease> make_channel(channel_options options,
                                                             std::optional<buffer_format> element) = 0;
};

} // namespace interp_actors::python
