#include "interp_actors/supervision/supervisor_spec.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace interp_actors {

namespace {

template <class T>
using word = std::pair<T, std::string_view>;

constexpr auto restart_types = std::to_array<word<restart_type>>({
    {permanent, "permanent"},
    {transient, "transient"},
    {temporary, "temporary"},
});

constexpr auto strategies = std::to_array<word<supervision_strategy>>({
    {one_for_one, "one_for_one"},
    {one_for_all, "one_for_all"},
    {rest_for_one, "rest_for_one"},
    {dynamic, "dynamic"},
});

constexpr auto auto_shutdowns = std::to_array<word<auto_shutdown>>({
    {auto_shutdown::never, "never"},
    {auto_shutdown::any_significant, "any_significant"},
    {auto_shutdown::all_significant, "all_significant"},
});

constexpr auto budgets = std::to_array<word<restart_budget>>({
    {restart_budget::supervisor, "supervisor"},
    {restart_budget::child, "child"},
});

template <class T, std::size_t N>
std::string name_of(const std::array<word<T>, N>& words, T value) {
  for (auto& [known, name] : words)
    if (known == value)
      return std::string{name};
  return "unknown (" + std::to_string(static_cast<unsigned>(value)) + ")";
}

template <class T, std::size_t N>
bool find(const std::array<word<T>, N>& words, std::string_view text, T& value) {
  for (auto& [known, name] : words)
    if (name == text) {
      value = known;
      return true;
    }
  return false;
}

} // namespace

std::vector<std::string> problems_of(const child_spec& child, const supervisor_spec& spec) {
  std::vector<std::string> result;
  auto add = [&](const char* field, const std::string& problem) {
    result.push_back("child '" + child.name + "': " + field + ": " + problem);
  };
  auto limit = shutdown_of(child).limit();
  if (limit && limit->count() < 0)
    add("shutdown", "the limit is negative");
  if (child.significant && child.restart == permanent)
    add("significant", "a permanent child never ends for good; make it transient or temporary");
  if (child.significant && spec.auto_shutdown == auto_shutdown::never)
    add("significant", "the supervisor's auto_shutdown is never; set it, too");
  auto& delays = child.backoff;
  if (delays.initial.count() < 0)
    add("backoff.initial", "it is negative");
  if (!std::isfinite(delays.factor) || delays.factor < 1)
    add("backoff.factor", "it is no finite number from 1 on");
  if (delays.maximum < delays.initial)
    add("backoff.maximum", "it is less than backoff.initial");
  if (!(delays.jitter >= 0 && delays.jitter <= 1))
    add("backoff.jitter", "it is not between 0 and 1");
  if (delays.reset_after.count() < 0)
    add("backoff.reset_after", "it is negative");
  return result;
}

std::vector<std::string> problems_of(const supervisor_spec& spec) {
  std::vector<std::string> result;
  if (spec.intensity < 0)
    result.emplace_back("intensity: it is negative");
  if (spec.intensity > 0 && spec.period.count() <= 0)
    result.emplace_back("period: an intensity needs one that is more than 0");
  if (spec.budget == restart_budget::child && spec.strategy != one_for_one)
    result.push_back("budget: with the strategy " + to_string(spec.strategy)
                     + ", children have no budgets of their own; one_for_one allows them");
  if (spec.strategy == dynamic && spec.children.size() != 1)
    result.push_back("children: the strategy dynamic has exactly one, the template, not "
                     + std::to_string(spec.children.size()));
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < spec.children.size(); ++i) {
    auto& child = spec.children[i];
    if (child.name.empty())
      result.push_back("children[" + std::to_string(i) + "]: name: it is empty");
    else if (!names.insert(child.name).second)
      result.push_back("child '" + child.name + "': name: another child has it, too");
    for (auto& problem : problems_of(child, spec))
      result.push_back(std::move(problem));
  }
  return result;
}

caf::error check(const std::vector<std::string>& problems) {
  if (problems.empty())
    return {};
  std::string text;
  for (auto& problem : problems)
    text.append(text.empty() ? "" : "; ").append(problem);
  return make_error(errc::invalid_spec, std::move(text));
}

std::string to_string(restart_type type) {
  return name_of(restart_types, type);
}

bool from_string(std::string_view text, restart_type& type) {
  return find(restart_types, text, type);
}

std::string to_string(supervision_strategy strategy) {
  return name_of(strategies, strategy);
}

bool from_string(std::string_view text, supervision_strategy& strategy) {
  return find(strategies, text, strategy);
}

std::string to_string(auto_shutdown value) {
  return name_of(auto_shutdowns, value);
}

bool from_string(std::string_view text, auto_shutdown& value) {
  return find(auto_shutdowns, text, value);
}

std::string to_string(restart_budget budget) {
  return name_of(budgets, budget);
}

bool from_string(std::string_view text, restart_budget& budget) {
  return find(budgets, text, budget);
}

} // namespace interp_actors
