#pragma once

#include "interp_actors/actor/incarnation.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/expected.hpp>

#include <memory>

namespace interp_actors {

/// An interpreter actor whose thread has been started.
struct spawned_interpreter {
  caf::strong_actor_ptr actor;
  std::shared_ptr<incarnation> inhabitant;
};

/// Whether `options` and what a class is constructed with fit each other; `typed` is null for the generic interface.
/// Errors: `errc::start_failed`.
caf::error check_start(const spawn_options& options, const typed_start* typed);

/// Starts an interpreter that will run `code`, without waiting for it; what is sent meanwhile waits in its
/// mailbox. `typed` is null for the generic interface.
/// Errors: `errc::stopped`, `errc::start_failed`.
caf::expected<spawned_interpreter> start_interpreter(const std::shared_ptr<roster>& home, source code,
                                                     spawn_options options,
                                                     std::shared_ptr<const typed_start> typed = nullptr);

} // namespace interp_actors
