#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

/// What ends cleanly may take as long as a test on a busy machine.
constexpr const char* patient = "--interp-actors.teardown-timeout=1min";

/// A process of the program with `arguments`, whose two streams are read together.
class process {
public:
  /// `ignored` is a signal that the process ignores from its start on, as in the background of a shell.
  explicit process(std::vector<std::string> arguments, int ignored = 0) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    ::sigset_t defaults;
    ::sigemptyset(&defaults);
    for (auto signal : {SIGINT, SIGTERM}) // this process may itself run in the background of a shell
      if (signal == ignored)
        std::signal(signal, SIG_IGN);
      else
        ::sigaddset(&defaults, signal);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    arguments.insert(arguments.begin(), MAIN_PROGRAM);
    std::vector<char*> pointers;
    for (auto& one : arguments)
      pointers.push_back(one.data());
    pointers.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&id_, MAIN_PROGRAM, &actions, &attributes, pointers.data(), environ), 0);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ::fdopen(ends[0], "r");
  }
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process() {
    if (id_ > 0) {
      ::kill(id_, SIGKILL);
      ::waitpid(id_, nullptr, 0);
    }
    std::fclose(output_);
  }

  /// Reads until a line is `line`. Returns false at the end of the output.
  bool wait_for(const std::string& line) {
    for (std::string read; read_line(read); read.clear())
      if (read == line)
        return true;
    return false;
  }

  void send(int signal) { EXPECT_EQ(::kill(id_, signal), 0); }

  /// Waits for its end; returns the exit code, or 256 more than the signal that it ended by.
  int end() {
    for (std::string read; read_line(read); read.clear()) {
    }
    int status = 0;
    EXPECT_EQ(::waitpid(id_, &status, 0), id_);
    id_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
  }

  bool printed(const std::string& text) const { return all_.find(text) != std::string::npos; }
  const std::string& all() const { return all_; }

  /// Who has said so, in that order.
  std::string who_went_down() const {
    std::string result;
    std::istringstream lines{all_};
    for (std::string line; std::getline(lines, line);)
      if (line.ends_with(" down"))
        result += (result.empty() ? "" : " ") + line.substr(0, line.size() - 5);
    return result;
  }

private:
  bool read_line(std::string& line) {
    for (int c = 0; (c = std::fgetc(output_)) != EOF;) {
      all_ += static_cast<char>(c);
      if (c == '\n')
        return true;
      line += static_cast<char>(c);
    }
    return !line.empty();
  }

  pid_t id_ = -1;
  std::FILE* output_ = nullptr;
  std::string all_;
};

class Signals : public testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Both, Signals, testing::Values(SIGINT, SIGTERM),
                         [](auto& info) { return info.param == SIGINT ? "Interrupt" : "Terminate"; });

TEST_P(Signals, StopAnIdleServerWhoseCodeIsTheFunctions) {
  process server{{"--what=serve"}};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 3);
  EXPECT_TRUE(server.printed("atexit ran\n")) << server.all();
  EXPECT_TRUE(server.printed("spawned: 0\n")) << server.all();
}

TEST_P(Signals, StopABusyHandlerAtTheShutdownTimeout) {
  process server{{"--what=serve-spin", "--interp-actors.shutdown-timeout=50ms", patient}};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 3) << server.all();
  EXPECT_TRUE(server.printed("atexit ran\n")) << server.all();
}

TEST_P(Signals, LeaveAHandlerBehindThatDoesNotGiveWay) {
  process server{
      {"--what=serve-sleep", "--interp-actors.shutdown-timeout=50ms", patient, "--interp-actors.grace=50ms"}};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 3) << server.all();
  EXPECT_TRUE(server.printed("spawned: 0\n")) << server.all();
  EXPECT_FALSE(server.printed("atexit ran")) << server.all();
}

TEST_P(Signals, EndACallThatTheFunctionWaitsFor) {
  process server{{"--what=serve-call", "--interp-actors.shutdown-timeout=50ms", patient}};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 3) << server.all();
  EXPECT_TRUE(server.printed("user_shutdown")) << server.all();
}

TEST_P(Signals, EndTheProcessWhereTheFunctionThrowsForThem) {
  process server{{"--what=serve-throw", "--interp-actors.shutdown-timeout=50ms", patient}};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 256 + GetParam());
  EXPECT_TRUE(server.printed("atexit ran\n")) << server.all();
  EXPECT_TRUE(server.printed("user_shutdown")) << server.all();
}

TEST_P(Signals, StopASpawnWhoseSourceDoesNotEnd) {
  process server{{"--what=serve-start", "--interp-actors.shutdown-timeout=50ms", patient}};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 0) << server.all();
  EXPECT_TRUE(server.printed("failed to start\n")) << server.all();
}

TEST_P(Signals, LeaveAFunctionThatDoesNotReturnInTime) {
  process server{{"--what=serve-for-ever", "--interp-actors.shutdown-timeout=50ms",
                  "--interp-actors.teardown-timeout=50ms"}};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 128 + GetParam()) << server.all();
  EXPECT_TRUE(server.printed("atexit ran\n")) << server.all();
  EXPECT_TRUE(server.printed("left in the buffer")) << server.all();
}

TEST_P(Signals, LeaveAtOnceWhenASecondOneComes) {
  for (auto second : {SIGINT, SIGTERM}) {
    process server{{"--what=serve-for-ever", "--interp-actors.shutdown-timeout=1h"}};
    ASSERT_TRUE(server.wait_for("ready")) << server.all();
    server.send(GetParam());
    ASSERT_TRUE(server.wait_for("stopping")) << server.all();
    server.send(second);
    EXPECT_EQ(server.end(), 128 + second) << server.all();
  }
}

TEST_P(Signals, StopATreeInReverseOrder) {
  process server{{"--what=serve-tree", patient}};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 3) << server.all();
  EXPECT_EQ(server.who_went_down(), "e d c b a");
  EXPECT_TRUE(server.printed("supervised: 0\n")) << server.all();
}

TEST_P(Signals, StopABusyChildAtItsOwnLimit) {
  process server{{"--what=serve-tree-spin", patient}};
  ASSERT_TRUE(server.wait_for("busy")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 3) << server.all();
  EXPECT_EQ(server.who_went_down(), "e d c b a");
}

TEST_P(Signals, LeaveAChildBehindThatDoesNotGiveWayAndStopTheOthers) {
  process server{{"--what=serve-tree-sleep", patient, "--interp-actors.grace=50ms"}};
  ASSERT_TRUE(server.wait_for("busy")) << server.all();
  server.send(GetParam());
  EXPECT_EQ(server.end(), 3) << server.all();
  EXPECT_EQ(server.who_went_down(), "e d c a");
}

TEST_P(Signals, StopAFleetAndThenTheTreeThatWasThereBefore) {
  for (auto* what : {"--what=serve-fleet", "--what=serve-fleet-spin"}) {
    process server{{what, patient}};
    ASSERT_TRUE(server.wait_for(what[std::strlen(what) - 1] == 't' ? "ready" : "busy")) << server.all();
    server.send(GetParam());
    EXPECT_EQ(server.end(), 3) << server.all();
    auto down = server.who_went_down();
    for (auto* member : {"fleet-1", "fleet-2", "fleet-3"})
      EXPECT_LT(down.find(member), down.find("e d c b a")) << down;
    EXPECT_TRUE(down.ends_with(" e d c b a")) << down;
  }
}

// Two of the same kind that wait for the process are one to the kernel.
TEST_P(Signals, TwoInARowStopOrLeave) {
  process server{{"--what=serve"}};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  server.send(GetParam());
  auto code = server.end();
  EXPECT_TRUE(code == 3 || code == 128 + GetParam()) << code << '\n' << server.all();
}

// The site's code runs while CPython starts.
TEST_P(Signals, ThatComeDuringTheStartKeepTheFunctionFromBeingCalled) {
  auto folder = std::filesystem::path{testing::TempDir()} / ("signal_test_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream{folder / "sitecustomize.py"} << "import os\nprint('starts')\nos.kill(os.getpid(), "
                                             << GetParam() << ")\n";
  ::setenv("PYTHONPATH", folder.c_str(), 1);
  process server{{"--what=serve", "--interp-actors.isolated=false"}};
  EXPECT_EQ(server.end(), 256 + GetParam()) << server.all();
  EXPECT_TRUE(server.printed("starts")) << server.all();
  EXPECT_FALSE(server.printed("ready")) << server.all();
  std::filesystem::remove_all(folder);
}

TEST_P(Signals, ThatAreIgnoredStayIgnored) {
  process server{{"--what=serve"}, GetParam()};
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(GetParam());
  server.send(GetParam());
  server.send(GetParam() == SIGINT ? SIGTERM : SIGINT);
  EXPECT_EQ(server.end(), 3) << server.all();
}

TEST(RunMain, ProcessesOfPythonCodeCanBeTerminated) {
  process server{{"--what=serve-process"}};
  ASSERT_TRUE(server.wait_for("-15")) << server.all();
  ASSERT_TRUE(server.wait_for("ready")) << server.all();
  server.send(SIGTERM);
  EXPECT_EQ(server.end(), 3) << server.all();
}

} // namespace
