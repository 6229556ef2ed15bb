#include "interp_actors/actor/timer.hpp"

#include <pthread.h>

#include <algorithm>

namespace interp_actors {

namespace {

constexpr auto unarmed = no_deadline.time_since_epoch().count();
/// Incarnations that end sooner than their deadlines, most of them, keep about 1 KiB each until then.
constexpr std::chrono::seconds longest_step{2};

} // namespace

timer::timer() : thread_{[this] { run(); }} {}

timer::~timer() {
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

bool timer::will_call(const client& client, time_point when) noexcept {
  // Sequentially consistent against the exchange in `run`: either this sees that the client is not armed any
  // more, or the client's tick sees what its caller did before.
  return client.armed_.load(std::memory_order_seq_cst) <= when.time_since_epoch().count();
}

void timer::arm(const std::shared_ptr<client>& client, time_point when) {
  if (will_call(*client, when))
    return;
  when = std::min(when, deadline_clock::now() + longest_step);
  auto wanted = when.time_since_epoch().count();
  auto armed = client->armed_.load(std::memory_order_seq_cst);
  do {
    if (armed <= wanted)
      return;
  } while (!client->armed_.compare_exchange_weak(armed, wanted, std::memory_order_seq_cst));
  bool first = false;
  {
    std::lock_guard guard{mutex_};
    auto entry = due_.emplace(when, client);
    first = entry == due_.begin();
  }
  if (first)
    changed_.notify_one();
}

void timer::run() {
  ::pthread_setname_np(::pthread_self(), "ia.timer");
  std::unique_lock guard{mutex_};
  while (!stopped_) {
    if (due_.empty()) {
      changed_.wait(guard);
      continue;
    }
    auto now = deadline_clock::now();
    if (due_.begin()->first > now) {
      auto when = due_.begin()->first;
      changed_.wait_until(guard, when);
      continue;
    }
    auto armed = due_.begin()->first.time_since_epoch().count();
    auto client = due_.begin()->second.lock();
    due_.erase(due_.begin());
    if (!client)
      continue;
    guard.unlock();
    // An entry that was overtaken by an earlier one is void: that one's tick has said when to come next.
    if (!client->armed_.compare_exchange_strong(armed, unarmed, std::memory_order_seq_cst)) {
      client.reset();
      guard.lock();
      continue;
    }
    if (auto next = client->tick(now); next != no_deadline)
      arm(client, next);
    client.reset();
    guard.lock();
  }
}

} // namespace interp_actors
