#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace interp_actors::python {

/// How CPython starts.
struct engine_options {
  /// Root of a virtual environment whose packages are importable; empty for none.
  std::filesystem::path virtual_env;
  /// Folders put in front of `sys.path`, in this order.
  std::vector<std::string> sys_path;
  /// `sys.argv` of every interpreter.
  std::vector<std::string> argv = {""};
  /// Whether PYTHON* variables and the user's site-packages are ignored.
  /// Source: CPython 3.14, PyConfig_InitIsolatedConfig.
  bool isolated = true;
};

} // namespace interp_actors::python
