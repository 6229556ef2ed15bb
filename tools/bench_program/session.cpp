#include "session.hpp"

#include <algorithm>

namespace ia_bench {

namespace {

constexpr std::chrono::milliseconds round_time{10};

/// Returns the value below which the part `p` of the sorted `values` lies.
double quantile(const std::vector<double>& values, double p) {
  auto place = p * static_cast<double>(values.size() - 1);
  auto below = static_cast<std::size_t>(place);
  auto above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

} // namespace

session::case_id session::add(bench_case one) {
  cases_.push_back({std::move(one), false, 1, {}});
  return cases_.size() - 1;
}

void session::compare(std::string name, case_id ours, case_id peer, std::optional<goal> goal) {
  if (!wanted(name) && !wanted(cases_[peer].what.name))
    return;
  cases_[ours].needed = cases_[peer].needed = true;
  comparisons_.push_back({std::move(name), ours, peer, goal});
}

void session::leave_out(std::string name, std::string why) {
  if (wanted(name))
    left_out_.push_back({std::move(name), std::move(why)});
}

void session::calibrate(entry& one) {
  using clock = std::chrono::steady_clock;
  one.what.measure(1); // may start something
  for (;; one.operations *= 2) {
    auto begin = clock::now();
    one.what.measure(one.operations);
    if (clock::now() - begin >= round_time)
      return;
  }
}

result session::run(int rounds) {
  for (auto& one : cases_)
    if (one.needed && one.what.once)
      one.values.push_back(one.what.measure(1));
    else if (one.needed)
      calibrate(one);
  for (int i = 0; i < rounds; ++i)
    for (auto& one : cases_)
      if (one.needed && !one.what.once)
        one.values.push_back(one.what.measure(one.operations));
  result found{{}, left_out_, rounds, 0, {}};
  for (auto& one : cases_) {
    if (!one.needed)
      continue;
    std::ranges::sort(one.values);
    auto spread = (quantile(one.values, 0.75) - quantile(one.values, 0.25)) / quantile(one.values, 0.5);
    if (spread > found.worst_spread) {
      found.worst_spread = spread;
      found.worst_case = one.what.name;
    }
  }
  for (auto& [name, ours, peer, goal] : comparisons_) {
    auto value = quantile(cases_[ours].values, 0.5);
    auto peer_value = quantile(cases_[peer].values, 0.5);
    found.rows.push_back(
        {name, cases_[ours].what.unit, value, cases_[peer].what.name, peer_value, value / peer_value, goal});
  }
  return found;
}

} // namespace ia_bench
