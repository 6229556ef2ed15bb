#pragma once

#include "interp_actors/actor/dead_letter.hpp"
#include "interp_actors/message/channel_end.hpp"
#include "interp_actors/net/line.hpp"
#include "interp_actors/net/node_messages.hpp"

#include <caf/actor_system.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace interp_actors {

/// The channels of one tenant whose messages come from its controller.
/// Thread: any.
/// Owner: the tenant. Death: with `close`, receivers see the end with its reason.
class channel_inlet {
public:
  channel_inlet(caf::actor_system& system, std::shared_ptr<line> way,
                std::shared_ptr<dead_letter_office> office)
      : system_{system}, way_{std::move(way)}, office_{std::move(office)} {}
  channel_inlet(const channel_inlet&) = delete;
  channel_inlet& operator=(const channel_inlet&) = delete;

  /// Makes the end that `record` describes.
  /// Errors: std::invalid_argument for an element that makes no sense.
  channel_end make(const channel_record& record);

  void take(node_item item);
  void end(const node_channel_end& what);
  void close(const std::string& reason);

private:
  struct entry {
    std::shared_ptr<channel_queue> queue;
    caf::strong_actor_ptr sender; // while it is held, more may come
  };

  caf::actor_system& system_;
  const std::shared_ptr<line> way_;
  const std::shared_ptr<dead_letter_office> office_;
  std::mutex mutex_;
  std::map<std::uint64_t, entry> entries_;
};

} // namespace interp_actors
