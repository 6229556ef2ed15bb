#pragma once

#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <vector>

namespace ia_test {

/// The process's resident memory, without what malloc keeps for later.
inline double resident_kib() {
  ::malloc_trim(0);
  std::ifstream in{"/proc/self/statm"};
  double total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1024;
}

/// Slope of `values` over their places, by least squares.
inline double slope(const std::vector<double>& values) {
  auto n = static_cast<double>(values.size());
  double sum_x = 0, sum_y = 0, sum_xy = 0, sum_xx = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto x = static_cast<double>(i);
    sum_x += x;
    sum_y += values[i];
    sum_xy += x * values[i];
    sum_xx += x * x;
  }
  return (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
}

} // namespace ia_test
