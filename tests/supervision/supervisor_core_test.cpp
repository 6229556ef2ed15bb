#include "interp_actors/supervision/supervisor_child.hpp"

#include <gtest/gtest.h>

#include "supervision/fake_shell.hpp"

using namespace supervision_test;

namespace {

supervisor_spec three(supervision_strategy strategy, int intensity = 1) {
  return {.strategy = strategy, .intensity = intensity, .children = {child("a"), child("b"), child("c")}};
}

backoff steps_of_a_second() {
  return {.initial = 1s, .factor = 2, .maximum = 1min, .jitter = 0, .reset_after = 10s};
}

// -- start and stop -----------------------------------------------------------------------------------------------------------

TEST(SupervisorCore, StartsOneChildAfterTheOther) {
  for (auto strategy : {one_for_one, one_for_all, rest_for_one}) {
    fake_shell shell{three(strategy)};
    shell.take(shell.core.start(shell.now));
    EXPECT_EQ(shell.news(), lines{"start a#1"});
    shell.started("a");
    EXPECT_EQ(shell.news(), lines{"start b#1"});
    shell.started("b");
    EXPECT_EQ(shell.news(), lines{"start c#1"});
    shell.started("c");
    EXPECT_EQ(shell.news(), lines{"up"});
  }
}

TEST(SupervisorCore, IsUpAtOnceWithoutChildren) {
  fake_shell shell{{}};
  shell.take(shell.core.start(shell.now));
  EXPECT_EQ(shell.news(), lines{"up"});
  fake_shell of_any_number{{.strategy = dynamic, .children = {child("t")}}};
  of_any_number.take(of_any_number.core.start(shell.now));
  EXPECT_EQ(of_any_number.news(), lines{"up"});
}

TEST(SupervisorCore, FailedStartUndoesThoseThatHaveStarted) {
  for (auto strategy : {one_for_one, one_for_all, rest_for_one}) {
    fake_shell shell{three(strategy, 10)};
    shell.take(shell.core.start(shell.now));
    shell.started("a");
    shell.started("b");
    shell.news();
    shell.died("c", death_reason::start_failed, make_error(errc::start_failed, std::string{"no such file"}));
    EXPECT_EQ(shell.news(), lines{"close c for good"});
    shell.gone("c");
    EXPECT_EQ(shell.news(), lines{"stop b#1"});
    shell.died("b", death_reason::shutdown);
    EXPECT_EQ(shell.news(), lines{"close b for good"});
    shell.gone("b");
    EXPECT_EQ(shell.news(), lines{"stop a#1"});
    shell.ended("a");
    EXPECT_EQ(shell.news(), (lines{"close a for good", "ended start_failed"}));
    EXPECT_EQ(describe(shell.ends.front().error),
              "start_failed: 'c' could not be started: start_failed: no such file");
  }
}

TEST(SupervisorCore, ChildrenThatNeverStartedAreClosedForGood) {
  fake_shell shell{three(one_for_one)};
  shell.take(shell.core.start(shell.now));
  shell.news();
  shell.died("a", death_reason::start_failed);
  EXPECT_EQ(shell.news(), (lines{"close a for good", "close b for good", "close c for good"}));
  shell.gone("a");
  EXPECT_EQ(shell.news(), lines{"ended start_failed"});
}

TEST(SupervisorCore, StopsInReverseEachWhenTheOneBehindItIsGone) {
  for (auto strategy : {one_for_one, one_for_all, rest_for_one}) {
    auto spec = three(strategy);
    spec.children[0].shutdown = shutdown::abandon_at_once();
    spec.children[1].kind = child_kind::supervisor;
    fake_shell shell{spec};
    shell.start_all();
    shell.stop(make_error(errc::stopped, std::string{"that is enough"}));
    EXPECT_EQ(shell.news(), lines{"stop c#1"});
    shell.died("c", death_reason::abandoned);
    EXPECT_EQ(shell.news(), lines{"close c for good"});
    shell.gone("c");
    shell.ended("b");
    shell.ended("a");
    EXPECT_EQ(shell.news(),
              (lines{"stop b#1", "close b for good", "stop a#1", "close a for good", "ended shutdown"}));
    EXPECT_EQ(shell.stops[0].how, shutdown::within(5s));
    EXPECT_EQ(shell.stops[1].how, shutdown::wait_for_ever());
    EXPECT_EQ(shell.stops[2].how, shutdown::abandon_at_once());
    for (auto& close : shell.closes)
      EXPECT_EQ(describe(close.reason), "stopped: that is enough");
    EXPECT_EQ(describe(shell.ends.front().error), "stopped: that is enough");
    EXPECT_EQ(shell.info("a").state, child_state::down_for_good);
  }
}

TEST(SupervisorCore, ChildThatDiesBeforeItsTurnIsNotStopped) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.stop();
  shell.died("b");
  EXPECT_EQ(shell.news(), (lines{"stop c#1", "close b for good"}));
  shell.ended("c");
  EXPECT_EQ(shell.news(), lines{"close c for good"}); // b's teardown goes on, and a may be needed for it
  shell.gone("b");
  EXPECT_EQ(shell.news(), lines{"stop a#1"});
  shell.ended("a");
  EXPECT_EQ(shell.ends.size(), 1u);
}

TEST(SupervisorCore, StopDuringAStartStopsWhatStarts) {
  fake_shell shell{three(one_for_one)};
  shell.take(shell.core.start(shell.now));
  shell.started("a");
  shell.news();
  shell.stop();
  EXPECT_EQ(shell.news(), (lines{"close c for good", "stop b#1"}));
  shell.started("b"); // too late
  EXPECT_EQ(shell.news(), lines{});
  shell.ended("b");
  shell.ended("a");
  EXPECT_EQ(shell.news(), (lines{"close b for good", "stop a#1", "close a for good", "ended shutdown"}));
}

TEST(SupervisorCore, StopBeforeTheStartEndsAtOnce) {
  fake_shell shell{{.children = {child("a")}}};
  shell.stop();
  EXPECT_EQ(shell.news(), (lines{"close a for good", "ended shutdown"}));
  shell.take(shell.core.start(shell.now));
  EXPECT_EQ(shell.news(), lines{});
}

// -- nodes ----------------------------------------------------------------------------------------------------------------

TEST(SupervisorCore, ChildrenThatAreLostWithOneNodeCountOnce) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  for (auto* name : {"a", "b", "c"})
    shell.lost(name, "n:1");
  EXPECT_EQ(shell.news(), (lines{"start a#2", "start b#2", "start c#2"}));
  for (auto* name : {"a", "b", "c"})
    shell.started(name);
  shell.pass(1s);
  shell.lost("b", "n:1"); // again
  EXPECT_EQ(shell.news(), (lines{"close b for good", "stop c#2"}));
}

TEST(SupervisorCore, EachNodeThatIsLostCounts) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.lost("a", "n:1");
  shell.lost("b", "n:1");
  EXPECT_EQ(shell.news(), (lines{"start a#2", "start b#2"}));
  shell.lost("c", "n:2");
  EXPECT_EQ(shell.ends.size() + shell.stops.size(), 1u); // too many
}

TEST(SupervisorCore, OneThatStartsWhenItsNodeIsLostCountsWithTheOthers) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.lost("a", "n:1");
  shell.lost("a", "n:2"); // while it starts: a loss of its own, and too many
  EXPECT_EQ(shell.stops.size(), 1u);
  fake_shell other{three(one_for_one, 2)};
  other.start_all();
  other.lost("a", "n:1");
  other.lost("b", "n:2");
  other.lost("a", "n:2"); // it had been started elsewhere by then
  EXPECT_EQ(other.stops.size(), 0u);
  EXPECT_EQ(other.news(), (lines{"start a#2", "start b#2", "start a#3"}));
}

TEST(SupervisorCore, ALostNodeCountsForEachBudget) {
  fake_shell shell{{.intensity = 1, .budget = restart_budget::child, .children = {child("a"), child("b")}}};
  shell.start_all();
  for (int i = 0; i < 2; ++i)
    for (auto* name : {"a", "b"})
      shell.lost(name, "n:1");
  EXPECT_EQ(shell.ends.size(), 1u);
}

// -- ends ------------------------------------------------------------------------------------------------------------------

TEST(SupervisorCore, FirstReasonToEndCounts) {
  fake_shell shell{{.intensity = 0, .children = {child("a"), child("b")}}};
  shell.start_all();
  shell.died("b");
  shell.stop();
  shell.died("a", death_reason::killed);
  shell.gone("a");
  shell.gone("b");
  EXPECT_EQ(shell.ends.size(), 1u);
  EXPECT_EQ(shell.ends.front().reason, death_reason::exception);
  EXPECT_EQ(describe(shell.ends.front().error), "crashed: b fell");
}

TEST(SupervisorCore, ChildThatWasAskedToEndWasNotKilled) {
  fake_shell shell{{.intensity = 0, .children = {child("a"), child("b")}}};
  shell.start_all();
  shell.died("b");
  shell.gone("b");
  shell.died("a", death_reason::killed);
  EXPECT_EQ(shell.reports.back()->reason, death_reason::shutdown) << "whatever the reason that it was given";
}

// -- restarts --------------------------------------------------------------------------------------------------------------------

TEST(SupervisorCore, RestartWaitsUntilTheDeadOneIsGone) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.died("b");
  EXPECT_EQ(shell.news(), lines{});
  EXPECT_EQ(shell.info("b").state, child_state::waiting);
  shell.gone("b");
  EXPECT_EQ(shell.news(), lines{"start b#2"});
  EXPECT_EQ(shell.starts.back().previous->text, "for a test");
  EXPECT_EQ(shell.starts.back().previous->incarnation, 1u);
}

TEST(SupervisorCore, ReadySuccessorTakesOverAtOnce) {
  fake_shell shell{three(one_for_one, 5)};
  shell.start_all();
  auto first = shell.latest.at("b");
  shell.died("b", death_reason::exception, {}, true);
  EXPECT_EQ(shell.news(), lines{"start b#2"});
  shell.started("b");
  shell.died("b");
  shell.gone("b");
  EXPECT_EQ(shell.news(), lines{}); // there was no other spare, and the first teardown still goes on
  shell.take(shell.core.on_gone(shell.now, first.slot, first.incarnation));
  EXPECT_EQ(shell.news(), lines{"start b#3"});
}

TEST(SupervisorCore, EndWaitsForTeardownsThatAReadySuccessorOvertook) {
  fake_shell shell{{.children = {child("a")}}};
  shell.start_all();
  auto first = shell.latest.at("a");
  shell.died("a", death_reason::exception, {}, true);
  shell.stop();
  shell.ended("a");
  EXPECT_TRUE(shell.ends.empty());
  shell.take(shell.core.on_gone(shell.now, first.slot, first.incarnation));
  EXPECT_EQ(shell.ends.size(), 1u);
}

TEST(SupervisorCore, GivesUpWithTheLastChildsError) {
  fake_shell shell{three(one_for_one, 2)};
  shell.start_all();
  for (auto time : {0s, 2s, 3s}) {
    shell.pass(time);
    shell.died("b", death_reason::exit_code, make_error(errc::exited, std::string{"3"}));
    shell.gone("b");
    if (shell.latest.at("b").incarnation < 4)
      shell.started("b");
  }
  EXPECT_EQ(shell.news(), (lines{"start b#2", "start b#3", "close b for good", "stop c#1"}));
  shell.ended("c");
  shell.ended("a");
  EXPECT_EQ(shell.news(), (lines{"close c for good", "stop a#1", "close a for good", "ended exit_code"}));
  EXPECT_EQ(describe(shell.ends.front().error), "exited: 3");
  EXPECT_EQ(describe(shell.closes.back().reason), "exited: 3");
  ASSERT_EQ(shell.reports.size(), 5u);
  EXPECT_EQ(shell.reports[0]->restarts_left, 1);
  EXPECT_EQ(shell.reports[1]->restarts_left, 0);
  EXPECT_EQ(shell.reports[2]->restarts_left, 0);
}

TEST(SupervisorCore, RestartsAreForgottenAfterThePeriod) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  for (int i = 0; i < 10; ++i) {
    shell.died("b");
    shell.gone("b");
    shell.started("b");
    EXPECT_EQ(shell.reports.back()->restarts_left, 0);
    shell.pass(5s + 1ns);
  }
  EXPECT_EQ(shell.info("b").restarts, 10u);
  EXPECT_EQ(shell.info("b").incarnation, 11u);
  EXPECT_EQ(shell.info("a").restarts, 0u);
}

TEST(SupervisorCore, NormalEndsTooOftenAreAnAbnormalEnd) {
  fake_shell shell{{.intensity = 0, .children = {child("a")}}};
  shell.start_all();
  shell.ended("a");
  EXPECT_EQ(shell.news(), (lines{"close a for good", "ended exception"}));
  EXPECT_EQ(code_of(shell.ends.front().error), "gave_up");
  EXPECT_EQ(describe(shell.ends.front().error),
            "gave_up: 'a' ended more than 0 times in 5s, at last: shutdown: for a test");
}

TEST(SupervisorCore, FailedRestartIsCountedAndTriedAgain) {
  fake_shell shell{three(one_for_one, 2)};
  shell.start_all();
  shell.died("b");
  shell.gone("b");
  shell.died("b", death_reason::start_failed);
  shell.gone("b");
  EXPECT_EQ(shell.news(), (lines{"start b#2", "start b#3"}));
  shell.died("b", death_reason::start_failed, make_error(errc::start_failed, std::string{"disk full"}));
  EXPECT_EQ(shell.news(), (lines{"close b for good", "stop c#1"}));
}

TEST(SupervisorCore, FailedRestartInAGroupStopsTheGroupAgain) {
  fake_shell shell{three(one_for_all, 3)};
  shell.start_all();
  shell.died("a");
  shell.gone("a");
  shell.ended("c");
  shell.ended("b");
  EXPECT_EQ(shell.news(), (lines{"stop c#1", "stop b#1", "start a#2"}));
  shell.started("a");
  shell.died("b", death_reason::start_failed);
  EXPECT_EQ(shell.news(), lines{"start b#2"});
  shell.gone("b");
  EXPECT_EQ(shell.news(), lines{"stop a#2"});
  shell.ended("a");
  shell.started("a");
  shell.started("b");
  shell.started("c");
  EXPECT_EQ(shell.news(), (lines{"start a#3", "start b#3", "start c#2"}));
  EXPECT_EQ(shell.reports.back()->restarts_left, 1);
}

TEST(SupervisorCore, SiblingThatDiesBeforeItIsStoppedIsNotCounted) {
  fake_shell shell{three(one_for_all)};
  shell.start_all();
  shell.died("a");
  shell.gone("a");
  EXPECT_EQ(shell.news(), lines{"stop c#1"});
  shell.died("b"); // its turn had not come
  shell.died("c"); // not as it was asked to
  shell.gone("c");
  EXPECT_EQ(shell.news(), lines{});
  shell.gone("b");
  EXPECT_EQ(shell.news(), lines{"start a#2"});
  EXPECT_EQ(shell.reports.size(), 3u);
}

TEST(SupervisorCore, SiblingThatDiesWhileTheGroupStartsIsCounted) {
  fake_shell shell{three(rest_for_one, 2)};
  shell.start_all();
  shell.died("b");
  shell.gone("b");
  shell.ended("c");
  shell.started("b");
  EXPECT_EQ(shell.news(), (lines{"stop c#1", "start b#2", "start c#2"}));
  shell.died("b");
  EXPECT_EQ(shell.news(), lines{"stop c#2"}); // in the midst of its start
  shell.gone("b");
  EXPECT_EQ(shell.news(), lines{});
  shell.ended("c");
  EXPECT_EQ(shell.news(), lines{"start b#3"});
  EXPECT_EQ(shell.reports.back()->restarts_left, 0);
}

TEST(SupervisorCore, GroupGrowsWhenAnEarlierChildDies) {
  fake_shell shell{three(rest_for_one, 2)};
  shell.start_all();
  shell.died("c");
  shell.died("a");
  EXPECT_EQ(shell.news(), lines{}); // b is stopped when c, behind it, is gone
  shell.gone("c");
  EXPECT_EQ(shell.news(), lines{"stop b#1"});
  shell.ended("b");
  EXPECT_EQ(shell.news(), lines{});
  shell.gone("a");
  shell.started("a");
  shell.started("b");
  shell.started("c");
  EXPECT_EQ(shell.news(), (lines{"start a#2", "start b#2", "start c#2"}));
}

TEST(SupervisorCore, GroupRestartStartsChildrenThatWereTerminated) {
  fake_shell shell{three(one_for_all)};
  shell.start_all();
  shell.take(shell.core.terminate_child(shell.now, 1, "b"));
  shell.ended("b");
  EXPECT_EQ(shell.news(), (lines{"stop b#1", "close b", "reply 1 ok"}));
  shell.died("c");
  shell.gone("c");
  shell.ended("a");
  shell.started("a");
  EXPECT_EQ(shell.news(), (lines{"stop a#1", "start a#2", "start b#2"}));
}

TEST(SupervisorCore, DeathDuringTheTreesStartIsFollowedAtOnce) {
  fake_shell one{three(one_for_one)};
  one.take(one.core.start(one.now));
  one.started("a");
  one.died("a");
  one.gone("a");
  EXPECT_EQ(one.news(), (lines{"start a#1", "start b#1", "start a#2"}));
  one.started("b");
  one.started("c");
  EXPECT_EQ(one.news(), (lines{"start c#1", "up"}));
  fake_shell all{three(one_for_all)};
  all.take(all.core.start(all.now));
  all.started("a");
  all.died("a");
  all.gone("a");
  all.ended("b");
  EXPECT_EQ(all.news(), (lines{"start a#1", "start b#1", "stop b#1", "start a#2"}));
  all.started("a");
  all.died("b", death_reason::start_failed); // it has never been started: the tree's start fails
  all.gone("b");
  EXPECT_EQ(all.news(), (lines{"start b#2", "close b for good", "close c for good", "stop a#2"}));
  all.ended("a");
  EXPECT_EQ(all.ends.front().reason, death_reason::start_failed);
}

TEST(SupervisorCore, EventsOfOtherIncarnationsChangeNothing) {
  fake_shell shell{three(one_for_one, 5)};
  shell.start_all();
  auto first = shell.latest.at("b");
  shell.died("b");
  shell.gone("b");
  shell.started("b");
  shell.news();
  shell.died_at(first.slot, 1, "b", death_reason::exception);
  shell.died_at(first.slot, 3, "b", death_reason::exception);
  shell.died_at(99, 1, "b", death_reason::exception);
  shell.take(shell.core.on_gone(shell.now, first.slot, 1));
  shell.take(shell.core.on_gone(shell.now, first.slot, 2)); // it runs
  shell.take(shell.core.on_started(shell.now, first.slot, 1));
  shell.take(shell.core.on_started(shell.now, first.slot, 2)); // again
  EXPECT_EQ(shell.news(), lines{});
  EXPECT_EQ(shell.reports.size(), 1u);
  EXPECT_EQ(shell.info("b").state, child_state::running);
  shell.died("b");
  shell.died("b");
  EXPECT_EQ(shell.reports.size(), 2u);
  EXPECT_EQ(shell.reports.back()->restarts_left, 3);
}

// -- backoff ---------------------------------------------------------------------------------------------------------------------

TEST(SupervisorCore, BackoffDelaysRestarts) {
  fake_shell shell{{.intensity = 100, .children = {{.name = "a", .backoff = steps_of_a_second()}}}};
  shell.start_all();
  shell.died("a");
  EXPECT_EQ(shell.news(), lines{"timer 1000"});
  shell.gone("a");
  shell.pass(1s);
  shell.timer();
  EXPECT_EQ(shell.news(), lines{"start a#2"});
  shell.died("a", death_reason::start_failed);
  shell.gone("a");
  EXPECT_EQ(shell.news(), lines{"timer 3000"});
  shell.pass(2s);
  shell.timer();
  shell.started("a");
  EXPECT_EQ(shell.news(), lines{"start a#3"});
  shell.pass(9s);
  shell.died("a");
  shell.gone("a");
  EXPECT_EQ(shell.news(), lines{"timer 16000"});
  shell.pass(4s);
  shell.timer();
  shell.started("a");
  shell.pass(10s);
  shell.news();
  shell.died("a");
  EXPECT_EQ(shell.news(), lines{"timer 27000"}); // it ran long enough
}

TEST(SupervisorCore, TimerThatComesTooEarlyIsArmedAgain) {
  fake_shell shell{{.children = {{.name = "a", .backoff = steps_of_a_second()}}}};
  shell.start_all();
  shell.died("a");
  shell.gone("a");
  EXPECT_EQ(shell.news(), lines{"timer 1000"});
  for (int i = 0; i < 3; ++i) {
    shell.pass(300ms);
    shell.timer();
    EXPECT_EQ(shell.news(), lines{"timer 1000"});
  }
  shell.pass(100ms);
  shell.timer();
  EXPECT_EQ(shell.news(), lines{"start a#2"});
  shell.timer();
  EXPECT_EQ(shell.news(), lines{}) << "nobody waits";
}

TEST(SupervisorCore, BackoffUsesItsRandomNumber) {
  auto delays = steps_of_a_second();
  delays.jitter = 0.5;
  fake_shell shell{{.children = {{.name = "a", .backoff = delays}}}, 0.5};
  shell.start_all();
  shell.died("a");
  EXPECT_EQ(shell.news(), lines{"timer 1250"});
}

TEST(SupervisorCore, DelayAndTeardownBothPassBeforeARestart) {
  fake_shell shell{{.children = {{.name = "a", .backoff = steps_of_a_second()}}}};
  shell.start_all();
  shell.died("a");
  shell.pass(1s);
  shell.timer();
  EXPECT_EQ(shell.news(), lines{"timer 1000"});
  shell.gone("a");
  EXPECT_EQ(shell.news(), lines{"start a#2"});
}

TEST(SupervisorCore, TimersOfSeveralChildrenFollowEachOther) {
  auto slow = steps_of_a_second();
  slow.initial = 5s;
  fake_shell shell{{.intensity = 9,
                    .children = {{.name = "a", .backoff = slow},
                                 {.name = "b", .backoff = steps_of_a_second()},
                                 child("c")}}};
  shell.start_all();
  for (auto name : {"a", "b", "c"}) {
    shell.died(name);
    shell.gone(name);
  }
  EXPECT_EQ(shell.news(), (lines{"timer 5000", "timer 1000", "start c#2"}));
  shell.pass(1s);
  shell.timer();
  EXPECT_EQ(shell.news(), (lines{"timer 5000", "start b#2"}));
  shell.pass(4s);
  shell.timer();
  EXPECT_EQ(shell.news(), lines{"start a#2"});
}

TEST(SupervisorCore, GroupWaitsForTheBackoffTogether) {
  auto spec = three(one_for_all);
  spec.children[1].backoff = steps_of_a_second();
  fake_shell shell{spec};
  shell.start_all();
  shell.died("b");
  shell.ended("c");
  shell.gone("b");
  EXPECT_EQ(shell.news(), (lines{"stop c#1", "stop a#1"}));
  shell.ended("a");
  EXPECT_EQ(shell.news(), lines{"timer 1000"});
  shell.pass(1s);
  shell.timer();
  EXPECT_EQ(shell.news(), lines{"start a#2"});
}

TEST(SupervisorCore, StopDuringABackoffClosesTheChild) {
  fake_shell shell{{.children = {{.name = "a", .backoff = steps_of_a_second()}}}};
  shell.start_all();
  shell.died("a");
  shell.gone("a");
  shell.news();
  shell.stop();
  EXPECT_EQ(shell.news(), (lines{"close a for good", "ended shutdown"}));
  shell.pass(1s);
  shell.timer();
  EXPECT_EQ(shell.news(), lines{});
}

// -- ends for good -----------------------------------------------------------------------------------------------------------------

TEST(SupervisorCore, TransientChildRestsAfterANormalEndAndTellsWhy) {
  fake_shell shell{{.children = {child("a", transient)}}};
  shell.start_all();
  shell.died("a", death_reason::normal);
  shell.gone("a");
  EXPECT_EQ(shell.news(), lines{"close a"});
  EXPECT_EQ(describe(shell.closes.back().reason), "stopped: 'a' has ended");
  EXPECT_EQ(shell.info("a").state, child_state::down);
  EXPECT_EQ(shell.reports.back()->restarts_left, 1);
}

TEST(SupervisorCore, TemporaryChildIsDeletedAndAnswersWithItsError) {
  fake_shell shell{{.children = {child("a", temporary), child("b")}}};
  shell.start_all();
  shell.died("a", death_reason::killed);
  EXPECT_EQ(shell.news(), lines{"close a for good"});
  EXPECT_EQ(describe(shell.closes.back().reason), "crashed: a fell");
  EXPECT_EQ(shell.core.list_children().size(), 1u);
  EXPECT_EQ(shell.core.count_children(), (child_counts{1, 1, 0, 1}));
}

TEST(SupervisorCore, AnySignificantChildEndsTheSupervisor) {
  fake_shell shell{{.auto_shutdown = auto_shutdown::any_significant,
                    .children = {child("a"), {.name = "b", .restart = transient, .significant = true}}}};
  shell.start_all();
  shell.died("b");
  shell.gone("b");
  shell.started("b");
  EXPECT_EQ(shell.news(), lines{"start b#2"});
  shell.died("b", death_reason::normal);
  EXPECT_EQ(shell.news(), lines{"close b for good"});
  shell.gone("b");
  shell.ended("a");
  EXPECT_EQ(shell.news(), (lines{"stop a#1", "close a for good", "ended shutdown"}));
  EXPECT_EQ(shell.ends.front().error, caf::make_error(caf::exit_reason::user_shutdown));
  EXPECT_EQ(describe(shell.closes[0].reason), "stopped: 'b' has ended"); // its own reason
  EXPECT_EQ(shell.closes[1].reason, shell.ends.front().error);
}

TEST(SupervisorCore, LastOfAllSignificantChildrenEndsTheSupervisor) {
  auto significant = [](std::string name, restart_type type) {
    return child_spec{.name = std::move(name), .restart = type, .significant = true};
  };
  fake_shell shell{{.auto_shutdown = auto_shutdown::all_significant,
                    .children = {significant("a", transient), significant("b", temporary), child("c")}}};
  shell.start_all();
  shell.died("b");
  shell.gone("b");
  EXPECT_EQ(shell.news(), lines{"close b for good"});
  shell.died("a", death_reason::shutdown);
  shell.gone("a");
  EXPECT_EQ(shell.news(), (lines{"close a for good", "stop c#1"}));
}

TEST(SupervisorCore, TerminatedSignificantChildEndsNobody) {
  fake_shell shell{{.auto_shutdown = auto_shutdown::any_significant,
                    .children = {{.name = "a", .restart = temporary, .significant = true}}}};
  shell.start_all();
  shell.take(shell.core.terminate_child(shell.now, 1, "a"));
  shell.ended("a");
  EXPECT_EQ(shell.news(), (lines{"stop a#1", "close a for good", "reply 1 ok"}));
  EXPECT_TRUE(shell.ends.empty());
}

TEST(SupervisorCore, ChildrenWithTheirOwnBudgetsGiveUpOneByOne) {
  fake_shell shell{{.intensity = 1, .budget = restart_budget::child, .children = {child("a"), child("b")}}};
  shell.start_all();
  for (int i = 0; i < 2; ++i) {
    shell.died("a", death_reason::abandoned);
    shell.gone("a");
    if (i == 0)
      shell.started("a");
  }
  EXPECT_EQ(shell.news(), (lines{"start a#2", "close a for good"}));
  EXPECT_EQ(shell.info("a").state, child_state::down_for_good);
  EXPECT_EQ(shell.reports[0]->restarts_left, 0);
  shell.take(shell.core.restart_child(shell.now, 1, "a"));
  EXPECT_EQ(shell.news(), lines{"reply 1 gave_up"});
  shell.died("b");
  shell.gone("b");
  shell.started("b");
  EXPECT_EQ(shell.reports.back()->restarts_left, 0);
  shell.died("b", death_reason::deadline, make_error(errc::deadline_exceeded, std::string{"late"}));
  shell.gone("b");
  EXPECT_EQ(shell.news(), (lines{"start b#2", "close b for good", "ended deadline"}));
  EXPECT_EQ(describe(shell.ends.front().error), "deadline_exceeded: late");
}

TEST(SupervisorCore, ChildThatGaveUpCanBeReplaced) {
  fake_shell shell{{.intensity = 0, .budget = restart_budget::child, .children = {child("a"), child("b")}}};
  shell.start_all();
  shell.died("a");
  shell.take(shell.core.delete_child(shell.now, 1, "a"));
  shell.take(shell.core.start_child(shell.now, 2, child("a")));
  EXPECT_EQ(shell.news(), (lines{"close a for good", "close a for good"})) << "the second one to forget it";
  EXPECT_FALSE(shell.core.knows(shell.closes.back().slot));
  shell.take(shell.core.on_gone(shell.now, shell.latest.at("a").slot, 1));
  EXPECT_EQ(shell.news(), (lines{"reply 1 ok", "start a#1"}));
  shell.started("a");
  EXPECT_EQ(shell.news(), lines{"reply 2 ok"});
}

TEST(SupervisorCore, ChildrenWithTheirOwnBudgetsAreStoppedAllAtOnce) {
  auto spec = three(one_for_one);
  spec.budget = restart_budget::child;
  fake_shell shell{spec};
  shell.start_all();
  shell.stop();
  EXPECT_EQ(shell.news(), (lines{"stop c#1", "stop b#1", "stop a#1"}));
  shell.ended("a");
  shell.ended("c");
  shell.ended("b");
  EXPECT_EQ(shell.news(),
            (lines{"close a for good", "close c for good", "close b for good", "ended shutdown"}));
}

// -- operations ----------------------------------------------------------------------------------------------------------------------

TEST(SupervisorCore, StartedChildIsTheLastOne) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.take(shell.core.start_child(shell.now, 7, child("d")));
  EXPECT_EQ(shell.news(), lines{"start d#1"});
  shell.started("d");
  EXPECT_EQ(shell.news(), lines{"reply 7 ok"});
  EXPECT_EQ(shell.replies.back().slot, shell.latest.at("d").slot);
  EXPECT_EQ(shell.core.list_children().back().name, "d");
  shell.stop();
  EXPECT_EQ(shell.news(), lines{"stop d#1"});
}

TEST(SupervisorCore, ChildThatCannotBeStartedIsNotKept) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.take(shell.core.start_child(shell.now, 7, child("d")));
  shell.died("d", death_reason::start_failed, make_error(errc::start_failed, std::string{"no file"}));
  EXPECT_EQ(shell.news(), (lines{"start d#1", "reply 7 start_failed", "close d for good"}));
  EXPECT_EQ(shell.core.list_children().size(), 3u);
  EXPECT_EQ(shell.reports.back()->restarts_left, 1);
  shell.take(shell.core.start_child(shell.now, 8, child("d")));
  EXPECT_EQ(shell.news(), lines{}); // the first one may still hold a port or a file
  auto first = shell.latest.at("d");
  shell.gone("d");
  EXPECT_EQ(shell.news(), lines{"start d#1"});
  EXPECT_GT(shell.latest.at("d").slot, first.slot);
}

TEST(SupervisorCore, EndWithoutAnErrorBeforeTheStartIsOneForTheCaller) {
  fake_shell shell{{}};
  shell.start_all();
  shell.take(shell.core.start_child(shell.now, 1, child("a")));
  shell.died("a", death_reason::normal);
  EXPECT_EQ(shell.news(), (lines{"start a#1", "reply 1 start_failed", "close a for good"}));
}

TEST(SupervisorCore, StartOfAChildIsRefusedWhereItMakesNoSense) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.take(shell.core.start_child(shell.now, 1, child("b")));
  EXPECT_EQ(describe(shell.replies.back().error), "child_exists: 'b' is running");
  EXPECT_EQ(shell.replies.back().slot, shell.latest.at("b").slot);
  shell.take(shell.core.terminate_child(shell.now, 2, "b"));
  shell.ended("b");
  shell.take(shell.core.start_child(shell.now, 3, child("b")));
  EXPECT_EQ(describe(shell.replies.back().error), "child_exists: 'b' is down");
  shell.take(shell.core.start_child(shell.now, 4, child("")));
  EXPECT_EQ(describe(shell.replies.back().error), "invalid_spec: the child's name is empty");
  shell.take(shell.core.start_child(shell.now, 5, {.name = "x", .backoff = {.factor = 0}}));
  EXPECT_EQ(describe(shell.replies.back().error),
            "invalid_spec: child 'x': backoff.factor: it is no finite number from 1 on");
  EXPECT_EQ(shell.core.list_children().size(), 3u);
}

TEST(SupervisorCore, TerminatedChildCanBeRestartedOrDeleted) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.take(shell.core.restart_child(shell.now, 1, "b"));
  shell.take(shell.core.delete_child(shell.now, 2, "b"));
  EXPECT_EQ(shell.news(), (lines{"reply 1 child_active", "reply 2 child_active"}));
  shell.take(shell.core.terminate_child(shell.now, 3, "b"));
  shell.take(shell.core.restart_child(shell.now, 4, "b"));
  EXPECT_EQ(describe(shell.replies.back().error), "child_active: 'b' is stopping");
  shell.died("b", death_reason::exception);
  EXPECT_EQ(shell.news(), (lines{"stop b#1", "reply 4 child_active", "close b"}));
  EXPECT_EQ(describe(shell.closes.back().reason), "stopped: 'b' was terminated");
  shell.gone("b");
  EXPECT_EQ(shell.news(), lines{"reply 3 ok"});
  EXPECT_EQ(shell.reports.back()->restarts_left, 1);
  shell.take(shell.core.terminate_child(shell.now, 5, "b"));
  shell.take(shell.core.restart_child(shell.now, 6, "b"));
  EXPECT_EQ(shell.news(), (lines{"reply 5 ok", "start b#2"}));
  shell.started("b");
  EXPECT_EQ(shell.news(), lines{"reply 6 ok"});
  EXPECT_EQ(shell.info("b").restarts, 0u);
  shell.take(shell.core.terminate_child(shell.now, 7, "b"));
  shell.ended("b");
  shell.news();
  shell.take(shell.core.delete_child(shell.now, 8, "b"));
  EXPECT_EQ(shell.news(), (lines{"close b for good", "reply 8 ok"}));
  shell.take(shell.core.restart_child(shell.now, 9, "b"));
  shell.take(shell.core.terminate_child(shell.now, 10, "b"));
  shell.take(shell.core.delete_child(shell.now, 11, "b"));
  EXPECT_EQ(shell.news(),
            (lines{"reply 9 no_such_child", "reply 10 no_such_child", "reply 11 no_such_child"}));
}

TEST(SupervisorCore, RestartByHandThatFailsLeavesTheChildDown) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.take(shell.core.terminate_child(shell.now, 1, "b"));
  shell.ended("b");
  shell.take(shell.core.restart_child(shell.now, 2, "b"));
  shell.news();
  shell.died("b", death_reason::start_failed);
  EXPECT_EQ(shell.news(), (lines{"reply 2 crashed", "close b"}));
  EXPECT_EQ(shell.info("b").state, child_state::down);
  EXPECT_EQ(shell.reports.back()->restarts_left, 1);
}

TEST(SupervisorCore, TerminationEndsABackoff) {
  fake_shell shell{{.children = {{.name = "a", .backoff = steps_of_a_second()}, child("b")}}};
  shell.start_all();
  shell.died("a");
  shell.take(shell.core.restart_child(shell.now, 1, "a"));
  shell.take(shell.core.delete_child(shell.now, 2, "a"));
  shell.take(shell.core.terminate_child(shell.now, 3, "a"));
  EXPECT_EQ(shell.news(), (lines{"timer 1000", "reply 1 child_active", "reply 2 child_active", "close a"}));
  shell.gone("a");
  EXPECT_EQ(shell.news(), lines{"reply 3 ok"});
  shell.take(shell.core.restart_child(shell.now, 4, "a")); // by hand, without a delay
  EXPECT_EQ(shell.news(), lines{"start a#2"});
  shell.pass(1s);
  shell.timer();
  EXPECT_EQ(shell.news(), lines{});
}

TEST(SupervisorCore, LifeThatTheGroupEndedCountsForTheBackoff) {
  auto spec = three(one_for_all, 9);
  spec.children[1].backoff = steps_of_a_second();
  fake_shell shell{spec};
  shell.start_all();
  shell.died("b");
  shell.gone("b");
  shell.ended("c");
  shell.ended("a");
  shell.pass(1s);
  shell.timer();
  for (auto name : {"a", "b", "c"})
    shell.started(name);
  shell.pass(10s); // long enough
  shell.died("a");
  shell.gone("a");
  shell.ended("c");
  shell.ended("b");
  shell.started("a");
  shell.died("b", death_reason::start_failed);
  shell.gone("b");
  shell.news();
  shell.ended("a");
  EXPECT_EQ(shell.news(), lines{"timer 12000"});
}

TEST(SupervisorCore, TerminationDuringAStartAnswersBoth) {
  fake_shell shell{{}};
  shell.start_all();
  shell.take(shell.core.start_child(shell.now, 1, child("a")));
  shell.take(shell.core.terminate_child(shell.now, 2, "a"));
  EXPECT_EQ(shell.news(), (lines{"start a#1", "reply 1 stopped", "stop a#1"}));
  shell.started("a");
  shell.ended("a");
  EXPECT_EQ(shell.news(), (lines{"close a for good", "reply 2 ok"}));
  EXPECT_TRUE(shell.core.list_children().empty());
}

TEST(SupervisorCore, TerminationDuringAGroupsRestartTakesTheChildOut) {
  fake_shell shell{three(one_for_all)};
  shell.start_all();
  shell.died("c");
  shell.gone("c");
  shell.take(shell.core.terminate_child(shell.now, 1, "b")); // stops already
  shell.take(shell.core.terminate_child(shell.now, 2, "a")); // its turn comes
  shell.ended("b");
  shell.ended("a");
  EXPECT_EQ(shell.news(),
            (lines{"stop b#1", "close b", "reply 1 ok", "stop a#1", "close a", "reply 2 ok", "start c#2"}));
}

TEST(SupervisorCore, SeveralTerminationsOfOneChildAreAllAnswered) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.take(shell.core.terminate_child(shell.now, 1, "b"));
  shell.take(shell.core.terminate_child(shell.now, 2, "b"));
  shell.ended("b");
  EXPECT_EQ(shell.news(), (lines{"stop b#1", "close b", "reply 1 ok", "reply 2 ok"}));
}

TEST(SupervisorCore, TerminationsDoNotWaitForEachOtherUnlessChildrenDependOnEachOther) {
  auto terminate_both = [](supervision_strategy strategy) {
    fake_shell shell{three(strategy)};
    shell.start_all();
    shell.take(shell.core.terminate_child(shell.now, 1, "c"));
    shell.take(shell.core.terminate_child(shell.now, 2, "a"));
    return shell.news();
  };
  EXPECT_EQ(terminate_both(one_for_one), (lines{"stop c#1", "stop a#1"}));
  EXPECT_EQ(terminate_both(one_for_all), lines{"stop c#1"});
  EXPECT_EQ(terminate_both(rest_for_one), lines{"stop c#1"});
}

TEST(SupervisorCore, OperationsDuringTheStartOfTheTree) {
  fake_shell shell{three(one_for_all)};
  shell.take(shell.core.start_child(shell.now, 1, child("d"))); // even before it
  shell.take(shell.core.start(shell.now));
  shell.take(shell.core.terminate_child(shell.now, 2, "b"));
  shell.started("a");
  EXPECT_EQ(shell.news(), (lines{"start a#1", "close b", "reply 2 ok", "start c#1"}));
  shell.started("c");
  EXPECT_EQ(shell.news(), (lines{"up", "start d#1"}));
  shell.died("d", death_reason::start_failed); // its own matter, not the tree's
  EXPECT_EQ(shell.news(), (lines{"reply 1 crashed", "close d for good"}));
  EXPECT_EQ(shell.info("a").state, child_state::running);
}

TEST(SupervisorCore, ChildTerminatedBeforeItsFirstStartIsNoPartOfTheTreesStart) {
  fake_shell shell{{.strategy = one_for_all, .intensity = 5, .children = {child("a"), child("b")}}};
  shell.take(shell.core.start(shell.now));
  shell.take(shell.core.terminate_child(shell.now, 1, "b"));
  shell.started("a");
  EXPECT_EQ(shell.news(), (lines{"start a#1", "close b", "reply 1 ok", "up"}));
  shell.died("a");
  shell.gone("a");
  shell.started("a");
  EXPECT_EQ(shell.news(), (lines{"start a#2", "start b#1"}));
  shell.died("b", death_reason::start_failed);
  shell.gone("b");
  shell.ended("a");
  EXPECT_EQ(shell.news(), (lines{"stop a#2", "start a#3"})); // tried again
}

TEST(SupervisorCore, NameIsFreeWhenAllThatHadItAreGone) {
  fake_shell shell{{.children = {child("a", temporary)}}};
  shell.start_all();
  auto first = shell.latest.at("a");
  shell.died("a");
  shell.take(shell.core.start_child(shell.now, 1, child("a")));
  shell.take(shell.core.terminate_child(shell.now, 2, "a"));
  shell.take(shell.core.start_child(shell.now, 3, child("a")));
  EXPECT_EQ(shell.news(), (lines{"close a for good", "reply 1 stopped", "close a for good"}));
  shell.take(shell.core.on_gone(shell.now, first.slot, first.incarnation));
  EXPECT_EQ(shell.news(), (lines{"reply 2 ok", "start a#1"}));
}

TEST(SupervisorCore, GroupRestartStartsAnewWhatIsBeingStarted) {
  fake_shell shell{three(one_for_all, 2)};
  shell.start_all();
  shell.take(shell.core.start_child(shell.now, 1, child("d")));
  shell.take(shell.core.start_child(shell.now, 2, child("e", temporary)));
  shell.died("a");
  EXPECT_EQ(shell.news(), (lines{"start d#1", "reply 2 stopped", "close e for good", "stop d#1"}));
  shell.gone("a");
  for (auto name : {"d", "c", "b"})
    shell.ended(name);
  for (auto name : {"a", "b", "c", "d"})
    shell.started(name);
  EXPECT_EQ(shell.news(), (lines{"stop c#1", "stop b#1", "start a#2", "start b#2", "start c#2", "start d#2",
                                 "reply 1 ok"}));
}

TEST(SupervisorCore, EndAnswersWhatIsAskedBeforeAndLater) {
  fake_shell shell{three(one_for_one)};
  shell.start_all();
  shell.take(shell.core.start_child(shell.now, 1, child("d")));
  shell.take(shell.core.terminate_child(shell.now, 2, "b"));
  shell.stop();
  shell.take(shell.core.start_child(shell.now, 3, child("e")));
  shell.take(shell.core.terminate_child(shell.now, 4, "a"));
  EXPECT_EQ(shell.news(), (lines{"start d#1", "stop b#1", "reply 1 stopped", "stop d#1", "reply 3 stopped",
                                 "reply 4 stopped"}));
  shell.ended("b");
  shell.ended("d");
  shell.ended("c");
  shell.ended("a");
  EXPECT_EQ(shell.news(), (lines{"close b for good", "reply 2 ok", "close d for good", "stop c#1",
                                 "close c for good", "stop a#1", "close a for good", "ended shutdown"}));
  shell.take(shell.core.restart_child(shell.now, 5, "a"));
  shell.take(shell.core.delete_child(shell.now, 6, "nobody"));
  EXPECT_EQ(shell.news(), (lines{"reply 5 stopped", "reply 6 stopped"}));
}

TEST(SupervisorCore, DynamicChildrenComeFromTheTemplate) {
  fake_shell shell{{.strategy = dynamic,
                    .intensity = 0,
                    .children = {{.name = "t", .restart = temporary, .shutdown = shutdown::within(1s)}}}};
  shell.start_all();
  shell.take(shell.core.start_child(shell.now, 1, {}));
  shell.take(shell.core.start_child(shell.now, 2, child("mine")));
  shell.take(shell.core.start_child(shell.now, 3, child("t-2")));
  shell.take(shell.core.start_child(shell.now, 4, {}));
  EXPECT_EQ(shell.news(),
            (lines{"start t-1#1", "start mine#1", "start t-2#1", "start t-3#1"})); // side by side
  shell.take(shell.core.start_child(shell.now, 5, child("mine")));
  EXPECT_EQ(shell.news(), lines{"reply 5 child_exists"});
  shell.started("mine");
  shell.started("t-3");
  EXPECT_EQ(shell.news(), (lines{"reply 2 ok", "reply 4 ok"}));
  EXPECT_EQ(shell.core.count_children(), (child_counts{1, 2, 0, 4}));
  shell.died("mine");
  shell.gone("mine");
  EXPECT_EQ(shell.news(), lines{"close mine for good"});
  shell.take(shell.core.restart_child(shell.now, 6, "t-1"));
  shell.take(shell.core.delete_child(shell.now, 7, "t-1"));
  EXPECT_EQ(shell.news(), (lines{"reply 6 wrong_strategy", "reply 7 wrong_strategy"}));
  shell.take(shell.core.terminate_child(shell.now, 8, "t-3"));
  shell.ended("t-3");
  EXPECT_EQ(shell.news(), (lines{"stop t-3#1", "close t-3 for good", "reply 8 ok"}));
  EXPECT_EQ(shell.stops.back().how, shutdown::within(1s));
  shell.stop();
  EXPECT_EQ(shell.news(),
            (lines{"reply 1 stopped", "reply 3 stopped", "stop t-2#1", "stop t-1#1"})); // all at once
  shell.ended("t-1");
  shell.ended("t-2");
  EXPECT_EQ(shell.news(), (lines{"close t-1 for good", "close t-2 for good", "ended shutdown"}));
}

TEST(SupervisorCore, DynamicChildWithABodyOfItsOwnIsOfItsKind) {
  fake_shell shell{{.strategy = dynamic, .children = {child("t")}}};
  shell.start_all();
  shell.take(shell.core.start_child(
      shell.now, 1, {.name = "team", .kind = child_kind::supervisor, .body = supervisor_child({})}));
  shell.take(shell.core.start_child(shell.now, 2, child("one")));
  shell.started("team");
  EXPECT_EQ(shell.core.count_children(), (child_counts{1, 1, 1, 1}));
  shell.stop();
  ASSERT_EQ(shell.stops.size(), 2u);
  EXPECT_EQ(shell.stops[0].how, shutdown::within(5s));
  EXPECT_EQ(shell.stops[1].how, shutdown::wait_for_ever());
}

TEST(SupervisorCore, ChildrenAreListedAndCounted) {
  auto spec = three(one_for_one);
  spec.children[2].kind = child_kind::supervisor;
  spec.children[1].restart = transient;
  fake_shell shell{spec};
  shell.take(shell.core.start(shell.now));
  EXPECT_EQ(shell.info("a").state, child_state::starting);
  EXPECT_EQ(shell.info("b").state, child_state::waiting);
  EXPECT_EQ(shell.info("b").incarnation, 0u);
  shell.started("a");
  shell.started("b");
  shell.started("c");
  EXPECT_EQ(shell.core.count_children(), (child_counts{3, 3, 1, 2}));
  shell.died("b", death_reason::normal);
  EXPECT_EQ(shell.core.count_children(), (child_counts{3, 2, 1, 2}));
  shell.stop();
  EXPECT_EQ(shell.info("c").state, child_state::stopping);
  EXPECT_EQ(shell.info("c").kind, child_kind::supervisor);
  EXPECT_EQ(shell.info("b").last_death->reason, death_reason::normal);
  EXPECT_EQ(shell.info("a").last_death, nullptr);
  lines words;
  for (auto state : {child_state::waiting, child_state::starting, child_state::running, child_state::stopping,
                     child_state::down, child_state::down_for_good})
    words.push_back(to_string(state));
  EXPECT_EQ(words, (lines{"waiting", "starting", "running", "stopping", "down", "down_for_good"}));
}

} // namespace
