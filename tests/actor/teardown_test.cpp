#include <future>
#include <stdexcept>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

/// What Python code leaves behind, one kind a test; none may hang or crash the process.
class Teardown : public with_runtime {
protected:
  void leaves(const std::string& code, std::size_t abandoned = 0, bool or_none = false) {
    caf::scoped_actor self{system()};
    {
      auto actor = spawn(code);
      self->monitor(actor);
      caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    }
    bool down = false;
    self->receive([&](const caf::down_msg&) { down = true; }, caf::after(20s) >> [] {});
    EXPECT_TRUE(down);
    rt().stop();
    expected_abandoned_ = or_none && rt().counts().abandoned == 0 ? 0 : abandoned;
    EXPECT_EQ(rt().counts().abandoned, expected_abandoned_);
  }
};

TEST_F(Teardown, NonDaemonThreadThatEndsSoon) {
  leaves("import threading, time\nthreading.Thread(target=lambda: time.sleep(0.1)).start()");
}

TEST_F(Teardown, NonDaemonThreadThatLoops) {
  leaves("import threading\ndef f():\n    while True: pass\nfor i in range(3): "
         "threading.Thread(target=f).start()");
}

TEST_F(Teardown, DaemonThreadsAreRefusedAtTheirStart) {
  auto actor = rt().spawn(ia::text("import threading\nthreading.Thread(target=print, daemon=True).start()"));
  ASSERT_FALSE(actor);
  EXPECT_NE(ia::describe(actor.error()).find("daemon threads are disabled"), std::string::npos)
      << ia::describe(actor.error());
}

TEST_F(Teardown, RawThreadThatLoops) {
  leaves("import _thread\ndef f():\n    while True: pass\n_thread.start_new_thread(f, ())");
}

TEST_F(Teardown, RawThreadThatSleepsIsAbandoned) {
  leaves("import _thread, time\n_thread.start_new_thread(time.sleep, (1000,))", 1);
}

TEST_F(Teardown, FinaliserMayUseTheModuleToTheLast) {
  auto actor = spawn("import interp_actors\nclass Late:\n"
                     "    def __del__(self, make=interp_actors.Builder): make(10).freeze()\nlate = Late()");
  rt().stop();
}

TEST_F(Teardown, FailedStartThatCannotEndKeepsItsReason) {
  auto failed = rt().spawn(ia::text("import threading, time\n"
                                    "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
                                    "raise ValueError('the real reason')",
                                    "test.py"));
  ASSERT_FALSE(failed);
  EXPECT_NE(ia::describe(failed.error()).find("the real reason"), std::string::npos)
      << ia::describe(failed.error());
  rt().stop();
  expected_abandoned_ = 1;
}

TEST_F(Teardown, SecondStopWaitsForTheFirst) {
  auto actor = spawn_at_gate("def wait_here(v):\n    arrive()\n    wait_at_gate()");
  asked running{system(), actor, "wait_here"};
  ASSERT_TRUE(gate.arrived());
  std::thread first{[this] { rt().stop(); }};
  for (auto until = std::chrono::steady_clock::now() + patience;
       me().call(actor, "x", ia::shared_bytes{}).error() != caf::exit_reason::user_shutdown;)
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  gate.open();
  rt().stop();
  EXPECT_EQ(rt().counts().live, 0u);
  first.join();
}

TEST_F(Teardown, AbandonedWhileWindingDownAfterCalls) {
  // It holds what calls leave behind: looked-up functions and a spare memoryview, which nobody may touch any
  // more.
  auto actor = spawn("import _thread, time\n_thread.start_new_thread(time.sleep, (1000,))\ndef f(v): pass");
  EXPECT_EQ(call(actor, "f", "x"), "None");
  EXPECT_EQ(call(actor, "json:dumps", "x").substr(0, 5), "error");
  rt().stop();
  expected_abandoned_ = 1;
}

TEST_F(Teardown, WhatIsLeftOfAnAbandonedOneIsFenced) {
  {
    auto actor = spawn_at_gate("import _thread, interp_actors\ndef late():\n    while True:\n        try:\n"
                               "            wait_at_gate()\n            interp_actors.Builder(10).freeze()\n"
                               "            return\n        except interp_actors.Interrupted:\n"
                               "            arrive()\n            return\n"
                               "        except BaseException: pass  # the teardown's SystemExit\n"
                               "def begin(v): _thread.start_new_thread(late, ())");
    EXPECT_EQ(call(actor, "begin"), "None");
  }
  rt().stop();
  expected_abandoned_ = 1;
  gate.open();
  EXPECT_TRUE(gate.arrived()) << "the module was not fenced";
}

TEST_F(Teardown, FinaliserThatNeverEndsIsAbandoned) {
  leaves("class Endless:\n    def __del__(self):\n        while True: pass\nendless = Endless()", 1);
}

TEST_F(Teardown, FinaliserThatNeverEndsIsInterruptedWhereTheInterpreterLingers) {
  auto actor = spawn("class Endless:\n    def __del__(self):\n        while True: pass\n"
                     "endless = Endless()\ndef large(v): return bytes(100_000)");
  auto held = me().call(actor, "large", ia::shared_bytes{});
  ASSERT_TRUE(held);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_EQ(down_reason(self), caf::exit_reason::kill);
  wait_until([] { return ia::read_payload_stats().lingering_interpreters == 1; }, "its lingering");
  *held = {};
  rt().stop();
}

TEST_F(Teardown, ThreadsThatFinalisersStartAreEndedToo) {
  // First while the interpreter lingers, then when the library drops a module that nobody else holds.
  auto actor = spawn(gate.python()
                     + "import _thread, sys, types\nclass Late:\n"
                       "    def __del__(self, start=_thread.start_new_thread):\n"
                       "        def loop():\n            while True: pass\n"
                       "        start(loop, ())\n"
                       "late = Late()\ndef large(v): return bytes(100_000)\n"
                       "m = types.ModuleType('gone')\nsys.modules['gone'] = m\nm.late = Late()\n"
                       "m.f = lambda v: None\ndel m\ndef forget(v): del sys.modules['gone']");
  auto held = me().call(actor, "large", ia::shared_bytes{});
  ASSERT_TRUE(held);
  EXPECT_EQ(call(actor, "gone:f"), "None");
  EXPECT_EQ(call(actor, "forget"), "None");
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  actor = ia::interpreter_actor{};
  wait_until([] { return ia::read_payload_stats().lingering_interpreters == 1; }, "its lingering");
  *held = {};
  wait_until([this] { return rt().counts().live == 0; }, "its end");
  EXPECT_EQ(call(spawn("def f(v): return b'next'"), "f"), "next");
}

TEST_F(Teardown, AtexitFunctionHasTimeForItsWork) {
  {
    auto actor = spawn_at_gate("import atexit, time\ndef late():\n    end = time.monotonic() + 0.2\n"
                               "    while time.monotonic() < end: pass\n    arrive()\natexit.register(late)");
  }
  rt().stop();
  EXPECT_TRUE(gate.arrived(0ms)) << "the atexit function was ended before it was done";
}

class TeardownLimit : public with_runtime {
protected:
  explicit TeardownLimit(caf::timespan limit) : with_runtime{options_with(limit)} {}

private:
  static ia::runtime_options options_with(caf::timespan limit) {
    auto options = quick_options();
    options.interpreters.teardown_timeout = limit;
    return options;
  }
};

class ShortTeardown : public TeardownLimit {
protected:
  ShortTeardown() : TeardownLimit{10ms} {}
};

TEST_F(ShortTeardown, FreeingWhatTheCodeHoldsHasTimeOfItsOwn) {
  {
    auto actor = spawn("import time\nclass Slow:\n    def __del__(self): time.sleep(1)\nslow = Slow()");
  }
  rt().stop();
  EXPECT_EQ(rt().counts().abandoned, 0u);
}

class EndlessTeardown : public TeardownLimit {
protected:
  EndlessTeardown() : TeardownLimit{caf::timespan::max()} {}
};

TEST_F(EndlessTeardown, DoesNotOverflow) {
  {
    auto actor = spawn("import _thread, time\n_thread.start_new_thread(time.sleep, (0.6,))");
  }
  wait_until([this] { return rt().counts().live == 0; }, "its end");
  EXPECT_EQ(rt().counts().abandoned, 0u);
}

TEST_F(Teardown, IdleOneWhoseOtherThreadKeepsTheGilIsAbandoned) {
  caf::scoped_actor self{system()};
  auto actor = spawn_at_gate("import _thread, re\ndef keep():\n    arrive()\n"
                             "    re.match(r'(a+)+$', 'a' * 60 + 'b')\n"
                             "def begin(v): _thread.start_new_thread(keep, ())");
  self->monitor(actor);
  EXPECT_EQ(call(actor, "begin"), "None");
  ASSERT_TRUE(gate.arrived());
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_EQ(down_reason(self), caf::exit_reason::kill);
  rt().stop();
  expected_abandoned_ = 1;
}

TEST_F(Teardown, PoolWithQueuedWork) {
  leaves("import concurrent.futures as f, time\np = f.ThreadPoolExecutor(2)\nfor i in range(6): "
         "p.submit(time.sleep, 0.05)");
}

TEST_F(Teardown, PoolThatLoops) {
  leaves("import concurrent.futures as f\ndef g():\n    while True: pass\np = f.ThreadPoolExecutor(2)\n"
         "for i in range(4): p.submit(g)");
}

TEST_F(Teardown, AtexitFunctions) {
  ::testing::internal::CaptureStdout();
  leaves("import atexit\natexit.register(lambda: print('atexit ran'))\natexit.register(lambda: 1/0)");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "atexit ran\n");
}

TEST_F(Teardown, AtexitThatStartsAThread) {
  leaves("import atexit, threading, time\natexit.register(lambda: threading.Thread(target=time.sleep, "
         "args=(0.2,)).start())");
}

TEST_F(Teardown, AtexitThatLoops) {
  leaves("import atexit\ndef f():\n    while True: pass\natexit.register(f)");
}

TEST_F(Teardown, AtexitThatSleepsIsAbandoned) {
  leaves("import atexit, time\natexit.register(time.sleep, 1000)", 1);
}

TEST_F(Teardown, SlowDestructor) {
  leaves("import time\nclass A:\n    def __del__(self): time.sleep(0.2)\na = A()");
}

TEST_F(Teardown, AsyncioLeftRunning) {
  // The loop waits in C, where nothing can end it, unless it had not come there yet.
  leaves("import asyncio, threading\nloop = asyncio.new_event_loop()\n"
         "threading.Thread(target=loop.run_forever).start()\n"
         "asyncio.run_coroutine_threadsafe(asyncio.sleep(1000), loop)",
         1, true);
}

TEST_F(Teardown, GarbageCyclesWithViews) {
  leaves("import interp_actors\nclass A: pass\na = A(); a.me = a; a.view = "
         "interp_actors.Builder(1000).freeze()\ndel a");
}

TEST_F(Teardown, FinaliserOfALingeringInterpreterThatKeepsItsGil) {
  caf::scoped_actor self{system()};
  auto actor = spawn(R"(
import _thread, re
def hog(match=re.match): match(r'(a+)+$', 'a' * 60 + 'b')
class Last:
    def __del__(self, start=_thread.start_new_thread, hog=hog): start(hog, ())
last = Last()
def make(v): return bytes(100_000)
)");
  self->monitor(actor);
  auto held = me().call(actor, "make", ia::shared_bytes{});
  ASSERT_TRUE(held) << ia::describe(held.error());
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_EQ(down_reason(self), caf::exit_reason::kill);
  rt().stop();
  EXPECT_EQ(held->size(), 100'000u);
  expected_abandoned_ = 1;
}

TEST_F(Teardown, WhatIsAttachedToTheEndMayBlock) {
  static std::promise<void> never;
  auto actor = spawn("import sys\ndef leave(v): sys.exit()");
  caf::actor_cast<caf::strong_actor_ptr>(actor)->get()->attach_functor(
      [](const caf::error&) { never.get_future().wait(); });
  EXPECT_EQ(code_of(me().call(actor, "leave", ia::shared_bytes{}).error()), ia::errc::exited);
  rt().stop();
  expected_abandoned_ = 1;
}

TEST_F(Teardown, WhatIsAttachedToTheEndMayThrow) {
  auto actor = spawn("import sys\ndef leave(v): sys.exit()");
  caf::actor_cast<caf::strong_actor_ptr>(actor)->get()->attach_functor(
      [](const caf::error&) { throw std::runtime_error("at the end"); });
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(code_of(me().call(actor, "leave", ia::shared_bytes{}).error()), ia::errc::exited);
  rt().stop();
  EXPECT_NE(::testing::internal::GetCapturedStderr().find("threw: at the end"), std::string::npos);
  EXPECT_EQ(rt().counts().ended, 1u);
}

} // namespace
