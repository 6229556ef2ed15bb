#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/message.hpp>

#include <cstddef>

namespace interp_actors {

/// A message between actors of two processes may be that large, with all that is in it: the connection of one that announces more
/// is ended. What the library sends for interpreters on nodes goes in chunks, and may be larger.
inline constexpr std::size_t most_frame_bytes = std::size_t{64} << 20;

/// Why `content` cannot be sent to `to`; an error without a code where it can, as always within one process. CAF breaks a connection
/// over what cannot be sent, or over what is refused at its other end.
caf::error check_frame(caf::actor_system& system, const caf::strong_actor_ptr& to,
                       const caf::message& content);

} // namespace interp_actors
