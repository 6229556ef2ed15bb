#include <gtest/gtest.h>

#include "../../../tools/experiments/configuration.hpp"

namespace {

using namespace ia_experiments;

configuration example() {
  return {.code = {{"experiment.py", std::string(64, 'a')}, {"model.py", std::string(64, 'b')}},
          .parameters = {"layers", "lr"},
          .seed = 7,
          .pruning = {{"metric", "loss"}}};
}

TEST(Configuration, IsTheSameAfterAJourneyThroughJson) {
  auto before = example();
  auto after = configuration::from_json(nlohmann::ordered_json::parse(before.to_json().dump()));
  EXPECT_EQ(after.hash(), before.hash());
  EXPECT_EQ(after.code_hash(), before.code_hash());
  EXPECT_TRUE(incompatible_changes(before, after, true).empty());
}

TEST(Configuration, EveryChangeIsNamedWithBothSides) {
  auto now = example();
  now.code["experiment.py"] = std::string(64, 'c');
  now.code.erase("model.py");
  now.code["data.py"] = std::string(64, 'd');
  now.parameters = {"lr", "width"};
  now.seed = 8;
  now.pruning = nullptr;
  std::vector<std::string> expected{
      "the code: experiment.py has changed (SHA-256 aaaaaaaaaaaa... before, cccccccccccc... now)",
      "the code: model.py was part of it and is no more",
      "the code: data.py is part of it now and was not before",
      "the parameters: layers, lr before, lr, width now",
      "the seed: 7 before, 8 now",
      R"(the pruning: {"metric":"loss"} before, none now)",
  };
  EXPECT_EQ(incompatible_changes(example(), now, true), expected);
}

TEST(Configuration, AnotherPruningMattersOnlyWhereSomethingWasPruned) {
  auto now = example();
  now.pruning = nullptr;
  EXPECT_TRUE(incompatible_changes(example(), now, false).empty());
}

TEST(Configuration, ATrialsHashDependsOnAllThatItsResultDoes) {
  nlohmann::ordered_json parameters{{"lr", 0.1}, {"layers", 2}}, turned{{"layers", 2}, {"lr", 0.1}},
      others{{"lr", 0.1}, {"layers", 3}};
  auto one = example();
  auto hash = one.trial_hash(parameters);
  EXPECT_EQ(hash, one.trial_hash(turned));
  EXPECT_NE(hash, one.trial_hash(others));
  auto pruned = example();
  pruned.pruning = nullptr;
  EXPECT_EQ(hash, pruned.trial_hash(parameters));
  auto seeded = example();
  seeded.seed = 8;
  EXPECT_NE(hash, seeded.trial_hash(parameters));
  auto coded = example();
  coded.code["model.py"] = std::string(64, 'c');
  EXPECT_NE(hash, coded.trial_hash(parameters));
}

} // namespace
