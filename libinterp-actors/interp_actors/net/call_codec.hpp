#pragma once

#include "interp_actors/actor/interface.hpp"
#include "interp_actors/message/channel_end.hpp"
#include "interp_actors/message/remote_call.hpp"

#include <caf/error.hpp>
#include <caf/message.hpp>

#include <optional>

namespace interp_actors {

/// What a message of an address is for an interpreter that needs none of its types, and what the answer is for the sender.
struct encoded_call {
  enum class answer { nothing, payload, packed, typed };

  remote_call call;
  answer as = answer::nothing;
  /// Ends of channels, and the names of the globals that they are to be, which are empty for arguments.
  channel_bindings ends = {};
  /// Whose result the answer is; null where it has no type.
  const interface::method* method = nullptr;
};

/// Encodes a message. `typed` is null for the generic interface.
/// Errors: `value_error`; nothing for a message that is none of the interface.
std::optional<encoded_call> encode_call(const caf::message& content, const typed_start* typed);

/// Turns the answer into what the sender waits for.
/// Errors: `value_error` for a result of another type than the interface says.
caf::message decode_answer(const encoded_call& call, const packed_message& answer);

} // namespace interp_actors
