#pragma once

#include "interp_actors/base/bell.hpp"
#include "interp_actors/base/source.hpp"
#include "interp_actors/base/value.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace interp_actors::python {

/// What an actor answered.
/// Thread: any, one after the other.
class reply {
public:
  reply() = default;
  reply(const reply&) = delete;
  reply& operator=(const reply&) = delete;
  virtual ~reply() = default;

  /// Gives the value to `sink`.
  /// Errors: `value_error`, and the sink's own.
  virtual void write(value_sink& sink) const = 0;
};

/// An answer that is to come. It comes once: as a reply, as a failure, or by being cancelled.
/// Thread: any.
class awaited {
public:
  enum class state : std::uint8_t { waiting, replied, failed, cancelled };

  /// `number` is the request's, for whoever keeps what waits.
  explicit awaited(std::uint64_t number = 0) : number_{number} {}
  awaited(const awaited&) = delete;
  awaited& operator=(const awaited&) = delete;

  std::uint64_t number() const noexcept { return number_; }
  state now() const noexcept { return state_.load(std::memory_order_acquire); }

  /// What came. Neither changes any more.
  const reply& value() const { return *value_; }
  const error_value& failure() const { return failure_; }

  /// Each returns whether it was what ended the waiting.
  bool finish(std::unique_ptr<const reply> value);
  bool fail(error_value why);
  bool cancel();

  /// Calls `f` once it has come, or now; in whichever thread that is, with nothing locked.
  void when_done(std::function<void()> f);

  /// Rings `bell` when the answer comes, for its lifetime.
  class waiter {
  public:
    waiter(awaited& what, bell& bell);
    ~waiter();
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

  private:
    awaited& what_;
    bell& bell_;
  };

private:
  template <class F>
  bool end(state how, F set);

  const std::uint64_t number_;
  std::atomic<state> state_{state::waiting};
  std::unique_ptr<const reply> value_;
  error_value failure_;
  std::mutex mutex_; // guards the rest, and the change of state
  std::vector<bell*> waiters_;
  std::vector<std::function<void()>> watchers_;
};

/// Names something that comes back to Python code later: a down notice, a timer, the end of a future.
using event_number = std::uint64_t;

/// What Python code can do with other actors: what CAF does for the module.
/// Thread: any of the interpreter's. `self` to `write` may be called with the GIL; the others send, and are
/// called without it. Nothing here waits.
/// Owner: the incarnation.
class peers : public std::enable_shared_from_this<peers> {
public:
  using clock = std::chrono::steady_clock;

  virtual ~peers() = default;

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
};

} // namespace interp_actors::python
