#pragma once

#include "interp_actors/net/line.hpp"
#include "interp_actors/net/node_messages.hpp"

#include <caf/error.hpp>
#include <caf/message.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace interp_actors {

/// What runs on a node, as the controller sees it. Its functions are called in the thread of CAF's network, and must not
/// wait.
class node_guest {
public:
  node_guest() = default;
  node_guest(const node_guest&) = delete;
  node_guest& operator=(const node_guest&) = delete;
  virtual ~node_guest() = default;

  virtual void on_answer(node_answer answer) = 0;
  virtual void on_news(node_news news) = 0;
  virtual void on_item_done(const node_item_done& what) = 0;
  /// The session is over; nothing comes any more.
  virtual void on_lost(const caf::error& why) = 0;
};

/// A controller's time with one node, from the welcome to the loss of the connection. Nothing of it outlives that: what the
/// node still runs then is ended by the next session, or when its lease is over.
/// Thread: any.
/// Owner: the link to the node, and its guests.
class node_session {
public:
  /// `on_change` is called where slots became free, or the session is over; it must not wait.
  node_session(std::string node, node_welcome welcome, std::size_t most_bytes,
               std::function<void()> on_change);
  node_session(const node_session&) = delete;
  node_session& operator=(const node_session&) = delete;

  const std::string& node() const noexcept { return node_; }
  const node_welcome& welcome() const noexcept { return welcome_; }
  line& way() noexcept { return line_; }

  /// Takes a slot, as far as the node has said that there are some.
  bool take_slot();
  /// Gives one back that the node has not heard of.
  void give_slot_back();
  std::uint64_t free_slots() const noexcept { return free_.load(); }

  /// From now on `guest` gets what comes for `child`; false where the session is over.
  bool enter(std::uint64_t child, std::weak_ptr<node_guest> guest);
  void leave(std::uint64_t child);

  /// Code that the node may ask for, for as long as the session lasts.
  void offer(const std::string& hash, shared_bytes code);

  /// Takes what the node has sent.
  void receive(const caf::message& content);

  /// Ends it for `why`; later calls do nothing.
  void lose(const caf::error& why);
  bool is_lost() const noexcept { return lost_.load(); }
  caf::error why_lost() const;

  /// When the node last answered a beat.
  std::chrono::steady_clock::time_point last_beat() const;

private:
  using clock = std::chrono::steady_clock;

  void dispatch(const caf::message& content);
  std::shared_ptr<node_guest> find(std::uint64_t child) const;

  const std::string node_;
  const node_welcome welcome_;
  line line_;
  const std::function<void()> on_change_;
  std::atomic<std::uint64_t> free_;
  std::atomic<bool> lost_{false};
  std::atomic<clock::rep> last_beat_;
  mutable std::mutex mutex_; // nothing else is called with it held
  std::map<std::uint64_t, std::weak_ptr<node_guest>> guests_;
  std::map<std::string, shared_bytes> code_;
  caf::error why_lost_;
};

} // namespace interp_actors
