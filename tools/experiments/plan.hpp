#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ia_experiments {

/// One parameter of an experiment, and the values that it takes, each once.
struct axis {
  std::string name;
  std::vector<nlohmann::ordered_json> values;
};

/// One combination of values.
struct trial {
  /// The same for the same parameters, in whatever order and plan they are.
  std::string id;
  /// Its place in the plan, from 1 on.
  std::size_t number = 0;
  /// In the order of the axes.
  nlohmann::ordered_json parameters;
};

/// No plan has more trials.
inline constexpr std::size_t most_trials = 1'000'000;

/// Reads `NAME=VALUE,VALUE...`. A value is a number, `true`, `false`, `null` (or Python's words for these), a JSON text, list or object,
/// and else a text as it is. Commas inside of quotes, brackets and braces belong to the value.
/// Errors: std::invalid_argument that says what is wrong.
axis parse_axis(std::string_view text);

/// The id of a trial with these parameters.
std::string trial_id(const nlohmann::ordered_json& parameters);

/// `parameters` for people: "lr=0.1 layers=2".
std::string to_text(const nlohmann::ordered_json& parameters);

/// All combinations of the values, where those of the last axis change fastest; without axes, one trial without parameters.
/// Errors: std::invalid_argument for a name that comes twice, and for more than `most_trials`.
std::vector<trial> grid(const std::vector<axis>& axes);

/// `count` different combinations, or all where there are not so many. The first ones are the same for every
/// `count`, on every machine.
/// Errors: as `grid`.
std::vector<trial> sample(const std::vector<axis>& axes, std::size_t count, std::uint64_t seed);

} // namespace ia_experiments
