#pragma once

#include "interp_actors/base/receiver_slot.hpp"
#include "interp_actors/message/lent.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/fwd.hpp>
#include <caf/sec.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace interp_actors {

/// Either end of a channel, for messages and for the channels of an interpreter. A plain value: copies of a
/// sending end are all sending ends; copies of a receiving end stand for the same one, and whoever claims it
/// first has it.
class channel_end {
public:
  channel_end() = default;

  /// A sending end.
  template <class... Signatures>
  channel_end(const caf::typed_actor<Signatures...>& sender)
      : sender_{caf::actor_cast<caf::strong_actor_ptr>(sender)} {}

  /// A receiving end.
  channel_end(std::shared_ptr<receiver_slot> receiver) : receiver_{std::move(receiver)} {}

  /// The actor behind a sending end, or null.
  const caf::strong_actor_ptr& sender() const noexcept { return sender_; }

  /// Where a receiving end lies, or null.
  const std::shared_ptr<receiver_slot>& receiver() const noexcept { return receiver_; }

  explicit operator bool() const noexcept { return sender_ || receiver_; }

  void set_sender(caf::strong_actor_ptr sender) { sender_ = std::move(sender); }

  /// A receiving end belongs to its process and cannot be written.
  template <class Inspector>
  friend bool inspect(Inspector& f, channel_end& x) {
    if (x.receiver_ && !f.has_human_readable_format()) {
      if constexpr (!Inspector::is_loading) {
        f.emplace_error(caf::sec::unsafe_type, "a channel's receiving end cannot leave its process");
        return false;
      }
    }
    if constexpr (std::is_same_v<Inspector, caf::binary_serializer>)
      note_lent(x.sender_);
    return f.object(x).fields(f.field("sender", x.sender_));
  }

private:
  caf::strong_actor_ptr sender_;
  std::shared_ptr<receiver_slot> receiver_;
};

/// Ends of channels by the names under which Python code finds them.
using channel_bindings = std::vector<std::pair<std::string, channel_end>>;

} // namespace interp_actors
