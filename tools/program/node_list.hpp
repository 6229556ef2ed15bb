#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace ia_program {

/// Reads a file with one node in each line, as HOST:PORT; what is behind `#` is a comment, and empty lines do not matter.
/// Without certificates (`has_certificates`) only nodes on this machine's own loopback can be used.
/// Errors: std::runtime_error where it cannot be read; std::invalid_argument that names the file and the line.
std::vector<std::string> read_node_list(const std::filesystem::path& file, bool has_certificates);

} // namespace ia_program
