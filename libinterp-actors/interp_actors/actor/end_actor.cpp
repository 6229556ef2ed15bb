#include "interp_actors/actor/end_actor.hpp"

#include <caf/exit_reason.hpp>

#include <cstdio>
#include <exception>
#include <utility>

namespace interp_actors {

bool ends_receiver(const caf::exit_msg& message) {
  return message.reason && message.reason != caf::exit_reason::unreachable;
}

void end_actor(caf::actor_companion& who, const std::string& name, caf::error reason) {
  auto say = [&](const char* what) {
    std::fprintf(stderr, "interp-actors: what was attached to the end of '%s' threw: %s\n", name.c_str(),
                 what);
    who.unregister_from_system(); // the next step of `cleanup`; without it, the actor system's end waits for ever
  };
  try {
    who.cleanup(std::move(reason), nullptr);
  } catch (const std::exception& problem) {
    say(problem.what());
  } catch (...) { // its thread is anybody's: the supervisor's, the timer's, an interpreter's
    say("something that is no std::exception");
  }
}

} // namespace interp_actors
