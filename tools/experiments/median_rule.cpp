#include "median_rule.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <vector>

namespace ia_experiments {

bool median_rule::better(double a, double b) const {
  if (std::isnan(a) || std::isnan(b))
    return !std::isnan(a) && std::isnan(b);
  return how_.maximize ? a > b : a < b;
}

bool median_rule::report(const std::string& trial, std::int64_t step, double value) {
  auto& mine = running_[trial];
  mine[step] = value;
  if (step < how_.warmup_steps)
    return false;
  std::vector<double> others;
  for (auto& [id, theirs] : finished_)
    if (auto after = theirs.upper_bound(step); after != theirs.begin())
      others.push_back(std::prev(after)->second);
  if (others.empty() || others.size() < how_.startup_trials)
    return false;
  auto best =
      std::ranges::min_element(mine, [this](auto& a, auto& b) { return better(a.second, b.second); })->second;
  // The worse of the two in the middle: half of the trials reach it.
  std::ranges::sort(others, [this](double a, double b) { return better(a, b); });
  return better(others[others.size() / 2], best);
}

void median_rule::finish(const std::string& trial) {
  if (auto mine = running_.extract(trial))
    finished_[trial] = std::move(mine.mapped());
}

void median_rule::forget(const std::string& trial) {
  running_.erase(trial);
  finished_.erase(trial);
}

} // namespace ia_experiments
