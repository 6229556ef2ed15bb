#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "supervision/fake_shell.hpp"

using namespace supervision_test;

namespace {

using places = std::vector<std::size_t>;
using outcome = decision::outcome;

constexpr restart_time start_time{};

// -- who is started again --------------------------------------------------------------------------------------------------

class EveryDeath
    : public testing::TestWithParam<std::tuple<restart_type, death_reason, supervision_strategy>> {
protected:
  static bool expect_restart(restart_type type, death_reason reason) {
    static const std::set<death_reason> abnormal = {
        death_reason::exception,    death_reason::exit_code, death_reason::deadline,
        death_reason::interrupted,  death_reason::abandoned, death_reason::killed,
        death_reason::start_failed, death_reason::node_lost,
    };
    return type == permanent || (type == transient && abnormal.contains(reason));
  }
};

TEST_P(EveryDeath, RestartsAndStopsWhomOtpDoes) {
  auto [type, reason, strategy] = GetParam();
  supervisor_spec spec{
      .strategy = strategy,
      .children = {child("a"), child("b", type), child("c", temporary), child("d", transient)}};
  std::vector<supervised> children;
  for (auto& one : spec.children)
    children.push_back({&one, one.name != "b", false});
  auto result = decide(spec, children, {.who = 1, .reason = reason}, {1, 5s}, {}, start_time, 0);
  decision expected;
  if (!expect_restart(type, reason)) {
    if (type == temporary || strategy == dynamic)
      expected.remove = {1};
  } else {
    expected.what = outcome::restart;
    switch (strategy) {
    case one_for_all:
      expected.stop = {3, 2, 0};
      expected.start = {0, 1, 3};
      expected.remove = {2};
      break;
    case rest_for_one:
      expected.stop = {3, 2};
      expected.start = {1, 3};
      expected.remove = {2};
      break;
    default:
      expected.start = {1};
    }
  }
  EXPECT_EQ(result, expected);
}

/// The same in a supervisor: what is stopped and started, in which order, and who is left.
TEST_P(EveryDeath, IsFollowedInOrder) {
  auto [type, reason, strategy] = GetParam();
  if (strategy == dynamic) {
    fake_shell shell{{.strategy = strategy, .children = {child("t", type)}}};
    shell.start_all();
    for (auto name : {"a", "b"}) {
      shell.take(shell.core.start_child(shell.now, 1, child(name)));
      shell.started(name);
    }
    shell.news();
    shell.died("b", reason);
    shell.gone("b");
    EXPECT_EQ(shell.news(),
              expect_restart(type, reason) ? (lines{"start b#2"}) : (lines{"close b for good"}));
    EXPECT_EQ(shell.core.list_children().size(), expect_restart(type, reason) ? 2u : 1u);
    return;
  }
  fake_shell shell{
      {.strategy = strategy,
       .children = {child("a"), child("b", type), child("c", temporary), child("d", transient)}}};
  shell.start_all();
  shell.died("b", reason);
  shell.gone("b");
  lines expected;
  if (!expect_restart(type, reason)) {
    EXPECT_EQ(shell.news(), (lines{type == temporary ? "close b for good" : "close b"}));
    EXPECT_EQ(shell.core.list_children().size(), type == temporary ? 3u : 4u);
    EXPECT_EQ(shell.reports.back()->restarts_left, 1);
    return;
  }
  EXPECT_EQ(shell.reports.back()->restarts_left, 0);
  if (strategy == one_for_one) {
    EXPECT_EQ(shell.news(), (lines{"start b#2"}));
    EXPECT_EQ(shell.core.list_children().size(), 4u);
    return;
  }
  EXPECT_EQ(shell.news(), (lines{"stop d#1"}));
  shell.ended("d");
  EXPECT_EQ(shell.news(), (lines{"stop c#1"}));
  shell.ended("c");
  if (strategy == one_for_all) {
    EXPECT_EQ(shell.news(), (lines{"close c for good", "stop a#1"}));
    shell.ended("a");
    EXPECT_EQ(shell.news(), (lines{"start a#2"}));
    shell.started("a");
    EXPECT_EQ(shell.news(), (lines{"start b#2"}));
  } else {
    EXPECT_EQ(shell.news(), (lines{"close c for good", "start b#2"}));
  }
  shell.started("b");
  EXPECT_EQ(shell.news(), (lines{"start d#2"}));
  shell.started("d");
  EXPECT_EQ(shell.news(), lines{});
  EXPECT_EQ(shell.core.list_children().size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(AllOf, EveryDeath,
                         testing::Combine(testing::Values(permanent, transient, temporary),
                                          testing::Values(death_reason::normal, death_reason::shutdown,
                                                          death_reason::exception, death_reason::exit_code,
                                                          death_reason::deadline, death_reason::interrupted,
                                                          death_reason::abandoned, death_reason::start_failed,
                                                          death_reason::killed, death_reason::node_lost),
                                          testing::Values(one_for_one, one_for_all, rest_for_one, dynamic)),
                         [](const auto& info) {
                           return to_string(std::get<0>(info.param)) + "_"
                                  + to_string(std::get<1>(info.param)) + "_"
                                  + to_string(std::get<2>(info.param));
                         });

TEST(RestartPolicy, FailedRestartIsTriedAgainWhateverTheReason) {
  supervisor_spec spec{.children = {child("a", transient)}};
  std::vector<supervised> children{{&spec.children[0]}};
  for (auto reason : {death_reason::normal, death_reason::shutdown, death_reason::start_failed}) {
    auto result = decide(spec, children, {0, reason, true}, {1, 5s}, {}, start_time, 0);
    EXPECT_EQ(result.what, outcome::restart);
    EXPECT_EQ(result.start, places{0});
  }
}

TEST(RestartPolicy, GroupStartsThoseThatAreDown) {
  supervisor_spec spec{.strategy = one_for_all, .children = {child("a"), child("b"), child("c")}};
  std::vector<supervised> children{
      {&spec.children[0], false, false}, {&spec.children[1]}, {&spec.children[2], true}};
  auto result = decide(spec, children, {1, death_reason::exception}, {1, 5s}, {}, start_time, 0);
  EXPECT_EQ(result.stop, places{2});
  EXPECT_EQ(result.start, (places{0, 1, 2}));
}

TEST(RestartPolicy, ExceededIntensityStopsAllInReverse) {
  for (auto strategy : {one_for_one, one_for_all, rest_for_one}) {
    supervisor_spec spec{
        .strategy = strategy, .intensity = 0, .children = {child("a"), child("b"), child("c")}};
    std::vector<supervised> children{
        {&spec.children[0], true}, {&spec.children[1]}, {&spec.children[2], true}};
    auto result = decide(spec, children, {1, death_reason::exception}, {0, 5s}, {}, start_time, 0);
    EXPECT_EQ(result.what, outcome::give_up);
    EXPECT_EQ(result.stop, (places{2, 0}));
    EXPECT_EQ(result.start, places{});
  }
}

TEST(RestartPolicy, ChildWithItsOwnBudgetGivesUpAloneUnlessItIsTheLast) {
  supervisor_spec spec{.budget = restart_budget::child, .children = {child("a"), child("b")}};
  restart_window spent{0, 5s};
  auto with = [&](supervised other) {
    std::vector<supervised> children{{&spec.children[0]}, other};
    return decide(spec, children, {0, death_reason::exception}, spent, {}, start_time, 0).what;
  };
  EXPECT_EQ(with({&spec.children[1], true, false}), outcome::child_gives_up);
  EXPECT_EQ(with({&spec.children[1], false, true}), outcome::child_gives_up);
  EXPECT_EQ(with({&spec.children[1], false, false}), outcome::give_up);
}

TEST(RestartPolicy, SignificantChildrenEndTheSupervisorAsItSays) {
  auto after = [](auto_shutdown when, bool significant, bool other_lives, bool other_awaited,
                  death_reason reason) {
    supervisor_spec spec{.auto_shutdown = when, .children = {child("a", transient), child("b", transient)}};
    spec.children[0].significant = significant;
    spec.children[1].significant = true;
    std::vector<supervised> children{{&spec.children[0]}, {&spec.children[1], other_lives, other_awaited}};
    return decide(spec, children, {0, reason}, {1, 5s}, {}, start_time, 0).what;
  };
  auto normal = death_reason::normal;
  EXPECT_EQ(after(auto_shutdown::never, true, false, false, normal), outcome::none);
  EXPECT_EQ(after(auto_shutdown::any_significant, true, true, false, normal), outcome::auto_shutdown);
  EXPECT_EQ(after(auto_shutdown::any_significant, false, true, false, normal), outcome::none);
  EXPECT_EQ(after(auto_shutdown::any_significant, true, true, false, death_reason::exception),
            outcome::restart);
  EXPECT_EQ(after(auto_shutdown::all_significant, true, true, false, normal), outcome::none);
  EXPECT_EQ(after(auto_shutdown::all_significant, true, false, true, normal), outcome::none);
  EXPECT_EQ(after(auto_shutdown::all_significant, true, false, false, normal), outcome::auto_shutdown);
}

// -- intensity and period ----------------------------------------------------------------------------------------------------

TEST(RestartWindow, CountsTheLastPeriodWithItsEdge) {
  restart_window window{2, 5s};
  EXPECT_EQ(window.left(start_time), 2);
  window.add(start_time);
  window.add(start_time + 2s);
  EXPECT_FALSE(window.allows(start_time + 2s));
  EXPECT_EQ(window.left(start_time + 5s), 0); // a period ago counts, as in OTP
  EXPECT_EQ(window.left(start_time + 5s + 1ns), 1);
  EXPECT_EQ(window.left(start_time + 7s), 1);
  EXPECT_EQ(window.left(start_time + 7s + 1ns), 2);
  window.add(start_time + 6s);
  EXPECT_EQ(window.left(start_time + 6s), 0);
}

TEST(RestartWindow, AllowsNothingWithIntensityZero) {
  restart_window window{0, 5s};
  EXPECT_FALSE(window.allows(start_time));
  EXPECT_EQ(window.left(start_time), 0);
}

TEST(RestartWindow, NeverHasLessThanNothingLeft) {
  restart_window window{1, 5s};
  window.add(start_time);
  window.add(start_time);
  EXPECT_EQ(window.left(start_time), 0);
}

// -- backoff ------------------------------------------------------------------------------------------------------------------

TEST(Backoff, GrowsByItsFactorUpToItsMaximum) {
  backoff delays{.initial = 100ms, .factor = 3, .maximum = 2s, .jitter = 0};
  std::vector<caf::timespan> found;
  for (std::size_t i = 0; i < 5; ++i)
    found.push_back(delay_after(delays, i, 0.9));
  EXPECT_EQ(found, (std::vector<caf::timespan>{100ms, 300ms, 900ms, 2s, 2s}));
  EXPECT_EQ(delay_after(delays, 1'000'000, 0), caf::timespan{2s});
}

TEST(Backoff, AddsARandomPart) {
  backoff delays{.initial = 100ms, .factor = 2, .maximum = 200ms, .jitter = 0.5};
  EXPECT_EQ(delay_after(delays, 0, 0), caf::timespan{100ms});
  EXPECT_EQ(delay_after(delays, 0, 0.5), caf::timespan{125ms});
  EXPECT_EQ(delay_after(delays, 1, 0.5), caf::timespan{250ms});
  EXPECT_EQ(delay_after(delays, 5, 0.5),
            caf::timespan{250ms}); // jitter comes on top of the maximum, as in Pekko
}

TEST(Backoff, IsNoneByDefault) {
  EXPECT_EQ(delay_after({}, 100, 0.99), caf::timespan{0});
}

TEST(Backoff, StaysATimeWithTheGreatestNumbers) {
  backoff delays{
      .initial = caf::timespan::max(), .factor = 1e300, .maximum = caf::timespan::max(), .jitter = 1};
  EXPECT_GT(delay_after(delays, 1000, 0.999), std::chrono::hours{24 * 365 * 50});
}

TEST(Backoff, StartsAgainAfterALongEnoughLife) {
  backoff delays{.initial = 1s, .factor = 2, .maximum = 1min, .jitter = 0, .reset_after = 10s};
  supervisor_spec spec{.intensity = 100, .children = {{.name = "a", .backoff = delays}}};
  std::vector<supervised> children{{&spec.children[0]}};
  auto delay = [&](const backoff_history& history, restart_time now) {
    return decide(spec, children, {0, death_reason::exception}, {100, 5s}, history, now, 0).delay;
  };
  EXPECT_EQ(delay({.restarts = 3, .started = start_time}, start_time + 10s - 1ns), caf::timespan{8s});
  EXPECT_EQ(delay({.restarts = 3, .started = start_time}, start_time + 10s), caf::timespan{1s});
  EXPECT_EQ(delay({.restarts = 3, .started = std::nullopt}, start_time + 1h), caf::timespan{8s});
  EXPECT_EQ(after_restart(delays, {.restarts = 3, .started = start_time}, start_time + 1s).restarts, 4u);
  EXPECT_EQ(after_restart(delays, {.restarts = 3, .started = start_time}, start_time + 10s).restarts, 1u);
  EXPECT_FALSE(after_restart(delays, {.restarts = 3, .started = start_time}, start_time).started);
  // By default, a life as long as the first delay is long enough.
  spec.children[0].backoff.reset_after = 0s;
  EXPECT_EQ(delay({.restarts = 3, .started = start_time}, start_time + 1s - 1ns), caf::timespan{8s});
  EXPECT_EQ(delay({.restarts = 3, .started = start_time}, start_time + 1s), caf::timespan{1s});
}

} // namespace
