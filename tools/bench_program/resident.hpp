#pragma once

#include <unistd.h>

#include <fstream>

namespace ia_bench {

/// The memory of this process that is resident.
/// Source: Linux, Documentation/filesystems/proc.rst, statm.
inline double resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  double size = 0, resident = 0;
  statm >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

} // namespace ia_bench
