#pragma once

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/supervision/operations.hpp"
#include "interp_actors/supervision/supervisor.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/expected.hpp>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace interp_actors {

/// A supervision tree, which lives until it is stopped, gives up, or the runtime stops. Copies stand for the same one; the
/// tree does not end with the last of them.
/// Thread: any but an actor's of CAF, since these functions wait; actors send messages to `handle` instead.
class tree {
public:
  tree(caf::actor_system& system, std::shared_ptr<supervisor_link> link)
      : system_{&system}, link_{std::move(link)} {}

  /// The topmost supervisor as an actor; invalid once it has ended.
  supervisor_actor handle() const { return caf::actor_cast<supervisor_actor>(link_->handle()); }

  /// The address of a child, which stays valid while its supervisor knows it, whatever happens to its incarnations. `path` leads
  /// through supervisors: "storage/index".
  /// Errors: `errc::no_such_child`; `errc::wrong_type` where the child does not understand what `Handle` says.
  template <class Handle = interpreter_actor>
  caf::expected<Handle> child(std::string_view path) const {
    std::set<std::string> types;
    if constexpr (caf::is_typed_actor<Handle>::value)
      types = system_->message_types<Handle>();
    auto found = find(path, types);
    if (!found)
      return std::move(found.error());
    return caf::actor_cast<Handle>(std::move(*found));
  }

  /// Adds a child to the topmost supervisor, and returns its address once it has started. The errors of this and the
  /// next ones are those of `supervisor_actor`.
  caf::expected<caf::strong_actor_ptr> start_child(child_spec child) const;
  /// Stops a child, which stays down.
  caf::error terminate_child(std::string name) const;
  /// Starts one that is down.
  caf::error restart_child(std::string name) const;
  /// Forgets one that is down.
  caf::error delete_child(std::string name) const;

  /// The children of the topmost supervisor, and their number.
  caf::expected<std::vector<child_info>> list_children() const;
  caf::expected<child_counts> count_children() const;

  /// All children with their restarts and last deaths, for people.
  std::string to_text() const { return link_->to_text(); }

  /// Stops all children in reverse order, each within its own limit, and waits for that.
  void stop() const;

  /// Waits until the tree has ended; returns why, an error without a code where it was stopped.
  caf::error wait() const { return link_->wait_ended().error; }

private:
  caf::expected<caf::strong_actor_ptr> find(std::string_view path, const std::set<std::string>& types) const;

  caf::actor_system* system_;
  std::shared_ptr<supervisor_link> link_;
};

/// What belongs to a tree besides its description.
struct tree_options {
  /// For logs.
  std::string name = "tree";
  std::shared_ptr<supervisor_link> link = std::make_shared<supervisor_link>();
  /// Called when the runtime stops, before the tree does.
  std::function<void()> before_stop = nullptr;
  /// Called once it has ended, in its supervisor's thread.
  std::function<void(const supervisor_link::ending&)> on_ended = nullptr;
};

/// Starts a tree and waits until all its children have started.
/// Errors: `errc::invalid_spec`; why the first child failed that did not start; `errc::stopped`.
caf::expected<tree> start_tree(const std::shared_ptr<roster>& home, supervisor_spec spec,
                               tree_options options = {});

} // namespace interp_actors
