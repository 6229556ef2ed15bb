#pragma once

#include "interp_actors/base/channel_queue.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>

#include <memory>

namespace interp_actors {

/// Lets code that is no actor send to an actor that takes a channel's messages, in this process or on another
/// node: each message is a request, and its sender waits for the answer.
/// Death: when the actor ends or its node is lost, those that wait learn so.
std::shared_ptr<channel_entry> make_foreign_channel(caf::actor_system& system,
                                                    const caf::strong_actor_ptr& actor);

} // namespace interp_actors
