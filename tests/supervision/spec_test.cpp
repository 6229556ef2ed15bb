#include <gtest/gtest.h>

#include <limits>

#include "supervision/fake_shell.hpp"

using namespace supervision_test;

namespace {

lines problems(child_spec one, supervisor_spec around = {}) {
  around.children = {std::move(one)};
  return problems_of(around);
}

TEST(SupervisorSpec, HasTheDefaultsOfOtp) {
  supervisor_spec spec{.children = {{.name = "a"}}};
  EXPECT_EQ(spec.strategy, one_for_one);
  EXPECT_EQ(spec.intensity, 1);
  EXPECT_EQ(spec.period, caf::timespan{5s});
  EXPECT_EQ(spec.auto_shutdown, auto_shutdown::never);
  EXPECT_EQ(spec.budget, restart_budget::supervisor);
  auto& a = spec.children.front();
  EXPECT_EQ(a.restart, permanent);
  EXPECT_EQ(shutdown_of(a), shutdown::within(5s));
  EXPECT_FALSE(a.significant);
  EXPECT_EQ(delay_after(a.backoff, 9, 0.5), caf::timespan{0});
  a.kind = child_kind::supervisor;
  EXPECT_EQ(shutdown_of(a), shutdown::wait_for_ever());
  a.shutdown = shutdown::within(1s);
  EXPECT_EQ(shutdown_of(a), shutdown::within(1s));
  EXPECT_EQ(shutdown::abandon_at_once().limit(), caf::timespan{0});
  EXPECT_TRUE(problems_of(spec).empty());
}

TEST(SupervisorSpec, IsWrittenWithDesignatedInitialisers) {
  supervisor_spec spec{.strategy = rest_for_one,
                       .intensity = 3,
                       .period = 10s,
                       .auto_shutdown = auto_shutdown::any_significant,
                       .children = {{.name = "a", .shutdown = shutdown::within(1s)},
                                    {.name = "b",
                                     .restart = transient,
                                     .significant = true,
                                     .backoff = {.initial = 100ms, .maximum = 5s}}}};
  EXPECT_EQ(problems_of(spec), lines{});
  EXPECT_FALSE(check(problems_of(spec)));
}

TEST(SupervisorSpec, MistakesNameTheChildAndTheField) {
  EXPECT_EQ(problems({}), (lines{"children[0]: name: it is empty"}));
  EXPECT_EQ(problems_of(supervisor_spec{.children = {child("a"), child("b"), child("a")}}),
            (lines{"child 'a': name: another child has it, too"}));
  EXPECT_EQ(problems(child("a/b")),
            (lines{"child 'a/b': name: it contains '/', which stands between the names of a path"}));
  EXPECT_EQ(problems({.name = "a", .shutdown = shutdown::within(-1s)}),
            (lines{"child 'a': shutdown: the limit is negative"}));
  EXPECT_EQ(
      problems({.name = "a", .significant = true}, {.auto_shutdown = auto_shutdown::any_significant}),
      (lines{
          "child 'a': significant: a permanent child never ends for good; make it transient or temporary"}));
  EXPECT_EQ(problems({.name = "a", .restart = temporary, .significant = true}),
            (lines{"child 'a': significant: the supervisor's auto_shutdown is never; set it, too"}));
  EXPECT_EQ(problems(child("a"), {.intensity = -1}), (lines{"intensity: it is negative"}));
  EXPECT_EQ(problems(child("a"), {.period = 0s}),
            (lines{"period: an intensity needs one that is more than 0"}));
  EXPECT_EQ(problems(child("a"), {.intensity = 0, .period = 0s}), lines{});
  EXPECT_EQ(
      problems(child("a"), {.strategy = one_for_all, .budget = restart_budget::child}),
      (lines{"budget: with the strategy one_for_all, children have no budgets of their own; one_for_one "
             "allows them"}));
  EXPECT_EQ(problems_of(supervisor_spec{.strategy = dynamic}),
            (lines{"children: the strategy dynamic has exactly one, the template, not 0"}));
}

TEST(SupervisorSpec, BackoffHasItsRanges) {
  auto with = [](backoff delays) { return problems({.name = "a", .backoff = delays}); };
  EXPECT_EQ(with({.initial = -1ms}), (lines{"child 'a': backoff.initial: it is negative"}));
  EXPECT_EQ(with({.factor = 0.99}), (lines{"child 'a': backoff.factor: it is no finite number from 1 on"}));
  EXPECT_EQ(with({.factor = std::numeric_limits<double>::infinity()}).size(), 1u);
  EXPECT_EQ(with({.factor = std::numeric_limits<double>::quiet_NaN()}).size(), 1u);
  EXPECT_EQ(with({.factor = 1}), lines{});
  EXPECT_EQ(with({.initial = 2s, .maximum = 1s}),
            (lines{"child 'a': backoff.maximum: it is less than backoff.initial"}));
  EXPECT_EQ(with({.initial = 2s, .maximum = 2s}), lines{});
  EXPECT_EQ(with({.jitter = 1.01}), (lines{"child 'a': backoff.jitter: it is not between 0 and 1"}));
  EXPECT_EQ(with({.jitter = -0.01}).size(), 1u);
  EXPECT_EQ(with({.jitter = std::numeric_limits<double>::quiet_NaN()}).size(), 1u);
  EXPECT_EQ(with({.jitter = 1}), lines{});
  EXPECT_EQ(with({.jitter = 0}), lines{});
  EXPECT_EQ(with({.reset_after = -1s}), (lines{"child 'a': backoff.reset_after: it is negative"}));
}

TEST(SupervisorSpec, AllMistakesAreOneError) {
  auto error = check(problems_of(supervisor_spec{.intensity = -2, .children = {{}}}));
  EXPECT_EQ(code_of(error), "invalid_spec");
  EXPECT_EQ(describe(error), "invalid_spec: intensity: it is negative; children[0]: name: it is empty");
  EXPECT_THROW((supervisor_core{{.intensity = -2}, [] { return 0.0; }}), std::invalid_argument);
}

template <class T>
void expect_words(std::initializer_list<std::pair<T, const char*>> words) {
  for (auto& [value, word] : words) {
    EXPECT_EQ(to_string(value), word);
    T parsed{};
    EXPECT_TRUE(from_string(word, parsed));
    EXPECT_EQ(parsed, value);
  }
  auto untouched = words.begin()->first;
  EXPECT_FALSE(from_string("nonsense", untouched));
  EXPECT_FALSE(from_string("", untouched));
  EXPECT_EQ(untouched, words.begin()->first);
  EXPECT_EQ(to_string(static_cast<T>(99)), "unknown (99)");
}

TEST(SupervisorSpec, WordsLeadBack) {
  expect_words<restart_type>({{permanent, "permanent"}, {transient, "transient"}, {temporary, "temporary"}});
  expect_words<supervision_strategy>({{one_for_one, "one_for_one"},
                                      {one_for_all, "one_for_all"},
                                      {rest_for_one, "rest_for_one"},
                                      {dynamic, "dynamic"}});
  expect_words<auto_shutdown>({{auto_shutdown::never, "never"},
                               {auto_shutdown::any_significant, "any_significant"},
                               {auto_shutdown::all_significant, "all_significant"}});
  expect_words<restart_budget>(
      {{restart_budget::supervisor, "supervisor"}, {restart_budget::child, "child"}});
}

} // namespace
