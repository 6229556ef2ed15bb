#pragma once

#include "interp_actors/actor/roster.hpp"
#include "interp_actors/python/module/host.hpp"

#include <memory>

namespace interp_actors {

/// What Python code gets from CAF through the module.
/// Owner: the incarnation.
/// Thread: any.
std::unique_ptr<python::host> make_module_host(std::shared_ptr<roster> home);

} // namespace interp_actors
