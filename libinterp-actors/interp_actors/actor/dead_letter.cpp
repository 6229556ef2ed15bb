#include "interp_actors/actor/dead_letter.hpp"

#include <cstdio>
#include <exception>

namespace interp_actors {

void dead_letter_office::take(const dead_letter& letter, bool first) noexcept {
  count_.fetch_add(1, std::memory_order_relaxed);
  if (!handler_) {
    if (first && letter.deaths.empty())
      std::fprintf(stderr,
                   "interp-actors: a message for '%s' was dropped: %s (later ones are only counted)\n",
                   letter.receiver.c_str(), letter.why.c_str());
    else if (first)
      std::fprintf(
          stderr,
          "interp-actors: '%s' put aside %s, which ended %zu of its interpreters, the last one by %s (later "
          "messages are only counted)\n",
          letter.receiver.c_str(), letter.request.c_str(), letter.deaths.size(),
          letter.deaths.back()->text.c_str());
    return;
  }
  try {
    handler_(letter);
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "interp-actors: the handler of dead letters threw: %s\n", problem.what());
  } catch (...) { // its thread is anybody's
    std::fprintf(stderr, "interp-actors: the handler of dead letters threw something\n");
  }
}

} // namespace interp_actors
