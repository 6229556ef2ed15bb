#pragma once

#include "interp_actors/message/inspect.hpp"
#include "interp_actors/message/lent.hpp"

#include <caf/actor_control_block.hpp>

#include <type_traits>
#include <vector>

namespace interp_actors {

class interface;

/// An actor in a packed message. Within a process it keeps the interface through which its handle came.
struct packed_actor {
  caf::strong_actor_ptr actor;
  const interface* type = nullptr;
};

/// A `packed_value` as it travels in messages: a value that describes itself, with the payloads and actors in
/// it. A plain value; see actor/packing.hpp.
struct packed_message {
  shared_bytes bytes;
  std::vector<shared_bytes> payloads;
  std::vector<packed_actor> actors;
};

template <class Inspector>
bool inspect(Inspector& f, packed_actor& x) {
  if constexpr (std::is_same_v<Inspector, caf::binary_serializer>)
    note_lent(x.actor);
  return f.object(x).fields(f.field("actor", x.actor));
}

template <class Inspector>
bool inspect(Inspector& f, packed_message& x) {
  return f.object(x).fields(f.field("bytes", x.bytes), f.field("payloads", x.payloads),
                            f.field("actors", x.actors));
}

} // namespace interp_actors
