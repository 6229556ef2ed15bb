#include "interp_actors/runtime/stop_signals.hpp"

#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/runtime/run_main.hpp"

#include <semaphore.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>

namespace interp_actors::detail {

namespace {

constexpr std::array<int, 2> handled{SIGINT, SIGTERM};

// Statics, since a handler reaches nothing else.
std::atomic<int> first_signal{0};
::sem_t signal_or_end;
static_assert(std::atomic<int>::is_always_lock_free);

/// Source: POSIX.1-2024, 2.4.3 Signal Actions: sem_post and _exit are safe in a handler.
extern "C" void on_signal(int number) {
  auto kept = errno;
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, number))
    ::_exit(exit_signal + number);
  ::sem_post(&signal_or_end);
  errno = kept;
}

void flush_streams() {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(stdout);
  std::fflush(stderr);
}

} // namespace

void leave_at_once(int code) {
  flush_streams();
  ::_exit(code);
}

void end_by(int signal) {
  flush_streams();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  ::_exit(exit_signal + signal); // the first process of a container does not end by a signal of its own
}

stop_signals::stop_signals() {
  first_signal = 0;
  [[maybe_unused]] static const int made =
      ::sem_init(&signal_or_end, 0, 0);        // stays: a handler may be about to post
  while (::sem_trywait(&signal_or_end) == 0) { // left by the one before
  }
  thread_ = std::thread{[this] { run(); }};
  ::pthread_setname_np(thread_.native_handle(), "ia.signals");
  struct ::sigaction now{}, ours{};
  ours.sa_handler = on_signal;
  ours.sa_flags = SA_RESTART;
  for (auto signal : handled)
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
      ::sigaction(signal, &ours, nullptr);
}

stop_signals::~stop_signals() {
  struct ::sigaction now{};
  for (auto signal : handled)
    if (::sigaction(signal, nullptr, &now) == 0 && now.sa_handler == on_signal)
      std::signal(signal, SIG_DFL);
  {
    std::lock_guard guard{mutex_};
    over_ = true;
  }
  changed_.notify_all();
  ::sem_post(&signal_or_end);
  thread_.join();
}

stop_signals::watch::watch(stop_signals& signals, runtime& rt, caf::timespan function, caf::timespan teardown)
    : signals_{signals} {
  {
    std::lock_guard guard{signals_.mutex_};
    signals_.watched_ = true;
    signals_.runtime_ = &rt;
    signals_.limits_ = {function, teardown};
  }
  signals_.changed_.notify_all();
}

stop_signals::watch::~watch() {
  std::unique_lock guard{signals_.mutex_};
  signals_.changed_.wait(guard, [this] { return !signals_.stopping_; });
  signals_.runtime_ = nullptr;
}

int stop_signals::came() const noexcept {
  return first_signal;
}

void stop_signals::run() {
  while (::sem_wait(&signal_or_end) != 0) { // interrupted by another signal's handler
  }
  std::unique_lock guard{mutex_};
  changed_.wait(guard, [this] { return watched_ || over_; });
  if (auto* rt = runtime_) {
    stopping_ = true;
    guard.unlock();
    rt->stop();
    guard.lock();
    stopping_ = false;
    changed_.notify_all();
  }
  for (auto limit : limits_) // of any length each, so that their sum may not be one
    if (changed_.wait_until(guard, time_after(limit), [this] { return over_; }))
      return;
  leave_at_once(exit_signal + came());
}

} // namespace interp_actors::detail
