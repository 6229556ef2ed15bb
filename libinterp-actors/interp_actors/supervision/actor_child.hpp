#pragma once

#include "interp_actors/supervision/child_body.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <type_traits>

namespace interp_actors {

namespace detail {

struct actor_maker {
  std::function<caf::strong_actor_ptr(caf::actor_system&)> make;
  std::function<std::set<std::string>(const caf::actor_system&)> types;
};

std::shared_ptr<const child_body> make_actor_child(actor_maker maker);

} // namespace detail

/// A child in C++: `make` spawns its actor, once for each incarnation; what it throws is a failed start. Its address
/// outlives them: what it had in its mailbox at its end is answered by CAF, what comes while it is down waits. It is stopped by
/// an exit message, then by one with `exit_reason::kill`; one that does not end even then is given up.
/// Thread: `make` is called in the supervisor's, which waits for it.
template <class Make>
std::shared_ptr<const child_body> actor_child(Make make) {
  using handle = std::invoke_result_t<Make&, caf::actor_system&>;
  detail::actor_maker maker;
  maker.make = [make = std::move(make)](caf::actor_system& system) mutable {
    return caf::actor_cast<caf::strong_actor_ptr>(make(system));
  };
  maker.types = [](const caf::actor_system& system) {
    if constexpr (caf::is_typed_actor<handle>::value)
      return system.message_types<handle>();
    else
      return std::set<std::string>{};
  };
  return detail::make_actor_child(std::move(maker));
}

} // namespace interp_actors
