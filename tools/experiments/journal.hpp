#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "configuration.hpp"
#include "plan.hpp"

namespace ia_experiments {

/// How a trial came to its end.
enum class outcome { done, failed, pruned };

std::string to_string(outcome what);

/// What became of a trial.
struct trial_result {
  outcome what = outcome::done;
  /// What `run` returned.
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  /// Why it failed, in one line and at length.
  std::string problem;
  std::string details;
  double seconds = 0;
  /// How often it was begun.
  unsigned attempts = 1;
  /// Seconds since 1970.
  double ended = 0;
};

/// What a running trial reported.
struct metric_report {
  std::int64_t step = 0;
  std::map<std::string, double> metrics;
};

/// All that a journal says.
struct journal_contents {
  /// How the last session was configured; nothing in a new journal.
  std::optional<ia_experiments::configuration> configuration;
  /// Every trial that was ever planned, by its id.
  std::map<std::string, trial> trials;
  /// By `configuration::trial_hash`.
  std::map<std::string, trial_result> results;
  /// Of the trials that were done, by the same hash, in the order of their steps.
  std::map<std::string, std::vector<metric_report>> reports;
  /// Ids of trials that ran when the last session ended without saying so.
  std::vector<std::string> unfinished;
  /// The last sign of life of that session, in seconds since 1970; 0 where there was none.
  double last_heartbeat = 0;
};

/// The record of an experiment in a folder: an SQLite database, `journal.sqlite`, that is always whole, whenever the process is killed.
///
/// One thread writes. What others record waits in a list of which it takes all at once and makes one transaction: the more there is to
/// do, the fewer transactions. A record counts once it is committed: nothing of that is lost when the process is killed; a power cut
/// may lose the last moments (WAL, synchronous=NORMAL).
/// Source: SQLite, "Write-Ahead Logging", 2.2.
///
/// Thread: any, except where it says otherwise; the list has a mutex, which is never held while something is written.
/// Owner: the command. Its end commits what waits, and waits for that.
/// Death: a write that fails ends the writing for good; `on_trouble` is told, what comes later is dropped, and recorders are never kept
/// waiting. A process that is killed leaves what was committed; the next journal in the folder shows what was not finished.
class journal {
public:
  using attempt = std::int64_t;

  /// Opens the journal in `folder`, which is made where it does not exist, for this process alone.
  /// `on_trouble` is told once, in the writer's thread, why nothing can be written any more.
  /// Errors: std::runtime_error where the folder cannot be used, or another process uses it.
  journal(const std::filesystem::path& folder, std::function<void(const std::string&)> on_trouble);
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;
  ~journal();

  /// What the journal said when it was opened.
  const journal_contents& contents() const noexcept { return contents_; }

  /// Begins a session with this plan; returns once that is committed. Thread: the owner's, before all that follows.
  /// Errors: std::runtime_error.
  void begin(const configuration& how, const std::vector<trial>& plan, const std::string& command);

  /// A trial has begun on `worker`. The attempt is for what follows.
  attempt start(const std::string& trial_id, const std::string& hash, const std::string& worker);

  /// These attempts are still at work.
  void heartbeat(const std::vector<attempt>& running);

  void report(attempt one, metric_report what);

  /// The attempt has ended; `how` is a word, such as "exception".
  void end(attempt one, const std::string& how, const std::string& problem);

  /// The trial has come to its end with this attempt. Calls `committed`, in the writer's thread, once that is sure.
  void finish(attempt one, const std::string& hash, const std::string& trial_id, trial_result result,
              std::function<void()> committed);

  /// Commits what waits and ends the session. Thread: the owner's.
  void close();

private:
  class writer;

  journal_contents contents_;
  std::unique_ptr<writer> writer_;
};

/// Reads the journal in `folder`, also while another process writes it.
/// Errors: std::runtime_error where there is none.
journal_contents read_journal(const std::filesystem::path& folder);

/// Now, in seconds since 1970.
double wall_clock();

} // namespace ia_experiments
