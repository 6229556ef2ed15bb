#include "node_watch.hpp"

#include <pthread.h>

#include <algorithm>

namespace ia_program {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds between_looks{50};
constexpr std::chrono::milliseconds while_others_start{5};
/// After a member that did not start.
constexpr std::chrono::milliseconds first_pause{500};
constexpr std::chrono::milliseconds longest_pause{30'000};

std::size_t connected(const std::vector<ia::node>& nodes) {
  return static_cast<std::size_t>(
      std::ranges::count_if(nodes, [](auto& each) { return each.is_connected(); }));
}

std::size_t free_slots(const std::vector<ia::node>& nodes) {
  std::size_t result = 0;
  for (auto& each : nodes)
    result += each.free_slots();
  return result;
}

} // namespace

node_watch::node_watch(ia::runtime& rt, std::function<void(const std::string&)> say)
    : runtime_{rt}, say_{std::move(say)} {}

node_watch::~node_watch() {
  end();
}

std::string node_watch::states() const {
  std::string result;
  for (auto& each : runtime_.nodes())
    result += "\n  " + each.name() + ": " + each.state();
  return result;
}

caf::error node_watch::wait_for_slot() {
  auto until = clock::now() + time_to_connect;
  bool told = false;
  do {
    auto nodes = runtime_.nodes();
    if (free_slots(nodes) > 0)
      return {};
    if (connected(nodes) > 0) {
      if (!std::exchange(told, true))
        say_("All slots are taken; waiting for one:" + states());
    } else if (clock::now() >= until) {
      return ia::make_error(ia::errc::no_node, "none of the nodes could be connected to within "
                                                   + std::to_string(time_to_connect.count())
                                                   + " s:" + states());
    }
  } while (wait(between_looks));
  return ia::make_error(ia::errc::stopped, "it was to stop");
}

void node_watch::grow(ia::fleet_control fleet, std::size_t limit, std::function<void()> on_member) {
  thread_ = std::thread{[this, fleet = std::move(fleet), limit, on_member = std::move(on_member)] {
    run(fleet, limit, on_member);
  }};
  ::pthread_setname_np(thread_.native_handle(), "nodes");
}

void node_watch::run(ia::fleet_control fleet, std::size_t limit, const std::function<void()>& on_member) {
  std::string told;
  auto pause = first_pause;
  for (std::size_t count = 1; count < limit && !enough_;) {
    if (free_slots(runtime_.nodes()) == 0) {
      if (!wait(between_looks))
        return;
      continue;
    }
    auto stats = fleet.stats();
    if (stats.idle + stats.busy < stats.members) { // those that start or are down come first
      if (!wait(while_others_start))
        return;
      continue;
    }
    if (auto problem = fleet.resize(count + 1)) {
      auto text = ia::describe(problem);
      if (!wait(std::chrono::milliseconds{0}))
        return;
      if (problem != ia::errc::node_lost && text != told)
        say_("A node does not take an interpreter: " + text);
      told = std::move(text);
      if (!wait(pause))
        return;
      pause = std::min(pause * 2, longest_pause);
    } else {
      ++count;
      pause = first_pause;
      on_member();
    }
  }
}

void node_watch::look() {
  auto nodes = runtime_.nodes();
  bool lost = connected(nodes) == 0;
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(lost_, lost) == lost)
      return;
  }
  say_(lost ? "No node is left; what is to be done waits until one comes back:" + states()
            : "Going on:" + states());
}

std::string node_watch::trouble() const {
  std::lock_guard guard{mutex_};
  return lost_ ? "no node is left" : "";
}

bool node_watch::wait(std::chrono::milliseconds time) {
  std::unique_lock guard{mutex_};
  return !changed_.wait_for(guard, time, [this] { return cancelled_; });
}

void node_watch::cancel() {
  {
    std::lock_guard guard{mutex_};
    cancelled_ = true;
  }
  changed_.notify_all();
}

void node_watch::end() {
  cancel();
  if (thread_.joinable())
    thread_.join();
}

} // namespace ia_program
