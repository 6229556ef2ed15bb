#pragma once

#include "interp_actors/actor/interface.hpp"
#include "interp_actors/actor/roster.hpp"
#include "interp_actors/base/source.hpp"
#include "interp_actors/supervision/child_body.hpp"
#include "interp_actors/supervision/python_child.hpp"

#include <memory>
#include <string>

namespace interp_actors {

class shared_queue;

/// What a child on a node is made of.
struct remote_child_parts {
  source code;
  python_options options;
  std::shared_ptr<const typed_start> typed;
  std::shared_ptr<shared_queue> queue;
};

/// The nodes of a runtime, as supervisors see them.
/// Thread: any.
/// Owner: the roster, whose runtime closes it.
class node_directory {
public:
  node_directory() = default;
  node_directory(const node_directory&) = delete;
  node_directory& operator=(const node_directory&) = delete;
  virtual ~node_directory() = default;

  /// Makes a child whose incarnations run where `parts->options.on` says; `events` is told how it fares.
  virtual std::unique_ptr<child_process> make_child(const std::shared_ptr<roster>& home,
                                                    std::shared_ptr<const remote_child_parts> parts,
                                                    const std::string& name,
                                                    std::shared_ptr<child_events> events) = 0;
};

} // namespace interp_actors
