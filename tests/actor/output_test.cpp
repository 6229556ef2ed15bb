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

TEST_F(Output, StreamThatNobodyReadsIsLeftWhenInterruptedAndHindersNobodyElse) {
  auto writer = spawn("def f(v): print('x' * 1_000_000)\ndef ok(v): return b'ok'");
  auto other = spawn("import sys\ndef f(v):\n    print('other', file=sys.stderr)\n    return b'done'");
  std::fflush(stdout);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  auto before = ::dup(STDOUT_FILENO);
  ::dup2(ends[1], STDOUT_FILENO);
  ::close(ends[1]);
  auto stalled = me().call(writer, "f", std::vector{ia::shared_bytes{}}, 100ms);
  auto others = call(other, "f");
  auto alive = call(writer, "ok");
  auto again = me().call(writer, "f", std::vector{ia::shared_bytes{}}, 100ms);
  ::dup2(before, STDOUT_FILENO);
  ::close(before);
  ::close(ends[0]);
  EXPECT_EQ(code_of(stalled.error()), ia::errc::deadline_exceeded);
  EXPECT_EQ(others, "done");
  EXPECT_EQ(alive, "ok");
  EXPECT_EQ(code_of(again.error()), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(writer, "ok"), "ok");
}

} // namespace
