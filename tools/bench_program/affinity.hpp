#pragma once

#include <filesystem>
#include <vector>

namespace ia_bench {

/// The cores that the calling thread may run on, by their numbers.
std::vector<int> allowed_cores();

/// Returns the first hyperthread of each physical core in `cores`: the others share its units and slow it down.
/// Where the kernel says nothing about a core, it counts as one of its own.
/// Source: Linux, Documentation/admin-guide/cputopology.rst, thread_siblings_list.
std::vector<int> without_siblings(const std::vector<int>& cores,
                                  const std::filesystem::path& topology = "/sys/devices/system/cpu");

/// Binds the calling thread to `cores`; threads and processes that it starts inherit them.
/// Errors: std::system_error.
void bind_to(const std::vector<int>& cores);

/// Binds the calling thread to `cores` for the lifetime of the object, and to what it had before afterwards.
class bound_to {
public:
  explicit bound_to(const std::vector<int>& cores) : before_{allowed_cores()} { bind_to(cores); }
  bound_to(const bound_to&) = delete;
  bound_to& operator=(const bound_to&) = delete;
  ~bound_to() { bind_to(before_); }

private:
  std::vector<int> before_;
};

} // namespace ia_bench
