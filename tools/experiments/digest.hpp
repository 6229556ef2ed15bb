#pragma once

#include <string>
#include <string_view>

namespace ia_experiments {

/// The SHA-256 of `text` in hexadecimal digits.
/// Errors: std::runtime_error where OpenSSL has none.
std::string sha256(std::string_view text);

} // namespace ia_experiments
