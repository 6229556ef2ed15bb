#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

class Output : public with_runtime {
protected:
  static constexpr int interpreters = 4;
  static constexpr int lines = 200;

  /// Runs `code`, whose `line(name, thread, number, rest)` writes one, in several interpreters with two threads
  /// each, and checks in what `captured` returns afterwards that each line came out once, whole.
  void expect_whole_lines(const std::string& code, const std::function<std::string()>& captured) {
    {
      std::vector<std::thread> threads;
      for (int i = 0; i < interpreters; ++i)
        threads.emplace_back([&, i] {
          auto actor = spawn(code
                             + "import threading\n"
                               "def write(v):\n"
                               "    name = bytes(v).decode()\n"
                               "    def some(thread):\n"
                               "        for i in range(100):\n"
                               "            line(name, thread, i, 'x' * (i * 500))\n"
                               "    t = threading.Thread(target=some, args=(1,))\n"
                               "    t.start()\n"
                               "    some(0)\n"
                               "    t.join()\n");
          ia::caller mine{system()};
          EXPECT_TRUE(mine.call(actor, "write", ia::shared_bytes::copy(std::to_string(i))));
        });
      for (auto& thread : threads)
        thread.join();
    }
    std::istringstream in{captured()};
    std::map<std::string, int> seen;
    std::set<std::string> different;
    std::string line;
    int bad = 0;
    while (std::getline(in, line)) {
      std::istringstream parts{line};
      std::string name, thread, number, rest;
      std::getline(parts, name, '|') && std::getline(parts, thread, '|') && std::getline(parts, number, '|');
      std::getline(parts, rest);
      if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos
          || rest != std::string(std::stoul(number) * 500, 'x'))
        ++bad;
      ++seen[name];
      different.insert(name + '|' + thread + '|' + number);
    }
    EXPECT_EQ(bad, 0);
    ASSERT_EQ(seen.size(), static_cast<std::size_t>(interpreters));
    for (auto& [name, count] : seen)
      EXPECT_EQ(count, lines) << name;
    EXPECT_EQ(different.size(), static_cast<std::size_t>(interpreters * lines));
  }
};

TEST_F(Output, LinesOfManyInterpretersComeOutWhole) {
  ::testing::internal::CaptureStdout();
  expect_whole_lines("def line(*parts): print(*parts, sep='|')\n", ::testing::internal::GetCapturedStdout);
}

TEST_F(Output, LoggingOfManyInterpretersComesOutInWholeLines) {
  ::testing::internal::CaptureStderr();
  expect_whole_lines("import logging\nlogging.basicConfig(level=logging.INFO, format='%(message)s')\n"
                     "def line(*parts): logging.info('%s|%s|%s|%s', *parts)\n",
                     ::testing::internal::GetCapturedStderr);
}

TEST_F(Output, LoggingAndStderrComeOutAsLines) {
  ::testing::internal::CaptureStderr();
  auto actor = spawn(
      "import logging, sys\nlogging.basicConfig(level=logging.INFO, format='%(levelname)s %(message)s')\n"
      "def f(v):\n    logging.info('from %s', 'logging')\n    print('a', 'b', file=sys.stderr)\n");
  EXPECT_EQ(call(actor, "f"), "None");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "INFO from logging\na b\n");
}

TEST_F(Output, UnfinishedLinesComeOutWithFlushAndAtTheEnd) {
  ::testing::internal::CaptureStdout();
  {
    auto actor =
        spawn("import sys\ndef f(v):\n    print('50 %', end='', flush=True)\n    print(' done', end='')\n"
              "def raw(v): sys.stdout.buffer.write(b' and raw'); assert sys.stdout.fileno() == 1\n");
    EXPECT_EQ(call(actor, "f"), "None");
    EXPECT_EQ(call(actor, "raw"), "None");
  }
  rt().stop();
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "50 % done and raw");
}

TEST_F(Output, TextThatCannotBeEncodedIsEscaped) {
  ::testing::internal::CaptureStdout();
  auto actor = spawn("def f(v): print('\\udc80 ä')");
  EXPECT_EQ(call(actor, "f"), "None");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "\\udc80 ä\n");
}

/// The standard output, which goes into a pipe that nobody reads but the test.
class piped_output {
public:
  piped_output() {
    std::fflush(stdout);
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "pipe2");
    before_ = ::dup(STDOUT_FILENO);
    ::dup2(ends_[1], STDOUT_FILENO);
    ::close(ends_[1]);
  }
  piped_output(const piped_output&) = delete;
  piped_output& operator=(const piped_output&) = delete;
  ~piped_output() {
    restore();
    ::close(ends_[0]);
  }

  /// Puts the standard output back; what is still written to the pipe can be read.
  void restore() {
    if (auto before = std::exchange(before_, -1); before != -1) {
      ::dup2(before, STDOUT_FILENO);
      ::close(before);
    }
  }

  int reader() const { return ends_[0]; }

  /// Reads until `end` has come, or nothing does any more.
  std::string read_until(std::string_view end) {
    std::string result;
    std::array<char, 65536> some;
    ::pollfd ready{ends_[0], POLLIN, 0};
    while (!result.ends_with(end) && ::poll(&ready, 1, static_cast<int>(patience / 1ms)) == 1) {
      auto count = ::read(ends_[0], some.data(), some.size());
      if (count <= 0)
        break;
      result.append(some.data(), static_cast<std::size_t>(count));
    }
    return result;
  }

private:
  std::array<int, 2> ends_{};
  int before_ = -1;
};

TEST_F(Output, StreamThatNobodyReadsIsLeftWhenInterruptedAndHindersNobodyElse) {
  auto writer = spawn("def f(v): print('x' * 1_000_000)\ndef ok(v): return b'ok'");
  auto other = spawn("import sys\ndef f(v):\n    print('other', file=sys.stderr)\n    return b'done'");
  piped_output pipe;
  auto stalled = me().call(writer, "f", std::vector{ia::shared_bytes{}}, 100ms);
  auto others = call(other, "f");
  auto alive = call(writer, "ok");
  auto again = me().call(writer, "f", std::vector{ia::shared_bytes{}}, 100ms);
  pipe.restore();
  EXPECT_EQ(code_of(stalled.error()), ia::errc::deadline_exceeded);
  EXPECT_EQ(others, "done");
  EXPECT_EQ(alive, "ok");
  EXPECT_EQ(code_of(again.error()), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(writer, "ok"), "ok");
}

TEST_F(Output, ThreadThatWaitsForItsGilHasLetGoOfTheStream) {
  piped_output pipe;
  // While the handler writes, its other thread takes the GIL and keeps it until the gate opens: ctypes.PyDLL calls
  // without releasing it, and nobody else asks for it within an hour.
  auto writer = spawn_at_gate("import ctypes, select, sys, threading\n"
                              "libc = ctypes.PyDLL(None)\n"
                              "memory = ctypes.create_string_buffer(1)\n"
                              "def keep_gil(reader):\n"
                              "    select.select([reader], [], [])\n"
                              "    sys.setswitchinterval(3600)\n"
                              "    libc.write(arrival_descriptor(), b'x', 1)\n"
                              "    libc.read(gate_descriptor(), memory, 1)\n"
                              "    sys.setswitchinterval(0.005)\n"
                              "def f(v):\n"
                              "    t = threading.Thread(target=keep_gil, args=(int(bytes(v)),))\n"
                              "    t.start()\n"
                              "    print('x' * 1_000_000 + 'y')\n"
                              "    t.join()\n");
  auto other = spawn("def f(v):\n    print('other')\n    return b'done'");
  std::thread caller{[&] {
    ia::caller mine{system()};
    EXPECT_TRUE(mine.call(writer, "f", ia::shared_bytes::copy(std::to_string(pipe.reader()))));
  }};
  EXPECT_TRUE(gate.arrived());
  std::this_thread::sleep_for(
      100ms); // so that a writer which asked for its GIL now and then would wait for it by now
  auto line = pipe.read_until("y\n");
  EXPECT_EQ(line.size(), 1'000'002u) << "in one piece";
  EXPECT_EQ(call(other, "f"), "done");
  EXPECT_EQ(pipe.read_until("\n"), "other\n");
  gate.open();
  caller.join();
}

} // namespace
