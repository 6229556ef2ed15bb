#pragma once

#include "interp_actors/actor/abandonable_thread.hpp"
#include "interp_actors/base/bell.hpp"
#include "interp_actors/base/channel_queue.hpp"
#include "interp_actors/message/channel_end.hpp"
#include "interp_actors/net/node_messages.hpp"
#include "interp_actors/net/node_session.hpp"

#include <caf/actor_system.hpp>
#include <caf/error.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

namespace interp_actors {

class dead_letter_office;

/// Describes an end of a channel for a node. A receiving end is claimed, and `lease` is its; `number` is what it is called there.
/// Errors: `errc::channel_moved`, `channel_mismatch`.
caf::error describe_end(caf::actor_system& system, const std::string& name, const channel_end& end,
                        std::uint64_t number, channel_record& record, channel_lease& lease);

/// Hands the messages of a channel on to a node, where an interpreter receives them: a few at a time, the next one when one of them
/// was let in there, so that the bounds of the channel hold.
/// Thread: its own waits at one bell for messages, for the node and for `stop`; the other functions any.
/// Owner: the remote incarnation, which stops it and joins its thread.
/// Death: with `stop`, and when the receiver there is gone, the channel closes, as it does for an interpreter of this process.
class channel_feed {
public:
  /// Messages that are on their way.
  static constexpr std::size_t window = 16;

  channel_feed(std::shared_ptr<node_session> session, std::uint64_t child, std::uint64_t number,
               channel_lease lease, std::shared_ptr<dead_letter_office> office);
  channel_feed(const channel_feed&) = delete;
  channel_feed& operator=(const channel_feed&) = delete;

  std::uint64_t number() const noexcept { return number_; }

  /// Errors: std::system_error.
  void start();
  void done(const node_item_done& what);
  void stop(const std::string& reason);
  /// Whether it does nothing any more; then `join` does not wait.
  bool is_over() const noexcept { return over_.load(); }
  void join() { thread_.join(); }

private:
  void run();
  void hand_on();

  const std::shared_ptr<node_session> session_;
  const std::uint64_t child_;
  const std::uint64_t number_;
  channel_lease lease_; // its thread's
  const std::shared_ptr<dead_letter_office> office_;
  const std::shared_ptr<bell> wake_ = std::make_shared<bell>();
  abandonable_thread thread_;
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::size_t under_way_ = 0;
  bool stopped_ = false;
  std::string reason_;
};

} // namespace interp_actors
