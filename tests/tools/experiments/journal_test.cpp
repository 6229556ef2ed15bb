#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>

#include "../../../tools/experiments/journal.hpp"

namespace {

namespace fs = std::filesystem;

using namespace ia_experiments;

class Journal : public testing::Test {
protected:
  void SetUp() override { fs::remove_all(folder); }
  void TearDown() override { fs::remove_all(folder); }

  static void no_trouble(const std::string& what) { ADD_FAILURE() << what; }

  const fs::path folder = fs::path{testing::TempDir()} / ("journal_test_" + std::to_string(::getpid()));
  const std::vector<trial> plan = grid({parse_axis("x=1,2,3")});
  const configuration how{.code = {{"e.py", "abc"}}, .parameters = {"x"}, .seed = 5};
};

TEST_F(Journal, KeepsAllThatItWasTold) {
  {
    journal one{folder, no_trouble};
    EXPECT_FALSE(one.contents().configuration);
    one.begin(how, plan, "sweep e.py");
    auto first = one.start(plan[0].id, "hash 0", "sweep-1");
    one.report(first, {1, {{"loss", 0.5}, {"bad", std::nan("")}}});
    one.report(first, {2, {{"loss", 0.25}}});
    one.finish(first, "hash 0", plan[0].id,
               {.values = {{"loss", 0.25}}, .seconds = 1.5, .attempts = 1, .ended = 99}, nullptr);
    auto second = one.start(plan[1].id, "hash 1", "sweep-2");
    one.end(second, "exception", "ValueError: no");
    auto third = one.start(plan[1].id, "hash 1", "sweep-2");
    one.finish(
        third, "hash 1", plan[1].id,
        {.what = outcome::failed, .problem = "ValueError: no", .details = "Traceback...", .attempts = 2},
        nullptr);
  }
  auto all = read_journal(folder);
  ASSERT_TRUE(all.configuration);
  EXPECT_EQ(all.configuration->hash(), how.hash());
  EXPECT_EQ(all.trials.size(), 3U);
  EXPECT_EQ(all.trials.at(plan[2].id).parameters.dump(), R"({"x":3})");
  ASSERT_EQ(all.results.size(), 2U);
  auto& done = all.results.at("hash 0");
  EXPECT_EQ(done.what, outcome::done);
  EXPECT_EQ(done.values.dump(), R"({"loss":0.25})");
  EXPECT_EQ(done.seconds, 1.5);
  EXPECT_EQ(done.ended, 99);
  auto& failed = all.results.at("hash 1");
  EXPECT_EQ(failed.what, outcome::failed);
  EXPECT_EQ(failed.details, "Traceback...");
  EXPECT_EQ(failed.attempts, 2U);
  ASSERT_EQ(all.reports.at("hash 0").size(), 2U);
  EXPECT_EQ(all.reports.at("hash 0")[0].step, 1);
  EXPECT_EQ(all.reports.at("hash 0")[0].metrics.at("loss"), 0.5);
  EXPECT_TRUE(std::isnan(all.reports.at("hash 0")[0].metrics.at("bad")));
  EXPECT_TRUE(all.unfinished.empty());
  EXPECT_EQ(all.last_heartbeat, 0);
}

TEST_F(Journal, WhatIsCommittedOutlivesAKill) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  auto child = ::fork();
  if (child == 0) {
    journal one{folder, no_trouble};
    one.begin(how, plan, "sweep e.py");
    auto first = one.start(plan[0].id, "hash 0", "sweep-1");
    auto second = one.start(plan[1].id, "hash 1", "sweep-2");
    one.heartbeat({first, second});
    one.finish(first, "hash 0", plan[0].id, {.values = {{"loss", 1}}}, [&] {
      auto told = ::write(ends[1], "x", 1);
      (void)told;
    });
    ::pause();
    ::_exit(1);
  }
  char told = 0;
  ASSERT_EQ(::read(ends[0], &told, 1), 1);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ::close(ends[0]);
  ::close(ends[1]);
  {
    journal again{folder, no_trouble};
    EXPECT_EQ(again.contents().results.at("hash 0").values.dump(), R"({"loss":1})");
    EXPECT_EQ(again.contents().unfinished, std::vector{plan[1].id});
    EXPECT_GT(again.contents().last_heartbeat, 0);
    again.begin(how, plan, "sweep e.py");
  }
  EXPECT_TRUE(read_journal(folder).unfinished.empty());
}

TEST_F(Journal, BelongsToOneProcess) {
  journal one{folder, no_trouble};
  try {
    journal other{folder, no_trouble};
    FAIL();
  } catch (const std::runtime_error& problem) {
    EXPECT_EQ(std::string{problem.what()}, "'" + folder.string() + "' is in use by process "
                                               + std::to_string(::getpid())
                                               + "; wait for it, or give another folder");
  }
}

TEST_F(Journal, CanBeReadWhileItIsWritten) {
  journal one{folder, no_trouble};
  one.begin(how, plan, "sweep e.py");
  std::promise<void> committed;
  one.finish(one.start(plan[0].id, "hash 0", "sweep-1"), "hash 0", plan[0].id, {.values = {{"loss", 1}}},
             [&] { committed.set_value(); });
  ASSERT_EQ(committed.get_future().wait_for(std::chrono::seconds{30}), std::future_status::ready);
  EXPECT_EQ(read_journal(folder).results.size(), 1U);
}

TEST_F(Journal, ManyRecordersLoseNothing) {
  constexpr int threads = 8, each = 500;
  std::atomic<int> committed{0};
  {
    journal one{folder, no_trouble};
    one.begin(how, plan, "sweep e.py");
    std::vector<std::future<void>> recorders;
    for (int t = 0; t < threads; ++t)
      recorders.push_back(std::async(std::launch::async, [&, t] {
        for (int i = 0; i < each; ++i) {
          auto hash = std::to_string(t) + "/" + std::to_string(i);
          one.finish(one.start(plan[0].id, hash, "w"), hash, plan[0].id, {.values = {{"n", i}}},
                     [&] { ++committed; });
        }
      }));
    for (auto& recorder : recorders)
      recorder.get();
  }
  EXPECT_EQ(committed, threads * each);
  EXPECT_EQ(read_journal(folder).results.size(), std::size_t{threads * each});
}

TEST_F(Journal, ThatCannotBeWrittenSaysSoOnceAndKeepsNobodyWaiting) {
  std::promise<std::string> trouble;
  std::atomic<int> told{0}, committed{0};
  {
    journal one{folder, [&](const std::string& what) {
                  if (told++ == 0)
                    trouble.set_value(what);
                }};
    one.begin(how, plan, "sweep e.py");
    // A trial that is in no plan: the database refuses it.
    one.finish(one.start("nobody", "hash", "w"), "hash", "nobody", {}, [&] { ++committed; });
    auto what = trouble.get_future();
    ASSERT_EQ(what.wait_for(std::chrono::seconds{30}), std::future_status::ready);
    EXPECT_NE(what.get().find("the journal cannot be written: FOREIGN KEY"), std::string::npos);
    one.finish(one.start(plan[0].id, "hash 0", "w"), "hash 0", plan[0].id, {}, [&] { ++committed; });
  }
  EXPECT_EQ(told, 1);
  EXPECT_EQ(committed, 0);
}

TEST_F(Journal, OfSomethingElseIsRefused) {
  fs::create_directories(folder);
  std::ofstream{folder / "journal.sqlite"} << "this is no database, and long enough to be seen as none";
  EXPECT_THROW((journal{folder, no_trouble}), std::runtime_error);
  EXPECT_THROW((void)read_journal(folder / "nowhere"), std::runtime_error);
}

} // namespace
