#pragma once

#include "interp_actors/actor/roster.hpp"
#include "interp_actors/net/line.hpp"
#include "interp_actors/net/node_messages.hpp"
#include "interp_actors/net/tenant.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace interp_actors {

class node_host;

/// A node's time with one controller: the interpreters that it runs for it.
/// Thread: any; `receive` that of CAF's network.
/// Owner: the host, until the session has ended and its last tenant is gone.
/// Death: `end` stops all tenants; nothing of the controller is taken any more.
class host_session : public std::enable_shared_from_this<host_session> {
public:
  host_session(std::shared_ptr<node_host> host, node_hello hello);
  host_session(const host_session&) = delete;
  host_session& operator=(const host_session&) = delete;

  /// Makes the actor that the controller sends to.
  void open();

  const std::string& controller() const noexcept { return controller_; }
  const caf::strong_actor_ptr& front() const noexcept { return front_; }

  /// Begins with what had to wait for the end of another session.
  void resume();

  void tell_free(std::uint64_t slots) { way_->send(node_free{slots}); }
  std::chrono::steady_clock::time_point last_beat() const;

  /// Stops all tenants, with `limit` for what they run. With none, the controller is not told how they end.
  void end(const caf::error& why, std::chrono::nanoseconds limit);
  bool is_over() const noexcept { return over_.load(); }
  bool is_empty() const;
  /// Says farewell, and takes the actor away, once it is over and empty.
  void close();

private:
  using clock = std::chrono::steady_clock;

  /// What waits for its code, or for the end of another session.
  struct held_start {
    node_start what;
    std::map<std::string, shared_bytes> code; // by its hash
    std::set<std::string> missing;
  };

  void receive(caf::mailbox_element_ptr element);
  void dispatch(const caf::message& content);
  void on_answer(caf::mailbox_element_ptr element);
  void on_start(node_start what);
  void on_code(node_code what);
  void give_up_held(const node_stop& what);
  void begin_what_may();
  void begin(const held_start& from, tenant& whom);
  static source code_of(const held_start& from);
  std::vector<std::string> path_of(const held_start& from) const;
  void reject(const std::string& why);
  void ended(std::uint64_t child);
  std::shared_ptr<tenant> find(std::uint64_t child) const;

  const std::shared_ptr<node_host> host_;
  const std::string controller_;
  const std::shared_ptr<line> way_;
  caf::strong_actor_ptr front_;
  std::atomic<bool> over_{false}; // set with the mutex held: no tenant comes after it
  std::atomic<clock::rep> last_beat_;

  mutable std::mutex mutex_; // nothing else is called with it held, but for `line::send`
  std::map<std::uint64_t, std::shared_ptr<tenant>> tenants_;
  std::unordered_map<std::uint64_t, std::weak_ptr<tenant>> calls_; // requests by their numbers
  std::set<std::string> asked_;                                    // hashes of code that is on its way
  std::vector<held_start> held_;
  bool may_start_ = false;
};

} // namespace interp_actors
