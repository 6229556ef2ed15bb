#include "interp_actors/actor/between_processes.hpp"

#include "interp_actors/actor/deadline.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

namespace interp_actors {

namespace {

/// What a message may take besides its payloads.
constexpr std::size_t room_for_the_rest = std::size_t{1} << 20;

} // namespace

caf::error check_frame(caf::actor_system& system, const caf::strong_actor_ptr& to,
                       const caf::message& content) {
  if (to->node() == system.node())
    return {};
  if (auto size = payload_bytes(content); size > most_frame_bytes - room_for_the_rest)
    return make_error(errc::too_large, std::to_string(size) + " bytes are more than the "
                                           + std::to_string(most_frame_bytes - room_for_the_rest)
                                           + " that actors of two processes may send each other at once");
  if (content.match_elements<send_atom, channel_end>() && content.get_as<channel_end>(1).receiver())
    return make_error(errc::channel_mismatch, "a receiving end cannot leave its process");
  return {};
}

} // namespace interp_actors
