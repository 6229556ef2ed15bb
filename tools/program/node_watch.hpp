#pragma once

#include <interp_actors/all.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace ia_program {

/// What a command has to do with its nodes: it waits for the first one, gives its fleet a member for each slot that there is, also on nodes
/// that come later, and tells people when all nodes are lost.
/// Thread: `wait_for_slot`, `grow` and `look` the command's; the rest any.
/// Owner: the workforce. `end` waits for the thread that lets the fleet grow.
/// Death: a member that waits for a slot keeps that thread waiting until the fleet is stopped, which has to come before `end`. `cancel`
/// ends all other waits. A node that is lost takes no member away: they wait for slots, wherever.
class node_watch {
public:
  /// `say` prints a line for people.
  node_watch(ia::runtime& rt, std::function<void(const std::string&)> say);
  node_watch(const node_watch&) = delete;
  node_watch& operator=(const node_watch&) = delete;
  ~node_watch();

  /// Waits until a node is connected, for `time_to_connect` at most, and then until it has a free slot, for as long as that takes.
  /// Errors: `errc::no_node` with the state of each node; `errc::stopped` after `cancel`.
  caf::error wait_for_slot();
  static constexpr std::chrono::seconds time_to_connect{20};

  /// Lets the fleet, which has one member, grow as slots are free, to `limit` at most; `on_member` is told of each one that has started.
  void grow(ia::fleet_control fleet, std::size_t limit, std::function<void()> on_member);

  /// There is no more work than what is being done: the fleet does not grow any more.
  void enough() { enough_ = true; }

  /// Tells once when all nodes are lost, and when one has come back.
  void look();

  /// Why nothing is done at present; empty where something may be.
  std::string trouble() const;

  /// All nodes with their state, one each line.
  std::string states() const;

  /// Ends waiting.
  void cancel();
  void end();

private:
  void run(ia::fleet_control fleet, std::size_t limit, const std::function<void()>& on_member);
  bool wait(std::chrono::milliseconds time);

  ia::runtime& runtime_;
  const std::function<void(const std::string&)> say_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool cancelled_ = false;
  bool lost_ = false; // all of them, and said so
  std::atomic<bool> enough_{false};
  std::thread thread_;
};

} // namespace ia_program
