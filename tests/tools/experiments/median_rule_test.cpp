#include <gtest/gtest.h>

#include <cmath>

#include "../../../tools/experiments/median_rule.hpp"

namespace {

using ia_experiments::median_rule;

/// Three trials that have finished, with the values 1, 2 and 3 at steps 10 and 20.
median_rule with_three(median_rule::options how) {
  median_rule rule{how};
  for (int value : {1, 2, 3}) {
    auto name = std::to_string(value);
    (void)rule.report(name, 10, value);
    (void)rule.report(name, 20, value);
    rule.finish(name);
  }
  return rule;
}

TEST(MedianRule, StopsWhatIsWorseThanTheMedian) {
  auto rule = with_three({.startup_trials = 3});
  EXPECT_FALSE(rule.report("good", 10, 1.5));
  EXPECT_FALSE(rule.report("median", 10, 2));
  EXPECT_TRUE(rule.report("bad", 10, 2.5));
}

TEST(MedianRule, LooksInTheOtherDirectionWhereLargeIsGood) {
  auto rule = with_three({.maximize = true, .startup_trials = 3});
  EXPECT_FALSE(rule.report("good", 10, 2.5));
  EXPECT_TRUE(rule.report("bad", 10, 1.5));
}

TEST(MedianRule, TheBestValueSoFarCounts) {
  auto rule = with_three({.startup_trials = 3});
  EXPECT_FALSE(rule.report("once good", 5, 1));
  EXPECT_FALSE(rule.report("once good", 10, 99));
}

TEST(MedianRule, WaitsForStartupAndWarmup) {
  auto few = with_three({.startup_trials = 4});
  EXPECT_FALSE(few.report("bad", 10, 99));
  auto early = with_three({.startup_trials = 3, .warmup_steps = 20});
  EXPECT_FALSE(early.report("bad", 19, 99));
  EXPECT_TRUE(early.report("bad", 20, 99));
}

TEST(MedianRule, ComparesWithWhatOthersHadAtThatStep) {
  auto rule = with_three({.startup_trials = 3});
  EXPECT_FALSE(rule.report("early", 9, 99)); // nobody had anything before step 10
  EXPECT_TRUE(rule.report("between", 15, 2.5));
  median_rule falling{{.startup_trials = 1}};
  (void)falling.report("a", 1, 10);
  (void)falling.report("a", 2, 1);
  falling.finish("a");
  EXPECT_FALSE(falling.report("b", 1, 9));
  EXPECT_TRUE(falling.report("b", 2, 9));
}

TEST(MedianRule, NoNumberIsWorseThanAll) {
  auto rule = with_three({.startup_trials = 3});
  EXPECT_TRUE(rule.report("diverged", 10, std::nan("")));
  median_rule diverging{{.startup_trials = 1}};
  (void)diverging.report("a", 1, std::nan(""));
  diverging.finish("a");
  EXPECT_FALSE(diverging.report("b", 1, 1e9));
  EXPECT_FALSE(diverging.report("c", 1, std::nan("")));
}

TEST(MedianRule, OnlyFinishedTrialsCount) {
  median_rule rule{{.startup_trials = 1}};
  (void)rule.report("running", 1, 1);
  EXPECT_FALSE(rule.report("other", 1, 99));
  rule.forget("running");
  rule.finish("running");
  EXPECT_FALSE(rule.report("other", 1, 99));
}

TEST(MedianRule, OfAnEvenNumberHalfReachesIt) {
  median_rule rule{{.startup_trials = 2}};
  for (int value : {1, 3}) {
    (void)rule.report(std::to_string(value), 1, value);
    rule.finish(std::to_string(value));
  }
  EXPECT_FALSE(rule.report("as the worse one", 1, 3));
  EXPECT_TRUE(rule.report("worse than both", 1, 3.5));
}

} // namespace
