#include "stop_requests.hpp"

#include <semaphore.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <iostream>

namespace ia_program {

namespace {

constexpr std::array<int, 2> handled{SIGINT, SIGTERM};
constexpr int exit_signal = 128;

// Statics, since a handler reaches nothing else.
std::atomic<int> first_signal{0};
std::atomic<int> steps{0}; // 1: drain, 2: stop
::sem_t something_new;
static_assert(std::atomic<int>::is_always_lock_free);

/// Source: POSIX.1-2024, 2.4.3 Signal Actions: sem_post and _exit are safe in a handler.
extern "C" void on_stop_request(int number) {
  auto kept = errno;
  int none = 0;
  first_signal.compare_exchange_strong(none, number);
  auto before = number == SIGTERM ? steps.exchange(2) : steps.fetch_add(1);
  if (before >= 2)
    ::_exit(exit_signal + number);
  ::sem_post(&something_new);
  errno = kept;
}

} // namespace

stop_requests::stop_requests() {
  first_signal = 0;
  steps = 0;
  [[maybe_unused]] static const int made =
      ::sem_init(&something_new, 0, 0); // stays: a handler may be about to post
  thread_ = std::thread{[this] { run(); }};
  ::pthread_setname_np(thread_.native_handle(), "signals");
  struct ::sigaction ours{};
  ours.sa_handler = on_stop_request;
  ours.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < handled.size(); ++i)
    if (::sigaction(handled[i], nullptr, &before_[i]) == 0 && before_[i].sa_handler == SIG_DFL)
      ours_[i] = ::sigaction(handled[i], &ours, nullptr) == 0;
}

stop_requests::~stop_requests() {
  for (std::size_t i = 0; i < handled.size(); ++i)
    if (ours_[i])
      ::sigaction(handled[i], &before_[i], nullptr);
  {
    std::lock_guard guard{mutex_};
    over_ = true;
  }
  ::sem_post(&something_new);
  thread_.join();
}

void stop_requests::listen(std::function<void(level)> f) {
  {
    std::lock_guard guard{mutex_}; // the thread holds it while a listener runs
    listener_ = std::move(f);
    told_ = level::none;
  }
  ::sem_post(&something_new);
}

int stop_requests::signal() noexcept {
  return first_signal;
}

void stop_requests::run() {
  for (;;) {
    while (::sem_wait(&something_new) != 0) { // interrupted by another signal's handler
    }
    std::lock_guard guard{mutex_};
    if (over_)
      return;
    auto now = static_cast<level>(std::min(steps.load(), 2));
    if (listener_ && now > told_) {
      told_ = now;
      listener_(now);
    }
  }
}

void end_by(int signal) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(stdout);
  std::fflush(stderr);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  ::_exit(exit_signal + signal); // the first process of a container does not end by a signal of its own
}

} // namespace ia_program
