#pragma once

#include "interp_actors/actor/outbox.hpp"
#include "interp_actors/actor/spawn.hpp"

#include <memory>

namespace interp_actors {

/// What Python code holds of an interpreter that it has made, which is asked through `out`.
std::shared_ptr<python::host::interpreter> make_other_interpreter(std::shared_ptr<outbox> out,
                                                                  spawned_interpreter spawned);

} // namespace interp_actors
