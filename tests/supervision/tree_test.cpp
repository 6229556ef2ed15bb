#include "interp_actors/supervision/child_body.hpp"

#include <caf/actor_companion.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>

#include <atomic>
#include <future>
#include <sstream>

#include "supervised.hpp"

using namespace ia_test;

namespace {

/// Code for children: says what it does in a channel `log`, if it has one.
const std::string worker = R"(
import sys, time, os
import interp_actors as ia

count = 0

def add(v):
    global count
    count += 1
    return b'%d' % count

def crash(v): raise RuntimeError('it broke')
def leave(v): sys.exit(3)
def finish(v): sys.exit(0)
def incarnation(v):
    last = ia.previous_death()
    return b'%d' % (1 if last is None else last.incarnation + 1)
)";

/// The same, and it tells of its start and its end.
const std::string logging_worker = worker + R"(
import atexit
def started():
    log.send(name.encode() + b' up')
    atexit.register(lambda: log.send(name.encode() + b' down'))
)";

class Tree : public with_tree {
protected:
  /// A child that tells a channel of its starts and ends.
  ia::child_spec logger(const std::string& name, std::string code = logging_worker) {
    return child(name, "name = '" + name + "'\n" + code,
                 {.spawn = {.name = name, .channels = {{"log", log->sender}}}});
  }

  /// The next `count` lines of the log, joined.
  std::string lines(std::size_t count) {
    std::string result;
    for (std::size_t i = 0; i < count; ++i) {
      auto line = log->receiver.recv(patience);
      if (!line)
        return result + " nothing";
      result += (i == 0 ? "" : ", ") + std::string{line->as_string_view()};
    }
    return result;
  }

  void TearDown() override {
    rt().stop();
    log.reset();
    with_tree::TearDown();
  }

  std::optional<ia::channel_ends<std::byte>> log = rt().channel({.messages = 1000});
};

TEST_F(Tree, AddressLivesOnAndTheNextIncarnationAnswers) {
  auto tree = supervise({.children = {child("a", worker)}});
  auto a = at(tree, "a");
  EXPECT_EQ(call(a, "add"), "1");
  EXPECT_EQ(call(a, "add"), "2");
  tell(a, "crash");
  EXPECT_EQ(call(a, "add"), "1") << "a new interpreter has no state";
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_EQ(at(tree, "a"), a);
}

TEST_F(Tree, SenderOfTheMessageInFlightGetsTheErrorAndOthersAreServedBySuccessor) {
  auto tree = supervise({.children = {child("a", worker)}});
  auto a = at(tree, "a");
  asked fatal{system(), a, "leave"};
  asked next{system(), a, "add"};
  auto error = fatal.answer();
  ASSERT_FALSE(error);
  EXPECT_EQ(code_of(error.error()), ia::errc::exited);
  auto answer = next.answer();
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(answer->as_string_view(), "1");
}

TEST_F(Tree, ReportSaysHowItDied) {
  auto tree = supervise({.intensity = 3, .children = {child("a", worker)}});
  auto a = at(tree, "a");
  EXPECT_EQ(call(a, "add"), "1");
  tell(a, "crash");
  EXPECT_EQ(call(a, "incarnation"), "2");
  auto report = deaths.wait(1).at(0);
  EXPECT_EQ(report.child, "a");
  EXPECT_EQ(report.incarnation, 1u);
  EXPECT_GT(report.interpreter, 0);
  EXPECT_EQ(report.reason, ia::death_reason::exception);
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->type(), "RuntimeError");
  EXPECT_NE(report.text.find("it broke"), std::string::npos) << report.text;
  EXPECT_NE(report.request.find("crash"), std::string::npos) << report.request;
  EXPECT_EQ(report.requests_served, 2u);
  EXPECT_GT(report.uptime.count(), 0);
  EXPECT_GT(report.tracked_objects, 100u);
  EXPECT_EQ(report.restarts_left, 2);
}

TEST_F(Tree, ReportNamesTheExitCode) {
  auto tree = supervise({.children = {child("a", worker)}});
  EXPECT_EQ(call(at(tree, "a"), "leave").substr(0, 6), "error:");
  auto report = deaths.wait(1).at(0);
  EXPECT_EQ(report.reason, ia::death_reason::exit_code);
  EXPECT_EQ(report.exit_code, 3);
}

TEST_F(Tree, SuccessorKnowsItsPredecessorsDeath) {
  auto tree = supervise({.children = {child("a", worker + R"(
def why(v):
    last = ia.previous_death()
    return f'{last.reason} {last.error_type} {last.error_message} {last.incarnation}'.encode()
)")}});
  auto a = at(tree, "a");
  tell(a, "crash");
  EXPECT_EQ(call(a, "why"), "exception RuntimeError it broke 1");
}

TEST_F(Tree, TransientChildStaysDownAfterNormalExit) {
  auto spec = child("a", worker);
  spec.restart = ia::transient;
  auto tree = supervise({.children = {spec, child("b", worker)}});
  auto a = at(tree, "a");
  EXPECT_EQ(call(a, "finish").substr(0, 6), "error:");
  deaths.wait(1);
  EXPECT_EQ(call(a, "add").substr(0, 6), "error:");
  EXPECT_EQ(call(at(tree, "b"), "add"), "1");
}

TEST_F(Tree, TemporaryChildAnswersWhatWaitsAndWhatComesLater) {
  auto spec =
      child("a", worker + gate.python() + "def hold(v):\n  arrive()\n  wait_at_gate()\n  sys.exit(4)\n");
  spec.restart = ia::temporary;
  auto tree = supervise({.children = {spec}});
  auto a = at(tree, "a");
  asked fatal{system(), a, "hold"};
  ASSERT_TRUE(gate.arrived());
  asked waiting{system(), a, "add"};
  gate.open();
  EXPECT_EQ(code_of(fatal.answer().error()), ia::errc::exited);
  EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::exited);
  EXPECT_EQ(code_of(me().call(a, "add", ia::shared_bytes{}).error()), ia::errc::exited);
}

TEST_F(Tree, SupervisorThatGivesUpHasTheLastChildsExceptionAsItsReason) {
  auto tree = supervise({.intensity = 1, .children = {child("a", worker), child("b", worker)}});
  auto a = at(tree, "a");
  auto b = at(tree, "b");
  tell(a, "crash");
  EXPECT_EQ(call(a, "incarnation"), "2");
  tell(a, "crash");
  auto reason = tree.wait();
  auto raised = ia::python_error_of(reason);
  ASSERT_TRUE(raised) << ia::describe(reason);
  EXPECT_EQ(raised->message(), "it broke");
  EXPECT_NE(call(a, "add").find("it broke"), std::string::npos);
  EXPECT_NE(call(b, "add").find("it broke"), std::string::npos);
  EXPECT_FALSE(tree.handle());
}

TEST_F(Tree, TextShowsSupervisorsWithTheirStrategyAndWhatIsBelow) {
  ia::supervisor_spec lower{.strategy = ia::rest_for_one, .children = {child("worker", worker)}};
  auto tree = supervise(
      {.children = {{.name = "storage", .body = ia::supervisor_child(lower)}, child("other", worker)}});
  EXPECT_EQ(tree.to_text(), "tree (one_for_one): running\n"
                            "  storage (rest_for_one): running\n"
                            "    worker: running\n"
                            "  other: running\n");
}

TEST_F(Tree, SiblingsThatEndWithTheirSupervisorDieOfAShutdown) {
  auto tree = supervise({.intensity = 0, .children = {child("a", worker), child("b", worker)}});
  tell(at(tree, "a"), "crash");
  EXPECT_TRUE(tree.wait());
  auto reports = deaths.wait(2);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].reason, ia::death_reason::exception);
  EXPECT_EQ(reports[1].child, "b");
  EXPECT_EQ(reports[1].reason, ia::death_reason::shutdown) << describe(reports[1]);
}

TEST_F(Tree, EscalatesThroughThreeLevels) {
  ia::supervisor_spec lowest{.intensity = 0, .children = {child("worker", worker)}};
  ia::supervisor_spec middle{.intensity = 0,
                             .children = {{.name = "low", .body = ia::supervisor_child(lowest)}}};
  auto tree = supervise(
      {.intensity = 1,
       .children = {{.name = "mid", .body = ia::supervisor_child(middle)}, child("other", worker)}});
  auto first = at(tree, "mid/low/worker");
  tell(first, "crash");
  auto reports = deaths.wait(3);
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[0].child, "worker");
  EXPECT_EQ(reports[1].child, "low");
  EXPECT_EQ(reports[2].child, "mid");
  ASSERT_TRUE(reports[2].error);
  EXPECT_EQ(reports[2].error->message(), "it broke");
  EXPECT_NE(call(first, "add").find("it broke"), std::string::npos) << "the address went with its supervisor";
  ASSERT_TRUE(wait_until(
      [&] {
        auto next = tree.child("mid/low/worker");
        return next && *next != first;
      },
      "the restart of the middle supervisor"));
  EXPECT_EQ(call(at(tree, "mid/low/worker"), "add"), "1");
  EXPECT_EQ(call(at(tree, "other"), "add"), "1");
}

TEST_F(Tree, ChildrenStartInOrderAndStopInReverse) {
  {
    auto tree = supervise({.children = {logger("a"), logger("b"), logger("c")}});
    EXPECT_EQ(lines(3), "a up, b up, c up");
    tree.stop();
  }
  EXPECT_EQ(lines(3), "c down, b down, a down");
}

TEST_F(Tree, FailedStartUndoesTheStartedOnes) {
  auto result =
      rt().supervise({.children = {logger("a"), logger("b"), child("c", "raise ValueError('not today')")}});
  ASSERT_FALSE(result);
  EXPECT_EQ(code_of(result.error()), ia::errc::start_failed);
  EXPECT_NE(ia::describe(result.error()).find("'c'"), std::string::npos) << ia::describe(result.error());
  EXPECT_NE(ia::describe(result.error()).find("not today"), std::string::npos)
      << ia::describe(result.error());
  EXPECT_EQ(lines(4), "a up, b up, b down, a down");
}

TEST_F(Tree, StartedHookIsPartOfTheStart) {
  auto result = rt().supervise({.children = {child("a", "def started(): raise ValueError('no port')")}});
  ASSERT_FALSE(result);
  EXPECT_NE(ia::describe(result.error()).find("no port"), std::string::npos) << ia::describe(result.error());
}

TEST_F(Tree, OneForAllRestartsAllInOrder) {
  auto tree = supervise({.strategy = ia::one_for_all, .children = {logger("a"), logger("b"), logger("c")}});
  EXPECT_EQ(lines(3), "a up, b up, c up");
  tell(at(tree, "b"), "crash");
  auto ends = lines(3); // the dead one's teardown goes on beside the stop of the others
  EXPECT_LT(ends.find("c down"), ends.find("a down")) << ends;
  EXPECT_NE(ends.find("b down"), std::string::npos) << ends;
  EXPECT_EQ(lines(3), "a up, b up, c up");
}

TEST_F(Tree, RestForOneRestartsThoseAfterIt) {
  auto tree = supervise({.strategy = ia::rest_for_one, .children = {logger("a"), logger("b"), logger("c")}});
  EXPECT_EQ(lines(3), "a up, b up, c up");
  EXPECT_EQ(call(at(tree, "a"), "add"), "1");
  tell(at(tree, "b"), "crash");
  auto ends = lines(2); // the dead one's teardown goes on beside the stop of the other
  EXPECT_TRUE(ends == "b down, c down" || ends == "c down, b down") << ends;
  EXPECT_EQ(lines(2), "b up, c up");
  EXPECT_EQ(call(at(tree, "a"), "add"), "2");
}

TEST_F(Tree, DynamicSupervisorStartsAnyNumberFromOneTemplate) {
  auto tree = supervise({.strategy = ia::dynamic, .children = {child("w", worker)}});
  for (auto name : {"one", "two"}) {
    auto started = tree.start_child({.name = name});
    ASSERT_TRUE(started) << ia::describe(started.error());
  }
  ASSERT_TRUE(tree.start_child({}));
  auto counts = tree.count_children();
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->active, 3u);
  EXPECT_EQ(call(at(tree, "two"), "add"), "1");
  EXPECT_FALSE(tree.terminate_child("one"));
  EXPECT_FALSE(tree.child("one"));
  EXPECT_EQ(tree.count_children()->active, 2u);
}

TEST_F(Tree, SignificantChildsEndEndsTheSupervisor) {
  auto main = child("main", worker);
  main.restart = ia::transient;
  main.significant = true;
  auto tree = supervise(
      {.auto_shutdown = ia::auto_shutdown::any_significant, .children = {main, child("b", worker)}});
  call(at(tree, "main"), "finish");
  auto reason = tree.wait();
  EXPECT_TRUE(!reason || reason == caf::exit_reason::user_shutdown) << ia::describe(reason);
}

TEST_F(Tree, OperationsByFunctions) {
  auto tree = supervise({.children = {child("a", worker)}});
  auto added = tree.start_child(child("b", worker));
  ASSERT_TRUE(added) << ia::describe(added.error());
  auto b = at(tree, "b");
  EXPECT_EQ(call(b, "add"), "1");
  auto again = tree.start_child(child("b", worker));
  ASSERT_FALSE(again);
  EXPECT_EQ(code_of(again.error()), ia::errc::child_exists);
  EXPECT_EQ(code_of(tree.delete_child("b")), ia::errc::child_active);
  EXPECT_FALSE(tree.terminate_child("b"));
  EXPECT_EQ(code_of(me().call(b, "add", ia::shared_bytes{}).error()), ia::errc::stopped);
  auto children = tree.list_children();
  ASSERT_TRUE(children);
  ASSERT_EQ(children->size(), 2u);
  EXPECT_EQ(children->at(1).name, "b");
  EXPECT_EQ(children->at(1).state, ia::child_state::down);
  EXPECT_FALSE(tree.restart_child("b"));
  EXPECT_EQ(call(b, "add"), "1") << "the address is the same";
  EXPECT_FALSE(tree.terminate_child("b"));
  EXPECT_FALSE(tree.delete_child("b"));
  EXPECT_EQ(code_of(tree.restart_child("b")), ia::errc::no_such_child);
  EXPECT_EQ(tree.count_children()->specs, 1u);
  EXPECT_EQ(code_of(tree.start_child({.name = "c"}).error()), ia::errc::invalid_spec);
}

TEST_F(Tree, OperationsByMessages) {
  auto tree = supervise({.children = {child("a", worker)}});
  auto handle = tree.handle();
  caf::scoped_actor self{system()};
  auto done = [](bool& what) { return [&what] { what = true; }; };
  auto failed = [](caf::error& why) { ADD_FAILURE() << ia::describe(why); };
  caf::strong_actor_ptr b;
  ia::compat::request(self, handle, patience, ia::start_child_atom_v, child("b", worker))
      .receive([&](caf::strong_actor_ptr& added) { b = added; }, failed);
  ASSERT_TRUE(b);
  EXPECT_EQ(call(caf::actor_cast<ia::interpreter_actor>(b), "add"), "1");
  for (auto step : {0, 1, 2, 3}) {
    bool well = false;
    auto name = std::string{"b"};
    if (step == 0 || step == 2)
      ia::compat::request(self, handle, patience, ia::terminate_child_atom_v, name)
          .receive(done(well), failed);
    else if (step == 1)
      ia::compat::request(self, handle, patience, ia::restart_child_atom_v, name).receive(done(well), failed);
    else
      ia::compat::request(self, handle, patience, ia::delete_child_atom_v, name).receive(done(well), failed);
    EXPECT_TRUE(well) << step;
  }
  ia::compat::request(self, handle, patience, ia::list_children_atom_v)
      .receive([](std::vector<ia::child_info>& all) { EXPECT_EQ(all.size(), 1u); }, failed);
  ia::compat::request(self, handle, patience, ia::count_children_atom_v)
      .receive([](ia::child_counts& counts) { EXPECT_EQ(counts.workers, 1u); }, failed);
  ia::compat::request(self, handle, patience, ia::find_child_atom_v, std::string{"a"})
      .receive([](caf::strong_actor_ptr& found) { EXPECT_TRUE(found); }, failed);
  ia::errc code{};
  ia::compat::request(self, handle, patience, ia::find_child_atom_v, std::string{"b"})
      .receive([](caf::strong_actor_ptr&) { ADD_FAILURE(); }, [&](caf::error& why) { code = code_of(why); });
  EXPECT_EQ(code, ia::errc::no_such_child);
}

TEST_F(Tree, SubscriberHearsOfDeaths) {
  auto tree = supervise({.children = {child("a", worker)}});
  caf::scoped_actor self{system()};
  ia::compat::request(self, tree.handle(), patience, ia::subscribe_atom_v,
                      caf::actor_cast<caf::actor>(self.ptr()))
      .receive([] {}, [](caf::error& why) { ADD_FAILURE() << ia::describe(why); });
  tell(at(tree, "a"), "crash");
  ia::death_report report;
  self->receive([&](const ia::death_report& told) { report = told; }, caf::after(patience) >> [] {});
  EXPECT_EQ(report.child, "a");
  EXPECT_EQ(report.reason, ia::death_reason::exception);
}

/// Says when nobody holds it any more.
class ear final : public caf::actor_companion {
public:
  ear(caf::actor_config& config, std::atomic<bool>& gone) : caf::actor_companion{config}, gone_{gone} {}
  ~ear() override { gone_ = true; }

private:
  std::atomic<bool>& gone_;
};

TEST_F(Tree, SubscriberThatHasEndedIsForgotten) {
  std::atomic<bool> gone = false;
  auto tree = supervise({.children = {child("a", worker)}});
  {
    auto who = system().spawn<ear>(gone);
    caf::scoped_actor self{system()};
    ia::compat::request(self, tree.handle(), patience, ia::subscribe_atom_v, who)
        .receive([] {}, [](caf::error& why) { ADD_FAILURE() << ia::describe(why); });
    static_cast<ear*>(caf::actor_cast<caf::strong_actor_ptr>(who)->get())->cleanup({}, nullptr);
  }
  wait_until([&] { return gone.load(); }, "the end of a subscriber");
}

TEST_F(Tree, SubscriptionKeepsNobody) {
  std::atomic<bool> gone = false;
  auto tree = supervise({.children = {child("a", worker)}});
  auto who = system().spawn<ear>(gone);
  caf::scoped_actor self{system()};
  ia::compat::request(self, tree.handle(), patience, ia::subscribe_atom_v, who)
      .receive([] {}, [](caf::error& why) { ADD_FAILURE() << ia::describe(why); });
  drop(who);
  wait_until([&] { return gone.load(); }, "the end of a subscriber");
  tell(at(tree, "a"), "crash");
  EXPECT_EQ(call(at(tree, "a"), "incarnation"), "2");
}

TEST_F(Tree, HandlerOfDeathsMayThrowAnything) {
  std::atomic<int> calls = 0;
  auto tree = supervise({.intensity = 9, .children = {child("a", worker)}, .on_death = [&](auto&) {
                           if (++calls == 1)
                             throw std::runtime_error("no disk");
                           throw 42;
                         }});
  auto a = at(tree, "a");
  for (auto next : {"2", "3"}) {
    tell(a, "crash");
    EXPECT_EQ(call(a, "incarnation"), next);
  }
  tree.stop();
  EXPECT_EQ(calls, 3);
}

TEST_F(Tree, ChildThatGaveUpIsForgottenWhenItIsDeleted) {
  auto tree = supervise({.intensity = 0,
                         .budget = ia::restart_budget::child,
                         .children = {child("a", worker), child("b", worker)}});
  auto a = at(tree, "a");
  EXPECT_EQ(call(a, "leave").substr(0, 6), "error:");
  EXPECT_EQ(call(a, "add").substr(0, 6), "error:");
  EXPECT_TRUE(tree.child("a")) << "down for good, but not deleted";
  EXPECT_FALSE(tree.delete_child("a"));
  auto gone = tree.child("a");
  ASSERT_FALSE(gone);
  EXPECT_EQ(code_of(gone.error()), ia::errc::no_such_child);
  ASSERT_TRUE(tree.start_child(child("a", worker)));
  EXPECT_EQ(call(at(tree, "a"), "add"), "1");
}

TEST_F(Tree, BackoffLongerThanTheTimersStepIsWaitedFor) {
  auto slow = child("a", worker);
  slow.backoff = {.initial = 2100ms, .jitter = 0};
  auto tree = supervise({.children = {slow}});
  auto a = at(tree, "a");
  tell(a, "crash");
  ASSERT_EQ(deaths.wait(1).size(), 1u);
  auto answer = asked{system(), a, "add"}.answer();
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(answer->as_string_view(), "1");
}

TEST_F(Tree, ExitMessageToItsHandleStopsTheTree) {
  auto tree = supervise({.children = {logger("a"), logger("b")}});
  EXPECT_EQ(lines(2), "a up, b up");
  caf::anon_send_exit(tree.handle(), caf::exit_reason::user_shutdown);
  EXPECT_FALSE(tree.wait());
  EXPECT_EQ(lines(2), "b down, a down");
}

TEST_F(Tree, ChildThatIsKilledFromOutsideComesBack) {
  auto tree = supervise({.children = {child("a", worker)}});
  auto a = at(tree, "a");
  caf::anon_send_exit(a, caf::exit_reason::kill);
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::killed);
  EXPECT_EQ(call(a, "incarnation"), "2");
}

TEST_F(Tree, RuntimesStopStopsTreesInReverseOrder) {
  auto first = supervise({.children = {logger("a"), logger("b")}});
  auto second = supervise({.children = {logger("c")}});
  EXPECT_EQ(lines(3), "a up, b up, c up");
  rt().stop();
  EXPECT_EQ(lines(3), "c down, b down, a down");
  auto late = rt().supervise({.children = {child("d", worker)}});
  ASSERT_FALSE(late);
  EXPECT_EQ(code_of(late.error()), ia::errc::stopped);
}

// -- C++ children
// -----------------------------------------------------------------------------------------------------

using counter = caf::typed_actor<caf::result<int>(ia::count_children_atom), caf::result<void>(ia::wake_atom)>;

TEST_F(Tree, ActorInCppIsRestartedBehindTheSameAddress) {
  std::atomic<int> made = 0;
  auto make = [&made](caf::actor_system& system) {
    ++made;
    auto spawned = system.spawn([](caf::event_based_actor* self) -> caf::behavior {
      return {
          [count = 0](ia::count_children_atom) mutable { return ++count; },
          [self](ia::wake_atom) { self->quit(caf::make_error(caf::sec::runtime_error, "broken")); },
      };
    });
    return caf::actor_cast<counter>(spawned);
  };
  auto tree =
      supervise({.children = {{.name = "counter", .body = ia::actor_child(make)}, child("a", worker)}});
  auto found = tree.child<counter>("counter");
  ASSERT_TRUE(found) << ia::describe(found.error());
  caf::scoped_actor self{system()};
  auto count = [&] {
    int result = -1;
    ia::compat::request(self, *found, patience, ia::count_children_atom_v)
        .receive([&](int n) { result = n; }, [](caf::error& why) { ADD_FAILURE() << ia::describe(why); });
    return result;
  };
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(count(), 2);
  ia::compat::anonymous_send(*found, ia::wake_atom_v);
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::exception);
  EXPECT_EQ(count(), 1);
  EXPECT_EQ(made, 2);
  EXPECT_FALSE(tree.child<counter>("a")) << "Python behind the generic interface is no counter";
}

TEST_F(Tree, ActorInCppThatThrowsAtItsStartFailsTheTree) {
  auto make = [](caf::actor_system&) -> caf::actor { throw std::runtime_error("no disk"); };
  auto result = rt().supervise({.children = {{.name = "disk", .body = ia::actor_child(make)}}});
  ASSERT_FALSE(result);
  EXPECT_NE(ia::describe(result.error()).find("no disk"), std::string::npos);
}

TEST_F(Tree, ActorInCppWhoseMakerThrowsAnythingIsTriedAgain) {
  std::atomic<int> made = 0;
  auto make = [&made](caf::actor_system& system) {
    if (++made == 2)
      throw 42;
    return system.spawn([](caf::event_based_actor* self) -> caf::behavior {
      return {[self](ia::wake_atom) { self->quit(caf::make_error(caf::sec::runtime_error, "broken")); }};
    });
  };
  auto tree = supervise({.intensity = 9, .children = {{.name = "odd", .body = ia::actor_child(make)}}});
  auto odd = tree.child<caf::actor>("odd");
  ASSERT_TRUE(odd);
  ia::compat::anonymous_send(*odd, ia::wake_atom_v);
  auto reports = deaths.wait(2);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[1].reason, ia::death_reason::start_failed);
  EXPECT_TRUE(wait_until([&] { return made == 3; }, "the next attempt"));
}

/// Children whose first incarnation dies when it is told to, and whose second start ends their supervisor.
class ruinous_body final : public ia::child_body {
public:
  class process final : public ia::child_process {
  public:
    process(caf::actor_system& system, std::shared_ptr<ia::child_events> events)
        : events_{std::move(events)},
          front_{caf::actor_cast<caf::strong_actor_ptr>(system.spawn(
              [](caf::event_based_actor*) -> caf::behavior { return {[](ia::wake_atom) {}}; }))} {}

    caf::strong_actor_ptr address() const override { return front_; }
    void start(std::uint64_t number, std::shared_ptr<const ia::death_report>) override {
      if (number > 1)
        throw 42;
      events_->started(number);
    }
    void stop(std::uint64_t number, const caf::error& reason, std::chrono::nanoseconds) override {
      ia::tell_end(*events_, "ruin", number, ia::death_reason::shutdown, reason, {});
    }
    void close(const caf::error&, bool) override {}

  private:
    const std::shared_ptr<ia::child_events> events_;
    const caf::strong_actor_ptr front_;
  };

  std::unique_ptr<ia::child_process> make(const std::shared_ptr<ia::roster>& home, const std::string&,
                                          std::shared_ptr<ia::child_events> events) const override {
    this->events = events;
    return std::make_unique<process>(home->system, std::move(events));
  }

  mutable std::shared_ptr<ia::child_events> events; // read once the tree is up
};

TEST_F(Tree, SupervisorThatFailsItselfStopsWhatRunsBelowIt) {
  std::atomic<int> ended = 0;
  auto make = [&ended](caf::actor_system& system) {
    auto actor =
        system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](ia::wake_atom) {}}; });
    actor->attach_functor([&ended] { ++ended; });
    return actor;
  };
  ia::supervisor_spec lower{.children = {{.name = "b", .body = ia::actor_child(make)}, child("c", worker)}};
  auto ruin = std::make_shared<ruinous_body>();
  auto tree =
      supervise({.intensity = 9,
                 .children = {{.name = "a", .body = ia::actor_child(make)},
                              {.name = "low", .body = ia::supervisor_child(lower)},
                              child("d", gate.python() + "def hang(v):\n  arrive()\n  while True: pass\n"),
                              {.name = "ruin", .body = ruin}}});
  auto c = at(tree, "low/c");
  auto handle = tree.handle(); // keeps what is left of the supervisor
  asked hanging{system(), at(tree, "d"), "hang"};
  ASSERT_TRUE(gate.arrived());
  ia::tell_end(*ruin->events, "ruin", 1, ia::death_reason::exception, ia::make_error(ia::errc::crashed, ""),
               {});
  EXPECT_EQ(code_of(tree.wait()), ia::errc::stopped);
  EXPECT_TRUE(wait_until([&] { return ended == 2; }, "the ends of the actors in C++"));
  EXPECT_FALSE(hanging.answer());
  EXPECT_TRUE(wait_until([&] { return rt().counts().live == 0; }, "the ends of the interpreters"));
  EXPECT_EQ(call(c, "add").substr(0, 6), "error:");
}

TEST_F(Tree, ChildrenThatTheirSupervisorStopsHaveBeenShutDown) {
  auto make = [](caf::actor_system& system) {
    return system.spawn([](caf::event_based_actor*) -> caf::behavior { return {[](ia::wake_atom) {}}; });
  };
  auto tree = supervise(
      {.children = {child("a", worker),
                    {.name = "b", .body = ia::actor_child(make)},
                    {.name = "c", .body = ia::supervisor_child({.children = {child("d", worker)}})}}});
  tree.stop();
  auto reports = deaths.wait(4);
  ASSERT_EQ(reports.size(), 4u);
  for (auto& report : reports)
    EXPECT_EQ(report.reason, ia::death_reason::shutdown) << report.child << ": " << report.text;
}

TEST_F(Tree, StopDuringTheStartIsNoSuccess) {
  auto slow = child("a", gate.python() + "arrive()\nwhile True: pass\n");
  slow.shutdown = ia::shutdown::within(100ms);
  auto started = std::async(std::launch::async, [&] { return rt().supervise({.children = {slow}}); });
  ASSERT_TRUE(gate.arrived());
  auto stopped = std::async(std::launch::async, [&] { rt().stop(); });
  auto result = started.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(code_of(result.error()), ia::errc::stopped) << ia::describe(result.error());
  stopped.get();
}

TEST_F(Tree, RequestsToASupervisorThatIsDownWaitForItsSuccessor) {
  ia::supervisor_spec lower{.intensity = 0, .children = {child("worker", worker)}};
  auto tree = supervise({.children = {{.name = "mid",
                                       .backoff = {.initial = 200ms, .jitter = 0},
                                       .body = ia::supervisor_child(lower)}}});
  auto mid = tree.child<ia::supervisor_actor>("mid");
  ASSERT_TRUE(mid) << ia::describe(mid.error());
  tell(at(tree, "mid/worker"), "crash");
  ASSERT_EQ(deaths.wait(2).size(), 2u);
  caf::scoped_actor self{system()};
  ia::compat::request(self, *mid, patience, ia::count_children_atom_v)
      .receive([](ia::child_counts& counts) { EXPECT_EQ(counts.specs, 1u); },
               [](caf::error& why) { ADD_FAILURE() << ia::describe(why); });
}

// -- trees from a configuration
// ---------------------------------------------------------------------------------------

caf::settings parsed(const std::string& text) {
  std::istringstream in{text};
  auto result = caf::actor_system_config::parse_config(in);
  EXPECT_TRUE(result);
  return result ? std::move(*result) : caf::settings{};
}

TEST_F(Tree, IsStartedFromAConfiguration) {
  auto settings = parsed(R"(
    tree {
      strategy = "rest_for_one"
      intensity = 3
      children = [
        { name = "counter", kind = "counter" },
        {
          name = "group"
          strategy = "one_for_all"
          children = [
            { name = "z", kind = "logger", source-text = "name = 'z'" },
            { name = "a", kind = "logger", source-text = "name = 'a'", backoff { initial = 1ms } },
          ]
        },
        { name = "plain", source-text = "def add(v): return b'plain'" },
      ]
    })");
  ia::child_registry known;
  known.add("counter", ia::actor_child([](caf::actor_system& system) {
              return system.spawn(
                  [](caf::event_based_actor*) -> caf::behavior { return {[](ia::wake_atom) {}}; });
            }));
  known.add_python("logger", [this](ia::source code, ia::python_options options) {
    code.code += "\n" + logging_worker;
    options.spawn.channels = {{"log", log->sender}};
    return ia::python_child(std::move(code), std::move(options));
  });
  auto tree = rt().supervise(ia::read_supervisor_spec(settings, "tree", known));
  ASSERT_TRUE(tree) << ia::describe(tree.error());
  EXPECT_EQ(lines(2), "z up, a up");
  EXPECT_EQ(call(at(*tree, "plain"), "add"), "plain");
  tell(at(*tree, "group/a"), "crash");
  auto ends = lines(2); // the dead one's teardown goes on beside the stop of the other
  EXPECT_TRUE(ends == "a down, z down" || ends == "z down, a down") << ends;
  EXPECT_EQ(lines(2), "z up, a up");
  EXPECT_EQ(tree->count_children()->workers, 2u);
  EXPECT_EQ(tree->count_children()->supervisors, 1u);
  EXPECT_TRUE(tree->child<caf::actor>("counter"));
}

TEST_F(Tree, InterfacesComeIntoAConfigurationByKind) {
  ia::child_registry known;
  known.add_interface<counter>("counter", 40);
  auto settings = parsed(R"(tree { children = [ {
    name = "c", kind = "counter", class-name = "Counter"
    source-text = "class Counter:\n  def __init__(self, n): self.n = n\n  def count_children(self): return self.n + 1\n  def wake(self): pass"
  } ] })");
  auto tree = rt().supervise(ia::read_supervisor_spec(settings, "tree", known));
  ASSERT_TRUE(tree) << ia::describe(tree.error());
  auto found = tree->child<counter>("c");
  ASSERT_TRUE(found) << ia::describe(found.error());
  auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(*found),
                             caf::make_message(ia::count_children_atom_v));
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(answer->get_as<int>(0), 41);
}

TEST_F(Tree, MistakesOfAConfigurationComeBack) {
  auto tree = rt().supervise(ia::read_supervisor_spec(parsed("tree { intensity = -1 }"), "tree"));
  ASSERT_FALSE(tree);
  EXPECT_EQ(code_of(tree.error()), ia::errc::invalid_spec);
  EXPECT_NE(ia::describe(tree.error()).find("tree.intensity"), std::string::npos)
      << ia::describe(tree.error());
}

// -- mistakes
// ---------------------------------------------------------------------------------------------------------

TEST_F(Tree, MistakesNameTheChildAndTheField) {
  auto problem = [&](ia::supervisor_spec spec) {
    auto result = rt().supervise(std::move(spec));
    EXPECT_FALSE(result);
    EXPECT_EQ(code_of(result.error()), ia::errc::invalid_spec);
    return ia::describe(result.error());
  };
  EXPECT_NE(problem({.children = {child("a", worker), child("a", worker)}}).find("'a'"), std::string::npos);
  EXPECT_NE(problem({.children = {{.name = "empty"}}}).find("empty"), std::string::npos);
  ia::supervisor_spec inner{.intensity = -1};
  auto text = problem({.children = {{.name = "inner", .body = ia::supervisor_child(inner)}}});
  EXPECT_NE(text.find("inner"), std::string::npos) << text;
  EXPECT_NE(text.find("intensity"), std::string::npos) << text;
}

} // namespace
