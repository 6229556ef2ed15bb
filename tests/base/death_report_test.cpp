#include "interp_actors/base/death_report.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace interp_actors;
using namespace std::chrono_literals;

namespace {

constexpr auto all = {
    death_reason::normal,   death_reason::shutdown,    death_reason::exception, death_reason::exit_code,
    death_reason::deadline, death_reason::interrupted, death_reason::abandoned, death_reason::start_failed,
    death_reason::killed,   death_reason::node_lost,
};

TEST(DeathReason, EveryReasonHasANameThatLeadsBack) {
  std::set<std::string> names;
  for (auto reason : all) {
    auto name = to_string(reason);
    EXPECT_EQ(name.find("unknown"), std::string::npos) << name;
    names.insert(name);
    death_reason parsed{};
    EXPECT_TRUE(from_string(name, parsed)) << name;
    EXPECT_EQ(parsed, reason);
  }
  EXPECT_EQ(names.size(), all.size());
}

TEST(DeathReason, ExactlyTheKnownIntegersAreReasons) {
  std::set<death_reason> found;
  for (int value = 0; value < 256; ++value) {
    death_reason reason{};
    if (from_integer(static_cast<std::uint8_t>(value), reason)) {
      EXPECT_EQ(static_cast<int>(reason), value);
      found.insert(reason);
    }
  }
  EXPECT_EQ(found, (std::set<death_reason>{all}));
}

TEST(DeathReason, UnknownNamesAreTold) {
  auto reason = death_reason::killed;
  EXPECT_FALSE(from_string("", reason));
  EXPECT_FALSE(from_string("Killed", reason));
  EXPECT_FALSE(from_string("killed ", reason));
  EXPECT_EQ(reason, death_reason::killed);
  EXPECT_EQ(to_string(static_cast<death_reason>(200)), "unknown (200)");
}

TEST(DeathReport, IsDescribedWithAllThatIsKnown) {
  death_report report;
  report.child = "scorer";
  report.incarnation = 3;
  report.interpreter = 12;
  report.reason = death_reason::exception;
  report.text = "an exception left 'score'";
  python_exception_data raised;
  raised.type = "MemoryError";
  raised.message = "no more";
  raised.frames = {{"scorer.py", 7, "score", "return [0] * n"}};
  report.error.emplace();
  report.error->exceptions = {raised};
  report.request = "score(std::string, shared_bytes)";
  report.uptime = 61s + 5ms + 999us;
  report.requests_served = 28;
  report.tracked_objects = 40'000;
  report.views_held = 1;
  report.restarts_left = 2;
  report.when = std::chrono::sys_days{std::chrono::year{2026} / 2 / 3} + 4h + 5min + 6s + 789ms;
  EXPECT_EQ(describe(report), "'scorer', incarnation 3 (interpreter 12) ended: exception\n"
                              "  an exception left 'score'\n"
                              "  while it handled score(std::string, shared_bytes)\n"
                              "  after 61.005 s and 28 requests, at 2026-02-03 04:05:06 UTC\n"
                              "  with 40000 objects and 1 view\n"
                              "  2 restarts left in the period\n"
                              "  Traceback (most recent call last):\n"
                              "    File \"scorer.py\", line 7, in score\n"
                              "      return [0] * n\n"
                              "  MemoryError: no more");
}

TEST(DeathReport, LeavesOutWhatIsNotKnown) {
  death_report report;
  report.child = "a";
  report.incarnation = 1;
  report.reason = death_reason::exit_code;
  report.exit_code = 3;
  report.text = "sys.exit(3)";
  report.requests_served = 1;
  EXPECT_EQ(describe(report), "'a', incarnation 1 ended: exit_code 3\n"
                              "  sys.exit(3)\n"
                              "  after 0.000 s and 1 request");
  report.node = "host:4242";
  EXPECT_TRUE(describe(report).starts_with("'a', incarnation 1 on node host:4242 ended:"));
  report.restarts_left = 0;
  EXPECT_TRUE(describe(report).ends_with("\n  0 restarts left in the period"));
}

TEST(DeathReport, IndentsEveryLineOfItsText) {
  death_report report;
  report.text = "one\n\ntwo\n";
  EXPECT_EQ(describe(report), "'', incarnation 0 ended: normal\n"
                              "  one\n"
                              "  \n"
                              "  two\n"
                              "  after 0.000 s and 0 requests");
}

} // namespace
