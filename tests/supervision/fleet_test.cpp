#include <caf/exit_reason.hpp>

#include <set>
#include <thread>

#include "supervised.hpp"

using namespace ia_test;

namespace {

/// Fleets of real interpreters. What their queue does by itself is tested without Python: tests/actor/fleet_queue_test.cpp.
class Fleet : public with_tree {
protected:
  const std::string worker = R"(
import sys, time
import interp_actors as ia

count = 0

def who(v):
    global count
    count += 1
    return ia.current().name.encode()
def served(v): return b'%d' % count
def tell(v): names.send(ia.current().name.encode())
def crash(v): raise RuntimeError('it broke')
def leave(v): sys.exit(3)
def echo(v): return bytes(v or b'')
def first_dies(v):
    last = ia.previous_death()
    if last is None or last.request is None or 'first_dies' not in last.request:
        sys.exit(7)
    return b'done at last'
def loop(v):
    while True:
        pass
)" + gate.python() + R"(
def hold(v):
    arrive()
    wait_at_gate()
    return b'held'
)";

  ia::fleet<ia::interpreter_actor> start(ia::fleet_options options) {
    options.source = ia::text(worker, "worker.py");
    auto result = rt().fleet(std::move(options));
    if (!result)
      throw std::runtime_error(ia::describe(result.error()));
    return *result;
  }
};

TEST_F(Fleet, OneHandleServesRequestsByAllMembers) {
  auto fleet = start({.size = 3});
  auto handle = fleet.handle();
  asked first{system(), handle, "hold"};
  asked second{system(), handle, "hold"};
  ASSERT_TRUE(gate.arrived());
  ASSERT_TRUE(gate.arrived());
  EXPECT_EQ(call(handle, "who").substr(0, 6), "fleet-") << "a slow request keeps nobody waiting";
  EXPECT_TRUE(wait_until([&] { return fleet.stats().busy == 2; }, "the third one's rest"));
  gate.open();
  EXPECT_TRUE(first.answer());
  EXPECT_TRUE(second.answer());
  EXPECT_EQ(fleet.stats().members, 3u);
}

TEST_F(Fleet, WhatWaitsIsTakenByWhoeverHasTimeFirst) {
  auto fleet = start({.size = 2});
  asked slow{system(), fleet.handle(), "hold"};
  ASSERT_TRUE(gate.arrived());
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(call(fleet.handle(), "echo", "x"), "x");
  gate.open();
  EXPECT_TRUE(slow.answer());
}

TEST_F(Fleet, MemberThatDiesComesBackAndOthersGoOn) {
  auto fleet = start({.size = 2});
  auto lost = call(fleet.handle(), "leave");
  EXPECT_EQ(lost.substr(0, 6), "error:");
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(call(fleet.handle(), "echo", "x"), "x");
  auto report = deaths.wait(1).at(0);
  EXPECT_EQ(report.child.substr(0, 6), "fleet-");
  EXPECT_EQ(report.exit_code, 3);
  ASSERT_TRUE(wait_until([&] { return fleet.stats().restarts == 1; }, "the restart"));
}

TEST_F(Fleet, MessageIsDeliveredAgainAfterADeath) {
  auto fleet = start({.size = 1, .attempts = 2});
  EXPECT_EQ(call(fleet.handle(), "first_dies"), "done at last");
  EXPECT_EQ(fleet.stats().redelivered, 1u);
}

TEST_F(Fleet, PoisonousMessageIsPutAsideAfterItsAttempts) {
  auto fleet = start({.size = 2, .attempts = 3});
  asked poison{system(), fleet.handle(), "leave"};
  auto answer = poison.answer();
  ASSERT_FALSE(answer);
  auto letter = letters.wait(1).at(0);
  EXPECT_EQ(letter.deaths.size(), 3u);
  EXPECT_NE(letter.request.find("leave"), std::string::npos) << letter.request;
  EXPECT_EQ(deaths.wait(3).size(), 3u);
  EXPECT_EQ(call(fleet.handle(), "echo", "x"), "x");
}

TEST_F(Fleet, FullQueueRefusesOrLetsWait) {
  auto refusing = start({.size = 1, .name = "refusing", .mailbox = {.messages = 1}});
  asked busy{system(), refusing.handle(), "hold"};
  ASSERT_TRUE(gate.arrived());
  asked waits{system(), refusing.handle(), "echo"};
  asked refused{system(), refusing.handle(), "echo"};
  EXPECT_EQ(code_of(refused.answer().error()), ia::errc::mailbox_full);
  auto patient =
      start({.size = 1, .name = "patient", .mailbox = {.messages = 1}, .when_full = ia::when_full::wait});
  asked busy_too{system(), patient.handle(), "hold"};
  ASSERT_TRUE(gate.arrived());
  asked waits_too{system(), patient.handle(), "echo"};
  asked beyond{system(), patient.handle(), "echo"};
  gate.open();
  for (auto* each : {&busy, &waits, &busy_too, &waits_too, &beyond})
    EXPECT_TRUE(each->answer());
}

TEST_F(Fleet, KeysGoToOneMember) {
  ia::message_key by_length = [](const caf::message& content) -> std::optional<std::size_t> {
    if (content.size() < 3 || !content.match_element<ia::shared_bytes>(2))
      return std::nullopt;
    return content.get_as<ia::shared_bytes>(2).size();
  };
  auto fleet = start({.size = 3, .key = by_length});
  std::set<std::string> all;
  for (auto key : {"a", "bb", "ccc"}) {
    std::set<std::string> seen;
    for (int i = 0; i < 10; ++i)
      seen.insert(call(fleet.handle(), "who", key));
    EXPECT_EQ(seen.size(), 1u);
    all.insert(seen.begin(), seen.end());
  }
  EXPECT_EQ(all.size(), 3u);
}

using filed = caf::typed_actor<caf::result<std::string>(ia::send_atom, int, std::string)>;

TEST_F(Fleet, ArgumentIsTheKey) {
  auto fleet = rt().fleet<filed>({.source = ia::text(R"(
import interp_actors as ia
def send(number: int, key: str) -> str: return ia.current().name
)",
                                                     "filed.py"),
                                  .size = 4,
                                  .key = ia::key_argument<std::string>(1)});
  ASSERT_TRUE(fleet) << ia::describe(fleet.error());
  auto handle = caf::actor_cast<caf::strong_actor_ptr>(fleet->handle());
  std::set<std::string> all;
  for (int key = 0; key < 16; ++key) {
    std::set<std::string> seen;
    for (int number = 0; number < 5; ++number) {
      auto answer = me().request(handle, caf::make_message(ia::send_atom_v, number, std::to_string(key)));
      ASSERT_TRUE(answer) << ia::describe(answer.error());
      seen.insert(answer->get_as<std::string>(0));
    }
    EXPECT_EQ(seen.size(), 1u) << key;
    all.merge(seen);
  }
  EXPECT_GT(all.size(), 1u) << "the keys are dealt out";
}

TEST(FleetKeys, AreThoseOfOneArgumentOfOneType) {
  ia::detail::init_types();
  auto key = ia::key_argument<std::string>(1);
  auto of = [&](int number, const char* name) {
    return key(caf::make_message(ia::send_atom_v, number, std::string{name}));
  };
  EXPECT_EQ(of(1, "a"), of(2, "a"));
  EXPECT_NE(of(1, "a"), of(1, "b"));
  EXPECT_EQ(key(caf::make_message(ia::send_atom_v, std::string{"a"}, 1)), std::nullopt);
  EXPECT_EQ(key(caf::make_message(ia::send_atom_v, std::string{"a"})), std::nullopt);
  EXPECT_EQ(key(caf::make_message()), std::nullopt);
}

TEST_F(Fleet, BroadcastReachesEachMember) {
  auto names = rt().channel();
  auto fleet = start({.size = 3, .spawn = {.channels = {{"names", names.sender}}}});
  auto count = fleet.broadcast(caf::make_message(ia::call_atom_v, std::string{"tell"}, ia::shared_bytes{}));
  EXPECT_EQ(count, 3u);
  std::set<std::string> told;
  for (std::size_t i = 0; i < count; ++i) {
    auto name = names.receiver.recv(patience);
    ASSERT_TRUE(name) << ia::describe(name.error());
    told.emplace(name->as_string_view());
  }
  EXPECT_EQ(told, (std::set<std::string>{"fleet-1", "fleet-2", "fleet-3"}));
  fleet.stop();
}

TEST_F(Fleet, BroadcastHasTheDeadlineOfOtherMessages) {
  auto fleet = start({.size = 2, .spawn = {.handler_deadlines = {{"loop", 100ms}}}});
  EXPECT_EQ(fleet.broadcast(caf::make_message(ia::call_atom_v, std::string{"loop"}, ia::shared_bytes{})), 2u);
  auto answer = asked{system(), fleet.handle(), "echo"}.answer();
  EXPECT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_TRUE(wait_until([&] { return fleet.stats().busy == 0; }, "the end of the other one's"));
}

TEST_F(Fleet, GrowsAndShrinksWhileItRuns) {
  auto fleet = start({.size = 1});
  EXPECT_FALSE(fleet.resize(3));
  EXPECT_EQ(fleet.stats().members, 3u);
  EXPECT_EQ(call(fleet.handle(), "echo", "x"), "x");
  EXPECT_FALSE(fleet.resize(1));
  EXPECT_EQ(fleet.stats().members, 1u);
  EXPECT_EQ(call(fleet.handle(), "echo", "x"), "x");
  EXPECT_EQ(code_of(fleet.resize(0)), ia::errc::invalid_spec);
}

TEST_F(Fleet, ResizeReplacesMembersThatAreDownForGood) {
  auto fleet = start({.size = 2, .intensity = 0});
  EXPECT_EQ(call(fleet.handle(), "leave").substr(0, 6), "error:");
  EXPECT_TRUE(wait_until([&] { return fleet.stats().members == 1; }, "the end of a member"));
  EXPECT_FALSE(fleet.resize(2));
  EXPECT_EQ(fleet.stats().members, 2u);
  auto text = fleet.to_text();
  EXPECT_EQ(text.find("down_for_good"), std::string::npos) << text;
  EXPECT_EQ(call(fleet.handle(), "leave").substr(0, 6), "error:");
  EXPECT_TRUE(wait_until([&] { return fleet.stats().members == 1; }, "the end of another one"));
  EXPECT_FALSE(fleet.resize(1));
  EXPECT_EQ(fleet.stats().members, 1u);
  EXPECT_EQ(call(fleet.handle(), "echo", "x"), "x");
}

TEST_F(Fleet, MembersAreReplacedAfterSomeMessages) {
  auto fleet = start({.size = 1, .recycle_messages = 5, .intensity = 0});
  auto served_by_a_new_one = [&] {
    EXPECT_EQ(call(fleet.handle(), "who"), "fleet-1");
    return fleet.stats().restarts >= 3;
  };
  ASSERT_TRUE(wait_until(served_by_a_new_one, "replacements"));
}

TEST_F(Fleet, SparesTakeOverForAnyMember) {
  auto fleet = start({.size = 2, .spares = 1});
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(call(fleet.handle(), "leave").substr(0, 6), "error:");
    for (int i = 0; i < 10; ++i)
      EXPECT_EQ(call(fleet.handle(), "echo", "x"), "x");
  }
}

TEST_F(Fleet, FailsWhenAllItsMembersAreDownForGood) {
  auto fleet = start({.size = 2, .intensity = 0});
  EXPECT_EQ(call(fleet.handle(), "leave").substr(0, 6), "error:");
  EXPECT_EQ(call(fleet.handle(), "echo", "x"), "x") << "the other one works on";
  EXPECT_EQ(call(fleet.handle(), "leave").substr(0, 6), "error:");
  auto reason = fleet.wait();
  EXPECT_EQ(code_of(reason), ia::errc::exited) << ia::describe(reason);
  EXPECT_EQ(code_of(me().call(fleet.handle(), "echo", ia::shared_bytes{}).error()), ia::errc::exited);
}

TEST_F(Fleet, DrainLetsAllBeDone) {
  auto fleet = start({.size = 1});
  asked running{system(), fleet.handle(), "hold"};
  ASSERT_TRUE(gate.arrived());
  asked waiting{system(), fleet.handle(), "echo"};
  EXPECT_FALSE(fleet.drain(1ms));
  EXPECT_EQ(code_of(me().call(fleet.handle(), "echo", ia::shared_bytes{}).error()), ia::errc::stopped);
  gate.open();
  EXPECT_TRUE(fleet.drain(patience));
  EXPECT_TRUE(running.answer());
  EXPECT_TRUE(waiting.answer());
}

TEST_F(Fleet, DrainMayBeWaitedForBySeveralAndForEver) {
  auto fleet = start({.size = 1});
  asked running{system(), fleet.handle(), "hold"};
  ASSERT_TRUE(gate.arrived());
  EXPECT_FALSE(fleet.drain(1ms));
  auto first = std::async(std::launch::async, [&] { return fleet.drain(caf::timespan::max()); });
  auto second = std::async(std::launch::async, [&] { return fleet.drain(patience); });
  EXPECT_FALSE(fleet.drain(1ms)) << "the last one to ask gives up first";
  gate.open();
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_TRUE(running.answer());
}

TEST_F(Fleet, StopAnswersWhatWaits) {
  auto fleet = start({.size = 1});
  asked running{system(), fleet.handle(), "hold"};
  ASSERT_TRUE(gate.arrived());
  asked waiting{system(), fleet.handle(), "echo"};
  gate.open();
  fleet.stop();
  EXPECT_TRUE(running.answer());
  auto late = waiting.answer();
  EXPECT_TRUE(late || code_of(late.error()) == ia::errc::stopped);
}

TEST_F(Fleet, StoppedMembersDieOfAShutdown) {
  start({.size = 2}).stop();
  for (auto& report : deaths.wait(2))
    EXPECT_EQ(report.reason, ia::death_reason::shutdown) << describe(report);
  EXPECT_EQ(deaths.wait(2).size(), 2u);
}

TEST_F(Fleet, TextShowsItsMembersWithTheirRestarts) {
  auto fleet = start({.size = 1, .name = "workers"});
  EXPECT_EQ(fleet.to_text(), "workers (one_for_one): running\n  workers-1: running\n");
  EXPECT_EQ(call(fleet.handle(), "leave").substr(0, 6), "error:");
  auto expected = "workers (one_for_one): running\n"
                  "  workers-1: running, 1 restart, last ended: exit_code (SystemExit: 3)\n";
  EXPECT_TRUE(wait_until([&] { return fleet.to_text() == expected; }, "the restart")) << fleet.to_text();
  fleet.stop();
  EXPECT_EQ(fleet.to_text().substr(0, 39), "workers (one_for_one): ended: shutdown\n");
}

TEST_F(Fleet, RunawayIsReplacedAndItsCallerToldInTime) {
  auto fleet = start({.size = 1, .spawn = {.deadline = 100ms}});
  auto error = me().call(fleet.handle(), "loop", ia::shared_bytes{}).error();
  EXPECT_EQ(code_of(error), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(fleet.handle(), "echo", "x"), "x");
}

TEST_F(Fleet, DeadlinesMayCountFromTheBeginning) {
  auto fleet = start({.size = 1, .deadlines = ia::deadline_start::taken});
  asked holding{system(), fleet.handle(), "hold"};
  ASSERT_TRUE(gate.arrived());
  asked waiting{system(), fleet.handle(), "echo", 1s};
  std::this_thread::sleep_for(1200ms); // longer than it may take once it runs
  gate.open();
  EXPECT_TRUE(holding.answer());
  EXPECT_TRUE(waiting.answer());
  asked looping{system(), fleet.handle(), "loop", 50ms};
  EXPECT_EQ(code_of(looping.answer().error()), ia::errc::deadline_exceeded);
}

TEST_F(Fleet, StaysWhenItsLastHandleIsDropped) {
  ia::interpreter_actor handle;
  {
    auto fleet = start({.size = 1});
    handle = fleet.handle();
  }
  EXPECT_EQ(call(handle, "echo", "x"), "x");
  drop(handle);
}

} // namespace
