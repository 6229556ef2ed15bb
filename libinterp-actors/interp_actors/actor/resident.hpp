#pragma once

#include "interp_actors/actor/deadline.hpp"
#include "interp_actors/base/death_report.hpp"

#include <caf/actor_addr.hpp>
#include <caf/error.hpp>
#include <caf/message.hpp>
#include <caf/type_id_list.hpp>

#include <chrono>
#include <string>

namespace interp_actors {

/// Who takes from an address's mailbox for now, as the address sees it: an incarnation of this process or of a node.
/// Thread: any. Nothing here waits.
/// Owner: whoever runs it; the address forgets one that is gone.
class resident {
public:
  resident() = default;
  resident(const resident&) = delete;
  resident& operator=(const resident&) = delete;
  virtual ~resident() = default;

  /// Interrupts the running request; returns whether there was one.
  virtual bool cancel() = 0;

  /// Ends it for `reason`: what runs has until `limit` to end by itself. `as` is what the death is called in its report.
  virtual void stop(caf::error reason, std::chrono::nanoseconds limit, death_reason as) = 0;

  /// Makes a dead letter of a message with content of `types`.
  virtual void lose(caf::type_id_list types, const std::string& why) = 0;

  /// Has the timer look after a message's deadline.
  virtual void watch(time_point deadline) = 0;

  // What comes for requests, monitors and links that it has under way in the name of the address.

  virtual void on_answer(caf::message_id id, const caf::message& content) = 0;
  virtual void on_down(const caf::actor_addr& source, const caf::error& reason) = 0;
  virtual void on_exit(const caf::actor_addr& source) = 0;
};

} // namespace interp_actors
