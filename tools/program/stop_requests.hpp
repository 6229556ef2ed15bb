#pragma once

#include <csignal>
#include <functional>
#include <mutex>
#include <thread>

namespace ia_program {

/// SIGINT and SIGTERM for commands that can drain: the first SIGINT asks to begin nothing new, a second one, or a SIGTERM, to stop what
/// runs; one more ends the process at once. `run_main` leaves both signals alone while this lives. A signal that was ignored when the
/// process began, as `nohup` and shells let it, stays so.
/// Thread: one, except `signal`. Owner: the command, before `run_main`; one at a time in a process.
/// Death: a listener runs in a thread of its own, "signals", and never while it is being removed.
class stop_requests {
public:
  enum class level { none, drain, stop };

  /// Errors: std::system_error.
  stop_requests();
  stop_requests(const stop_requests&) = delete;
  stop_requests& operator=(const stop_requests&) = delete;
  ~stop_requests();

  /// Tells `f` of each new level, of the present one at once unless it is `none`. An empty `f` takes the listener away, and
  /// waits for it.
  void listen(std::function<void(level)> f);

  /// The first signal that came, or 0. Thread: any.
  static int signal() noexcept;

private:
  void run();

  std::mutex mutex_;
  std::function<void(level)> listener_;
  level told_ = level::none;
  bool over_ = false;
  struct ::sigaction before_[2]{};
  bool ours_[2]{};
  std::thread thread_;
};

/// Ends the process by `signal` with its default action, so that shells and systemd see what happened.
[[noreturn]] void end_by(int signal);

} // namespace ia_program
