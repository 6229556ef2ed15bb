#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>

#include <future>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

class Lifetime : public with_runtime {
protected:
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

// The ways in which a handler ends, one after the other.

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

TEST_F(Lifetime, SystemExitWithoutAReplyEndsItWithItsCode) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"exit_with"}, ia::shared_bytes::copy("7"));
  auto reason = down_reason(self);
  EXPECT_EQ(code_of(reason), ia::errc::exited);
  EXPECT_EQ(ia::python_error_of(reason)->exit_code, 7);

  actor = spawn(code);
  self->monitor(actor);
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"exit_with"}, ia::shared_bytes::copy("0"));
  EXPECT_EQ(down_reason(self), caf::error{});
}

TEST_F(Lifetime, MissingFunctionEndsNobody) {
  auto actor = spawn(code);
  EXPECT_EQ(code_of(me().call(actor, "nowhere", ia::shared_bytes{}).error()), ia::errc::no_such_function);
  EXPECT_EQ(rt().dead_letters(), 0u);
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"nowhere"}, ia::shared_bytes{});
  EXPECT_TRUE(is_up(actor));
  EXPECT_EQ(rt().dead_letters(), 1u);
}

TEST_F(Lifetime, SystemExitEndsItWithItsCodeAndNothingElse) {
  auto actor = spawn(code);
  auto other = spawn(code);
  caf::scoped_actor self{system()};
  self->monitor(actor);
  auto result = me().call(actor, "exit_with", ia::shared_bytes::copy("7"));
  EXPECT_EQ(code_of(result.error()), ia::errc::exited);
  EXPECT_EQ(ia::python_error_of(result.error())->exit_code, 7);
  auto reason = down_reason(self);
  EXPECT_EQ(code_of(reason), ia::errc::exited);
  EXPECT_EQ(ia::python_error_of(reason)->exit_code, 7);
  EXPECT_TRUE(is_up(other));
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

TEST_F(Lifetime, ExitAndDownMessagesSentAsRequestsAreAnswered) {
  auto actor = spawn(code);
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(actor);
  auto down =
      me().request(strong, caf::make_message(caf::down_msg{strong->address(), caf::error{}}), patience);
  EXPECT_EQ(down.error(), caf::sec::unexpected_message);
  EXPECT_TRUE(is_up(actor));
  auto exit = me().request(
      strong, caf::make_message(caf::exit_msg{strong->address(), caf::exit_reason::user_shutdown}), patience);
  EXPECT_TRUE(exit) << to_string(exit.error());
  EXPECT_FALSE(is_up(actor));
}

TEST_F(Lifetime, WhatIsAttachedToItsEndCannotStopTheRuntime) {
  auto actor = spawn(code);
  std::promise<std::string> refused;
  caf::actor_cast<caf::strong_actor_ptr>(actor)->get()->attach_functor([&](const caf::error&) {
    try {
      rt().stop();
      refused.set_value("nothing");
    } catch (const std::logic_error& problem) {
      refused.set_value(problem.what());
    }
  });
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  auto words = refused.get_future();
  ASSERT_EQ(words.wait_for(patience), std::future_status::ready);
  EXPECT_NE(words.get().find("own thread"), std::string::npos);
}

TEST_F(Lifetime, NormalExitOfALinkedActorDoesNotEndIt) {
  auto actor = spawn(code);
  caf::scoped_actor self{system()};
  auto linked = system().spawn(
      [target = caf::actor_cast<caf::actor>(actor)](caf::event_based_actor* me) -> caf::behavior {
        return {[me, target](int) {
          me->link_to(target);
          me->quit();
        }};
      });
  self->monitor(linked); // before the link: CAF tells the newest first, so the exit message has come by then
  ia::compat::anonymous_send(linked, 1);
  EXPECT_EQ(down_reason(self), caf::error{});
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

TEST_F(Lifetime, UnlinkedOnesDoNotEndEachOther) {
  // With 1 it links itself to the interpreter and unlinks itself again, with 2 it fails.
  auto acquaintance_of = [this](const ia::interpreter_actor& actor) {
    return system().spawn(
        [target = caf::actor_cast<caf::actor>(actor)](caf::event_based_actor* me) -> caf::behavior {
          return {[me, target](int what) {
            if (what == 1) {
              me->link_to(target);
              me->unlink_from(target);
            } else if (what == 2) {
              me->quit(caf::exit_reason::user_shutdown);
            }
            return what;
          }};
        });
  };
  caf::scoped_actor self{system()};
  auto tell = [&self](const caf::actor& actor, int what) {
    int answer = 0;
    ia::compat::request(self, actor, caf::timespan{patience}, what)
        .receive([&](int x) { answer = x; },
                 [](const caf::error& problem) { ADD_FAILURE() << to_string(problem); });
    return answer;
  };
  auto first = spawn(code);
  self->monitor(first); // before the link: CAF tells the newest first
  auto survivor = acquaintance_of(first);
  EXPECT_EQ(tell(survivor, 1), 1);
  EXPECT_EQ(code_of(me().call(first, "own", ia::shared_bytes{}).error()), ia::errc::crashed);
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
  EXPECT_EQ(tell(survivor, 3), 3);

  auto second = spawn(code);
  auto failing = acquaintance_of(second);
  self->monitor(failing);
  EXPECT_EQ(tell(failing, 1), 1);
  EXPECT_EQ(tell(failing, 2), 2);
  EXPECT_EQ(down_reason(self), caf::exit_reason::user_shutdown);
  EXPECT_TRUE(is_up(second));
}

TEST_F(Lifetime, DemonitoredOneSendsNoDownMessage) {
  auto actor = spawn(code);
  caf::scoped_actor witness{system()};
  caf::scoped_actor self{system()};
  witness->monitor(actor); // first: CAF tells the newest first
  self->monitor(actor);
  self->demonitor(actor.address());
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_EQ(down_reason(witness), caf::exit_reason::kill);
  self->receive([](const caf::down_msg&) { ADD_FAILURE() << "a down message came"; },
                caf::after(0ms) >> [] {});
}

TEST_F(Lifetime, MonitorsAndLinksOfADeadOneHearOfItAtOnce) {
  auto actor = spawn(code);
  caf::scoped_actor witness{system()};
  witness->monitor(actor);
  me().call(actor, "own", ia::shared_bytes{});
  EXPECT_EQ(code_of(down_reason(witness)), ia::errc::crashed);

  caf::scoped_actor self{system()};
  self->monitor(actor);
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
  EXPECT_EQ(ia::python_error_of(me().call(actor, "ok", ia::shared_bytes{}).error())->summary(), "Own: base");

  auto linked = system().spawn(
      [target = caf::actor_cast<caf::actor>(actor)](caf::event_based_actor* one) -> caf::behavior {
        return {[one, target](int) { one->link_to(target); }};
      });
  self->monitor(linked);
  ia::compat::anonymous_send(linked, 1);
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
}

TEST_F(Lifetime, AttachedFunctionsRunAtItsEndOrAtOnce) {
  auto actor = spawn(code);
  auto* base = caf::actor_cast<caf::abstract_actor*>(actor);
  std::promise<caf::error> at_the_end, afterwards;
  base->attach_functor([&at_the_end](const caf::error& reason) { at_the_end.set_value(reason); });
  auto first = at_the_end.get_future();
  EXPECT_TRUE(is_up(actor));
  EXPECT_EQ(first.wait_for(0s), std::future_status::timeout) << "it lives";
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"exit_with"}, ia::shared_bytes::copy("3"));
  ASSERT_EQ(first.wait_for(patience), std::future_status::ready);
  auto reason = first.get();
  EXPECT_EQ(code_of(reason), ia::errc::exited);
  EXPECT_EQ(ia::python_error_of(reason)->exit_code, 3);
  base->attach_functor([&afterwards](const caf::error& reason) { afterwards.set_value(reason); });
  auto second = afterwards.get_future();
  ASSERT_EQ(second.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(code_of(second.get()), ia::errc::exited);
}

TEST_F(Lifetime, ExitMessagesOfEitherPriorityOvertakeWhatWaits) {
  for (auto priority : {caf::message_priority::normal, caf::message_priority::high}) {
    python_gate own_gate;
    auto actor = spawn("def wait(v): arrive(); wait_at_gate(); return b'finished'\n"
                       "def ok(v): return v"
                       + own_gate.python());
    caf::scoped_actor self{system()};
    self->monitor(actor);
    asked running{system(), actor, "wait"};
    ASSERT_TRUE(own_gate.arrived());
    asked first{system(), actor, "ok"};
    asked second{system(), actor, "ok"};
    caf::actor_cast<caf::strong_actor_ptr>(actor)->enqueue(
        ia::compat::make_element(
            nullptr, caf::make_message_id(priority),
            caf::make_message(caf::exit_msg{actor.address(), caf::exit_reason::user_shutdown})),
        nullptr);
    // While the handler runs, which has its time to finish.
    EXPECT_EQ(first.answer().error(), caf::exit_reason::user_shutdown);
    EXPECT_EQ(second.answer().error(), caf::exit_reason::user_shutdown);
    own_gate.open();
    auto finished = running.answer();
    ASSERT_TRUE(finished) << ia::describe(finished.error());
    EXPECT_EQ(finished->as_string_view(), "finished");
    EXPECT_EQ(down_reason(self), caf::exit_reason::user_shutdown);
  }
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
  ASSERT_EQ(answer.wait_for(patience), std::future_status::ready);
  EXPECT_EQ(answer.get(), "10");
  wait_until([this] { return rt().counts().live == 0; }, "the interpreter's end");
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
  auto actor = spawn_at_gate("def wait(v): arrive(); wait_at_gate()\ndef ok(v): return v",
                             {.mailbox = {.messages = 2, .bytes = 0}});
  asked running{system(), actor, "wait"};
  ASSERT_TRUE(gate.arrived());
  asked first{system(), actor, "ok"};
  asked second{system(), actor, "ok"};
  auto refused = me().call(actor, "ok", ia::shared_bytes{}).error();
  EXPECT_EQ(code_of(refused), ia::errc::mailbox_full);
  EXPECT_NE(ia::describe(refused).find("mailbox of 'interpreter' holds as much as it may (2 messages)"),
            std::string::npos)
      << ia::describe(refused);
  EXPECT_EQ(rt().dead_letters(), 0u);
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"ok"}, ia::shared_bytes{});
  EXPECT_EQ(rt().dead_letters(), 1u);
  gate.open();
  for (auto* accepted : {&running, &first, &second})
    EXPECT_TRUE(accepted->answer());
  EXPECT_EQ(call(actor, "ok", "x"), "x");
}

TEST_F(Lifetime, MailboxIsBoundedInBytes) {
  auto actor = spawn_at_gate("def wait(v): arrive(); wait_at_gate()\ndef count(v): return b'%d' % len(v)",
                             {.mailbox = {.messages = 0, .bytes = 1000}});
  asked running{system(), actor, "wait"};
  ASSERT_TRUE(gate.arrived());
  auto large = ia::shared_bytes::copy(std::string(600, 'x'));
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"count"}, large);
  EXPECT_EQ(code_of(me().call(actor, "count", large).error()), ia::errc::mailbox_full);
  EXPECT_EQ(code_of(me().call(actor, "count", {large.sub_range(0, 300), large.sub_range(0, 101)}).error()),
            ia::errc::mailbox_full);
  // 1000 bytes together are not too many: this one waits, and ends by its deadline.
  EXPECT_EQ(code_of(me().call(actor, "count", {large.sub_range(0, 400)}, 1ms).error()),
            ia::errc::deadline_exceeded);
  gate.open();
  EXPECT_TRUE(running.answer());
  EXPECT_EQ(call(actor, "count", ""), "0"); // by now, the one that waited in front of it has left the mailbox
  EXPECT_EQ(call(actor, "count", std::string(600, 'x')), "600");
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
  auto actor = spawn_at_gate("seen = []\ndef wait(v): arrive(); wait_at_gate()\n"
                             "def put(v): seen.append(bytes(v))\ndef get(v): return b' '.join(seen)");
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"wait"}, ia::shared_bytes{});
  ASSERT_TRUE(gate.arrived());
  auto put = [&](caf::message_priority priority, std::string_view what) {
    caf::actor_cast<caf::strong_actor_ptr>(actor)->enqueue(
        ia::compat::make_element(
            nullptr, caf::make_message_id(priority),
            caf::make_message(ia::call_atom_v, std::string{"put"}, ia::shared_bytes::copy(what))),
        nullptr);
  };
  put(caf::message_priority::normal, "a");
  put(caf::message_priority::normal, "b");
  put(caf::message_priority::high, "urgent");
  gate.open();
  EXPECT_EQ(call(actor, "get"), "urgent a b");
}

TEST_F(Lifetime, RuntimeStopEndsWhatRuns) {
  auto idle = spawn(code);
  auto busy = spawn_at_gate("def loop(v):\n    arrive()\n    while True: pass");
  asked running{system(), busy, "loop"};
  ASSERT_TRUE(gate.arrived());
  rt().stop();
  EXPECT_EQ(running.answer().error(), caf::exit_reason::user_shutdown);
  EXPECT_EQ(me().call(idle, "ok", ia::shared_bytes{}).error(), caf::exit_reason::user_shutdown);
  EXPECT_EQ(rt().counts().live, 0u);
  EXPECT_EQ(rt().counts().abandoned, 0u);
}

} // namespace
