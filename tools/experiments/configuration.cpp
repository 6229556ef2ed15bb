#include "configuration.hpp"

#include "digest.hpp"

namespace ia_experiments {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::string listed(const std::vector<std::string>& names) {
  std::string result;
  for (auto& name : names)
    result += (result.empty() ? "" : ", ") + name;
  return names.empty() ? "none" : result;
}

std::string rule_text(const ordered_json& pruning) {
  return pruning.is_null() ? "none" : pruning.dump();
}

} // namespace

std::string configuration::code_hash() const {
  return sha256(json(code).dump());
}

std::string configuration::hash() const {
  return sha256(json(to_json()).dump());
}

std::string configuration::trial_hash(const ordered_json& parameters_of_trial) const {
  return sha256(code_hash() + ' ' + std::to_string(seed) + ' ' + json(parameters_of_trial).dump());
}

ordered_json configuration::to_json() const {
  return {{"code", code}, {"parameters", parameters}, {"seed", seed}, {"pruning", pruning}};
}

configuration configuration::from_json(const ordered_json& from) {
  return {.code = from.at("code"),
          .parameters = from.at("parameters").get<std::vector<std::string>>(),
          .seed = from.at("seed").get<std::uint64_t>(),
          .pruning = from.at("pruning")};
}

std::vector<std::string> incompatible_changes(const configuration& before, const configuration& now,
                                              bool has_pruned) {
  std::vector<std::string> result;
  for (auto& [file, hash] : before.code.items())
    if (!now.code.contains(file))
      result.push_back("the code: " + file + " was part of it and is no more");
    else if (now.code.at(file) != hash)
      result.push_back("the code: " + file + " has changed (SHA-256 " + hash.get<std::string>().substr(0, 12)
                       + "... before, " + now.code.at(file).get<std::string>().substr(0, 12) + "... now)");
  for (auto& [file, hash] : now.code.items())
    if (!before.code.contains(file))
      result.push_back("the code: " + file + " is part of it now and was not before");
  if (before.parameters != now.parameters)
    result.push_back("the parameters: " + listed(before.parameters) + " before, " + listed(now.parameters)
                     + " now");
  if (before.seed != now.seed)
    result.push_back("the seed: " + std::to_string(before.seed) + " before, " + std::to_string(now.seed)
                     + " now");
  if (has_pruned && before.pruning != now.pruning)
    result.push_back("the pruning: " + rule_text(before.pruning) + " before, " + rule_text(now.pruning)
                     + " now");
  return result;
}

} // namespace ia_experiments
