#pragma once

#include "interp_actors/base/errc.hpp"
#include "interp_actors/base/python_error.hpp"

#include <optional>
#include <string>

namespace interp_actors {

/// How a source ran to its end. A plain value.
struct run_result {
  /// Why it failed; nothing where it ran through, or left with exit code 0.
  std::optional<errc> failure;
  /// The exception that ended it, if one did; also SystemExit with any code but 0.
  std::optional<interp_actors::python_error> python_error;
  /// What happened, for people; empty where all went well.
  std::string text;
  /// As the `python` program would leave with: 0, the code of `sys.exit`, or 1 for anything else.
  int exit_code = 0;

  bool ok() const noexcept { return !failure; }
  explicit operator bool() const noexcept { return ok(); }
};

} // namespace interp_actors
