#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "workforce.hpp"

namespace ia_program {

/// What `interp-actors map` was asked for.
struct map_options {
  /// `FILE.py` or `FILE.py:NAME`.
  std::string function;
  /// Files to map, or, with `lines`, files whose lines are mapped; `-` is stdin.
  std::vector<std::string> files;
  bool lines = false;
  work_options work;
};

/// Calls the function for every item and writes the results to stdout, one line each, in the order of the items.
/// Errors: std::exception for what cannot be written.
int run_map(const map_options& how);

} // namespace ia_program
