#pragma once

#include "interp_actors/supervision/placement.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace interp_actors {

class node_link;

/// A node that a runtime is connected to, or tries to be: it reconnects by itself, for as long as the runtime lives. Copies
/// stand for the same one. `.on = node` runs a child there.
/// Thread: any.
class node {
public:
  explicit node(std::shared_ptr<node_link> link) : link_{std::move(link)} {}

  /// "HOST:PORT".
  const std::string& name() const noexcept;

  bool is_connected() const;

  /// Interpreters that it runs at most, and how many more it would take; 0 where it is not connected.
  std::size_t slots() const;
  std::size_t free_slots() const;

  /// What there is to say of it: its free slots, or why it is not connected.
  std::string state() const;

  operator placement() const { return on_node(name()); }

private:
  std::shared_ptr<node_link> link_;
};

} // namespace interp_actors
