#include <unistd.h>

#include <atomic>
#include <set>

#include "net/with_nodes.hpp"
#include "questioner.hpp"

using namespace ia_test;

namespace {

constexpr const char* worker = R"(
import interp_actors as ia, os, time
def where(v): return str(os.getpid()).encode()
def echo(v): return v
def spin(v):
    while True: pass
def nap(v):
    time.sleep(0.002)
    return v
def incarnation(v):
    return b'%d' % (1 if ia.previous_death() is None else ia.previous_death().incarnation + 1)
def last_node(v): return ia.previous_death().node.encode()
)";

class NodeLoss : public with_nodes {
protected:
  NodeLoss() : NodeLoss{within(5s)} {} // not what ends a connection here
  explicit NodeLoss(ia::runtime_options options) : with_nodes{std::move(options)} {}

  static ia::runtime_options within(std::chrono::seconds node_timeout) {
    auto options = network_options();
    options.network.node_timeout = node_timeout;
    return options;
  }

  /// A function that tells through a file that it runs, and then does not end.
  std::string begin_and_spin() const {
    return std::string{worker} + "def begin(v):\n    open('" + path_ + "', 'w').close()\n    spin(v)\n";
  }

  void wait_begun() {
    wait_until([&] { return ::access(path_.c_str(), F_OK) == 0; }, "the handler");
    ::unlink(path_.c_str());
  }

  /// The process that runs `actor` now.
  node_process& home_of(const ia::interpreter_actor& actor, std::size_t nodes) {
    auto pid = call(actor, "where");
    for (std::size_t i = 0; i < nodes; ++i)
      if (std::to_string(process(i).pid()) == pid)
        return process(i);
    throw std::runtime_error("it runs nowhere: " + pid);
  }

  const std::string path_ = std::string{::testing::TempDir()} + "begun_" + std::to_string(::getpid());
};

TEST_F(NodeLoss, WhatRunsOnAKilledNodeIsAnsweredAndTheRestGoesOnElsewhere) {
  start_node();
  start_node();
  auto one = at(supervise_one(begin_and_spin()), "one");
  auto& home = home_of(one, 2);
  auto name = home.name();
  asked running{system(), one, "begin"};
  wait_begun();
  asked waiting{system(), one, "incarnation"};
  home.kill(SIGKILL);
  auto lost = running.answer();
  ASSERT_FALSE(lost);
  EXPECT_EQ(code_of(lost.error()), ia::errc::node_lost);
  EXPECT_NE(ia::describe(lost.error()).find(name), std::string::npos) << ia::describe(lost.error());
  EXPECT_EQ(waiting.answer()->as_string_view(), "2");
  auto died = deaths.wait(1).at(0);
  EXPECT_EQ(died.reason, ia::death_reason::node_lost);
  EXPECT_EQ(died.node, name);
  EXPECT_EQ(died.request,
            "begin (interp_actors::call_atom, std::string, std::vector<interp_actors::shared_bytes>)");
  EXPECT_EQ(call(one, "last_node"), name);
}

class Silence : public NodeLoss {
protected:
  Silence() : NodeLoss{within(1s)} {}
};

TEST_F(Silence, AFrozenNodeIsLostInTimeAndEndsItsOldInterpretersWhenItComesBack) {
  auto first = start_node();
  auto second = start_node();
  auto one = at(supervise_one(begin_and_spin()), "one");
  auto& home = home_of(one, 2);
  auto node = home.name() == first.name() ? first : second;
  asked running{system(), one, "begin", 10s};
  wait_begun();
  home.kill(SIGSTOP);
  auto lost = running.answer();
  ASSERT_FALSE(lost);
  EXPECT_EQ(code_of(lost.error()), ia::errc::node_lost); // not the request's own deadline
  EXPECT_EQ(call(one, "incarnation"), "2");
  EXPECT_NE(call(one, "where"), std::to_string(home.pid()));
  EXPECT_FALSE(node.is_connected());
  home.kill(SIGCONT);
  wait_until([&] { return node.is_connected() && node.free_slots() == 4; },
             "the node, and the end of its old interpreter");
  EXPECT_EQ(call(one, "incarnation"), "2");
}

TEST_F(NodeLoss, AMessageIsDeliveredAgainOnAnotherNode) {
  start_node();
  start_node();
  auto one = at(supervise_one(begin_and_spin()
                                  + "def fragile(v):\n    if ia.previous_death() is None: begin(v)\n"
                                    "    return incarnation(v)\n",
                              {.succession = {.attempts = 2}}),
                "one");
  auto& home = home_of(one, 2);
  asked running{system(), one, "fragile"};
  wait_begun();
  home.kill(SIGKILL);
  EXPECT_EQ(running.answer()->as_string_view(), "2");
}

TEST_F(NodeLoss, ANodeThatComesBackIsUsedAgain) {
  auto node = start_node({"--slots", "2", "--listen", "127.0.0.1:0"});
  auto one = at(supervise_one(worker, {.spawn = {.start_deadline = 20s}, .on = node}), "one");
  EXPECT_EQ(call(one, "incarnation"), "1");
  process().kill(SIGKILL);
  process().wait();
  deaths.wait(1);
  node_process again{{"--slots", "2", "--listen", node.name()}};
  ASSERT_EQ(again.name(), node.name()) << again.errors();
  EXPECT_EQ(call(one, "incarnation"), "2");
  EXPECT_EQ(call(one, "where"), std::to_string(again.pid()));
}

TEST_F(NodeLoss, ANodeThatIsStoppedTellsHowItsInterpretersEnd) {
  start_node();
  auto one = at(supervise_one(worker), "one");
  EXPECT_EQ(call(one, "incarnation"), "1");
  process().kill(SIGTERM);
  EXPECT_EQ(process().wait(), 0) << process().errors();
  auto died = deaths.wait(1).at(0);
  EXPECT_EQ(died.reason, ia::death_reason::shutdown) << ia::describe(died);
  start_node();
  EXPECT_EQ(call(one, "incarnation"), "2");
}

TEST_F(NodeLoss, ANodeWithTwoNamesIsNotLostAgainAndAgain) {
  auto node = start_node({"--slots", "2"});
  auto same = rt().connect("localhost" + node.name().substr(node.name().rfind(':')));
  ASSERT_TRUE(same) << ia::describe(same.error());
  auto one = at(supervise_one(worker, {.on = node}), "one");
  auto other = at(supervise_one(worker, {.on = *same}), "one");
  EXPECT_EQ(call(one, "where"), call(other, "where"));
  EXPECT_EQ(call(one, "incarnation"), "1");
  EXPECT_EQ(call(other, "incarnation"), "1");
  EXPECT_TRUE(node.is_connected() && same->is_connected());
}

TEST_F(NodeLoss, EveryRequestIsAnsweredOnceWhileNodesAreKilled) {
  std::vector<ia::node> nodes;
  for (int i = 0; i < 3; ++i)
    nodes.push_back(start_node({"--slots", "3"}));
  auto fleet = rt().fleet(
      {.source = ia::text(worker, "w.py"), .size = 4, .attempts = 5, .intensity = 100, .on = ia::any_node});
  ASSERT_TRUE(fleet) << ia::describe(fleet.error());
  questioner ask{system()};
  auto is_right = [](const caf::message& answer) { return answer.match_elements<ia::shared_bytes>(); };
  for (std::size_t round = 0; round < 2; ++round) {
    for (int i = 0; i < 400; ++i)
      ask.ask(fleet->handle(),
              caf::make_message(ia::call_atom_v, std::string{"nap"}, ia::shared_bytes::copy("x")), is_right);
    ASSERT_TRUE(ask.wait_for_answers(300));
    process(round).kill(SIGKILL);
    ASSERT_TRUE(ask.wait_for_answers());
  }
  EXPECT_EQ(ask.read(), (questioner::account{800, 800, 0, 0}));
  fleet->stop();
}

TEST_F(NodeLoss, WithoutAnotherNodeAStartFailsAtItsDeadline) {
  auto node = start_node();
  auto tree = supervise(
      {.intensity = 1,
       .period = 1min,
       .children = {remote_child("one", worker, ia::any_node, {.spawn = {.start_deadline = 300ms}})}});
  auto one = at(tree, "one");
  asked waiting{system(), one, "spin"};
  process().kill(SIGKILL);
  EXPECT_FALSE(waiting.answer());
  auto why = tree.wait();
  EXPECT_EQ(code_of(why), ia::errc::no_node) << ia::describe(why);
  EXPECT_EQ(deaths.wait(2).at(1).reason, ia::death_reason::start_failed);
  EXPECT_NE(node.state().find("node_lost"), std::string::npos) << node.state();
}

/// A node that another controller has left without a word.
class Lease : public Silence {};

TEST_F(Lease, WhatAControllerLeftBehindIsEndedWhenItIsOver) {
  node_process host{{"--slots", "2", "--lease", "1s"}};
  node_process other{{host.name()}, {}, CONTROLLER_PROGRAM}; // says "ready" once its child runs
  ASSERT_FALSE(other.name().empty()) << other.errors();
  auto node = rt().connect(host.name());
  ASSERT_TRUE(node) << ia::describe(node.error());
  wait_until([&] { return node->free_slots() == 1; }, "the other's child");
  other.kill(SIGKILL);
  wait_until([&] { return node->free_slots() == 2; }, "the lease's end");
  EXPECT_NE(host.errors("lease").find("the lease of controller"), std::string::npos);
}

TEST_F(Lease, AFrozenControllerLosesItsInterpretersAndGoesOnLater) {
  node_process host{{"--slots", "2", "--lease", "500ms"}};
  node_process other{{host.name()}, {}, CONTROLLER_PROGRAM};
  auto node = rt().connect(host.name());
  ASSERT_TRUE(node) << ia::describe(node.error());
  wait_until([&] { return node->free_slots() == 1; }, "the other's child");
  other.kill(SIGSTOP);
  wait_until([&] { return node->free_slots() == 2; }, "the lease's end");
  other.kill(SIGCONT);
  wait_until([&] { return node->free_slots() == 1; }, "the other's child again");
}

} // namespace
