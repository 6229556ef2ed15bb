#pragma once

#include <string>

namespace interp_actors {

/// Where the interpreters of a child run: in this process, or on a node that the runtime is connected to. A plain value.
struct placement {
  enum class kind {
    /// In this process.
    here,
    /// On the node with the most free slots; each incarnation is placed anew.
    any_node,
    /// On the node called `node`, and nowhere else.
    one_node,
  };

  kind where = kind::here;
  /// As it was given to `runtime::connect`: "HOST:PORT".
  std::string node = {};

  bool is_remote() const noexcept { return where != kind::here; }

  friend bool operator==(const placement&, const placement&) = default;
};

/// On any node that has a free slot.
inline const placement any_node{placement::kind::any_node};

/// On one node.
inline placement on_node(std::string name) {
  return {placement::kind::one_node, std::move(name)};
}

/// "here", "any_node" or the node's name.
std::string to_string(const placement& where);
bool from_string(const std::string& text, placement& where);

} // namespace interp_actors
