#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace ia_experiments {

/// Decides which trials are not worth going on, from one metric that they report while they run: a trial whose best value so far is
/// worse than the median of what the finished ones had at the same step. A value that is no number is worse than all.
/// Source: Golovin et al., Google Vizier (KDD 2017), 3.2.2; Optuna 4, MedianPruner.
/// Thread: one at a time.
class median_rule {
public:
  struct options {
    bool maximize = false;
    /// Nothing is stopped before that many trials have finished.
    std::size_t startup_trials = 5;
    /// Nothing is stopped before this step.
    std::int64_t warmup_steps = 0;
  };

  explicit median_rule(options how) : how_{how} {}

  /// Takes what a running trial reports, and returns whether it should stop.
  bool report(const std::string& trial, std::int64_t step, double value);

  /// The trial has run to its end: others are compared with it from now on.
  void finish(const std::string& trial);

  /// Nothing of the trial counts any more: it failed, was stopped, or begins anew.
  void forget(const std::string& trial);

private:
  using values = std::map<std::int64_t, double>; // by step

  bool better(double a, double b) const;

  const options how_;
  std::map<std::string, values> running_;
  std::map<std::string, values> finished_;
};

} // namespace ia_experiments
