#pragma once

#include <caf/timespan.hpp>

#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace interp_actors {

class runtime;

namespace detail {

/// Leaves without running destructors of static objects, which hanging Python code may still use.
[[noreturn]] void leave_at_once(int code);

/// Ends the process by `signal`, as it would have ended without a handler: shells and systemd then see what happened.
[[noreturn]] void end_by(int signal);

/// SIGINT and SIGTERM while it lives: the first one stops the runtime, a second one ends the process at once. A signal
/// that the program handles itself or ignores, as `nohup` and shells let it, stays as it is.
///
/// By handlers and not by a mask: processes that Python code starts would inherit the mask and be deaf to both, while
/// a handler ends with the program that it belongs to.
/// Thread: one, except `came`. Owner: `run_main`; one at a time in a process.
class stop_signals {
public:
  /// While it lives, a signal, also one from before, stops `rt`. All else that the owner has left to do then has
  /// both limits after that, one after the other, or the process ends.
  class watch {
  public:
    watch(stop_signals& signals, runtime& rt, caf::timespan function, caf::timespan teardown);
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;

    /// Waits for a stop that is under way.
    ~watch();

  private:
    stop_signals& signals_;
  };

  /// Errors: std::system_error.
  stop_signals();
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;
  ~stop_signals();

  /// The first signal that came, or 0. Thread: any.
  int came() const noexcept;

private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool watched_ = false;
  bool stopping_ = false; // the thread uses `runtime_` without the mutex
  bool over_ = false;
  runtime* runtime_ = nullptr;
  std::array<caf::timespan, 2> limits_{};
  std::thread thread_; // waits for a signal, and stops the runtime
};

} // namespace detail

} // namespace interp_actors
