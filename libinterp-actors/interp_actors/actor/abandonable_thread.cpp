#include "interp_actors/actor/abandonable_thread.hpp"

#include <pthread.h>

#include <memory>
#include <system_error>
#include <utility>

namespace interp_actors {

namespace {

/// CPython turns C stack overflow into RecursionError; it wants 8 MiB (64 KiB crash), and musl or ulimit may
/// give less.
constexpr std::size_t stack_size = 8 * 1024 * 1024;

extern "C" void* run_body(void* argument) {
  std::unique_ptr<std::function<void()>> body{static_cast<std::function<void()>*>(argument)};
  (*body)();
  return nullptr;
}

} // namespace

void abandonable_thread::start(const std::string& name, std::function<void()> body) {
  // Whoever `body` tells of this thread may join or abandon it at once.
  auto when_known = [this, body = std::move(body)] {
    known_.wait(false, std::memory_order_acquire);
    body();
  };
  auto owned = std::make_unique<std::function<void()>>(std::move(when_known));
  ::pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stack_size);
  auto code = ::pthread_create(&handle_, &attributes, run_body, owned.get());
  ::pthread_attr_destroy(&attributes);
  if (code != 0)
    throw std::system_error(code, std::generic_category(),
                            "interp-actors: cannot start a thread for '" + name + "'");
  owned.release();
  ::pthread_setname_np(handle_, name.substr(0, 15).c_str());
  running_ = true;
  known_.store(true, std::memory_order_release);
  known_.notify_one();
}

bool abandonable_thread::is_current() const {
  return known_.load(std::memory_order_acquire) && ::pthread_equal(handle_, ::pthread_self()) != 0;
}

void abandonable_thread::join() {
  if (std::exchange(running_, false))
    ::pthread_join(handle_, nullptr);
}

void abandonable_thread::abandon() {
  if (std::exchange(running_, false))
    ::pthread_detach(handle_);
}

} // namespace interp_actors
