#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "gate.hpp"

namespace ia_test {

/// A node in a process of its own: the program as users have it, on this machine's loopback unless told otherwise.
/// Thread: one.
/// Owner: the test. The process ends with it.
class node_process {
public:
  /// Starts `interp-actors node --listen 127.0.0.1:0 ARGUMENTS...`, or another program, behind `before`, and waits for its
  /// first line.
  explicit node_process(std::vector<std::string> arguments = {}, std::vector<std::string> before = {},
                        const char* program = nullptr) {
    auto all = std::move(before);
    all.push_back(program ? program : NODE_PROGRAM);
    if (!program)
      all.push_back("node");
    if (!program && std::find(arguments.begin(), arguments.end(), "--listen") == arguments.end())
      all.insert(all.end(), {"--listen", "127.0.0.1:0"});
    all.insert(all.end(), arguments.begin(), arguments.end());
    start(all);
    auto line = read_line();
    // "listening at HOST:PORT with N slots"
    auto begin = line.find(" at ");
    auto end = line.find(" with ");
    if (begin != std::string::npos && end != std::string::npos)
      name_ = line.substr(begin + 4, end - begin - 4);
  }
  node_process(const node_process&) = delete;
  node_process& operator=(const node_process&) = delete;
  ~node_process() {
    kill(SIGKILL);
    (void)wait();
    ::close(output_);
    ::close(errors_);
  }

  /// "HOST:PORT"; empty where it did not start.
  const std::string& name() const noexcept { return name_; }
  ::pid_t pid() const noexcept { return pid_; }

  void kill(int signal) const {
    if (pid_ > 0)
      ::kill(pid_, signal);
  }

  /// Waits for its end; returns the exit code, or 128 and the signal.
  int wait() {
    if (pid_ <= 0)
      return code_;
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return code_;
  }

  /// What it has said on stderr so far, and until it has said `what`, for as long as tests wait.
  const std::string& errors(const std::string& what = "") {
    auto until = std::chrono::steady_clock::now() + patience;
    while (what.empty() || said_.find(what) == std::string::npos) {
      auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      ::pollfd ready{errors_, POLLIN, 0};
      std::array<char, 4096> chunk{};
      if (::poll(&ready, 1, what.empty() ? 0 : std::max(0, static_cast<int>(left.count()))) <= 0)
        break;
      auto count = ::read(errors_, chunk.data(), chunk.size());
      if (count <= 0)
        break;
      said_.append(chunk.data(), static_cast<std::size_t>(count));
    }
    return said_;
  }

private:
  void start(std::vector<std::string>& arguments) {
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "pipe2");
    std::vector<char*> pointers;
    for (auto& each : arguments)
      pointers.push_back(each.data());
    pointers.push_back(nullptr);
    ::posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    auto code = ::posix_spawnp(&pid_, pointers[0], &actions, nullptr, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(err[1]);
    output_ = out[0];
    errors_ = err[0];
    if (code != 0)
      throw std::system_error(code, std::generic_category(), arguments[0]);
  }

  std::string read_line() {
    std::string line;
    auto until = std::chrono::steady_clock::now() + patience;
    for (char c = 0; c != '\n';) {
      auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      ::pollfd ready{output_, POLLIN, 0};
      if (::poll(&ready, 1, std::max(0, static_cast<int>(left.count()))) <= 0 || ::read(output_, &c, 1) != 1)
        break;
      line += c;
    }
    return line;
  }

  ::pid_t pid_ = -1;
  int code_ = -1;
  int output_ = -1;
  int errors_ = -1;
  std::string name_;
  std::string said_;
};

} // namespace ia_test
