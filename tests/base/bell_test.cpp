#include "interp_actors/base/bell.hpp"
#include "interp_actors/base/bell_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

using interp_actors::bell;
using interp_actors::bell_pool;
using interp_actors::doorbell;
using namespace std::chrono_literals;

namespace {

bell::clock::time_point in(std::chrono::nanoseconds time) {
  return bell::clock::now() + time;
}

TEST(Bell, RingBeforeTheWaitIsKept) {
  bell it;
  it.ring();
  it.wait();
  it.ring();
  EXPECT_TRUE(it.wait_until(in(60s)));
}

TEST(Bell, SeveralRingsCountAsOne) {
  bell it;
  it.ring();
  it.ring();
  it.ring();
  EXPECT_TRUE(it.wait_until(in(60s)));
  EXPECT_FALSE(it.wait_until(in(1ms)));
}

TEST(Bell, WaitTakesTheRing) {
  bell it;
  it.ring();
  it.wait();
  EXPECT_FALSE(it.wait_until(in(1ms)));
}

TEST(Bell, WaitUntilReturnsFalseAtTheDeadlineAndNotBefore) {
  bell it;
  auto deadline = in(30ms);
  EXPECT_FALSE(it.wait_until(deadline));
  EXPECT_GE(bell::clock::now(), deadline);
}

TEST(Bell, PastDeadlineStillTakesARing) {
  bell it;
  EXPECT_FALSE(it.wait_until(bell::clock::now() - 1s));
  EXPECT_FALSE(it.wait_until(bell::clock::time_point::min()));
  it.ring();
  EXPECT_TRUE(it.wait_until(bell::clock::now() - 1s));
}

TEST(Bell, FarDeadlineWaitsForTheRing) {
  for (auto deadline : {bell::clock::time_point::max(), bell::clock::time_point::max() - 1ns}) {
    bell it;
    std::jthread ringer{[&] { it.ring(); }};
    EXPECT_TRUE(it.wait_until(deadline));
  }
}

TEST(Bell, ShowsWhatWasWrittenBeforeTheRing) {
  bell there;
  bell back;
  int value = 0; // no atomic: the bells order its reads and writes
  std::jthread other{[&] {
    for (int i = 0; i < 20'000; ++i) {
      there.wait();
      ++value;
      back.ring();
    }
  }};
  for (int i = 0; i < 20'000; ++i) {
    ++value;
    there.ring();
    back.wait();
  }
  EXPECT_EQ(value, 40'000);
}

TEST(Bell, LosesNoRingOfManyThreads) {
  constexpr int threads = 8;
  constexpr int rounds = 5000;
  bell it;
  std::atomic<int> announced{0};
  std::latch ready{threads};
  std::vector<std::jthread> ringers;
  for (int t = 0; t < threads; ++t)
    ringers.emplace_back([&] {
      ready.arrive_and_wait();
      for (int i = 0; i < rounds; ++i) {
        announced.fetch_add(1, std::memory_order_relaxed);
        it.ring();
      }
    });
  // Would wait for ever if a ring were lost: the test's time limit would end it.
  while (announced.load(std::memory_order_relaxed) < threads * rounds)
    it.wait();
  SUCCEED();
}

TEST(BellPool, BellThatWasGivenBackIsUsedAgain) {
  auto pool = std::make_shared<bell_pool>();
  auto first = pool->take();
  auto* place = first.get();
  auto second = pool->take();
  EXPECT_NE(second.get(), place);
  first.reset();
  EXPECT_EQ(pool->take().get(), place);
}

TEST(BellPool, BellKeepsItsPool) {
  auto pool = std::make_shared<bell_pool>();
  std::weak_ptr watcher{pool};
  auto one = pool->take();
  pool.reset();
  one->ring();
  one->wait();
  EXPECT_FALSE(watcher.expired());
  one.reset();
  EXPECT_TRUE(watcher.expired());
}

TEST(Doorbell, RingsForWhoeverWaitsThere) {
  doorbell door{std::make_shared<bell_pool>()};
  door.ring(); // for nobody
  auto first = door.make_bell();
  door.lead_to(*first);
  door.ring();
  EXPECT_TRUE(first->wait_until(in(60s)));
  auto second = door.make_bell();
  door.lead_to(*second);
  door.ring();
  EXPECT_TRUE(second->wait_until(in(60s)));
  EXPECT_FALSE(first->wait_until(in(0s)));
}

TEST(Doorbell, MayBeRungWhileWaitersFollowEachOther) {
  doorbell door{std::make_shared<bell_pool>()};
  std::atomic<bool> done{false};
  std::jthread ringer{[&] {
    while (!done)
      door.ring();
  }};
  for (int i = 0; i < 2000; ++i) {
    auto mine = door.make_bell();
    door.lead_to(*mine);
    EXPECT_TRUE(mine->wait_until(in(60s)));
  }
  done = true;
}

} // namespace
