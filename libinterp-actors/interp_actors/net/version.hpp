#pragma once

namespace interp_actors {

/// Version of the library, for people.
extern const char* const library_version;

} // namespace interp_actors
