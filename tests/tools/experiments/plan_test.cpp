#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "../../../tools/experiments/plan.hpp"

namespace {

using namespace ia_experiments;
using nlohmann::ordered_json;

std::string refused(const std::string& text) {
  try {
    (void)parse_axis(text);
  } catch (const std::invalid_argument& problem) {
    return problem.what();
  }
  return "accepted";
}

std::set<std::string> ids(const std::vector<trial>& trials) {
  std::set<std::string> result;
  for (auto& one : trials)
    result.insert(one.id);
  return result;
}

TEST(Plan, ValuesAreWhatPythonWouldMakeOfThem) {
  auto read = parse_axis(R"(x=1,0.5,-3,1e-3,2.,+7,true,False,None,relu,"a,b",[1,2],{"k": [3,4]},1.0)");
  auto expected =
      ordered_json::parse(R"([1,0.5,-3,0.001,2.0,7,true,false,null,"relu","a,b",[1,2],{"k":[3,4]},1.0])");
  EXPECT_EQ(read.name, "x");
  EXPECT_EQ(ordered_json(read.values).dump(), expected.dump());
  // None and null are the same value, and so are 0.5 and .5.
  EXPECT_EQ(refused("x=None,null"), "'x=None,null' has the value null twice");
  EXPECT_EQ(refused("x=0.5,.5"), "'x=0.5,.5' has the value .5 twice");
}

TEST(Plan, APlanHasEveryCombinationOnceInOrder) {
  auto trials = grid({parse_axis("lr=0.1,0.01"), parse_axis("layers=1,2,3")});
  ASSERT_EQ(trials.size(), 6U);
  EXPECT_EQ(trials[0].parameters.dump(), R"({"lr":0.1,"layers":1})");
  EXPECT_EQ(trials[1].parameters.dump(), R"({"lr":0.1,"layers":2})");
  EXPECT_EQ(trials[5].parameters.dump(), R"({"lr":0.01,"layers":3})");
  EXPECT_EQ(trials[5].number, 6U);
  EXPECT_EQ(ids(trials).size(), 6U);
  EXPECT_EQ(grid({}).size(), 1U);
}

TEST(Plan, IdsDependOnTheParametersAlone) {
  auto one = grid({parse_axis("lr=0.1,0.01"), parse_axis("layers=1,2,3")});
  auto other = grid({parse_axis("layers=3,2,1,9"), parse_axis("lr=0.5,0.01,0.1")});
  auto all = ids(other);
  for (auto& id : ids(one))
    EXPECT_TRUE(all.contains(id));
  // A journal of today is read tomorrow: the id is part of its format.
  EXPECT_EQ(trial_id(ordered_json::parse(R"({"lr":0.1,"layers":1})")),
            trial_id(ordered_json::parse(R"({"layers":1,"lr":0.1})")));
  EXPECT_EQ(trial_id(ordered_json::parse(R"({"a":1})")), "015abd7f5cc57a2d");
  EXPECT_NE(trial_id(ordered_json::parse(R"({"a":1})")), trial_id(ordered_json::parse(R"({"a":1.0})")));
}

TEST(Plan, ASampleBeginsAlikeForEverySize) {
  std::vector<axis> axes{parse_axis("a=1,2,3,4,5,6,7,8"), parse_axis("b=1,2,3,4,5,6,7,8")};
  auto few = sample(axes, 5, 42), many = sample(axes, 20, 42), other = sample(axes, 20, 43),
       all = sample(axes, 1000, 42);
  ASSERT_EQ(few.size(), 5U);
  for (std::size_t i = 0; i < few.size(); ++i)
    EXPECT_EQ(few[i].id, many[i].id);
  EXPECT_EQ(ids(many).size(), 20U);
  EXPECT_NE(ids(many), ids(other));
  EXPECT_EQ(ids(all), ids(grid(axes)));
}

TEST(Plan, AGridThatIsTooLargeCanBeSampled) {
  std::vector<axis> axes;
  for (char name = 'a'; name <= 'z'; ++name)
    axes.push_back(parse_axis(std::string{name} + "=1,2,3,4,5,6,7,8,9,10"));
  EXPECT_THROW((void)grid(axes), std::invalid_argument);
  EXPECT_EQ(ids(sample(axes, 100, 1)).size(), 100U);
}

TEST(Plan, MistakesAreNamed) {
  EXPECT_EQ(refused("lr"), "'lr' is no parameter with its values; write NAME=VALUE,VALUE");
  EXPECT_EQ(refused("=1"), "'=1' is no parameter with its values; write NAME=VALUE,VALUE");
  EXPECT_NE(refused("lr=1,,2").find("empty value"), std::string::npos);
  EXPECT_NE(refused("lr=").find("empty value"), std::string::npos);
  EXPECT_EQ(refused(R"(name="",x)"), "accepted");
  try {
    (void)grid({parse_axis("a=1"), parse_axis("a=2")});
    FAIL();
  } catch (const std::invalid_argument& problem) {
    EXPECT_EQ(std::string{problem.what()},
              "the parameter 'a' is given twice; list all its values in one a=A,B,C");
  }
}

TEST(Plan, ParametersAreShownAsTheyWereGiven) {
  EXPECT_EQ(to_text(grid({parse_axis("lr=0.1"), parse_axis("act=relu")}).front().parameters),
            "lr=0.1 act=relu");
}

} // namespace
