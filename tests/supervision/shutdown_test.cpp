#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>

#include <algorithm>
#include <future>

#include "supervised.hpp"

using namespace ia_test;

namespace {

/// Code for children: `hold` waits at the gate, in C code, and lets an interrupt come true after that.
const std::string worker = R"(
import sys
import interp_actors as ia
def ok(v): return b'ok'
def crash(v): raise RuntimeError('it broke')
def incarnation(v):
    last = ia.previous_death()
    return b'%d' % (1 if last is None else last.incarnation + 1)
def hold(v):
    if ia.previous_death() is None:
        arrive()
        wait_at_gate()
    return b'held by ' + incarnation(v)
)";

/// How children end whom their supervisor asks to. Interrupted code has all the time that it wants, but for `grace`.
class Shutdown : public with_tree {
protected:
  Shutdown() : Shutdown{10s} {}
  explicit Shutdown(caf::timespan grace) : with_tree{with_grace(grace)} {}

  static ia::runtime_options with_grace(caf::timespan grace) {
    auto options = quick_options();
    options.interpreters.grace = grace;
    options.interpreters.teardown_timeout = 15s;
    return options;
  }

  ia::child_spec worker_with(const std::string& name, ia::shutdown how, ia::python_options options = {}) {
    auto result = child(name, worker + gate.python(), std::move(options));
    result.shutdown = how;
    return result;
  }

  static std::string text_of(caf::expected<ia::shared_bytes> answer) {
    return answer ? std::string{answer->as_string_view()} : "error: " + ia::describe(answer.error());
  }

  /// Lets what was given up come back; it ends and is a death no more.
  void let_come_back(std::size_t reports) {
    gate.open();
    EXPECT_TRUE(wait_until([this] { return rt().stuck().empty(); }, "the end of what was given up"));
    EXPECT_EQ(deaths.wait(0).size(), reports);
  }
};

// -- Python
// ----------------------------------------------------------------------------------------------------------------

TEST_F(Shutdown, AtOnceGivesUpWhatRuns) {
  auto tree = supervise({.children = {worker_with("a", ia::shutdown::abandon_at_once())}});
  auto a = at(tree, "a");
  asked running{system(), a, "hold"};
  asked waiting{system(), a, "ok"};
  ASSERT_TRUE(gate.arrived());
  EXPECT_FALSE(tree.terminate_child("a"));
  EXPECT_EQ(code_of(running.answer().error()), ia::errc::stopped);
  EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::stopped);
  auto report = deaths.wait(1).at(0);
  EXPECT_EQ(report.reason, ia::death_reason::shutdown);
  EXPECT_EQ(report.request.substr(0, 4), "hold") << report.request;
  EXPECT_NE(report.text.find("given up at once"), std::string::npos) << report.text;
  EXPECT_EQ(rt().stuck().size(), 1u);
  EXPECT_FALSE(tree.restart_child("a"));
  EXPECT_EQ(call(a, "incarnation"), "2") << "while the first one hangs";
  let_come_back(1);
}

TEST_F(Shutdown, AtOnceHandsOnWhatRunsWhereItHasAttempts) {
  auto first = worker_with("a", ia::shutdown::abandon_at_once(), {.succession = {.attempts = 1}});
  auto tree = supervise({.strategy = ia::one_for_all, .children = {first, child("b", worker)}});
  asked running{system(), at(tree, "a"), "hold"};
  ASSERT_TRUE(gate.arrived());
  tell(at(tree, "b"), "crash");
  EXPECT_EQ(text_of(running.answer()), "held by 2");
  EXPECT_EQ(rt().dead_letters(), 0u);
  let_come_back(2);
}

TEST_F(Shutdown, AtOnceLetsWhatIsIdleEnd) {
  auto tree = supervise({.children = {worker_with("a", ia::shutdown::abandon_at_once())}});
  EXPECT_EQ(call(at(tree, "a"), "ok"), "ok");
  EXPECT_FALSE(tree.terminate_child("a"));
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::shutdown);
  EXPECT_EQ(rt().counts().live, 0u);
  EXPECT_EQ(rt().counts().ended, 1u);
}

TEST_F(Shutdown, ForEverInterruptsNothing) {
  auto tree = supervise({.children = {worker_with("a", ia::shutdown::wait_for_ever())}});
  asked running{system(), at(tree, "a"), "hold"};
  ASSERT_TRUE(gate.arrived());
  auto stopped = std::async(std::launch::async, [&] { return tree.terminate_child("a"); });
  ASSERT_TRUE(wait_until(
      [&] {
        auto all = tree.list_children();
        return all && all->at(0).state == ia::child_state::stopping;
      },
      "the stop"));
  EXPECT_EQ(stopped.wait_for(300ms), std::future_status::timeout) << "more than an idle one gets";
  gate.open();
  EXPECT_EQ(text_of(running.answer()), "held by 1");
  EXPECT_FALSE(stopped.get());
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::shutdown);
}

// -- supervisors
// -----------------------------------------------------------------------------------------------------------

class LowerSupervisor : public Shutdown, public ::testing::WithParamInterface<ia::shutdown> {};

TEST_P(LowerSupervisor, GivesUpItsChildrenWhenItsTimeIsUp) {
  auto for_ever = ia::shutdown::wait_for_ever();
  ia::supervisor_spec lower{.children = {worker_with("first", for_ever), worker_with("second", for_ever)}};
  auto tree =
      supervise({.children = {{.name = "low", .shutdown = GetParam(), .body = ia::supervisor_child(lower)},
                              child("other", worker)}});
  asked one{system(), at(tree, "low/first"), "hold"};
  asked two{system(), at(tree, "low/second"), "hold"};
  ASSERT_TRUE(gate.arrived());
  ASSERT_TRUE(gate.arrived());
  EXPECT_FALSE(tree.terminate_child("low"));
  for (auto* each : {&one, &two}) {
    auto answer = each->answer();
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error(), caf::sec::request_timeout) << "there was no answer";
  }
  auto reports = deaths.wait(3);
  ASSERT_EQ(reports.size(), 3u);
  for (auto& report : reports)
    EXPECT_EQ(report.reason, ia::death_reason::shutdown) << ia::describe(report);
  EXPECT_EQ(reports[2].child, "low");
  EXPECT_EQ(rt().stuck().size(), 2u);
  EXPECT_EQ(call(at(tree, "other"), "ok"), "ok");
  let_come_back(3);
}

INSTANTIATE_TEST_SUITE_P(, LowerSupervisor,
                         ::testing::Values(ia::shutdown::within(50ms), ia::shutdown::abandon_at_once()),
                         [](auto& info) {
                           return info.param.limit()->count() == 0 ? "AtOnce" : "AtItsLimit";
                         });

// -- C++
// -------------------------------------------------------------------------------------------------------------------

/// An actor that is killed has little time to end.
class ShutdownOfActors : public Shutdown {
protected:
  ShutdownOfActors() : Shutdown{200ms} {}

  /// A child "c" that `behave` is the behavior of. `ended` is told why the first one has ended.
  template <class Behave>
  ia::child_spec actor(Behave behave) {
    auto make = [this, behave](caf::actor_system& system) {
      auto result = system.spawn<caf::detached>(behave);
      if (++made == 1)
        result->attach_functor([this](const caf::error& why) { ended.set_value(why); });
      return result;
    };
    return {.name = "c", .shutdown = ia::shutdown::within(10ms), .body = ia::actor_child(make)};
  }

  /// Why the first actor has ended; an error without a code where it has not.
  caf::error end() {
    auto future = ended.get_future();
    return future.wait_for(patience) == std::future_status::ready ? future.get() : caf::error{};
  }

  int made = 0; // in the supervisor's thread
  std::promise<caf::error> ended;
};

TEST_F(ShutdownOfActors, ActorThatDoesNotEndIsKilled) {
  std::promise<void> asked_to_end;
  auto tree =
      supervise({.children = {actor([&](caf::event_based_actor* self) -> caf::behavior {
                   ia::compat::on_exit_message(*self, [&](caf::exit_msg&) { asked_to_end.set_value(); });
                   return {[](ia::wake_atom) {}};
                 })}});
  EXPECT_FALSE(tree.terminate_child("c"));
  EXPECT_EQ(asked_to_end.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_EQ(end(), caf::exit_reason::kill);
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::shutdown);
}

TEST_F(ShutdownOfActors, ActorThatCannotBeKilledIsGivenUpAndItsEndIsNoOtherDeath) {
  std::promise<void> begun;
  std::promise<void> free;
  auto freed = free.get_future().share();
  auto tree = supervise({.children = {actor([&, freed](caf::event_based_actor*) -> caf::behavior {
                                        return {[&, freed](ia::wake_atom) {
                                          begun.set_value();
                                          freed.wait();
                                        }};
                                      }),
                                      child("other", worker)}});
  auto c = tree.child<caf::actor>("c");
  ASSERT_TRUE(c) << ia::describe(c.error());
  ia::compat::anonymous_send(*c, ia::wake_atom_v);
  ASSERT_EQ(begun.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_FALSE(tree.terminate_child("c"));
  auto report = deaths.wait(1).at(0);
  EXPECT_EQ(report.reason, ia::death_reason::abandoned);
  EXPECT_NE(report.text.find("when it was killed"), std::string::npos) << report.text;
  EXPECT_FALSE(tree.restart_child("c"));
  EXPECT_EQ(tree.count_children()->active, 2u);
  free.set_value();
  EXPECT_EQ(end(), ia::errc::stopped) << "what it was asked first";
  EXPECT_EQ(tree.count_children()->active, 2u) << "its end is the second one's";
  EXPECT_EQ(deaths.wait(0).size(), 1u);
}

} // namespace
