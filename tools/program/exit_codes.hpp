#pragma once

namespace ia_program {

/// Exit codes of the program besides 0. Where a signal ended its work early, it ends by that signal (a shell shows 130 or 143).
/// Source: sysexits.h for those from 64 on.
enum exit_code : int {
  /// At least one trial or item failed.
  exit_failed = 1,
  exit_usage = 64,
  /// The user's code cannot be loaded, or has no function of the right kind.
  exit_bad_code = 65,
  exit_no_input = 66,
  /// Python cannot be started, or the interpreters came to an end.
  exit_unavailable = 69,
  /// A folder or a file cannot be written.
  exit_cannot_write = 73,
  /// The results in the folder were made with another configuration.
  exit_incompatible = 78,
};

} // namespace ia_program
