#include <caf/exit_reason.hpp>

#include <future>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

/// Deadlines, cancellations and kills against code that does not give way. No test asserts a time: each waits
/// for an answer that must come, and CTest's limit stands behind. A handler that must be running says so at the
/// gate.
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
def loop_here(v):
    arrive()
    loop(v)
def sleep(v): time.sleep(1000)
def sleep_here(v):
    while True:  # an interrupt may come between the two
        try:
            arrive()
            sleep(v)
        except BaseException:
            pass
def short_sleep(v):
    time.sleep(0.5)
    return b'slept'
def short_sleep_here(v):
    arrive()
    return short_sleep(v)
def wait_here(v):
    arrive()
    wait_at_gate()
    return b'waited'
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
    wait_until(
        [&] {
          auto code = code_of(call_with_deadline(actor, function, 50ms));
          EXPECT_TRUE(code == ia::errc::deadline_exceeded || code == ia::errc::abandoned) << to_string(code);
          return HasFailure() || rt().counts().abandoned >= count;
        },
        "the abandonment");
  }

  bool cancel(const ia::interpreter_actor& actor) {
    auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(actor),
                               caf::make_message(ia::cancel_atom_v), patience);
    EXPECT_TRUE(answer) << ia::describe(answer.error());
    return answer && answer->get_as<bool>(0);
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
  auto actor = spawn_at_gate(code);
  asked busy{system(), actor, "wait_here"};
  ASSERT_TRUE(gate.arrived());
  // Answered by the timer, for the handler in front of it holds the interpreter's thread.
  asked waiting{system(), actor, "ok", 30ms};
  EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::deadline_exceeded);
  gate.open();
  auto answer = busy.answer();
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(answer->as_string_view(), "waited");
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
  auto actor = spawn_at_gate(code);
  // On a loaded machine the deadline may pass before the request is taken from the mailbox, but not every time.
  std::optional<asked> running;
  for (int tries = 0; !running || !gate.arrived(400ms); ++tries) {
    ASSERT_LT(tries, 20) << "no request began within its deadline";
    running.emplace(system(), actor, "sleep_here", 200ms);
  }
  asked first{system(), actor, "ok"};
  asked second{system(), actor, "sleep"};
  asked third{system(), actor, "ok", 100s};
  EXPECT_EQ(code_of(running->answer().error()), ia::errc::deadline_exceeded);
  for (auto* queued : {&first, &second, &third})
    EXPECT_EQ(code_of(queued->answer().error()), ia::errc::abandoned);
  expected_abandoned_ = 1;
}

TEST_F(Ladder, AbandonedCodeThatComesBackSaysNothingAndEnds) {
  auto actor = spawn_at_gate(R"(
import interp_actors
def come_back(v):
    try:
        wait_at_gate()
    except interp_actors.Interrupted:
        pass # the interrupts that came meanwhile
    try:
        interp_actors.Builder(10).freeze()
    except interp_actors.Interrupted as e:
        if 'abandoned' in str(e):
            arrive()
    print('I still speak', flush=True)
    return b'late'
)");
  ::testing::internal::CaptureStdout();
  hang(actor, "come_back");
  gate.open();
  EXPECT_TRUE(gate.arrived()) << "it was not fenced";
  wait_until([this] { return rt().counts().abandoned == 0; }, "its return and its end");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(rt().counts().live, 0u);
}

TEST_F(Ladder, WhatHearsOfAnAbandonmentMayBlock) {
  // What users attach to an actor's end runs in some thread, but not in the one that enforces the deadlines.
  std::promise<void> go_on;
  std::promise<caf::error> heard;
  auto actor = spawn(code);
  caf::actor_cast<caf::strong_actor_ptr>(actor)->get()->attach_functor([&](const caf::error& reason) {
    heard.set_value(reason);
    go_on.get_future().wait_for(patience);
  });
  hang(actor, "sleep");
  auto reason = heard.get_future();
  ASSERT_EQ(reason.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(code_of(reason.get()), ia::errc::abandoned);
  EXPECT_EQ(code_of(call_with_deadline(spawn(code), "loop", 20ms)), ia::errc::deadline_exceeded);
  go_on.set_value();
  expected_abandoned_ = 1;
}

TEST_F(Ladder, KillStopsALoopAndAnswersItsCaller) {
  auto actor = spawn_at_gate(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  asked running{system(), actor, "loop_here"};
  ASSERT_TRUE(gate.arrived());
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_EQ(running.answer().error(), caf::exit_reason::kill);
  EXPECT_EQ(down_reason(self), caf::exit_reason::kill);
}

TEST_F(Ladder, KillOfASleeperAbandonsItAndAnswersEverybody) {
  auto actor = spawn_at_gate(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  asked running{system(), actor, "sleep_here"};
  ASSERT_TRUE(gate.arrived());
  asked queued{system(), actor, "ok"};
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_EQ(queued.answer().error(), caf::exit_reason::kill);
  EXPECT_EQ(running.answer().error(), caf::exit_reason::kill);
  EXPECT_EQ(down_reason(self), caf::exit_reason::kill);
  EXPECT_EQ(rt().counts().live, 0u);
  expected_abandoned_ = 1;
}

TEST_F(Ladder, ShutdownLetsTheRunningRequestFinish) {
  auto actor = spawn_at_gate(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  asked running{system(), actor, "short_sleep_here"}; // for longer than a kill would let it
  ASSERT_TRUE(gate.arrived());
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  EXPECT_EQ(me().call(actor, "ok", ia::shared_bytes{}).error(), caf::exit_reason::user_shutdown);
  auto answer = running.answer();
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(answer->as_string_view(), "slept");
  EXPECT_EQ(down_reason(self), caf::exit_reason::user_shutdown);
}

TEST_F(Ladder, CancelInterruptsTheRunningRequestAlone) {
  auto actor = spawn_at_gate(code);
  EXPECT_FALSE(cancel(actor)) << "nothing runs";
  asked running{system(), actor, "loop_here"};
  ASSERT_TRUE(gate.arrived());
  asked queued{system(), actor, "ok"};
  EXPECT_TRUE(cancel(actor));
  EXPECT_EQ(code_of(running.answer().error()), ia::errc::cancelled);
  auto answer = queued.answer();
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(answer->as_string_view(), "ok");
}

TEST_F(Ladder, CancelOfABlockedCallAnswersAndLeavesTheInterpreter) {
  auto actor = spawn_at_gate(code);
  asked running{system(), actor, "wait_here"};
  ASSERT_TRUE(gate.arrived());
  EXPECT_TRUE(cancel(actor));
  EXPECT_EQ(code_of(running.answer().error()), ia::errc::cancelled); // while it still waits
  gate.open();
  EXPECT_EQ(call(actor, "ok"), "ok");
}

TEST_F(Ladder, CancelReachesCodeThatSwallowedTheFirstOne) {
  auto actor = spawn_at_gate("def f(v):\n    try:\n        arrive()\n        while True: pass\n"
                             "    except BaseException: pass\n    arrive()\n    while True: pass\n"
                             "def ok(v): return b'ok'");
  asked running{system(), actor, "f"};
  ASSERT_TRUE(gate.arrived());
  EXPECT_TRUE(cancel(actor));
  ASSERT_TRUE(gate.arrived());
  EXPECT_EQ(code_of(running.answer().error()), ia::errc::cancelled);
  EXPECT_TRUE(cancel(actor));
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

/// An interpreter with a thread that lets no other have its turn at the GIL, for as long as it runs Python code.
class GreedyThread : public with_runtime {
protected:
  GreedyThread() : with_runtime{with_grace(4s)} {}

  static constexpr const char* code = R"(
import _thread, sys, time
sys.setswitchinterval(1000)
def spin():
    arrive()
    while True:
        pass
def begin(v): _thread.start_new_thread(spin, ())
def begin_and_wait(v):
    begin(v)
    while True:
        time.sleep(0.001)
def ok(v): return b'ok'
)";

  static ia::runtime_options with_grace(caf::timespan grace) {
    auto options = quick_options();
    options.interpreters.grace = grace;
    return options;
  }
};

TEST_F(GreedyThread, GivesWayWhereADeadlineWouldEndTheInterpreter) {
  auto actor = spawn_at_gate(code);
  auto result = me().call(actor, "begin_and_wait", std::vector<ia::shared_bytes>(1), 50ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(code_of(result.error()), ia::errc::deadline_exceeded) << ia::describe(result.error());
  EXPECT_EQ(call(actor, "ok"), "ok");
}

TEST_F(GreedyThread, GivesWayToTheEndOfAnIdleInterpreter) {
  caf::scoped_actor self{system()};
  auto actor = spawn_at_gate(code);
  self->monitor(actor);
  EXPECT_EQ(call(actor, "begin"), "None");
  ASSERT_TRUE(gate.arrived());
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_EQ(down_reason(self), caf::exit_reason::kill);
}

} // namespace
