#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "journal.hpp"
#include "plan.hpp"

namespace ia_experiments {

/// A trial and what became of it; nothing where it was not run.
struct trial_row {
  ia_experiments::trial trial;
  std::optional<trial_result> result;
};

/// The number `name` in what a trial returned, or in what it reported last where it was pruned.
std::optional<double> metric_of(const trial_row& row, const std::string& name);

/// The first number that all finished trials returned, in the order of the first one's dict; empty where there is none.
std::string common_metric(const std::vector<trial_row>& rows);

/// The finished trials that have the metric, the best one first; no number is worse than all. Without a name, the first ones of the plan.
std::vector<const trial_row*> best_trials(const std::vector<trial_row>& rows, const std::string& metric,
                                          bool maximize, std::size_t count);

/// The trials as a table, in the order given: id, parameters, what they returned as far as it is a number or a text, and the time they took. `width` is that of the
/// screen; 0 is as wide as it must be. Lines end with a newline.
std::string table(const std::vector<const trial_row*>& rows, int width);

/// All trials as comma-separated values with a heading. Source: RFC 4180.
std::string to_csv(const std::vector<trial_row>& rows);

/// All trials as a JSON array, one object each.
std::string to_json(const std::vector<trial_row>& rows);

/// The metric over each parameter as an SVG picture, one point for each finished trial that has it.
std::string plot(const std::vector<trial_row>& rows, const std::string& metric, bool maximize);

} // namespace ia_experiments
