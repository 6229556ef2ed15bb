#include "peer_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

namespace ia_bench {

namespace {

/// Both ends of a pipe, closed in processes started later.
struct pipe_ends {
  pipe_ends() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "making a pipe to a peer");
  }

  std::array<int, 2> ends{};
};

} // namespace

void peer_process::start() {
  // A peer that has ended is to be an error, not the end of this program.
  std::signal(SIGPIPE, SIG_IGN);
  pipe_ends to, from;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, to.ends[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, from.ends[1], STDOUT_FILENO);
  std::vector<char*> arguments;
  for (auto& one : command_)
    arguments.push_back(one.data());
  arguments.push_back(nullptr);
  auto problem = ::posix_spawn(&process_, arguments.front(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(to.ends[0]);
  ::close(from.ends[1]);
  commands_ = ::fdopen(to.ends[1], "w");
  answers_ = ::fdopen(from.ends[0], "r");
  if (problem != 0) {
    process_ = -1;
    throw std::system_error(problem, std::generic_category(), "starting the peer " + command_.front());
  }
}

peer_process::~peer_process() {
  if (commands_)
    std::fclose(commands_);
  if (answers_)
    std::fclose(answers_);
  if (process_ > 0)
    ::waitpid(process_, nullptr, 0);
}

double peer_process::measure(const std::string& operation, std::size_t n) {
  if (!commands_)
    start();
  double figure = 0;
  if (std::fprintf(commands_, "%s %zu\n", operation.c_str(), n) < 0 || std::fflush(commands_) != 0
      || std::fscanf(answers_, "%lf", &figure) != 1)
    throw std::runtime_error("the peer '" + operation + "' gave no answer; see what it printed above");
  return figure;
}

std::vector<std::string> python_peers() {
  return {INTERP_ACTORS_BENCH_PYTHON, "-I", INTERP_ACTORS_BENCH_PEERS};
}

std::vector<std::string> bare_interpreters() {
  return {INTERP_ACTORS_BENCH_BARE};
}

std::vector<std::string> own_peer() {
  return {"/proc/self/exe", "--peer"};
}

} // namespace ia_bench
