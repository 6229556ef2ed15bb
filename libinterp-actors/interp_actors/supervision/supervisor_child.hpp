#pragma once

#include "interp_actors/supervision/child_body.hpp"
#include "interp_actors/supervision/supervisor_spec.hpp"

#include <memory>

namespace interp_actors {

/// A child that is a supervisor itself. When it gives up, its own supervisor decides; the addresses of its children end
/// with it, and a next incarnation has new ones at the same paths.
std::shared_ptr<const child_body> supervisor_child(supervisor_spec spec);

} // namespace interp_actors
