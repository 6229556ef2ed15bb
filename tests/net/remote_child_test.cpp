#include "interp_actors/actor/reference.hpp"

#include <caf/all.hpp>

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "net/with_nodes.hpp"

namespace ia_test {

struct weigh_atom;
struct sort_atom;
struct where_atom;
struct use_atom;
struct give_atom;

/// A structure of the program's own, which the node's program knows nothing of.
struct sample {
  std::string name;
  double weight = 0;
  std::vector<std::int32_t> counts;
  std::optional<std::string> note;

  friend bool operator==(const sample&, const sample&) = default;
};

template <class Inspector>
bool inspect(Inspector& f, sample& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("weight", x.weight), f.field("counts", x.counts),
                            f.field("note", x.note));
}

using scale = caf::typed_actor<caf::result<sample>(weigh_atom, sample, double),
                               caf::result<std::vector<sample>>(sort_atom, std::vector<sample>),
                               caf::result<std::int64_t>(where_atom)>;

} // namespace ia_test

CAF_BEGIN_TYPE_ID_BLOCK(node_test, caf::first_custom_type_id + 200)
CAF_ADD_ATOM(node_test, ia_test, weigh_atom)
CAF_ADD_ATOM(node_test, ia_test, sort_atom)
CAF_ADD_ATOM(node_test, ia_test, where_atom)
CAF_ADD_ATOM(node_test, ia_test, use_atom)
CAF_ADD_ATOM(node_test, ia_test, give_atom)
CAF_ADD_TYPE_ID(node_test, (ia_test::sample))
CAF_ADD_TYPE_ID(node_test, (std::vector<ia_test::sample>))
CAF_ADD_TYPE_ID(node_test, (ia_test::scale))
CAF_END_TYPE_ID_BLOCK(node_test)

using namespace ia_test;

namespace {

struct node_types {
  node_types() { caf::init_global_meta_objects<caf::id_block::node_test>(); }
};

constexpr const char* worker = R"(
import interp_actors as ia, os, sys, time
def where(v): return str(os.getpid()).encode()
def echo(v): return v
def fail(v):
    raise ValueError('no ' + bytes(v).decode())
def leave(v): sys.exit(3)
def spin(v):
    while True: pass
def incarnation(v):
    return b'%d' % (1 if ia.previous_death() is None else ia.previous_death().incarnation + 1)
def fragile(v):
    if ia.previous_death() is None: sys.exit(3)
    return incarnation(v)
)";

class RemoteChild : private node_types, public with_nodes {
protected:
  template <class Result, class Handle, class... Args>
  caf::expected<Result> ask(const Handle& actor, const Args&... args) {
    auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(actor), caf::make_message(args...),
                               caf::timespan{patience});
    if (!answer)
      return std::move(answer.error());
    if (!answer->template match_elements<Result>())
      return caf::make_error(caf::sec::unexpected_response);
    return answer->template get_as<Result>(0);
  }

  std::string pid_of(const ia::interpreter_actor& actor) { return call(actor, "where"); }
};

// -- calls ---------------------------------------------------------------------------------------------------------------

TEST_F(RemoteChild, RunsInTheNodesProcess) {
  auto node = start_node();
  EXPECT_EQ(node.slots(), 4u);
  auto tree = supervise_one(worker);
  EXPECT_EQ(pid_of(at(tree, "one")), std::to_string(process().pid()));
  wait_until([&] { return node.free_slots() == 3; }, "the slot");
}

TEST_F(RemoteChild, ExceptionsComeWithTheirLines) {
  start_node();
  auto one = at(supervise_one(worker), "one");
  auto answer = me().call(one, "fail", ia::shared_bytes::copy("milk"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(code_of(answer.error()), ia::errc::python_exception);
  EXPECT_EQ(ia::describe(answer.error()), "python_exception\nTraceback (most recent call last):\n"
                                          "  File \"one.py\", line 6, in fail\n"
                                          "    raise ValueError('no ' + bytes(v).decode())\n"
                                          "ValueError: no milk\n");
  EXPECT_EQ(call(one, "echo", "still there"), "still there");
}

TEST_F(RemoteChild, ImplementsTheProgramsOwnInterfaceWithItsStructures) {
  auto node = start_node();
  ia::python_options options{.spawn = {.class_name = "Scale"}, .on = node};
  auto tree = supervise({.children = {{.name = "scale",
                                       .body = ia::python_child<scale>(ia::text(R"(
import os
from dataclasses import dataclass, replace

@dataclass
class sample:
    name: str
    weight: float
    counts: list[int]
    note: str | None = None

class Scale:
    def __init__(self, offset: float):
        self.offset = offset
    def weigh(self, what: sample, factor: float) -> sample:
        assert type(what) is sample
        return replace(what, weight=what.weight * factor + self.offset, counts=[*what.counts, 1], note=what.note and what.note.upper())
    def sort(self, many: list[sample]) -> list[sample]:
        return sorted(many, key=lambda each: each.weight)
    def where(self) -> int:
        return os.getpid()
)",
                                                                                "scale.py"),
                                                                       options, 0.5)}}});
  auto found = tree.child<scale>("scale");
  ASSERT_TRUE(found) << ia::describe(found.error());
  EXPECT_EQ(*ask<std::int64_t>(*found, where_atom_v), process().pid());
  sample heavy{"heavy", 2, {7, -3}, "a note"};
  sample light{"light", 1, {}, std::nullopt};
  EXPECT_EQ(*ask<sample>(*found, weigh_atom_v, heavy, 10.0), (sample{"heavy", 20.5, {7, -3, 1}, "A NOTE"}));
  EXPECT_EQ(*ask<std::vector<sample>>(*found, sort_atom_v, std::vector{heavy, light}),
            (std::vector{light, heavy}));
}

TEST_F(RemoteChild, AnInterfaceThatDoesNotFitIsRefusedAtTheStart) {
  start_node();
  auto refusal = [&](const std::string& code) {
    auto result = rt().supervise(
        {.children = {{.name = "scale",
                       .body = ia::python_child<scale>(ia::text(code, "scale.py"), {.on = ia::any_node})}}});
    return result ? "accepted" : ia::describe(result.error());
  };
  auto missing = refusal("def weigh(s, f): return s\ndef sort(m): return m\n");
  EXPECT_NE(missing.find("wrong_type"), std::string::npos) << missing;
  EXPECT_NE(missing.find("'where'"), std::string::npos) << missing;
  auto other = refusal("def weigh(s: int, f): return s\ndef sort(m): return m\ndef where(): return 1\n");
  EXPECT_NE(other.find("weigh"), std::string::npos) << other;
  EXPECT_NE(other.find("int"), std::string::npos) << other;
  deaths.wait(2);
}

TEST_F(RemoteChild, AResultOfAnotherTypeIsAnErrorAndEndsWhomItShould) {
  start_node();
  for (auto fails : {ia::fail_on::base_exceptions, ia::fail_on::exceptions}) {
    ia::python_options options{.spawn = {.fail_on = fails}, .on = ia::any_node};
    auto tree = supervise(
        {.children = {
             {.name = "scale",
              .body = ia::python_child<scale>(
                  ia::text("def weigh(s, f): return 'heavy'\ndef sort(m): return m\ndef where(): return 1\n",
                           "scale.py"),
                  options)}}});
    auto found = *tree.child<scale>("scale");
    auto answer = ask<sample>(found, weigh_atom_v, sample{}, 1.0);
    ASSERT_FALSE(answer);
    EXPECT_EQ(code_of(answer.error()), ia::errc::wrong_type);
    auto text = ia::describe(answer.error());
    EXPECT_NE(text.find("handler 'weigh' of 'scale.py' returned str 'heavy'"), std::string::npos) << text;
    EXPECT_EQ(*ask<std::int64_t>(found, where_atom_v), 1); // by itself, or its successor
    tree.stop();
  }
  auto all = deaths.wait(3); // two stopped trees, and one end
  EXPECT_EQ(std::ranges::count(all, ia::death_reason::exception, &ia::death_report::reason), 1);
}

TEST_F(RemoteChild, PayloadsOfAllSizesComeBackAsTheyWere) {
  start_node();
  auto one = at(supervise_one(worker), "one");
  for (std::size_t size : {0u, 1u, 4096u, 262'143u, 262'144u, 262'145u, 1'000'000u, 20'000'000u}) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i)
      bytes[i] = static_cast<std::byte>(i * 31 + i / 251);
    auto sent = ia::shared_bytes::adopt(bytes);
    auto back = me().call(one, "echo", sent);
    ASSERT_TRUE(back) << size << ": " << ia::describe(back.error());
    EXPECT_TRUE(*back == sent) << size;
  }
}

TEST_F(RemoteChild, FormatsOfArraysTravel) {
  start_node();
  auto one = at(
      supervise_one(
          "def show(v): return str((v.format, v.shape, v[1:].tolist())).encode()\ndef echo(v): return v\n"),
      "one");
  ia::array<double> small{std::vector<double>{1, 2.5, -3}};
  EXPECT_EQ(me().call(one, "show", small.bytes())->as_string_view(), "('d', (3,), [2.5, -3.0])");
  ia::array<double> large{std::vector<double>(100'000, 0.5)};
  auto back = me().call(one, "echo", large.bytes());
  ASSERT_TRUE(back);
  EXPECT_TRUE(*back == large.bytes());
}

TEST_F(RemoteChild, RunsCodeAndTakesSeveralPayloads) {
  start_node();
  auto one = at(supervise_one("def join(*parts): return b'-'.join(parts)\n"), "one");
  ASSERT_TRUE(me().execute(one, "import os\ndef added(v): return b'added ' + v\n"));
  EXPECT_EQ(call(one, "added", "here"), "added here");
  EXPECT_EQ(
      me().call(one, "join", {ia::shared_bytes::copy("a"), ia::shared_bytes::copy("b")})->as_string_view(),
      "a-b");
  auto packed = me().request(caf::actor_cast<caf::strong_actor_ptr>(one),
                             caf::make_message(ia::invoke_atom_v, std::string{"len"}, ia::packed_message{}));
  EXPECT_FALSE(packed); // no function of the source
  EXPECT_EQ(code_of(me().call(one, "no_such").error()), ia::errc::no_such_function);
}

TEST_F(RemoteChild, AsynchronousMessagesAreHandledInTheirOrderAndDeadOnesTold) {
  start_node();
  auto one = at(supervise_one("seen = []\ndef note(v): seen.append(bytes(v).decode())\n"
                              "def all(v): return ','.join(seen).encode()\n"),
                "one");
  for (int i = 0; i < 50; ++i)
    ia::compat::anonymous_send(one, ia::call_atom_v, std::string{"note"},
                               ia::shared_bytes::copy(std::to_string(i)));
  std::string expected;
  for (int i = 0; i < 50; ++i)
    expected += (i ? "," : "") + std::to_string(i);
  EXPECT_EQ(call(one, "all"), expected);
  ia::compat::anonymous_send(caf::actor_cast<caf::actor>(one), std::string{"what nobody takes"});
  auto told = letters.wait(1);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].receiver, "one");
  EXPECT_NE(told[0].why.find("(std::string): "), std::string::npos) << told[0].why;
  EXPECT_EQ(call(one, "all"), expected); // the same one
}

// -- deadlines and cancelling ----------------------------------------------------------------------------------------------

TEST_F(RemoteChild, ADeadlineInterruptsTheHandlerOnTheNode) {
  start_node();
  auto one = at(supervise_one(worker), "one");
  auto answer = me().call(one, "spin", {ia::shared_bytes{}}, 100ms);
  ASSERT_FALSE(answer);
  EXPECT_EQ(code_of(answer.error()), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(one, "incarnation"), "1"); // the same one
}

TEST_F(RemoteChild, CancellingInterruptsTheHandlerOnTheNode) {
  start_node();
  auto path = std::string{::testing::TempDir()} + "cancel_" + std::to_string(::getpid());
  auto one = at(supervise_one(std::string{worker} + "def begin(v):\n    open(" + "'" + path
                              + "', 'w').close()\n    spin(v)\n"),
                "one");
  asked running{system(), one, "begin"};
  wait_until([&] { return ::access(path.c_str(), F_OK) == 0; }, "the handler");
  ::unlink(path.c_str());
  auto hit = me().request(caf::actor_cast<caf::strong_actor_ptr>(one), caf::make_message(ia::cancel_atom_v));
  EXPECT_TRUE(hit && hit->get_as<bool>(0));
  EXPECT_EQ(code_of(running.answer().error()), ia::errc::cancelled);
  EXPECT_EQ(call(one, "incarnation"), "1");
}

TEST_F(RemoteChild, OneThatCannotBeInterruptedIsGivenUpOnTheNodeAndFollowed) {
  start_node({"--slots", "2", "--", "--interp-actors.grace=200ms"});
  auto one = at(supervise_one(std::string{worker} + "def stuck(v): time.sleep(1000)\n"), "one");
  auto answer = me().call(one, "stuck", {ia::shared_bytes{}}, 100ms);
  EXPECT_EQ(code_of(answer.error()), ia::errc::deadline_exceeded);
  EXPECT_EQ(call(one, "incarnation"), "2");
  auto died = deaths.wait(1).at(0);
  EXPECT_EQ(died.reason, ia::death_reason::abandoned);
  EXPECT_EQ(died.node, process().name());
}

// -- deaths --------------------------------------------------------------------------------------------------------------

TEST_F(RemoteChild, ADeathIsReportedAndTheSuccessorKnowsIt) {
  auto node = start_node();
  auto one = at(supervise_one(worker, {.on = node}), "one");
  EXPECT_EQ(call(one, "echo", "x"), "x");
  auto answer = me().call(one, "leave", ia::shared_bytes{});
  EXPECT_EQ(code_of(answer.error()), ia::errc::exited);
  auto died = deaths.wait(1).at(0);
  EXPECT_EQ(died.child, "one");
  EXPECT_EQ(died.incarnation, 1u);
  EXPECT_EQ(died.reason, ia::death_reason::exit_code);
  EXPECT_EQ(died.exit_code, 3);
  EXPECT_EQ(died.node, node.name());
  EXPECT_EQ(died.requests_served, 2u);
  EXPECT_EQ(died.request, "leave (interp_actors::call_atom, std::string, interp_actors::shared_bytes)");
  EXPECT_GT(died.tracked_objects, 0u);
  EXPECT_EQ(call(one, "incarnation"), "2");
}

TEST_F(RemoteChild, AMessageIsDeliveredAgainAfterADeath) {
  start_node();
  auto one = at(supervise_one(worker, {.succession = {.attempts = 2}}), "one");
  EXPECT_EQ(call(one, "fragile"), "2");
  EXPECT_EQ(code_of(me().call(one, "leave", ia::shared_bytes{}).error()), ia::errc::exited);
  auto letter = letters.wait(1).at(0);
  EXPECT_EQ(letter.receiver, "one");
  EXPECT_EQ(letter.deaths.size(), 2u);
}

TEST_F(RemoteChild, AnAsynchronousMessageThatEndsItsInterpreterIsDeliveredAgain) {
  start_node();
  auto one = at(supervise_one(std::string{worker}
                                  + "done = 0\ndef poke(v):\n  global done\n  fragile(v)\n  done += 1\n"
                                    "def count(v): return b'%d' % done\n",
                              {.succession = {.attempts = 2}}),
                "one");
  tell(one, "poke");
  EXPECT_EQ(call(one, "count"), "1");
}

TEST_F(RemoteChild, SnapshotsReachTheSuccessor) {
  start_node();
  auto one = at(supervise_one(std::string{worker}
                                  + "n = 0\ndef add(v):\n  global n\n  n += 1\n  return b'%d' % n\n"
                                    "def snapshot(): return b'%d' % n\n"
                                    "def restore(v):\n  global n\n  n = int(bytes(v))\n",
                              {.succession = {.snapshot_messages = 2}}),
                "one");
  EXPECT_EQ(call(one, "add"), "1");
  EXPECT_EQ(call(one, "add"), "2");
  EXPECT_EQ(call(one, "add"), "3"); // lost with its incarnation
  EXPECT_EQ(code_of(me().call(one, "leave", ia::shared_bytes{}).error()), ia::errc::exited);
  EXPECT_EQ(call(one, "add"), "3");
}

TEST_F(RemoteChild, AFailedStartIsTheTreesError) {
  start_node();
  auto error = [&](const std::string& code, ia::python_options options = {}) {
    auto result = rt().supervise({.children = {remote_child("one", code, ia::any_node, std::move(options))}});
    return result ? "started" : ia::describe(result.error());
  };
  auto syntax = error("def f(:\n");
  EXPECT_NE(syntax.find("start_failed"), std::string::npos) << syntax;
  EXPECT_NE(syntax.find("SyntaxError"), std::string::npos) << syntax;
  EXPECT_NE(error("x = 1", {.spawn = {.functions = {"f"}}}).find("no_such_function"), std::string::npos);
  EXPECT_NE(error("import time\ntime.sleep(0.01)\nwhile True: pass\n", {.spawn = {.start_deadline = 200ms}})
                .find("deadline_exceeded"),
            std::string::npos);
  EXPECT_EQ(error("started_ = 1"), "started");
}

TEST_F(RemoteChild, StoppingItsTreeFreesItsSlot) {
  auto node = start_node();
  auto tree = supervise({.children = {remote_child("a", worker), remote_child("b", worker)}});
  wait_until([&] { return node.free_slots() == 2; }, "both slots");
  tree.stop();
  wait_until([&] { return node.free_slots() == 4; }, "the end of both");
}

TEST_F(RemoteChild, KnowsItsOwnAddressAsOthersDo) {
  start_node();
  auto one = at(supervise_one(std::string{worker}
                              + "def self_call(v): return ia.current().where.future(b'') and b'ok'\n"
                                "def me(v):\n  assert ia.current() == ia.current()\n  return ia.current()\n"),
                "one");
  auto answer = me().request(
      caf::actor_cast<caf::strong_actor_ptr>(one),
      caf::make_message(ia::invoke_atom_v, std::string{"me"}, ia::pack_arguments(ia::shared_bytes{})));
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  auto& packed = answer->get_as<ia::packed_message>(0);
  ASSERT_EQ(packed.actors.size(), 1u);
  EXPECT_EQ(packed.actors[0].actor, caf::actor_cast<caf::strong_actor_ptr>(one));
}

// -- handles -------------------------------------------------------------------------------------------------------------------

/// Calls a function with a handle.
caf::expected<caf::message> call_with(ia::caller& me, const ia::interpreter_actor& whom, std::string function,
                                      const ia::interpreter_actor& what) {
  ia::packed_value arguments;
  {
    ia::packed_writer writer{arguments};
    writer.begin_tuple(1);
    writer.actor(ia::reference_to(what));
    writer.end();
  }
  return me.request(
      caf::actor_cast<caf::strong_actor_ptr>(whom),
      caf::make_message(ia::invoke_atom_v, std::move(function), ia::to_message(std::move(arguments))),
      caf::timespan{patience});
}

/// An actor of the program's own, whose types no node knows.
class host_scale final {
public:
  static scale spawn(caf::actor_system& system) {
    return system.spawn([]() -> scale::behavior_type {
      return {[](ia_test::weigh_atom, const sample& what, double factor) -> caf::result<sample> {
                if (factor < 0)
                  return caf::make_error(caf::sec::invalid_argument, "no negative factors");
                auto result = what;
                result.weight *= factor;
                return result;
              },
              [](ia_test::sort_atom, std::vector<sample> many) { return many; },
              [](ia_test::where_atom) { return std::int64_t{::getpid()}; }};
    });
  }
};

using user_of_scale =
    caf::typed_actor<caf::result<double>(use_atom, scale, double), caf::result<scale>(give_atom, scale)>;

TEST_F(RemoteChild, CallsActorsOfTheProgramsOwnTypesThroughTheirHandles) {
  start_node();
  auto tree = supervise({.children = {{.name = "user",
                                       .body = ia::python_child<user_of_scale>(ia::text(R"(
def use(scale, factor):
    try:
        return scale.weigh({'name': 'x', 'weight': 2.0, 'counts': [], 'note': None}, factor)['weight'] + scale.where() * 0
    except Exception as e:
        raise ValueError(str(e))
def give(scale): return scale
)",
                                                                                        "user.py"),
                                                                               {.on = ia::any_node})}}});
  auto user = *tree.child<user_of_scale>("user");
  auto actor = host_scale::spawn(system());
  auto used = ask<double>(user, use_atom_v, actor, 1.5);
  ASSERT_TRUE(used) << ia::describe(used.error());
  EXPECT_EQ(*used, 3.0);
  auto failed = ask<double>(user, use_atom_v, actor, -1.0);
  ASSERT_FALSE(failed);
  EXPECT_NE(ia::describe(failed.error()).find("no negative factors"), std::string::npos)
      << ia::describe(failed.error());
  auto back = ask<scale>(user, give_atom_v, actor);
  ASSERT_TRUE(back) << ia::describe(back.error());
  EXPECT_EQ(*back, actor);
}

TEST_F(RemoteChild, MonitorsWhatRunsHereAndIsMonitoredFromHere) {
  start_node();
  auto local = supervise(
      {.children = {{.name = "here", .body = ia::python_child(ia::text("def echo(v): return v\n"))}}});
  auto here = at(local, "here");
  auto path = std::string{::testing::TempDir()} + "down_" + std::to_string(::getpid());
  auto remote = supervise_one("def watch(v):\n    pass\n");
  auto one = at(remote, "one");
  auto watching =
      me().request(caf::actor_cast<caf::strong_actor_ptr>(one),
                   caf::make_message(ia::execute_atom_v,
                                     "def watch(ref):\n    ref.monitor(lambda reason: open('" + path
                                         + "', 'w').close())\n    return ref.echo(b'through the node')\n"));
  ASSERT_TRUE(watching);
  auto answer = call_with(me(), one, "watch", here);
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(ia::unpack<ia::shared_bytes>(answer->get_as<ia::packed_message>(0)).as_string_view(),
            "through the node");
  local.stop();
  wait_until([&] { return ::access(path.c_str(), F_OK) == 0; }, "the down notice on the node");
  ::unlink(path.c_str());
  caf::scoped_actor self{system()};
  self->monitor(one);
  remote.stop();
  (void)down_reason(self);
}

// -- fleets ----------------------------------------------------------------------------------------------------------------

TEST_F(RemoteChild, AnAnswerThatIsTooLargeForTwoProcessesIsRefusedAndBreaksNothing) {
  start_node();
  auto here = spawn("def give(v): return bytes(70 << 20)\n");
  auto tree =
      supervise_one("def ask(ref):\n    try:\n        return ref.give(b'')\n    except Exception as e:\n"
                    "        return str(e).encode()\ndef nap(v): return v\n");
  auto one = at(tree, "one");
  auto answer = call_with(me(), one, "ask", here);
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  auto said = ia::unpack<ia::shared_bytes>(answer->get_as<ia::packed_message>(0));
  EXPECT_NE(said.as_string_view().find("that actors of two processes may send each other at once"),
            std::string_view::npos)
      << said.as_string_view();
  EXPECT_EQ(call(one, "nap", "alive"), "alive");
}

TEST_F(RemoteChild, AFleetSharesItsQueueOverNodes) {
  auto first = start_node({"--slots", "2"});
  auto second = start_node({"--slots", "2"});
  auto fleet = rt().fleet({.source = ia::text(worker, "w.py"), .size = 4, .name = "w", .on = ia::any_node});
  ASSERT_TRUE(fleet) << ia::describe(fleet.error());
  wait_until([&] { return first.free_slots() == 0 && second.free_slots() == 0; }, "all slots");
  std::set<std::string> seen;
  wait_until(
      [&] {
        std::vector<std::unique_ptr<asked>> pending;
        for (int i = 0; i < 8; ++i)
          pending.push_back(std::make_unique<asked>(system(), fleet->handle(), "where"));
        for (auto& each : pending) {
          auto answer = each->answer();
          EXPECT_TRUE(answer) << ia::describe(answer.error());
          if (answer)
            seen.emplace(answer->as_string_view());
        }
        return seen.size() == 2;
      },
      "both processes");
  fleet->stop();
}

TEST_F(RemoteChild, AChildWaitsForASlot) {
  auto node = start_node({"--slots", "1"});
  auto first = supervise({.children = {remote_child("a", worker)}});
  std::thread later{[&] {
    auto second = rt().supervise({.children = {remote_child("b", worker)}});
    EXPECT_TRUE(second) << ia::describe(second.error());
    if (second) {
      EXPECT_EQ(call(at(*second, "b"), "echo", "here"), "here");
    }
  }};
  first.stop();
  later.join();
}

TEST_F(RemoteChild, ADeadlineEndsTheWaitForASlot) {
  start_node({"--slots", "1"});
  auto first = supervise({.children = {remote_child("a", worker)}});
  auto second = rt().supervise(
      {.children = {remote_child("b", worker, ia::any_node, {.spawn = {.start_deadline = 200ms}})}});
  ASSERT_FALSE(second);
  auto text = ia::describe(second.error());
  EXPECT_NE(text.find("no_node"), std::string::npos) << text;
  EXPECT_NE(text.find("0 of 1 slots are free"), std::string::npos) << text;
}

// -- connecting --------------------------------------------------------------------------------------------------------------

class Connecting : public with_nodes {
protected:
  std::string refusal(const std::string& node) {
    auto result = rt().connect(node);
    return result ? "connected" : ia::describe(result.error());
  }
};

TEST_F(Connecting, NamesWhatIsWrongWithTheAddress) {
  EXPECT_NE(refusal("somewhere").find("HOST:PORT"), std::string::npos);
  EXPECT_NE(refusal("127.0.0.1:0").find("HOST:PORT"), std::string::npos);
  EXPECT_NE(refusal("127.0.0.1:99999").find("HOST:PORT"), std::string::npos);
  EXPECT_NE(refusal("192.0.2.1:4242").find("certificate"), std::string::npos);
  auto nobody = refusal("127.0.0.1:1");
  EXPECT_NE(nobody.find("node_lost: no connection to 127.0.0.1:1: "), std::string::npos) << nobody;
  EXPECT_TRUE(rt().nodes().empty());
}

TEST_F(Connecting, AChildWithoutNodesFailsAtOnce) {
  auto result = rt().supervise({.children = {remote_child("one", "")}});
  ASSERT_FALSE(result);
  EXPECT_NE(ia::describe(result.error()).find("no_node: there are no nodes"), std::string::npos)
      << ia::describe(result.error());
  auto node = start_node();
  auto other = rt().supervise({.children = {remote_child("one", "", ia::on_node("127.0.0.1:1"))}});
  ASSERT_FALSE(other);
  auto text = ia::describe(other.error());
  EXPECT_NE(text.find("there is no node '127.0.0.1:1'"), std::string::npos) << text;
}

TEST_F(Connecting, SparesAreRefusedOnNodes) {
  start_node();
  auto result = rt().supervise({.children = {remote_child("one", "", ia::any_node, {.spares = 1})}});
  ASSERT_FALSE(result);
  EXPECT_EQ(code_of(result.error()), ia::errc::invalid_spec);
}

TEST_F(Connecting, TwiceIsOnce) {
  auto node = start_node();
  auto again = rt().connect(node.name());
  ASSERT_TRUE(again);
  EXPECT_EQ(rt().nodes().size(), 1u);
  EXPECT_TRUE(again->is_connected());
}

class NoNetwork : public with_runtime {};

TEST_F(NoNetwork, ConnectingSaysHowToHaveOne) {
  auto result = rt().connect("127.0.0.1:4242");
  ASSERT_FALSE(result);
  EXPECT_NE(ia::describe(result.error()).find("config::network.enabled"), std::string::npos);
  auto serving = rt().serve({});
  ASSERT_FALSE(serving);
  EXPECT_NE(ia::describe(serving.error()).find("config::network.enabled"), std::string::npos);
}

} // namespace
