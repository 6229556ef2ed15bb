#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

#include "../../../tools/experiments/ordered_lines.hpp"
#include "../../../tools/experiments/progress.hpp"

namespace {

using namespace ia_experiments;
using namespace std::chrono_literals;

TEST(Progress, TheTimeLeftComesFromThisSessionAlone) {
  progress now{.unit = "trials", .total = 100, .ended = 60, .ended_before = 50};
  EXPECT_EQ(time_left(now, 20s), 80s);
  now.ended = 50;
  EXPECT_EQ(time_left(now, 20s), std::nullopt);
  now.total.reset();
  EXPECT_EQ(time_left(now, 20s), std::nullopt);
}

TEST(Progress, IsOneLine) {
  progress now{.unit = "trials", .total = 100, .ended = 60, .failed = 2, .running = 4};
  EXPECT_EQ(to_text(now, 60s), "60 of 100 trials, 2 failed, 4 running, 40 s left");
  now.trouble = "no node is left";
  EXPECT_EQ(to_text(now, 60s), "60 of 100 trials, 2 failed, 4 running, no node is left");
  now = {.unit = "lines", .ended = 7};
  EXPECT_EQ(to_text(now, 1s), "7 lines");
  EXPECT_EQ(to_text(75s), "1 min 15 s");
  EXPECT_EQ(to_text(2h + 5min), "2 h 05 min");
}

TEST(OrderedLines, ComeInTheirOrder) {
  std::string all;
  ordered_lines lines{[&](const std::string& line) { all += line; }, 10};
  lines.put(2, "c");
  lines.put(1, "b");
  EXPECT_EQ(all, "");
  lines.put(0, "a");
  EXPECT_EQ(all, "abc");
  lines.put(3, "d");
  EXPECT_EQ(all, "abcd");
}

TEST(OrderedLines, KeepNoMoreThanTheirWindow) {
  ordered_lines lines{[](const std::string&) {}, 2};
  EXPECT_TRUE(lines.wait_for_room(1));
  auto waiter = std::async(std::launch::async, [&] { return lines.wait_for_room(2); });
  EXPECT_EQ(waiter.wait_for(20ms), std::future_status::timeout);
  lines.put(0, "a");
  EXPECT_TRUE(waiter.get());
}

TEST(OrderedLines, AWaiterIsReleasedByTheEnd) {
  ordered_lines lines{[](const std::string&) {}, 1};
  auto waiter = std::async(std::launch::async, [&] { return lines.wait_for_room(1); });
  lines.close();
  EXPECT_FALSE(waiter.get());
}

} // namespace
