#include "interp_actors/net/version.hpp"

namespace interp_actors {

const char* const library_version = INTERP_ACTORS_VERSION;

} // namespace interp_actors
