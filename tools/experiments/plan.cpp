#include "plan.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <random>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "digest.hpp"

namespace ia_experiments {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::size_t id_length = 16;

/// Splits at commas that stand outside of quotes and brackets.
std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> result{{}};
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      result.back() += c;
      c = text[++i];
    } else if (c == '"' && (quoted || depth > 0 || result.back().empty())) {
      quoted = !quoted;
    } else if (!quoted && (c == '[' || c == '{')) {
      ++depth;
    } else if (!quoted && (c == ']' || c == '}')) {
      --depth;
    } else if (!quoted && depth <= 0 && c == ',') {
      result.emplace_back();
      continue;
    }
    result.back() += c;
  }
  return result;
}

ordered_json parse_value(const std::string& text) {
  if (text == "True")
    return true;
  if (text == "False")
    return false;
  if (text == "None")
    return nullptr;
  if (auto value = ordered_json::parse(text, nullptr, false); !value.is_discarded())
    return value;
  // What JSON does not take for a number and Python does: ".5", "1.", "+2".
  auto digits = std::string_view{text}.substr(text.starts_with('+') ? 1 : 0);
  double number = 0;
  auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (problem == std::errc{} && end == digits.data() + digits.size() && std::isfinite(number)) {
    bool whole = digits.find_first_of(".eE") == std::string_view::npos && std::abs(number) < 1e15;
    return whole ? ordered_json(static_cast<std::int64_t>(number)) : ordered_json(number);
  }
  return text;
}

void check_names(const std::vector<axis>& axes) {
  for (auto one = axes.begin(); one != axes.end(); ++one)
    if (std::any_of(axes.begin(), one, [&](auto& other) { return other.name == one->name; }))
      throw std::invalid_argument("the parameter '" + one->name
                                  + "' is given twice; list all its values in one " + one->name + "=A,B,C");
}

/// How many combinations there are, or the largest number for more.
std::uint64_t combinations(const std::vector<axis>& axes) {
  std::uint64_t result = 1;
  for (auto& one : axes)
    if (__builtin_mul_overflow(result, std::uint64_t{one.values.size()}, &result))
      return UINT64_MAX;
  return result;
}

trial combination(const std::vector<axis>& axes, std::uint64_t index, std::size_t number) {
  trial result{.number = number, .parameters = ordered_json::object()};
  std::vector<std::size_t> chosen(axes.size());
  for (auto i = axes.size(); i-- > 0; index /= axes[i].values.size())
    chosen[i] = index % axes[i].values.size();
  for (std::size_t i = 0; i < axes.size(); ++i)
    result.parameters[axes[i].name] = axes[i].values[chosen[i]];
  result.id = trial_id(result.parameters);
  return result;
}

} // namespace

axis parse_axis(std::string_view text) {
  auto equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    throw std::invalid_argument("'" + std::string{text}
                                + "' is no parameter with its values; write NAME=VALUE,VALUE");
  axis result{.name = std::string{text.substr(0, equals)}};
  std::set<std::string> before;
  for (auto& one : split(text.substr(equals + 1))) {
    if (one.empty())
      throw std::invalid_argument("'" + std::string{text}
                                  + "' has an empty value; where you mean an empty text, write \"\"");
    auto value = parse_value(one);
    // 1 equals 1.0 here, but not as text: they are two values, as Python code may tell them apart.
    if (!before.insert(value.dump()).second)
      throw std::invalid_argument("'" + std::string{text} + "' has the value " + one + " twice");
    result.values.push_back(std::move(value));
  }
  return result;
}

std::string trial_id(const ordered_json& parameters) {
  return sha256(json(parameters).dump()).substr(0, id_length); // a plain json sorts its keys
}

std::string to_text(const ordered_json& parameters) {
  std::string result;
  for (auto& [name, value] : parameters.items())
    result += (result.empty() ? "" : " ") + name + "="
              + (value.is_string() ? value.get<std::string>() : value.dump());
  return result;
}

std::vector<trial> grid(const std::vector<axis>& axes) {
  check_names(axes);
  auto count = combinations(axes);
  if (count > most_trials)
    throw std::invalid_argument("the grid has more than " + std::to_string(most_trials)
                                + " combinations; let --random N choose some of them");
  std::vector<trial> result;
  for (std::uint64_t i = 0; i < count; ++i)
    result.push_back(combination(axes, i, i + 1));
  return result;
}

std::vector<trial> sample(const std::vector<axis>& axes, std::size_t count, std::uint64_t seed) {
  check_names(axes);
  auto all = combinations(axes);
  auto wanted = std::min<std::uint64_t>(count, all);
  if (wanted > most_trials)
    throw std::invalid_argument("there are more than " + std::to_string(most_trials)
                                + " trials; choose fewer with --random N");
  // The first steps of a Fisher-Yates shuffle of which only the moved places are kept. The standard library's
  // distributions differ between implementations, so the remainder is taken; its bias does not matter here.
  std::mt19937_64 random{seed};
  std::unordered_map<std::uint64_t, std::uint64_t> moved;
  auto at = [&moved](std::uint64_t i) { return moved.contains(i) ? moved.at(i) : i; };
  std::vector<trial> result;
  for (std::uint64_t i = 0; i < wanted; ++i) {
    auto other = i + random() % (all - i);
    auto chosen = at(other);
    moved[other] = at(i);
    result.push_back(combination(axes, chosen, i + 1));
  }
  return result;
}

} // namespace ia_experiments
