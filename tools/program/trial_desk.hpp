#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../experiments/journal.hpp"
#include "../experiments/median_rule.hpp"
#include "../experiments/progress.hpp"
#include "messages.hpp"
#include "workforce.hpp"

namespace ia_program {

/// Where everything arrives that is told of a sweep's running trials: from the trials themselves, from those who asked for them, and from
/// the supervisor. It enters it into the journal, writes output into the trials' folders and decides who is to stop early.
/// Thread: any; a mutex is held for short times, and while a piece of output is written into a file.
/// Owner: the sweep and the recorder's actor.
/// Death: what an interpreter says of a trial that has come to its end is dropped; one that dies leaves its trial running here until it begins anew or
/// its asker tells how it ended.
class trial_desk {
public:
  /// Its name and its incarnation.
  using interpreter = std::pair<std::string, std::uint64_t>;

  struct options {
    std::filesystem::path folder;
    /// The rule, and the metric that it is for.
    std::optional<ia_experiments::median_rule::options> pruning;
    std::string metric;
    /// Told once why output cannot be written.
    std::function<void(const std::string&)> on_trouble;
  };

  trial_desk(ia_experiments::journal& journal, options how);
  ~trial_desk();

  /// A finished trial of an earlier session, for the median.
  void remember(const std::string& id, const std::vector<ia_experiments::metric_report>& reports);

  // -- who asks for trials

  /// `one` is going to be asked for.
  void expect(const ia_experiments::trial& one, const std::string& hash);
  /// Its name in what an interpreter is about to be asked for. What comes under an earlier one counts no more: an interpreter on a lost node
  /// may go on for a while.
  std::string next_call(const std::string& id);
  void done(const std::string& id, nlohmann::ordered_json values);
  void pruned(const std::string& id);
  /// An attempt has failed; it is the last one unless `again`.
  void failed(const std::string& id, const failure& why, bool again);
  /// The trial was stopped and has no result.
  void lost(const std::string& id, const std::string& why);

  // -- trials, by the names of their calls

  void begin(const std::string& call, const interpreter& worker);
  /// Returns whether it should stop.
  bool report(const std::string& call, std::int64_t step, const metrics& numbers);
  void output(const std::string& call, const std::string& text);

  // -- the supervisor

  void died(const ia::death_report& death);

  // -- the sweep

  /// Tells the journal which attempts still run.
  void heartbeat();

  /// Adds what this session did to `to`. Counts results once they are committed.
  void count(ia_experiments::progress& to) const;

  /// The results of this session, by `trial_hash`.
  std::map<std::string, ia_experiments::trial_result> results() const;

private:
  struct running_trial;

  running_trial* find(const std::string& id);
  running_trial* find_call(const std::string& call);
  void finish(const std::string& id, ia_experiments::trial_result result);
  void close_attempt(running_trial& one);
  std::filesystem::path folder_of(const std::string& id) const;

  ia_experiments::journal& journal_;
  const options how_;
  mutable std::mutex mutex_;
  std::optional<ia_experiments::median_rule> rule_;
  std::map<std::string, std::unique_ptr<running_trial>> running_;
  std::map<interpreter, ia_experiments::journal::attempt> at_work_;
  std::map<std::string, ia_experiments::trial_result> results_;
  bool trouble_ = false;
  std::size_t ended_ = 0;
  std::size_t failed_ = 0;
  std::size_t pruned_ = 0;
};

/// Starts the actor that trials talk to, in a thread of its own, since it writes files.
trial_recorder start_recorder(caf::actor_system& system, std::shared_ptr<trial_desk> desk);

} // namespace ia_program
