#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdio>
#include <string>

namespace ia_bench {

/// A Python process that measures what only Python can do, on command, so that its rounds alternate with
/// ours. It inherits the cores of the thread that starts it. For each line "NAME N" it does N operations and
/// answers with the nanoseconds of one; it ends when its input does. Thread: one.
class peer_process {
public:
  /// Names the script; the process starts at the first command.
  explicit peer_process(std::string script) : script_{std::move(script)} {}
  peer_process(const peer_process&) = delete;
  peer_process& operator=(const peer_process&) = delete;
  ~peer_process();

  /// Has `operation` done `n` times; returns the nanoseconds of one. Errors: std::runtime_error,
  /// std::system_error.
  double measure(const std::string& operation, std::size_t n);

private:
  void start();

  std::string script_;
  pid_t process_ = -1;
  std::FILE* commands_ = nullptr;
  std::FILE* answers_ = nullptr;
};

} // namespace ia_bench
