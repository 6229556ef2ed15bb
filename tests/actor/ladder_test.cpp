#include <caf/exit_reason.hpp>

#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

/// Deadlines, cancellations and kills against code that does not give way. No test asserts a time: each waits
/// for an answer that must come, and CTest's limit stands behind.
class Ladder : public with_runtime {
protected:
  static constexpr const char* code = R"(
import time, re, threading
lock = threading.Lock()
lock.acquire()
caught = 0
def ok(v): return b'ok'
def loop(v):
    while True:
        pass
def swallow(v):
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
def swallow_once(v):
    global caught
    try:
        while True:
            pass
    except KeyboardInterrupt as e:
        caught += 1
        return type(e).__module__.encode() + b'.' + type(e).__name__.encode()
def sleep(v): time.sleep(1000)
def short_sleep(v):
    time.sleep(1.0)
    return b'slept'
def wait_lock(v): lock.acquire()
def regex(v): re.match(r'(a+)+$', 'a' * 60 + 'b')
def generator(v): return bytes(sum(1 for x in iter(int, 1)))
def in_thread(v):
    t = threading.Thread(target=loop, args=(v,))
    t.start()
    t.join()
def count(v): return b'%d' % caught
)";

  caf::error call_with_deadline(const ia::interpreter_actor& actor, const std::string& function,
                                caf::timespan deadline) {
    auto result = me().call(actor, function, std::vector{ia::shared_bytes{}}, deadline);
    return result ? caf::error{} : result.error();
  }

  /// Calls what hangs until its interpreter, the `count`th one, was abandoned: on a loaded machine a deadline
  /// may pass before the request is taken from the mailbox.
  void hang(const ia::interpreter_actor& actor, const std::string& function, std::size_t count = 1) {
    do {
      auto code = code_of(call_with_deadline(actor, function, 50ms));
      ASSERT_TRUE(code == ia::errc::deadline_exceeded || code == ia::errc::abandoned) << to_string(code);
    } while (rt().counts().abandoned < count);
  }

  caf::error down_reason(caf::scoped_actor& self) {
    caf::error reason;
    self->receive([&](const caf::down_msg& message) { reason = message.reason; });
    return reason;
  }
};

TEST_F(Ladder, DeadlineInterruptsALoopAndTheInterpreterLives) {
  auto actor = spawn(code);
  // A loaded machine may not let the code unwind in time for its traceback, but not every time.
  std::optional<ia::python_error> where;
  for (int i = 0; i < 50 && !where; ++i) {
    auto problem = call_with_deadline(actor, "loop", 50ms);
    ASSERT_EQ(code_of(problem), ia::errc::deadline_exceeded);
    where = ia::python_error_of(problem);
  }
  ASSERT_TRUE(where) << "the interrupted code's traceback is missing";
  EXPECT_NE(where->traceback().find("in loop"), std::string::npos) << where->traceback();
  EXPECT_EQ(where->type(), "interp_actors.Interrupted");
  EXPECT_EQ(call(actor, "ok"), "ok");
}

TEST_F(Ladder, DeadlineInterruptsBuiltinLoopsThatRunBytecode) {
  auto actor = spawn(code);
  EXPECT_EQ(code_of(call_with_deadline(actor, "generator", 50ms)), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(actor, "ok"), "ok");
}

TEST_F(Ladder, ActorsOwnDeadlineAndThoseOfHandlersHold) {
  auto actor = spawn(code, {.deadline = 1s}); // long enough for what is to succeed
  EXPECT_EQ(code_of(me().call(actor, "loop", ia::shared_bytes{}).error()), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(actor, "ok"), "ok");
  auto other = spawn(code, {.handler_deadlines = {{"loop", 50ms}}});
  EXPECT_EQ(code_of(me().call(other, "loop", ia::shared_bytes{}).error()), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(other, "short_sleep"), "slept");
}

TEST_F(Ladder, DeadlineCountsWhileTheRequestIsQueued) {
  auto actor = spawn(code);
  std::thread busy{[&] {
    ia::caller mine{system()};
    EXPECT_EQ(mine.call(actor, "short_sleep", ia::shared_bytes{})->as_string_view(), "slept");
  }};
  // Answered by the timer, for the handler in front of it holds the interpreter's thread.
  auto waiting = call_with_deadline(actor, "ok", 30ms);
  busy.join();
  if (waiting) { // else the request overtook the busy one
    EXPECT_EQ(code_of(waiting), ia::errc::deadline_exceeded);
  }
  EXPECT_EQ(call(actor, "ok"), "ok");
}

TEST_F(Ladder, CodeMayCatchTheInterruptAndAnswer) {
  auto actor = spawn(code);
  auto result = me().call(actor, "swallow_once", std::vector{ia::shared_bytes{}}, 50ms);
  if (result) { // within the unwinding time
    EXPECT_EQ(result->as_string_view(), "interp_actors.Interrupted");
  } else {
    EXPECT_EQ(code_of(result.error()), ia::errc::deadline_exceeded);
  }
  EXPECT_EQ(call(actor, "count"), "1");
}

TEST_F(Ladder, SwallowingLoopIsAbandonedAndMonitorsHearOfIt) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  hang(actor, "swallow");
  auto reason = down_reason(self);
  EXPECT_EQ(code_of(reason), ia::errc::abandoned) << ia::describe(reason);
  EXPECT_EQ(code_of(me().call(actor, "ok", ia::shared_bytes{}).error()), ia::errc::abandoned);
  expected_abandoned_ = 1;
}

TEST_F(Ladder, SleepLockAndRegularExpressionAreAbandonedWhileOthersGoOn) {
  auto other = spawn(code);
  for (auto* name : {"sleep", "wait_lock", "regex"}) {
    auto actor = spawn(code);
    hang(actor, name, ++expected_abandoned_);
    caf::scoped_actor self{system()};
    self->monitor(actor);
    EXPECT_EQ(code_of(down_reason(self)), ia::errc::abandoned) << name;
    EXPECT_EQ(call(other, "ok"), "ok");
  }
}

TEST_F(Ladder, QueuedRequestsOfAnAbandonedOneAreAnswered) {
  auto actor = spawn(code);
  std::vector<std::thread> askers;
  std::atomic<int> answered{0};
  for (int i = 0; i < 4; ++i)
    askers.emplace_back([&] {
      ia::caller mine{system()};
      auto result = mine.call(actor, "sleep", std::vector{ia::shared_bytes{}}, 100s);
      answered += !result;
    });
  (void)call_with_deadline(actor, "sleep", 50ms);
  caf::anon_send_exit(actor, caf::exit_reason::kill); // one of the long ones may run
  for (auto& asker : askers)
    asker.join();
  EXPECT_EQ(answered, 4);
  while (rt().counts().live != 0)
    std::this_thread::yield();
  expected_abandoned_ = rt().counts().abandoned;
}

TEST_F(Ladder, AbandonedCodeThatComesBackSaysNothingAndEnds) {
  auto actor = spawn(R"(
import time, interp_actors
def come_back(v):
    try:
        time.sleep(1.0)
    except interp_actors.Interrupted:
        pass # the interrupts that came meanwhile
    try:
        interp_actors.Builder(10).freeze()
    except interp_actors.Interrupted as e:
        print('fenced:', e)
    return b'late'
)");
  ::testing::internal::CaptureStdout();
  hang(actor, "come_back");
  while (rt().counts().abandoned != 0) // it returns, finds itself fenced and ends
    std::this_thread::yield();
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "fenced: this interpreter was abandoned; nothing that it does counts any more\n");
  EXPECT_EQ(rt().counts().live, 0u);
}

TEST_F(Ladder, KillStopsALoopAndAnswersItsCaller) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  std::thread asker{[&] {
    ia::caller mine{system()};
    EXPECT_EQ(mine.call(actor, "loop", ia::shared_bytes{}).error(), caf::exit_reason::kill);
  }};
  std::thread killer{[&] { caf::anon_send_exit(actor, caf::exit_reason::kill); }};
  killer.join();
  EXPECT_EQ(down_reason(self), caf::exit_reason::kill);
  asker.join();
}

TEST_F(Ladder, KillOfASleeperAbandonsIt) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"sleep"}, ia::shared_bytes{});
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"sleep"}, ia::shared_bytes{});
  (void)call_with_deadline(actor, "ok", 100ms); // so the first one runs, most likely
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_EQ(down_reason(self), caf::exit_reason::kill);
  while (rt().counts().live != 0)
    std::this_thread::yield();
  expected_abandoned_ = rt().counts().abandoned;
}

TEST_F(Ladder, ShutdownLetsTheRunningRequestFinish) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  std::thread asker{[&] {
    ia::caller mine{system()};
    auto result = mine.call(actor, "short_sleep", ia::shared_bytes{});
    if (result) { // else the exit message came first
      EXPECT_EQ(result->as_string_view(), "slept");
    } else {
      EXPECT_EQ(result.error(), caf::exit_reason::user_shutdown);
    }
  }};
  EXPECT_EQ(code_of(call_with_deadline(actor, "short_sleep", 200ms)), ia::errc::deadline_exceeded);
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  EXPECT_EQ(down_reason(self), caf::exit_reason::user_shutdown);
  asker.join();
  expected_abandoned_ = rt().counts().abandoned;
}

TEST_F(Ladder, CancelInterruptsTheRunningRequestAlone) {
  auto actor = spawn(code);
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(actor);
  auto cancel = [&] { return me().request(strong, caf::make_message(ia::cancel_atom_v))->get_as<bool>(0); };
  EXPECT_FALSE(cancel()) << "nothing runs";
  std::thread asker{[&] {
    ia::caller mine{system()};
    auto result = mine.call(actor, "loop", ia::shared_bytes{});
    EXPECT_EQ(code_of(result.error()), ia::errc::cancelled);
  }};
  while (!cancel())
    std::this_thread::yield();
  asker.join();
  EXPECT_EQ(call(actor, "ok"), "ok");
}

TEST_F(Ladder, CancelOfABlockedCallAnswersAndLeavesTheInterpreter) {
  auto actor = spawn(code);
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(actor);
  std::thread asker{[&] {
    ia::caller mine{system()};
    EXPECT_EQ(code_of(mine.call(actor, "short_sleep", ia::shared_bytes{}).error()), ia::errc::cancelled);
  }};
  while (!me().request(strong, caf::make_message(ia::cancel_atom_v))->get_as<bool>(0))
    std::this_thread::yield();
  asker.join();
  EXPECT_EQ(call(actor, "ok"), "ok");
}

TEST_F(Ladder, LateInterruptHitsNothingElse) {
  auto actor = spawn(code);
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(actor);
  std::atomic<bool> done{false};
  std::thread canceller{[&] {
    ia::caller mine{system()};
    while (!done)
      mine.request(strong, caf::make_message(ia::cancel_atom_v));
  }};
  int odd = 0;
  for (int i = 0; i < 3000; ++i) {
    auto result = me().call(actor, "ok", ia::shared_bytes{});
    if (!result && code_of(result.error()) != ia::errc::cancelled)
      ++odd;
  }
  done = true;
  canceller.join();
  EXPECT_EQ(odd, 0);
  EXPECT_EQ(call(actor, "ok"), "ok");
}

TEST_F(Ladder, InterruptReachesTheHandlerWhileAnotherThreadRuns) {
  // The pending call may run in the other thread, which must hand it on.
  auto actor = spawn(code + std::string{R"(
stop = False
def spin():
    while not stop:
        pass
spinner = threading.Thread(target=spin)
spinner.start()
def finish(v):
    global stop
    stop = True
    spinner.join()
)"});
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(code_of(call_with_deadline(actor, "loop", 20ms)), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(actor, "ok"), "ok");
  EXPECT_EQ(call(actor, "finish"), "None");
}

} // namespace
