#include "interp_actors/net/node.hpp"

#include "interp_actors/net/node_link.hpp"

namespace interp_actors {

const std::string& node::name() const noexcept {
  return link_->name();
}

bool node::is_connected() const {
  return link_->session() != nullptr;
}

std::size_t node::slots() const {
  auto session = link_->session();
  return session ? static_cast<std::size_t>(session->welcome().slots) : 0;
}

std::size_t node::free_slots() const {
  auto session = link_->session();
  return session ? static_cast<std::size_t>(session->free_slots()) : 0;
}

std::string node::state() const {
  return link_->state();
}

} // namespace interp_actors
