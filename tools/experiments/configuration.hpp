#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ia_experiments {

/// What the results in one folder depend on: they can be compared with each other only where all of it is the same.
struct configuration {
  /// SHA-256 of each file of the experiment's code, by its name.
  nlohmann::ordered_json code = nlohmann::ordered_json::object();
  /// The names of the parameters, sorted.
  std::vector<std::string> parameters;
  std::uint64_t seed = 0;
  /// How trials are stopped early, or null where they are not.
  nlohmann::ordered_json pruning;

  /// A hash of the code alone.
  std::string code_hash() const;
  /// A hash of all of it.
  std::string hash() const;
  /// A hash of what one trial's result depends on: code, seed and the parameters.
  std::string trial_hash(const nlohmann::ordered_json& parameters_of_trial) const;

  nlohmann::ordered_json to_json() const;
  /// Errors: nlohmann::json::exception for what `to_json` has not made.
  static configuration from_json(const nlohmann::ordered_json& from);
};

/// What has changed between two configurations, each as a sentence that says how it was and how it is; empty for what is
/// compatible. `has_pruned` says whether trials were stopped early by the rule of the old one.
std::vector<std::string> incompatible_changes(const configuration& before, const configuration& now,
                                              bool has_pruned);

} // namespace ia_experiments
