#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace ia_test {

/// Memory of a process in KiB that is really there; of this one unless told otherwise.
inline std::size_t resident_kib(const std::string& process = "self") {
  std::ifstream status{"/proc/" + process + "/status"};
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:"))
      return std::stoul(line.substr(6));
  return 0;
}

/// Files and connections that a process has open.
inline std::size_t open_files(const std::string& process) {
  std::filesystem::directory_iterator all{"/proc/" + process + "/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

} // namespace ia_test
