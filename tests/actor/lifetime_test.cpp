#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>

#include <future>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

class Lifetime : public with_runtime {
protected:
  /// The reason of the first down message.
  caf::error down_reason(caf::scoped_actor& self) {
    caf::error reason;
    bool came = false;
    self->receive([&](const caf::down_msg& message) { reason = message.reason, came = true; },
                  caf::after(10s) >> [] {});
    EXPECT_TRUE(came) << "no down message";
    return reason;
  }

  bool is_up(const ia::interpreter_actor& actor) { return call(actor, "ok") == "ok"; }

  static constexpr const char* code = R"(
import sys
def ok(v): return b'ok'
def fail(v): raise ValueError('no')
def exit_with(v): sys.exit(int(bytes(v)))
def interrupt(v): raise KeyboardInterrupt('mine')
class Own(BaseException): pass
def own(v): raise Own('base')
def memory(v): bytearray(1 << 62)
def recurse(v): return recurse(v)
)";
};

// DESIGN.md, decision 1, row by row.

TEST_F(Lifetime, ExceptionInARequestAnswersItAndTheInterpreterLives) {
  auto actor = spawn(code);
  auto result = me().call(actor, "fail", ia::shared_bytes{});
  ASSERT_FALSE(result);
  EXPECT_EQ(code_of(result.error()), ia::errc::python_exception);
  EXPECT_EQ(ia::python_error_of(result.error())->summary(), "ValueError: no");
  EXPECT_EQ(ia::python_error_of(result.error())->traceback(), "Traceback (most recent call last):\n"
                                                              "  File \"test.py\", line 4, in fail\n"
                                                              "    def fail(v): raise ValueError('no')\n"
                                                              "ValueError: no\n");
  EXPECT_TRUE(is_up(actor));
  EXPECT_NE(call(actor, "memory").find("MemoryError"), std::string::npos);
  EXPECT_NE(call(actor, "recurse").find("RecursionError"), std::string::npos);
  EXPECT_TRUE(is_up(actor));
}

TEST_F(Lifetime, FailOnExceptionsMakesItCrash) {
  auto actor = spawn(code, {.fail_on = ia::fail_on::exceptions});
  caf::scoped_actor self{system()};
  self->monitor(actor);
  auto result = me().call(actor, "fail", ia::shared_bytes{});
  EXPECT_EQ(code_of(result.error()), ia::errc::python_exception);
  auto reason = down_reason(self);
  EXPECT_EQ(code_of(reason), ia::errc::crashed);
  EXPECT_EQ(ia::python_error_of(reason)->summary(), "ValueError: no");
}

TEST_F(Lifetime, ExceptionWithoutAReplyEndsIt) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"fail"}, ia::shared_bytes{});
  auto reason = down_reason(self);
  EXPECT_EQ(code_of(reason), ia::errc::crashed);
  EXPECT_EQ(ia::python_error_of(reason)->summary(), "ValueError: no");
  EXPECT_NE(ia::python_error_of(reason)->traceback().find("File \"test.py\", line 4, in fail"),
            std::string::npos);
}

TEST_F(Lifetime, SystemExitEndsItWithItsCode) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  auto result = me().call(actor, "exit_with", ia::shared_bytes::copy("7"));
  EXPECT_EQ(code_of(result.error()), ia::errc::exited);
  EXPECT_EQ(ia::python_error_of(result.error())->exit_code, 7);
  auto reason = down_reason(self);
  EXPECT_EQ(code_of(reason), ia::errc::exited);
  EXPECT_EQ(ia::python_error_of(reason)->exit_code, 7);
}

TEST_F(Lifetime, SystemExitZeroIsANormalEnd) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  auto result = me().call(actor, "exit_with", ia::shared_bytes::copy("0"));
  EXPECT_EQ(code_of(result.error()), ia::errc::exited);
  EXPECT_EQ(down_reason(self), caf::error{});
  EXPECT_EQ(me().call(actor, "ok", ia::shared_bytes{}).error(), caf::sec::request_receiver_down);
}

TEST_F(Lifetime, OtherBaseExceptionsEndIt) {
  for (auto* name : {"interrupt", "own"}) {
    auto actor = spawn(code);
    caf::scoped_actor self{system()};
    self->monitor(actor);
    auto result = me().call(actor, name, ia::shared_bytes{});
    EXPECT_EQ(code_of(result.error()), ia::errc::crashed) << name;
    EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed) << name;
  }
}

TEST_F(Lifetime, ExitMessageEndsItWithItsReason) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  self->send_exit(actor, caf::exit_reason::user_shutdown);
  EXPECT_EQ(down_reason(self), caf::exit_reason::user_shutdown);
  EXPECT_EQ(me().call(actor, "ok", ia::shared_bytes{}).error(), caf::exit_reason::user_shutdown);
}

TEST_F(Lifetime, NormalExitOfALinkedActorDoesNotEndIt) {
  auto actor = spawn(code);
  auto strong = caf::actor_cast<caf::actor>(actor);
  system().spawn([strong](caf::event_based_actor* self) { self->link_to(strong); }); // ends at once, normally
  system().spawn([strong](caf::event_based_actor* self) { self->quit(); });
  EXPECT_TRUE(is_up(actor));
}

TEST_F(Lifetime, LinksCarryItsEndAndOthersEnds) {
  caf::scoped_actor self{system()};
  auto first = spawn(code);
  auto linked = system().spawn(
      [target = caf::actor_cast<caf::actor>(first)](caf::event_based_actor* me) -> caf::behavior {
        me->link_to(target);
        return {[](int x) { return x; }};
      });
  caf::error answer;
  ia::compat::request(self, linked, caf::infinite, 1).receive([](int) {}, [](const caf::error&) {});
  self->monitor(linked);
  me().call(first, "own", ia::shared_bytes{});
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);

  auto second = spawn(code);
  self->monitor(second);
  auto failing = system().spawn(
      [target = caf::actor_cast<caf::actor>(second)](caf::event_based_actor* me) -> caf::behavior {
        me->link_to(target);
        return {[me](int) { me->quit(caf::exit_reason::user_shutdown); }};
      });
  ia::compat::anonymous_send(failing, 1);
  EXPECT_EQ(down_reason(self), caf::exit_reason::user_shutdown);
}

TEST_F(Lifetime, MonitorOfADeadOneFiresAtOnce) {
  auto actor = spawn(code);
  me().call(actor, "own", ia::shared_bytes{});
  caf::scoped_actor self{system()};
  self->monitor(actor);
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
}

TEST_F(Lifetime, QueuedRequestsAreAnsweredWhenItEnds) {
  auto actor = spawn("import sys, threading\ngo = threading.Event()\ndef wait(v): go.wait(); "
                     "sys.exit(3)\ndef ok(v): return v");
  caf::scoped_actor self{system()};
  self->monitor(actor);
  std::vector<std::thread> askers;
  std::atomic<int> refused{0};
  auto ask = [&](const char* name) {
    ia::caller mine{system()};
    auto result = mine.call(actor, name, ia::shared_bytes::copy("x"));
    if (!result && code_of(result.error()) == ia::errc::exited)
      ++refused;
  };
  ASSERT_TRUE(me().execute(actor, "threading.Timer(0.2, go.set).start()"));
  askers.emplace_back(ask, "wait");
  for (int i = 0; i < 8; ++i)
    askers.emplace_back(ask, "wait");
  for (auto& asker : askers)
    asker.join();
  EXPECT_EQ(refused, 9);
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::exited);
}

TEST_F(Lifetime, UnreferencedActorFinishesItsQueueAndStops) {
  std::promise<std::string> last;
  {
    auto actor = spawn("import time\nn = 0\ndef slow(v):\n    global n\n    time.sleep(0.01)\n    n += 1\n   "
                       " return b'%d' % n");
    for (int i = 0; i < 9; ++i)
      ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"slow"}, ia::shared_bytes{});
    system().spawn([&last, actor](caf::event_based_actor* self) {
      ia::compat::request(self, actor, caf::infinite, ia::call_atom_v, std::string{"slow"},
                          ia::shared_bytes{})
          .then([&last](const ia::shared_bytes& n) { last.set_value(std::string{n.as_string_view()}); },
                [&last](const caf::error& problem) { last.set_value(ia::describe(problem)); });
    });
  }
  auto answer = last.get_future();
  ASSERT_EQ(answer.wait_for(10s), std::future_status::ready);
  EXPECT_EQ(answer.get(), "10");
  for (auto until = std::chrono::steady_clock::now() + 10s; rt().counts().live > 0;) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "the interpreter did not stop";
    std::this_thread::yield();
  }
}

TEST_F(Lifetime, LastHandleEndsAnIdleActorAndMonitorsHearOfIt) {
  caf::scoped_actor self{system()};
  {
    auto actor = spawn(code);
    self->monitor(actor);
    EXPECT_TRUE(is_up(actor));
  }
  EXPECT_EQ(down_reason(self), caf::exit_reason::unreachable);
}

TEST_F(Lifetime, FullMailboxAnswersRequestsAndLetsThemInAgain) {
  auto actor = spawn("import threading\ngo = threading.Event()\ndef wait(v): go.wait()\ndef ok(v): return v",
                     {.mailbox = {.messages = 2, .bytes = 0}});
  ASSERT_TRUE(me().execute(actor, "threading.Timer(1.0, go.set).start()"));
  caf::error full;
  for (auto until = std::chrono::steady_clock::now() + 10s; code_of(full) != ia::errc::mailbox_full;) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << ia::describe(full);
    for (int i = 0; i < 3; ++i)
      ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"wait"}, ia::shared_bytes{});
    full = me().call(actor, "ok", std::vector{ia::shared_bytes{}}, 1ns).error();
  }
  for (auto until = std::chrono::steady_clock::now() + 10s; call(actor, "ok", "x") != "x";)
    ASSERT_LT(std::chrono::steady_clock::now(), until);
}

TEST_F(Lifetime, MailboxIsBoundedInBytes) {
  auto actor =
      spawn("import threading\ngo = threading.Event()\ndef wait(v): go.wait()\ndef ok(v): return b'ok'",
            {.mailbox = {.messages = 0, .bytes = 1000}});
  ASSERT_TRUE(me().execute(actor, "threading.Timer(1.0, go.set).start()"));
  auto large = ia::shared_bytes::copy(std::string(600, 'x'));
  caf::error full;
  for (auto until = std::chrono::steady_clock::now() + 10s; code_of(full) != ia::errc::mailbox_full;) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << ia::describe(full);
    for (int i = 0; i < 3; ++i)
      ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"wait"}, large);
    full = me().call(actor, "ok", {large}, 1ns).error();
  }
  for (auto until = std::chrono::steady_clock::now() + 10s; call(actor, "ok", "x") != "ok";)
    ASSERT_LT(std::chrono::steady_clock::now(), until);
}

TEST_F(Lifetime, NoMessageIsLostBetweenTheTimerAndAParkingConsumer) {
  // Deadlines that pass all the time make the timer look through the mailbox while its consumer parks.
  auto actor = spawn("def ok(v): return v");
  std::atomic<bool> done{false};
  std::thread expiring{[&] {
    ia::caller mine{system()};
    while (!done)
      (void)mine.call(actor, "ok", std::vector{ia::shared_bytes{}}, 20us);
  }};
  for (int i = 0; i < 20'000; ++i)
    ASSERT_EQ(call(actor, "ok", "x"), "x");
  done = true;
  expiring.join();
}

TEST_F(Lifetime, UrgentMessagesOvertake) {
  auto actor = spawn("import threading\ngo = threading.Event()\nseen = []\ndef wait(v): go.wait()\n"
                     "def put(v): seen.append(bytes(v))\ndef get(v): return b' '.join(seen)");
  ASSERT_TRUE(me().execute(actor, "threading.Timer(0.3, go.set).start()"));
  auto put = [&](caf::message_priority priority, std::string_view what) {
    caf::actor_cast<caf::strong_actor_ptr>(actor)->enqueue(
        ia::compat::make_element(
            nullptr, caf::make_message_id(priority),
            caf::make_message(ia::call_atom_v, std::string{"put"}, ia::shared_bytes::copy(what))),
        nullptr);
  };
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"wait"}, ia::shared_bytes{});
  put(caf::message_priority::normal, "a");
  put(caf::message_priority::normal, "b");
  put(caf::message_priority::high, "urgent");
  EXPECT_EQ(call(actor, "get"), "urgent a b");
}

TEST_F(Lifetime, RuntimeStopEndsWhatRuns) {
  auto idle = spawn(code);
  auto busy = spawn("def loop(v):\n    while True: pass");
  std::thread asker{[&] {
    ia::caller mine{system()};
    EXPECT_EQ(mine.call(busy, "loop", ia::shared_bytes{}).error(), caf::exit_reason::user_shutdown);
  }};
  while (call(idle, "ok") != "ok")
    ;
  rt().stop();
  asker.join();
  EXPECT_EQ(rt().counts().abandoned, 0u);
}

} // namespace
