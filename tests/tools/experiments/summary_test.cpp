#include <gtest/gtest.h>
#include <pugixml.hpp>

#include <regex>

#include "../../../tools/experiments/summary.hpp"

namespace {

using namespace ia_experiments;
using nlohmann::ordered_json;

trial_row row(const trial& one, ordered_json values, outcome what = outcome::done) {
  return {one, trial_result{.what = what, .values = std::move(values), .seconds = 0.25}};
}

std::vector<trial_row> example() {
  auto plan = grid({parse_axis("lr=0.1,0.01,0.001"), parse_axis("act=relu,\"t,anh\"")});
  std::vector<trial_row> rows{row(plan[0], {{"name", "a"}, {"loss", 3.0}, {"curve", {1, 2}}}),
                              row(plan[1], {{"name", "b"}, {"loss", 1.0}, {"curve", {1, 2}}}),
                              row(plan[2], {{"name", "c"}, {"loss", nullptr}, {"curve", {1, 2}}}),
                              row(plan[3], {{"loss", 0.5}}, outcome::pruned),
                              row(plan[4], ordered_json::object(), outcome::failed),
                              {plan[5], std::nullopt}};
  rows[4].result->problem = "ValueError: \"quoted\", and so on";
  rows[4].result->details = "Traceback\n";
  return rows;
}

TEST(Summary, TheMetricIsTheFirstNumberThatAllReturned) {
  EXPECT_EQ(common_metric(example()), "loss");
  EXPECT_EQ(common_metric({}), "");
  EXPECT_EQ(metric_of(example()[3], "loss"), 0.5);
  EXPECT_EQ(metric_of(example()[4], "loss"), std::nullopt);
}

TEST(Summary, TheBestTrialsAreDoneAndComeFirst) {
  auto rows = example();
  auto best = best_trials(rows, "loss", false, 10);
  ASSERT_EQ(best.size(), 3U);
  EXPECT_EQ(best[0], &rows[1]);
  EXPECT_EQ(best[1], &rows[0]);
  EXPECT_EQ(best[2], &rows[2]); // no number is worse than all
  EXPECT_EQ(best_trials(rows, "loss", true, 1).front(), &rows[0]);
}

TEST(Summary, TheTableHasAHeadingAndALineForEach) {
  auto rows = example();
  auto text = table(best_trials(rows, "loss", false, 10), 0);
  EXPECT_NE(text.find("trial"), std::string::npos);
  EXPECT_NE(text.find("lr"), std::string::npos);
  EXPECT_NE(text.find("loss"), std::string::npos);
  EXPECT_EQ(text.find("curve"), std::string::npos);
  EXPECT_NE(text.find(rows[1].trial.id), std::string::npos);
  EXPECT_LT(text.find(rows[1].trial.id), text.find(rows[0].trial.id));
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\033'), std::string::npos);
}

TEST(Summary, CsvQuotesWhatItMust) {
  auto rows = example();
  auto text = to_csv(rows);
  EXPECT_EQ(text.substr(0, text.find("\r\n")),
            "trial,number,lr,act,outcome,name,loss,curve,seconds,attempts,problem");
  EXPECT_NE(text.find(rows[1].trial.id
                      + R"(,2,0.1,"t,anh",done,b,1.0,"[1,2]",0.250000,1,)"
                        "\r\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"(,failed,,,,0.250000,1,"ValueError: ""quoted"", and so on")"
                      "\r\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(rows[5].trial.id
                      + R"(,6,0.001,"t,anh",not run,,,,,,)"
                        "\r\n"),
            std::string::npos)
      << text;
}

TEST(Summary, JsonHasAllOfIt) {
  auto all = ordered_json::parse(to_json(example()));
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[1].at("parameters").at("act"), "t,anh");
  EXPECT_EQ(all[1].at("result").at("curve").size(), 2U);
  EXPECT_EQ(all[4].at("traceback"), "Traceback\n");
  EXPECT_EQ(all[5].at("outcome"), "not run");
}

/// Whether a number of the plot is none.
bool has_no_number(const std::string& text) {
  return std::regex_search(text, std::regex{"\\b(nan|inf)\\b"});
}

TEST(Summary, ThePlotHasAPanelForEachParameterAndAPointForEachTrial) {
  auto rows = example();
  rows[0].trial.parameters["act"] = "<&>";
  pugi::xml_document document;
  auto text = plot(rows, "loss", false);
  ASSERT_TRUE(document.load_string(text.c_str())) << text;
  auto svg = document.child("svg");
  EXPECT_EQ(std::distance(svg.children("g").begin(), svg.children("g").end()), 2);
  EXPECT_EQ(document.select_nodes("//circle").size(), 4U); // two trials with a number, over two parameters
  EXPECT_EQ(document.select_nodes("//circle[@class='best']").size(), 2U);
  EXPECT_NE(std::string{document.select_node("//circle/title").node().text().get()}.find("loss 3"),
            std::string::npos);
  EXPECT_EQ(document.select_nodes("//text[.='loss over act']").size(), 1U);
  EXPECT_FALSE(has_no_number(text)) << text;
}

TEST(Summary, ThePlotOfOnePointAndOfNoneAreWhole) {
  auto one = std::vector{row(grid({parse_axis("x=1")}).front(), {{"y", 0}})};
  EXPECT_FALSE(has_no_number(plot(one, "y", false)));
  pugi::xml_document document;
  EXPECT_TRUE(document.load_string(plot({}, "y", false).c_str()));
}

} // namespace
