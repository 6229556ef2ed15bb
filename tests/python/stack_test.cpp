#include "interp_actors/python/engine.hpp"
#include "interp_actors/python/interpreter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

#include "gate.hpp"

namespace ia = interp_actors;
using namespace ia_test;

namespace {

constexpr const char* reached = "Stack at the last interrupt that got through (most recent call last):\n";
constexpr const char* unreached = "Stack, where no interrupt gets through (most recent call last):\n";

constexpr const char* code = R"(
import functools, operator, threading
def spin():
    arrive()
    while True:
        pass # spin
def hold(_):
    while True:
        try:
            spin() # hold
        except BaseException:
            if arrive_and_obey(): # after spin
                return
def swallow(_):
    while True:
        try:
            arrive()
            while True:
                pass # swallow
        except BaseException:
            if arrive_and_obey(): # after swallow
                return
def nap(_):
    arrive_and_obey() # nap
def nap_beside_a_loop(_):
    over = False
    def loop():
        while not over:
            pass
    beside = threading.Thread(target=loop)
    beside.start()
    try:
        arrive_and_obey() # beside
    finally:
        over = True
        beside.join()
def deep(_, depth=200):
    if depth > 0:
        deep(_, depth - 1) # deeper
    else:
        swallow(_) # deepest
def arrive_and_obey():
    # One C call from the arrival to the command: whoever saw the arrival finds this thread in C code.
    tell = functools.partial(posix.write, arrival_descriptor(), b'x')
    wait = functools.partial(posix.read, command_descriptor(), 1)
    return list(map(operator.call, (tell, wait)))[1] == b'e' # obey
)";

std::string line_of(std::string_view mark) {
  std::string_view text{code};
  auto end = text.find("# " + std::string{mark} + "\n");
  return std::to_string(1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
}

std::string frame(std::string_view mark, std::string_view function) {
  return "  File \"test.py\", line " + line_of(mark) + ", in " + std::string{function};
}

/// An interpreter that runs one function in a thread of its own, as activity 1.
class Stack : public ::testing::Test {
protected:
  Stack() {
    if (::pipe2(commands_.data(), O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "pipe2");
  }

  ~Stack() override {
    for (auto descriptor : commands_)
      ::close(descriptor);
  }

  void start(const std::string& function) {
    thread_ = std::thread{[this, function] {
      ia::python::interpreter interpreter{engine_, link_, 4096};
      interpreter.with_gil([&](const ia::python::gil_held& gil) {
        interpreter.load(gil, ia::text(code + gate_.python() + "def command_descriptor(): return "
                                           + std::to_string(commands_[0]),
                                       "test.py"));
        control().begin(1);
        try {
          ia::shared_bytes nothing;
          interpreter.call(gil, function, {&nothing, 1});
        } catch (const ia::python::error& error) {
          EXPECT_EQ(error.kind(), ia::python::raised_kind::interrupted) << error.data();
        }
        control().end(gil);
        EXPECT_EQ(control().where_it_hangs(), "");
        control().begin(2);
        EXPECT_EQ(control().where_it_hangs(), "");
        control().end(gil);
        EXPECT_TRUE(interpreter.let_go(gil, patience));
      });
    }};
  }

  void TearDown() override {
    if (thread_.joinable())
      thread_.join();
    EXPECT_EQ(control().where_it_hangs(), "");
  }

  ia::python::interrupter& control() { return *link_.control; }
  std::string where() { return control().where_it_hangs(); }
  void arrived() { ASSERT_TRUE(gate_.arrived()); }
  void command(char what) { ASSERT_EQ(::write(commands_[1], &what, 1), 1); }

  /// Interrupts a loop that goes on, until that happens to come where the stack is `expected`. The thread is at a
  /// command then.
  void interrupt_until(const std::string& expected) {
    for (auto until = std::chrono::steady_clock::now() + patience;;) {
      ASSERT_NO_FATAL_FAILURE(arrived());
      ASSERT_TRUE(control().interrupt(1));
      ASSERT_NO_FATAL_FAILURE(arrived());
      if (where() == expected)
        return;
      ASSERT_LT(std::chrono::steady_clock::now(), until) << where() << "\ninstead of\n" << expected;
      ASSERT_NO_FATAL_FAILURE(command('g'));
    }
  }

private:
  ia::python::engine engine_{{}};
  python_gate gate_;
  std::array<int, 2> commands_{-1, -1};
  ia::python::interpreter_link link_{std::make_shared<ia::bell>()};
  std::thread thread_;
};

TEST_F(Stack, IsEmptyWithoutAnInterpreter) {
  EXPECT_EQ(where(), "");
}

TEST_F(Stack, IsThatOfALoopWhenItWasInterrupted) {
  start("hold");
  interrupt_until(reached + frame("hold", "hold") + '\n' + frame("spin", "spin"));
  command('e');
}

TEST_F(Stack, IsThatOfALoopThatSwallowsInterrupts) {
  start("swallow");
  interrupt_until(reached + frame("swallow", "swallow"));
  command('g');
  interrupt_until(reached + frame("swallow", "swallow"));
  command('e');
}

TEST_F(Stack, OfACallIntoCThatNoInterruptReachesIsReadFromOutside) {
  start("nap");
  arrived();
  EXPECT_EQ(where(), ""); // nobody has interrupted it
  ASSERT_TRUE(control().interrupt(1));
#if PYTHON_VERSION_MINOR >= 15
  EXPECT_EQ(where(), unreached + frame("nap", "nap") + '\n' + frame("obey", "arrive_and_obey"));
#else
  EXPECT_EQ(where(), "");
#endif
  command('e');
}

TEST_F(Stack, OfACallIntoCIsTakenByAnotherThreadOfTheInterpreter) {
  start("nap_beside_a_loop");
  arrived();
  ASSERT_TRUE(control().interrupt(1));
  auto expected = frame("beside", "nap_beside_a_loop") + '\n' + frame("obey", "arrive_and_obey");
  for (auto until = std::chrono::steady_clock::now() + patience; where() != reached + expected;) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << where();
    std::this_thread::yield();
  }
  command('e');
}

TEST_F(Stack, SaysWhatItKnowsOfCodeThatHangsAfterAnInterrupt) {
  start("hold");
  auto before = reached + frame("hold", "hold") + '\n' + frame("spin", "spin");
  interrupt_until(before);
  ASSERT_TRUE(control().interrupt(1)); // in a C call by now
#if PYTHON_VERSION_MINOR >= 15
  EXPECT_EQ(where(), unreached + frame("after spin", "hold") + '\n' + frame("obey", "arrive_and_obey"));
#else
  EXPECT_EQ(where(), before);
#endif
  command('e');
}

TEST_F(Stack, OfADeepRecursionIsCut) {
  start("deep");
  std::string calls;
  for (int i = 0; i < 62; ++i)
    calls += frame("deeper", "deep") + '\n';
  interrupt_until(reached + std::string{"  ...\n"} + calls + frame("deepest", "deep") + '\n'
                  + frame("swallow", "swallow"));
  ASSERT_TRUE(control().interrupt(1)); // in a C call by now
#if PYTHON_VERSION_MINOR >= 15
  calls.erase(0, calls.find('\n') + 1);
  EXPECT_EQ(where(), unreached + std::string{"  ...\n"} + calls + frame("deepest", "deep") + '\n'
                         + frame("after swallow", "swallow") + '\n' + frame("obey", "arrive_and_obey"));
#endif
  command('e');
}

} // namespace
