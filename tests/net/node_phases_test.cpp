#include "interp_actors/net/socket.hpp"

#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "net/marker_file.hpp"
#include "net/with_nodes.hpp"
#include "questioner.hpp"

using namespace ia_test;

namespace {

/// What becomes of a child when something ends while it is on its way: its start, a message, its end.
class NodePhases : public with_nodes {
protected:
  NodePhases() : NodePhases{network_options()} {}
  explicit NodePhases(ia::runtime_options options) : with_nodes{std::move(options)} {}

  void TearDown() override {
    asker.reset();
    with_nodes::TearDown();
  }

  marker_file marker{"phase"};

  const std::string worker = R"(
import interp_actors as ia, os, sys, time
count = 0
def where(v): return str(os.getpid()).encode()
def echo(v): return v
def counted(v):
    global count
    count += 1
    return v
def count_of(v): return b'%d' % count
def spin(v):
    while True: pass
def leave(v): sys.exit(3)
def incarnation(v):
    return b'%d' % (1 if ia.previous_death() is None else ia.previous_death().incarnation + 1)
)" + marker.python() + R"(
def begin(v):
    mark()
    spin(v)
)";

  static ia::shared_bytes large(std::size_t size = 8 << 20) {
    return ia::shared_bytes::adopt(std::string(size, 'l'));
  }

  /// Sends a request whose answer nobody waits for yet.
  void ask(const ia::interpreter_actor& whom, const std::string& function, ia::shared_bytes argument,
           questioner::judge is_right) {
    asker->ask(whom, caf::make_message(ia::call_atom_v, function, std::move(argument)), std::move(is_right));
  }

  void expect_all_right(std::size_t count) {
    EXPECT_TRUE(asker->wait_for_answers());
    EXPECT_EQ(asker->read(), (questioner::account{count, count, 0, 0}));
  }

  bool cancel(const ia::interpreter_actor& whom) {
    auto hit =
        me().request(caf::actor_cast<caf::strong_actor_ptr>(whom), caf::make_message(ia::cancel_atom_v));
    return hit && hit->get_as<bool>(0);
  }

  void wait_marked() {
    wait_until([&] { return marker.is_there(); }, "the code on the node");
  }

  static questioner::judge any_error() {
    return [](const caf::message& answer) { return answer.match_elements<caf::error>(); };
  }

  std::optional<questioner> asker{system()};
};

// -- a start -------------------------------------------------------------------------------------------------------------

TEST_F(NodePhases, ANodeThatIsLostWhileAChildStartsFailsTheStart) {
  start_node();
  auto refused = std::async(std::launch::async, [&] {
    return rt().supervise({.children = {remote_child("one", worker + "begin(None)\n")}});
  });
  wait_marked();
  process().kill(SIGKILL);
  auto result = refused.get();
  ASSERT_FALSE(result);
  auto text = ia::describe(result.error());
  EXPECT_NE(text.find("node_lost"), std::string::npos) << text;
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::node_lost);
}

TEST_F(NodePhases, AStoppedRuntimeEndsTheWaitForASlot) {
  auto node = start_node({"--slots", "1"});
  auto first = supervise({.children = {remote_child("a", worker)}});
  auto refused = std::async(std::launch::async, [&] {
    return rt().supervise(
        {.children = {remote_child("b", worker, ia::any_node, {.spawn = {.start_deadline = 0ms}})}});
  });
  std::this_thread::sleep_for(50ms); // until it waits, most likely; it ends in any case
  rt().stop();
  EXPECT_FALSE(refused.get());
}

TEST_F(NodePhases, AStoppedTreeEndsTheWaitForASlot) {
  auto node = start_node({"--slots", "1"});
  auto tree = supervise({.children = {remote_child("a", worker)}});
  auto more = std::async(std::launch::async, [&] {
    return tree.start_child(remote_child("b", worker, ia::any_node, {.spawn = {.start_deadline = 0ms}}));
  });
  wait_until([&] { return tree.list_children()->size() == 2; }, "the second one");
  tree.stop();
  EXPECT_FALSE(more.get());
  wait_until([&] { return node.free_slots() == 1; }, "the slot");
}

TEST_F(NodePhases, AStopDuringTheStartEndsItOnTheNode) {
  auto node = start_node({"--slots", "1"});
  auto tree = supervise({});
  auto spec = remote_child("one", worker + "begin(None)\n");
  spec.shutdown = ia::shutdown::within(100ms);
  auto started = std::async(std::launch::async, [&] { return tree.start_child(spec); });
  wait_marked();
  EXPECT_FALSE(tree.terminate_child("one"));
  EXPECT_FALSE(started.get());
  wait_until([&] { return node.free_slots() == 1; }, "the slot");
}

TEST_F(NodePhases, ConnectingEndsWithTheRuntime) {
  ia::endpoint where{"127.0.0.1", 0};
  auto silent = ia::listen_at(where); // takes connections and says nothing
  auto connecting = std::async(std::launch::async, [&] { return rt().connect(to_string(where)); });
  ::pollfd ready{silent.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&ready, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())), 1);
  rt().stop();
  auto result = connecting.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(code_of(result.error()), ia::errc::stopped) << ia::describe(result.error());
}

TEST_F(NodePhases, CodeThatIsTooLargeForANodeFailsTheStartAlone) {
  auto node = start_node({"--slots", "2", "--message-bytes", "300000"});
  auto other = at(supervise({.children = {remote_child("other", worker)}}), "other");
  auto result = rt().supervise(
      {.children = {remote_child("one", worker + "x = '" + std::string(300'000, 'x') + "'\n", node)}});
  ASSERT_FALSE(result);
  auto text = ia::describe(result.error());
  EXPECT_NE(text.find("too_large"), std::string::npos) << text;
  EXPECT_NE(text.find(node.name()), std::string::npos) << text;
  EXPECT_EQ(call(other, "incarnation"), "1");
  wait_until([&] { return node.free_slots() == 1; }, "the slot that was not used");
  auto code = me().execute(other, "x = '" + std::string(20 << 20, 'x') + "'\n");
  EXPECT_EQ(code_of(code.error()), ia::errc::too_large) << ia::describe(code.error());
  EXPECT_EQ(call(other, "incarnation"), "1");
}

TEST_F(NodePhases, ArgumentsAndResultsThatAreTooLargeAreRefusedAlone) {
  start_node({"--slots", "1", "--message-bytes", "300000"});
  auto one = at(supervise({.children = {remote_child("one", std::string{worker}
                                                                + "def many(v): return bytes(400_000)\n")}}),
                "one");
  auto argument = me().call(one, "echo", ia::shared_bytes::adopt(std::string(400'000, 'x')));
  ASSERT_FALSE(argument);
  EXPECT_EQ(code_of(argument.error()), ia::errc::too_large) << ia::describe(argument.error());
  auto result = me().call(one, "many", ia::shared_bytes{});
  ASSERT_FALSE(result);
  EXPECT_EQ(code_of(result.error()), ia::errc::too_large) << ia::describe(result.error());
  auto fits = ia::shared_bytes::adopt(std::string(290'000, 'x'));
  auto back = me().call(one, "echo", fits);
  ASSERT_TRUE(back) << ia::describe(back.error());
  EXPECT_TRUE(*back == fits);
  EXPECT_EQ(call(one, "incarnation"), "1");
}

class QuickLoss : public NodePhases {
protected:
  QuickLoss() : NodePhases{quickly()} {}

  static ia::runtime_options quickly() {
    auto options = network_options();
    options.network.node_timeout = 1s;
    return options;
  }
};

TEST_F(QuickLoss, ANodeThatIsLostBeforeItHasTheCodeFailsTheStart) {
  start_node();
  auto path = std::string{::testing::TempDir()} + "modules_" + std::to_string(::getpid()) + ".zip";
  std::ofstream{path} << std::string(8 << 20, 'z');
  process().kill(SIGSTOP);
  auto result =
      rt().supervise({.children = {remote_child("one", worker, ia::any_node, {.modules = {path}})}});
  std::filesystem::remove(path);
  ASSERT_FALSE(result);
  auto text = ia::describe(result.error());
  EXPECT_NE(text.find("node_lost"), std::string::npos) << text;
}

TEST_F(QuickLoss, WhoWaitsForASlotGetsThatOfANodeThatComesBack) {
  auto node = start_node({"--slots", "1"});
  auto tree = supervise({.children = {remote_child("a", worker)}});
  auto more = std::async(std::launch::async, [&] { return tree.start_child(remote_child("b", worker)); });
  wait_until([&] { return tree.list_children()->size() == 2; }, "the second one");
  process().kill(SIGKILL);
  process().wait();
  node_process again{{"--slots", "2", "--listen", node.name()}};
  ASSERT_EQ(again.name(), node.name()) << again.errors();
  EXPECT_TRUE(more.get());
  for (auto* name : {"a", "b"})
    EXPECT_EQ(call(at(tree, name), "where"), std::to_string(again.pid()));
  tree.stop();
}

class SlowAnswer : public NodePhases {
protected:
  SlowAnswer() : NodePhases{with_a_heartbeat_each_second()} {}

  static ia::runtime_options with_a_heartbeat_each_second() {
    auto options = network_options();
    options.network.node_timeout = 4s;
    return options;
  }
};

TEST_F(SlowAnswer, AHeartbeatOfCAFEndsNoConnectionThatIsBeingMade) {
  node_process host{{"--slots", "1"}};
  host.kill(SIGSTOP);
  auto connecting = std::async(std::launch::async, [&] { return rt().connect(host.name()); });
  std::this_thread::sleep_for(1200ms); // a heartbeat comes in that time
  host.kill(SIGCONT);
  auto node = connecting.get();
  EXPECT_TRUE(node) << ia::describe(node.error());
  rt().stop();
}

// -- a message -----------------------------------------------------------------------------------------------------------

/// Nodes that are frozen and not yet lost: what is on its way stays there.
class SlowNode : public NodePhases {
protected:
  SlowNode() : NodePhases{patiently()} {}

  static ia::runtime_options patiently() {
    auto options = network_options();
    options.network.node_timeout = 1min;
    return options;
  }

  /// Starts a node with one child, and freezes it.
  ia::interpreter_actor start_and_freeze(ia::python_options options = {}) {
    start_node({"--slots", "2", "--lease", "1min", "--", "--interp-actors.grace=100ms"});
    tree_.emplace(supervise_one(worker, std::move(options)));
    auto one = at(*tree_, "one");
    EXPECT_EQ(call(one, "incarnation"), "1");
    process().kill(SIGSTOP);
    return one;
  }

  /// Longer than the timer waits for a node before it gives an interpreter up: both graces, and a second.
  static constexpr auto ladder = 2s;

  ia::tree& tree() { return *tree_; }

private:
  std::optional<ia::tree> tree_;
};

TEST_F(SlowNode, ADeadlineTakesBackWhatHasNotArrivedAndEndsNobody) {
  auto one = start_and_freeze();
  auto answer = me().call(one, "counted", {large()}, 100ms);
  EXPECT_EQ(code_of(answer.error()), ia::errc::deadline_exceeded);
  std::this_thread::sleep_for(ladder); // long enough for all its steps
  process().kill(SIGCONT);
  EXPECT_EQ(call(one, "incarnation"), "1");
  EXPECT_EQ(call(one, "count_of"), "0");
}

TEST_F(SlowNode, CancellingTakesBackWhatHasNotArrived) {
  auto one = start_and_freeze();
  ask(one, "counted", large(), wants_error(ia::errc::cancelled));
  wait_until([&] { return cancel(one); }, "the call");
  expect_all_right(1); // while the node is frozen
  process().kill(SIGCONT);
  EXPECT_EQ(call(one, "count_of"), "0");
  EXPECT_EQ(call(one, "incarnation"), "1");
}

TEST_F(SlowNode, AStopTakesBackWhatHasNotArrived) {
  auto one = start_and_freeze();
  ask(one, "counted", large(), any_error());
  std::this_thread::sleep_for(50ms); // until it is on its way, most likely; it is answered in any case
  auto stopped = std::async(std::launch::async, [&] { tree().stop(); });
  std::this_thread::sleep_for(50ms); // until it has begun, most likely
  process().kill(SIGCONT);
  stopped.get();
  expect_all_right(1);
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::shutdown);
}

TEST_F(SlowNode, WhatHasNotArrivedWhenAnotherOneFollowsIsForThatOne) {
  start_node({"--slots", "2", "--lease", "1min"});
  auto both = supervise(
      {.strategy = ia::one_for_all,
       .intensity = 20,
       .children = {child("here", "import sys\ndef leave(v): sys.exit(3)\n"), remote_child("one", worker)}});
  auto one = at(both, "one");
  EXPECT_EQ(call(one, "incarnation"), "1");
  process().kill(SIGSTOP);
  ask(one, "counted", large(), wants(std::string(8 << 20, 'l')));
  std::this_thread::sleep_for(50ms); // until it is on its way, most likely
  EXPECT_EQ(code_of(me().call(at(both, "here"), "leave", ia::shared_bytes{}).error()), ia::errc::exited);
  std::this_thread::sleep_for(50ms); // until it is taken back, most likely; it is not lost in any case
  process().kill(SIGCONT);
  expect_all_right(1);
  EXPECT_EQ(call(one, "incarnation"), "2");
  EXPECT_EQ(call(one, "count_of"), "1");
  both.stop();
}

TEST_F(SlowNode, OneThatIsKilledDiesWithoutItsNode) {
  auto one = start_and_freeze();
  ask(one, "counted", large(), wants(std::string(8 << 20, 'l')));
  caf::anon_send_exit(one, caf::exit_reason::kill);
  EXPECT_EQ(deaths.wait(1).size(), 1u);
  process().kill(SIGCONT);
  expect_all_right(1); // by the next one: the first has not seen it
  EXPECT_EQ(call(one, "incarnation"), "2");
}

TEST_F(NodePhases, EveryCancellationHitsHoweverEarlyItComes) {
  start_node();
  auto one = at(supervise_one(worker), "one");
  constexpr std::size_t rounds = 100;
  for (std::size_t i = 0; i < rounds; ++i) {
    ask(one, "spin", {}, wants_error(ia::errc::cancelled));
    wait_until([&] { return cancel(one); }, "the call");
    EXPECT_EQ(call(one, "echo", "free"), "free"); // it does not spin on
  }
  expect_all_right(rounds);
  EXPECT_EQ(call(one, "incarnation"), "1");
}

TEST_F(NodePhases, SmallCallsOvertakeALargeTransfer) {
  start_node();
  auto tree = supervise({.children = {remote_child("large", worker + "def size(v): return b'%d' % len(v)\n"),
                                      remote_child("small", worker)}});
  auto to_large = at(tree, "large");
  auto to_small = at(tree, "small");
  // The transfer was sent first. A line in order would let no answer of the small one out before it has ended.
  wait_until(
      [&] {
        std::atomic<bool> is_over = false;
        ask(to_large, "size", large(100 << 20), [&](const caf::message& answer) {
          is_over = true;
          return wants(std::to_string(100 << 20))(answer);
        });
        EXPECT_EQ(call(to_small, "echo", "quick"), "quick");
        bool was_quicker = !is_over;
        EXPECT_TRUE(asker->wait_for_answers());
        return was_quicker;
      },
      "a small call that is answered during a transfer");
  EXPECT_EQ(asker->read().wrong, 0u);
}

TEST_F(NodePhases, ANodeThatIsKilledDuringTransfersLosesNothingThatMayBeRepeated) {
  start_node({"--slots", "2"});
  start_node({"--slots", "4"});
  auto fleet = rt().fleet(
      {.source = ia::text(worker, "w.py"), .size = 4, .attempts = 5, .intensity = 100, .on = ia::any_node});
  ASSERT_TRUE(fleet) << ia::describe(fleet.error());
  for (int i = 0; i < 60; ++i)
    ask(fleet->handle(), "echo", large((2 << 20) + static_cast<std::size_t>(i)),
        wants(std::string((2 << 20) + static_cast<std::size_t>(i), 'l')));
  ASSERT_TRUE(asker->wait_for_answers(45));
  process().kill(SIGKILL);
  expect_all_right(60);
  fleet->stop();
}

// -- an end ----------------------------------------------------------------------------------------------------------------

TEST_F(NodePhases, ANodeThatIsLostDuringAStopEndsIt) {
  start_node();
  auto spec = remote_child("one", worker);
  spec.shutdown = ia::shutdown::wait_for_ever();
  auto tree = supervise({.children = {spec}});
  asked running{system(), at(tree, "one"), "begin"};
  wait_marked();
  auto stopped = std::async(std::launch::async, [&] { tree.stop(); });
  process().kill(SIGKILL);
  stopped.get();
  EXPECT_FALSE(running.answer());
}

/// Its code does not end its teardown before it may.
class LongEnd : public NodePhases {
protected:
  void start_long_node() { start_node({"--slots", "2", "--", "--interp-actors.teardown-timeout=1h"}); }

  std::string slow_to_end() const {
    return worker + "import atexit\ndef linger():\n    mark()\n    while not os.path.exists('"
           + may_end.path() + "'): time.sleep(0.01)\natexit.register(linger)\n";
  }

  void TearDown() override {
    std::ofstream{may_end.path()} << "now";
    NodePhases::TearDown();
  }

  marker_file may_end{"may_end"};
};

TEST_F(LongEnd, ANodeThatIsLostDuringATeardownLetsTheNextOneStart) {
  start_long_node();
  auto one = at(supervise_one(slow_to_end()), "one");
  EXPECT_EQ(code_of(me().call(one, "leave", ia::shared_bytes{}).error()), ia::errc::exited);
  wait_marked();
  start_node();
  std::ofstream{may_end.path()} << "now"; // for the next one
  process().kill(SIGKILL);
  EXPECT_EQ(call(one, "incarnation"), "2");
  auto all = deaths.wait(1);
  EXPECT_EQ(all.size(), 1u);
  EXPECT_EQ(all.at(0).reason, ia::death_reason::exit_code);
}

TEST_F(LongEnd, WhoIsGivenNoTimeDoesNotWaitForATeardown) {
  start_long_node();
  auto tree =
      supervise({.children = {{.name = "below",
                               .shutdown = ia::shutdown::abandon_at_once(),
                               .body = ia::supervisor_child(
                                   {.intensity = 5, .children = {remote_child("one", slow_to_end())}})}}});
  auto one = at(tree, "below/one");
  EXPECT_EQ(code_of(me().call(one, "leave", ia::shared_bytes{}).error()), ia::errc::exited);
  wait_marked();
  tree.stop(); // the code on the node is still at its end
  EXPECT_FALSE(std::filesystem::exists(may_end.path()));
}

} // namespace
