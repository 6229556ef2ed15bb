#pragma once

namespace interp_actors {

/// Version of the library, for people.
inline constexpr const char* library_version = INTERP_ACTORS_VERSION;

} // namespace interp_actors
