#pragma once

#include "interp_actors/base/bell.hpp"
#include "interp_actors/base/value.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
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

} // namespace interp_actors::python
