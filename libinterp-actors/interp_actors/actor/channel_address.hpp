#pragma once

#include "interp_actors/actor/dead_letter.hpp"
#include "interp_actors/base/channel_queue.hpp"
#include "interp_actors/compat.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/actor_companion.hpp>
#include <caf/error.hpp>

#include <atomic>
#include <memory>
#include <optional>

namespace interp_actors {

/// The CAF actor in front of a channel: what sending handles are. It runs no code of its own and never
/// blocks; what arrives goes into the queue in the sender's thread. A request is answered once its message
/// is accepted; another message for which there is no room is a dead letter.
/// Thread: `enqueue` any.
/// Owner: all sending handles; when the last one is gone, the receiver gets what is there and sees the end.
class channel_address final : public caf::actor_companion {
public:
  /// Takes the payload out of a message that is typed for the channel's elements; false where it is another.
  using decode_fn = bool (*)(const caf::message&, shared_bytes&);

  channel_address(caf::actor_config& config, std::shared_ptr<channel_queue> queue,
                  std::shared_ptr<dead_letter_office> office, decode_fn decode);
  ~channel_address() override;

  using caf::actor_companion::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, compat::execution_context* context) override;
  const char* name() const override { return "interp_actors.channel"; }

  const std::shared_ptr<channel_queue>& queue() const noexcept { return queue_; }

private:
  void INTERP_ACTORS_ON_LAST_HANDLE() override;
  void lose(const channel_item& item, std::string why); // an asynchronous message that goes nowhere

  const std::shared_ptr<channel_queue> queue_;
  const std::shared_ptr<dead_letter_office> office_;
  const decode_fn decode_;
  std::atomic<bool> has_lost_{false};
};

/// A new channel.
struct made_channel {
  caf::strong_actor_ptr sender;
  channel_lease receiver;
};

/// Makes a channel.
/// Errors: std::invalid_argument for an element that makes no sense.
made_channel make_channel(caf::actor_system& system, const std::shared_ptr<dead_letter_office>& office,
                          channel_options options, std::optional<buffer_format> element,
                          channel_address::decode_fn decode = nullptr);

/// Returns what code that is no actor needs for sending to `actor`: a channel of this process, or any actor
/// that takes a channel's messages.
sending_end sending_end_of(caf::actor_system& system, const caf::strong_actor_ptr& actor);

/// The actor behind a sending end.
caf::strong_actor_ptr actor_of(const sending_end& end);

/// Returns the end that `ticket` stands for, and claims it where it is a receiving one.
/// Errors: `errc::channel_moved`, `errc::channel_mismatch`.
caf::error claim(caf::actor_system& system, const channel_end& ticket, held_end& end);

/// Returns `end` for a message.
channel_end ticket_for(held_end end);

/// What a sender is told that was not let in.
caf::error error_for(send_result result, const channel_entry& entry);

/// The texts of errors that C++ and Python have in common.
inline constexpr const char* moved_text =
    "this receiving end was moved to another owner, and only that one can receive";

} // namespace interp_actors
