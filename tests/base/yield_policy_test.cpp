#include "interp_actors/base/yield_policy.hpp"

#include <gtest/gtest.h>

using namespace interp_actors;

namespace {

/// Waits `waits` times, each yielding bringing `messages`, and returns how often it yielded.
std::size_t yields_in(yield_policy& policy, std::size_t waits, std::size_t messages) {
  std::size_t result = 0;
  for (std::size_t i = 0; i < waits; ++i)
    if (policy.begin()) {
      ++result;
      policy.end(messages);
    }
  return result;
}

TEST(YieldPolicy, GoesOnWhereItBringsMuch) {
  yield_policy policy;
  EXPECT_EQ(yields_in(policy, 100, yield_policy::worthwhile), 100u);
}

TEST(YieldPolicy, RestsLongerAndLongerWhereItBringsLittle) {
  yield_policy policy;
  EXPECT_EQ(yields_in(policy, 1, 0), 1u);
  EXPECT_EQ(yields_in(policy, 2, 1), 1u) << "after a rest of one wait";
  EXPECT_EQ(yields_in(policy, 4, 0), 1u) << "after three";
  EXPECT_EQ(yields_in(policy, 8, yield_policy::worthwhile - 1), 1u) << "after seven";
  yields_in(policy, 10'000, 0);
  EXPECT_LE(yields_in(policy, 10 * (yield_policy::longest_rest + 1), 0), 10u);
}

TEST(YieldPolicy, ComesBackOnceItBringsMuchAgain) {
  yield_policy policy;
  yields_in(policy, 10'000, 0);
  while (!policy.begin()) {
  }
  policy.end(yield_policy::worthwhile);
  EXPECT_EQ(yields_in(policy, 100, yield_policy::worthwhile), 100u);
}

} // namespace
