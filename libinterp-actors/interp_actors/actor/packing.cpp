#include "interp_actors/actor/packing.hpp"

#include "interp_actors/actor/reference.hpp"

namespace interp_actors {

packed_message to_message(packed_value value) {
  packed_message result;
  result.bytes = shared_bytes::adopt(std::move(value.bytes));
  result.payloads = std::move(value.payloads);
  for (auto& actor : value.actors)
    result.actors.push_back({actor_of(actor), type_of(actor)});
  return result;
}

packed_value to_value(const packed_message& message) {
  packed_value result;
  auto bytes = message.bytes.as_span();
  result.bytes.assign(bytes.begin(), bytes.end());
  result.payloads = message.payloads;
  for (auto& each : message.actors)
    result.actors.push_back(make_reference(each.actor, each.type));
  return result;
}

} // namespace interp_actors
