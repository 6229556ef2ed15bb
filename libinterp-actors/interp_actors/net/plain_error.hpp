#pragma once

#include <caf/error.hpp>

namespace interp_actors {

/// `error` as a process can read it that has no types but CAF's and the library's: what is of another type becomes text. CAF cannot
/// send what the receiver does not know.
caf::error plain_error(const caf::error& error);

} // namespace interp_actors
