#pragma once

#include <filesystem>

namespace ia_experiments {

/// Keeps a folder for this process while it lives. The kernel gives it up when the process ends, however that happens.
/// Owner: one; not for threads of one process.
class folder_lock {
public:
  /// Errors: std::runtime_error that names the process which has it, or why there is no lock.
  explicit folder_lock(const std::filesystem::path& folder);
  folder_lock(const folder_lock&) = delete;
  folder_lock& operator=(const folder_lock&) = delete;
  ~folder_lock();

private:
  int file_;
};

} // namespace ia_experiments
