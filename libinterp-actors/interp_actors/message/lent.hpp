#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>

namespace interp_actors {

/// Notes that a handle of a local actor leaves the process. From then on CAF's registry keeps that actor, until it ends or is
/// recalled: one that would end with its last handle does not, and if the registry still has it when the actor system goes, CAF 0.18.7
/// waits for itself for ever.
/// Thread: any.
void note_lent(const caf::strong_actor_ptr& actor);

/// Has the registry of `system` forget what was noted. Later messages of other processes find nobody.
/// Thread: any.
void recall_lent(caf::actor_system& system);

} // namespace interp_actors
