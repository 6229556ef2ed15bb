#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "../experiments/plan.hpp"
#include "user_code.hpp"
#include "workforce.hpp"

namespace ia_program {

/// What `interp-actors sweep` was asked for.
struct sweep_options {
  std::filesystem::path experiment;
  std::vector<std::string> grid;
  std::optional<std::size_t> random;
  std::uint64_t seed = 0;
  /// Empty: the experiment's name with `.sweep`, in the working folder.
  std::filesystem::path out;
  std::string metric;
  bool maximize = false;
  bool prune = false;
  std::size_t prune_startup = 5;
  std::int64_t prune_warmup = 0;
  bool rerun_failed = false;
  bool accept_changes = false;
  std::vector<std::string> exports;
  std::string replay;
  work_options work;
  /// The command line, for the journal.
  std::string command;

  std::filesystem::path folder() const;
};

/// Runs all trials of the plan that have no result yet, shows the best ones, and writes the plot and the exports.
/// Errors: std::exception for what cannot be written or read.
int run_sweep(const sweep_options& how);

/// Runs one trial of a journal again, with its output on the screen; changes nothing.
/// Errors: as `run_sweep`.
int replay_trial(const sweep_options& how);

/// The Python code of a sweep's workers. With `capture`, what a trial prints goes to its recorder.
std::string worker_source(const user_code& experiment, bool capture);

/// What a worker is told about a trial. `call` is what it calls itself when it tells something.
std::string trial_request(const ia_experiments::trial& one, std::uint64_t seed, const std::string& call);

} // namespace ia_program
