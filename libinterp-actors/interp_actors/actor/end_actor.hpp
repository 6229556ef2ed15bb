#pragma once

#include <caf/actor_companion.hpp>
#include <caf/error.hpp>
#include <caf/system_messages.hpp>

#include <string>

namespace interp_actors {

/// Whether an exit message ends its receiver. As in CAF, a linked actor's normal end ends nobody; to be forgotten by
/// everybody is normal, too.
bool ends_receiver(const caf::exit_msg& message);

/// Ends `who` for `reason`: tells those who monitor it, and runs what was attached to its end. Where that throws, a line on
/// stderr says so, with `name`, and the rest hears nothing.
/// Thread: any.
void end_actor(caf::actor_companion& who, const std::string& name, caf::error reason);

} // namespace interp_actors
