#include <caf/actor_system_config.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "net/marker_file.hpp"
#include "net/with_nodes.hpp"

using namespace ia_test;

namespace {

constexpr const char* worker = R"(
import interp_actors as ia, os, sys
count = 0
def where(v): return str(os.getpid()).encode()
def echo(v): return v
def leave(v): sys.exit(3)
def add(v):
    global count
    count += 1
    return b'%d' % count
def count_of(v): return b'%d' % count
def snapshot(): return b'%d' % count
def restore(v):
    global count
    count = int(bytes(v))
def incarnation(v):
    return b'%d' % (1 if ia.previous_death() is None else ia.previous_death().incarnation + 1)
)";

/// Trees and fleets whose children run on nodes.
class RemoteTree : public with_nodes {};

// -- trees -----------------------------------------------------------------------------------------------------------------

TEST_F(RemoteTree, ChildrenAreAddedTerminatedStartedAgainAndDeleted) {
  auto node = start_node();
  auto tree = supervise({.children = {remote_child("a", worker)}});
  auto added = tree.start_child(remote_child("b", worker));
  ASSERT_TRUE(added) << ia::describe(added.error());
  auto b = at(tree, "b");
  EXPECT_EQ(call(b, "where"), std::to_string(process().pid()));
  EXPECT_EQ(call(b, "add"), "1");
  EXPECT_FALSE(tree.terminate_child("b"));
  EXPECT_EQ(code_of(me().call(b, "echo", ia::shared_bytes{}).error()), ia::errc::stopped);
  wait_until([&] { return node.free_slots() == 3; }, "its slot");
  EXPECT_FALSE(tree.restart_child("b"));
  EXPECT_EQ(call(b, "add"), "1");
  EXPECT_EQ(code_of(tree.delete_child("b")), ia::errc::child_active);
  EXPECT_FALSE(tree.terminate_child("b"));
  EXPECT_FALSE(tree.delete_child("b"));
  EXPECT_EQ(tree.list_children()->size(), 1u);
  EXPECT_EQ(call(at(tree, "a"), "incarnation"), "1");
}

TEST_F(RemoteTree, SiblingsHereAndThereAreStartedAgainTogether) {
  start_node();
  auto tree = supervise(
      {.strategy = ia::one_for_all, .children = {child("here", worker), remote_child("there", worker)}});
  EXPECT_EQ(code_of(me().call(at(tree, "here"), "leave", ia::shared_bytes{}).error()), ia::errc::exited);
  deaths.wait(2);
  EXPECT_EQ(call(at(tree, "there"), "incarnation"), "2");
  EXPECT_EQ(call(at(tree, "here"), "incarnation"), "2");
}

TEST_F(RemoteTree, AConfigurationFilePlacesChildren) {
  auto node = start_node();
  std::istringstream file{R"(app { tree { children = [
      { name = "any", on = "any_node", source-text = "def f(v): return v" },
      { name = "one", on = ")"
                          + node.name() + R"(", source-text = "def f(v): return v" },
      { name = "here", on = "here", source-text = "def f(v): return v" } ] } })"};
  auto parsed = caf::actor_system_config::parse_config(file);
  ASSERT_TRUE(parsed);
  auto tree = rt().supervise(ia::read_supervisor_spec(*parsed, "app.tree"));
  ASSERT_TRUE(tree) << ia::describe(tree.error());
  wait_until([&] { return node.free_slots() == 2; }, "two slots");
  for (auto* name : {"any", "one", "here"})
    EXPECT_EQ(call(at(*tree, name), "f", name), name);
}

TEST_F(RemoteTree, TheLossOfANodeCountsOnceHoweverManyRanThere) {
  start_node();
  ia::supervisor_spec spec{.intensity = 1, .period = 1min};
  for (auto* name : {"a", "b", "c", "d"})
    spec.children.push_back(remote_child(name, worker));
  auto tree = supervise(std::move(spec));
  start_node();
  process().kill(SIGKILL);
  auto all = deaths.wait(4);
  for (auto* name : {"a", "b", "c", "d"}) {
    EXPECT_EQ(call(at(tree, name), "incarnation"), "2");
    EXPECT_EQ(call(at(tree, name), "where"), std::to_string(process(1).pid()));
  }
  EXPECT_EQ(std::ranges::count(all, ia::death_reason::node_lost, &ia::death_report::reason), 4);
}

TEST_F(RemoteTree, SnapshotsGoFromNodeToNode) {
  start_node();
  auto one = at(supervise_one(worker, {.succession = {.snapshot_messages = 1}}), "one");
  EXPECT_EQ(call(one, "add"), "1");
  EXPECT_EQ(call(one, "add"), "2");
  EXPECT_EQ(call(one, "count_of"), "2"); // behind the snapshot of what was before
  start_node();
  process().kill(SIGKILL);
  deaths.wait(1);
  EXPECT_EQ(call(one, "add"), "3");
  EXPECT_EQ(call(one, "where"), std::to_string(process(1).pid()));
}

TEST_F(RemoteTree, ASnapshotThatIsTooLargeForAnotherNodeHarmsNobodyElse) {
  start_node({"--slots", "1"});
  auto big = supervise({.intensity = 1,
                        .period = 1min,
                        .children = {remote_child("big",
                                                  std::string{worker}
                                                      + "def snapshot(): return bytes(1_000_000)\n"
                                                        "def restore(v): pass\n",
                                                  ia::any_node, {.succession = {.snapshot_messages = 1}})}});
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(call(at(big, "big"), "echo", "x"), "x");
  start_node({"--slots", "2", "--message-bytes", "500000"});
  auto other = at(supervise({.children = {remote_child("other", worker)}}), "other");
  process().kill(SIGKILL);
  auto why = big.wait();
  EXPECT_EQ(code_of(why), ia::errc::too_large) << ia::describe(why);
  EXPECT_EQ(call(other, "incarnation"), "1");
}

TEST_F(RemoteTree, OneThatHasServedItsTimeIsReplacedWithoutCounting) {
  start_node();
  auto tree = supervise(
      {.intensity = 0,
       .children = {remote_child("one", worker, ia::any_node, {.succession = {.recycle_messages = 3}})}});
  auto one = at(tree, "one");
  wait_until(
      [&] {
        EXPECT_EQ(call(one, "echo", "x"), "x");
        return call(one, "incarnation") == "3";
      },
      "two replacements");
}

TEST_F(RemoteTree, AnAsynchronousMessageThatEndsItsInterpreterWithCodeZeroIsDone) {
  start_node();
  marker_file written{"written"};
  auto one = at(supervise_one(std::string{worker} + "def finish(v):\n    with open('" + written.path()
                                  + "', 'a') as f: f.write('x')\n    sys.exit(0)\n",
                              {.succession = {.attempts = 3}}),
                "one");
  tell(one, "finish");
  EXPECT_EQ(call(one, "incarnation"), "2");
  EXPECT_EQ(std::filesystem::file_size(written.path()), 1u);
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::normal);
}

TEST_F(RemoteTree, ACodeThatHangsOnItsNodeIsNotStuckHere) {
  auto node = start_node({"--slots", "1", "--", "--interp-actors.grace=100ms"});
  auto one = at(supervise_one(std::string{worker} + "import time\ndef hang(v): time.sleep(1000)\n"), "one");
  EXPECT_EQ(code_of(me().call(one, "hang", {ia::shared_bytes{}}, 50ms).error()), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(one, "incarnation"), "2");
  EXPECT_TRUE(rt().stuck().empty());
  EXPECT_EQ(rt().counts().abandoned, 0u);
}

TEST_F(RemoteTree, CodeThatLinksItselfEndsWithTheOtherAndIsStartedAgain) {
  start_node();
  auto here = supervise({.children = {child("here", worker)}});
  auto one =
      at(supervise_one(std::string{worker} + "def tie(ref):\n    ref.link()\n    return b'tied'\n"), "one");
  ia::packed_value arguments;
  {
    ia::packed_writer writer{arguments};
    writer.begin_tuple(1);
    writer.actor(ia::reference_to(at(here, "here")));
    writer.end();
  }
  auto tied = me().request(
      caf::actor_cast<caf::strong_actor_ptr>(one),
      caf::make_message(ia::invoke_atom_v, std::string{"tie"}, ia::to_message(std::move(arguments))),
      caf::timespan{patience});
  ASSERT_TRUE(tied) << ia::describe(tied.error());
  here.stop();
  auto all = deaths.wait(2); // of that one, and of the one that was tied to it
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all.at(1).child, "one");
  EXPECT_EQ(call(one, "incarnation"), "2");
}

TEST_F(RemoteTree, AProgramThatASignalEndsStopsWhatItRunsOnNodes) {
  auto node = start_node({"--slots", "2", "--lease", "1h"});
  node_process other{{node.name()}, {}, CONTROLLER_PROGRAM};
  ASSERT_FALSE(other.name().empty()) << other.errors();
  wait_until([&] { return node.free_slots() == 1; }, "the other's child");
  other.kill(SIGTERM);
  EXPECT_EQ(other.wait(), 0) << other.errors();
  wait_until([&] { return node.free_slots() == 2; }, "its end");
}

// -- fleets ----------------------------------------------------------------------------------------------------------------

class RemoteFleet : public with_nodes {
protected:
  RemoteFleet() {
    start_node({"--slots", "2"});
    start_node({"--slots", "2"});
  }

  ia::fleet<ia::interpreter_actor> start(ia::fleet_options options) {
    options.source = ia::text("import os, sys, time, uuid\nme = str(uuid.uuid4()).encode()\n"
                              "def who(v): return me\n"
                              "def where(v): return str(os.getpid()).encode()\n"
                              "def echo(v): return v\n"
                              "def tell(v): names.send(me)\n"
                              "def nap(v):\n    time.sleep(0.02)\n    return v\n",
                              "w.py");
    options.on = ia::any_node;
    auto result = rt().fleet(std::move(options));
    if (!result)
      throw std::runtime_error(ia::describe(result.error()));
    return *result;
  }
};

TEST_F(RemoteFleet, ABroadcastReachesEachMember) {
  auto names = rt().channel();
  auto fleet = start({.size = 4, .spawn = {.channels = {{"names", names.sender}}}});
  EXPECT_EQ(fleet.broadcast(caf::make_message(ia::call_atom_v, std::string{"tell"}, ia::shared_bytes{})), 4u);
  std::set<std::string> told;
  for (int i = 0; i < 4; ++i) {
    auto name = names.receiver.recv(patience);
    ASSERT_TRUE(name) << ia::describe(name.error());
    told.emplace(name->as_string_view());
  }
  EXPECT_EQ(told.size(), 4u);
  fleet.stop();
}

TEST_F(RemoteFleet, KeysGoToOneMember) {
  ia::message_key by_length = [](const caf::message& content) -> std::optional<std::size_t> {
    if (content.size() < 3 || !content.match_element<ia::shared_bytes>(2))
      return std::nullopt;
    return content.get_as<ia::shared_bytes>(2).size();
  };
  auto fleet = start({.size = 4, .key = by_length});
  std::set<std::string> all;
  for (auto* key : {"a", "bb", "ccc", "dddd"}) {
    std::set<std::string> seen;
    for (int i = 0; i < 5; ++i)
      seen.insert(call(fleet.handle(), "who", key));
    EXPECT_EQ(seen.size(), 1u);
    all.insert(seen.begin(), seen.end());
  }
  EXPECT_EQ(all.size(), 4u);
  fleet.stop();
}

TEST_F(RemoteFleet, GrowsShrinksAndDrains) {
  auto fleet = start({.size = 1});
  EXPECT_FALSE(fleet.resize(4));
  auto free = [&] {
    std::size_t result = 0;
    for (auto& each : rt().nodes())
      result += each.free_slots();
    return result;
  };
  wait_until([&] { return free() == 0; }, "four members");
  EXPECT_FALSE(fleet.resize(2));
  wait_until([&] { return free() == 2; }, "two slots");
  std::vector<std::unique_ptr<asked>> pending;
  for (int i = 0; i < 20; ++i)
    pending.push_back(std::make_unique<asked>(system(), fleet.handle(), "nap"));
  EXPECT_TRUE(fleet.drain(patience));
  for (auto& each : pending)
    EXPECT_TRUE(each->answer());
  wait_until([&] { return free() == 4; }, "all slots");
}

} // namespace
