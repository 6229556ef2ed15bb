#pragma once

#include "interp_actors/supervision/node_directory.hpp"

#include <memory>
#include <string>

namespace interp_actors {

class node_hub;

/// A child whose address is here and whose incarnations are on nodes. `hub` must outlive it.
std::unique_ptr<child_process> make_remote_child(const std::shared_ptr<roster>& home, node_hub& hub,
                                                 std::shared_ptr<const remote_child_parts> parts,
                                                 const std::string& name,
                                                 std::shared_ptr<child_events> events);

} // namespace interp_actors
