#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace ia_bench {

/// A process that measures what this one cannot, on command, so that its rounds alternate with
/// ours. It inherits the cores of the thread that starts it. For each line "NAME N" it does N operations and
/// answers with the nanoseconds, or bytes, of one; it ends when its input does. Thread: one.
class peer_process {
public:
  /// The path of a program and its arguments; the process starts at the first command.
  explicit peer_process(std::vector<std::string> command) : command_{std::move(command)} {}
  peer_process(const peer_process&) = delete;
  peer_process& operator=(const peer_process&) = delete;
  ~peer_process();

  /// Has `operation` done `n` times; returns the figure of one. Errors: std::runtime_error,
  /// std::system_error.
  double measure(const std::string& operation, std::size_t n);

private:
  void start();

  std::vector<std::string> command_;
  pid_t process_ = -1;
  std::FILE* commands_ = nullptr;
  std::FILE* answers_ = nullptr;
};

/// What CPython itself offers to Python code.
std::vector<std::string> python_peers();

/// Interpreters that a program makes with CPython's C API alone.
std::vector<std::string> bare_interpreters();

/// This program, which then answers as a peer.
std::vector<std::string> own_peer();

} // namespace ia_bench
