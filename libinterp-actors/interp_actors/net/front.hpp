#pragma once

#include "interp_actors/compat.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>

#include <functional>
#include <memory>

namespace interp_actors {

/// An actor that stands in front of an object for those in other processes: it hands over what comes, in the thread that
/// brings it.
/// Thread: any.
/// Owner: CAF's registry, which knows it by its number as soon as another process does; so it lasts until `end_front`.
class front final : public caf::actor_companion {
public:
  using receiver = std::function<void(caf::mailbox_element_ptr)>;

  /// `to` keeps nothing alive that keeps this actor.
  front(caf::actor_config& config, receiver to) : caf::actor_companion{config}, to_{std::move(to)} {}

  using caf::actor_companion::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, compat::execution_context*) override {
    to_(std::move(element));
    return true;
  }
  const char* name() const override { return "interp_actors.front"; }

private:
  const receiver to_;
};

inline caf::strong_actor_ptr make_front(caf::actor_system& system, front::receiver to) {
  return caf::actor_cast<caf::strong_actor_ptr>(system.spawn<front, caf::hidden>(std::move(to)));
}

/// Ends it; later messages still reach its object, which is to ignore them.
inline void end_front(const caf::strong_actor_ptr& which) {
  static_cast<front*>(which->get())->cleanup(caf::error{}, nullptr);
}

} // namespace interp_actors
