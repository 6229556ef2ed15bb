#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace interp_actors {

/// SHA-256 of `bytes` in hexadecimal digits: names code, whoever sends it.
/// Errors: std::bad_alloc.
std::string content_hash(std::span<const std::byte> bytes);

} // namespace interp_actors
