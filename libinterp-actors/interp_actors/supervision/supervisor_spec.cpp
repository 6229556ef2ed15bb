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

namespace {

std::string in_words(const spec_problem& problem, const std::string& child) {
  return (problem.child ? child + ": " : "") + problem.field + ": " + problem.text;
}

std::string quoted(const child_spec& child) {
  return "child '" + child.name + "'";
}

/// What makes no sense in `child` alone, wherever its name may be taken.
void examine(const child_spec& child, const supervisor_spec& spec, std::size_t place,
             std::vector<spec_problem>& problems) {
  auto add = [&](const char* field, const char* text) { problems.push_back({place, field, text}); };
  if (child.name.find('/') != std::string::npos)
    add("name", "it contains '/', which stands between the names of a path");
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
}

} // namespace

std::vector<spec_problem> examine(const supervisor_spec& spec) {
  std::vector<spec_problem> result;
  auto add = [&](const char* field, std::string text) {
    result.push_back({std::nullopt, field, std::move(text)});
  };
  if (spec.intensity < 0)
    add("intensity", "it is negative");
  if (spec.intensity > 0 && spec.period.count() <= 0)
    add("period", "an intensity needs one that is more than 0");
  if (spec.budget == restart_budget::child && spec.strategy != one_for_one)
    add("budget", "with the strategy " + to_string(spec.strategy)
                      + ", children have no budgets of their own; one_for_one allows them");
  if (spec.strategy == dynamic && spec.children.size() != 1)
    add("children",
        "the strategy dynamic has exactly one, the template, not " + std::to_string(spec.children.size()));
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < spec.children.size(); ++i) {
    auto& child = spec.children[i];
    if (child.name.empty())
      result.push_back({i, "name", "it is empty"});
    else if (!names.insert(child.name).second)
      result.push_back({i, "name", "another child has it, too"});
    examine(child, spec, i, result);
  }
  return result;
}

std::vector<std::string> problems_of(const child_spec& child, const supervisor_spec& spec) {
  std::vector<spec_problem> problems;
  examine(child, spec, 0, problems);
  std::vector<std::string> result;
  for (auto& problem : problems)
    result.push_back(in_words(problem, quoted(child)));
  return result;
}

std::vector<std::string> problems_of(const supervisor_spec& spec) {
  std::vector<std::string> result;
  for (auto& problem : examine(spec)) {
    auto* child = problem.child ? &spec.children[*problem.child] : nullptr;
    auto place = child && child->name.empty() ? "children[" + std::to_string(*problem.child) + "]" : "";
    result.push_back(in_words(problem, child && place.empty() ? quoted(*child) : place));
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
