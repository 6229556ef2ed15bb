#include "sweep.hpp"

#include <caf/send.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <fstream>
#include <iostream>

#include "../experiments/configuration.hpp"
#include "../experiments/digest.hpp"
#include "../experiments/journal.hpp"
#include "../experiments/summary.hpp"
#include "embedded.hpp"
#include "exit_codes.hpp"
#include "messages.hpp"
#include "trial_desk.hpp"

namespace ia_program {

namespace fs = std::filesystem;

using namespace ia_experiments;
using nlohmann::ordered_json;

namespace {

constexpr std::chrono::milliseconds between_drawings{100};
constexpr std::chrono::seconds between_heartbeats{2};
constexpr std::size_t failures_named = 20;
constexpr std::size_t best_shown = 10;

std::string several(std::size_t count, const std::string& what) {
  return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

std::string local_time(double seconds_since_1970) {
  auto time = static_cast<std::time_t>(seconds_since_1970);
  std::tm parts{};
  ::localtime_r(&time, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream out{path, std::ios::binary};
  out << text;
  if (!out.flush())
    throw std::runtime_error("cannot write '" + path.string() + "'");
}

std::vector<trial> make_plan(const sweep_options& how) {
  std::vector<axis> axes;
  for (auto& one : how.grid)
    axes.push_back(parse_axis(one));
  return how.random ? sample(axes, *how.random, how.seed) : grid(axes);
}

/// One run of the command: what the plan, the journal and the workers have to do with each other.
class sweep {
public:
  sweep(const sweep_options& how, user_code experiment, std::vector<trial> plan)
      : how_{how},
        experiment_{std::move(experiment)},
        plan_{std::move(plan)},
        journal_{how.folder(), [this](const std::string& what) { trouble(what); }},
        desk_{std::make_shared<trial_desk>(journal_, desk_options())} {}

  sweep(const sweep&) = delete;
  sweep& operator=(const sweep&) = delete;

  /// The journal's thread tells the desk what it has committed.
  ~sweep() { journal_.close(); }

  int run(ia::runtime& rt, stop_requests& stops) {
    workforce workers{stops, rt, how_.work, [this](const std::string& line) { display_.say(line); }};
    workers_ = &workers;
    struct until_end {
      std::atomic<workforce*>& workers;
      ~until_end() { workers = nullptr; }
    } end{workers_};
    if (auto problem = workers.start<trial_worker>({.name = "sweep",
                                                    .user = experiment_,
                                                    .source = worker_source(experiment_, true),
                                                    .handler = "run",
                                                    .on_death = [this](auto& death) { died(death); }},
                                                   plan_.size()))
      return workers.refuse(problem, "sweep", experiment_);
    auto about = workers.ask_about();
    if (!about)
      return workers.refuse(about.error(), "sweep", experiment_);
    if (!configure(*about))
      return exit_incompatible;
    choose_work();
    journal_.begin(configuration_, plan_, how_.command);
    introduce(workers);
    recorder_ = start_recorder(rt.system(), desk_);
    auto next_heartbeat = std::chrono::steady_clock::now() + between_heartbeats;
    workers.run([this](ia::caller& me) { return run_next(me); }, between_drawings,
                [&] {
                  display_.show(now());
                  if (std::chrono::steady_clock::now() >= next_heartbeat) {
                    desk_->heartbeat();
                    next_heartbeat += between_heartbeats;
                  }
                });
    journal_.close();
    display_.show(now());
    display_.clear();
    caf::anon_send_exit(recorder_, caf::exit_reason::user_shutdown);
    return conclude();
  }

private:
  trial_desk::options desk_options() {
    trial_desk::options result{.folder = how_.folder(),
                               .metric = how_.metric,
                               .on_trouble = [this](const std::string& what) { trouble(what); }};
    if (how_.prune)
      result.pruning = median_rule::options{
          .maximize = how_.maximize, .startup_trials = how_.prune_startup, .warmup_steps = how_.prune_warmup};
    return result;
  }

  /// Something that leaves no sense in going on. Thread: any.
  void trouble(const std::string& what) {
    display_.say("interp-actors sweep: " + what);
    broken_ = true;
    if (auto* workers = workers_.load())
      workers->drain();
  }

  /// Thread: the fleet's.
  void died(const ia::death_report& death) {
    auto* workers = workers_.load();
    if (workers && !workers->stopping()) // else whoever asked says what became of the trial
      desk_->died(death);
  }

  /// Compares what is to be run with what the journal's results were made with.
  bool configure(const std::string& about) {
    configuration_.code[experiment_.path.filename().string()] = sha256(experiment_.text);
    auto files = ordered_json::parse(about).at("files");
    for (auto& [file, hash] : files.items())
      configuration_.code[file] = hash;
    if (!plan_.empty())
      for (auto& [name, value] : plan_.front().parameters.items())
        configuration_.parameters.push_back(name);
    std::ranges::sort(configuration_.parameters);
    configuration_.seed = how_.seed;
    if (how_.prune)
      configuration_.pruning = {{"metric", how_.metric},
                                {"maximize", how_.maximize},
                                {"startup trials", how_.prune_startup},
                                {"warm-up steps", how_.prune_warmup}};
    auto& before = journal_.contents();
    if (!before.configuration || how_.accept_changes)
      return true;
    bool has_pruned =
        std::ranges::any_of(before.results, [](auto& one) { return one.second.what == outcome::pruned; });
    auto changes = incompatible_changes(*before.configuration, configuration_, has_pruned);
    if (changes.empty())
      return true;
    std::cerr << "interp-actors sweep: the results in '" << how_.folder().string()
              << "' were made with another configuration:\n";
    for (auto& change : changes)
      std::cerr << "  " << change << '\n';
    std::cerr << "Undo that, or give another folder with --out. With --accept-changes, it goes on here: "
                 "results are kept for trials "
                 "whose code, seed and parameters are the same, and the others are run again.\n";
    return false;
  }

  /// Finds which trials have results already.
  void choose_work() {
    auto& before = journal_.contents();
    bool other_rule = before.configuration && before.configuration->pruning != configuration_.pruning;
    for (auto& one : plan_) {
      auto hash = configuration_.trial_hash(one.parameters);
      auto found = before.results.find(hash);
      bool valid = found != before.results.end()
                   && !(found->second.what == outcome::failed && how_.rerun_failed)
                   && !(found->second.what == outcome::pruned && other_rule);
      if (!valid) {
        work_.push_back({&one, hash});
        continue;
      }
      kept_[hash] = found->second;
      if (auto reports = before.reports.find(hash); reports != before.reports.end())
        desk_->remember(one.id, reports->second);
    }
  }

  void introduce(const workforce& workers) {
    auto& before = journal_.contents();
    if (!before.configuration) {
      display_.say(several(plan_.size(), "trial") + " in '" + how_.folder().string() + "' on "
                   + workers.place());
      return;
    }
    auto line = "Going on in '" + how_.folder().string() + "': " + std::to_string(kept_.size()) + " of "
                + several(plan_.size(), "trial") + " have their results";
    if (before.last_heartbeat > 0)
      line += "; the last session was killed (last sign of life " + local_time(before.last_heartbeat)
              + ") while " + several(before.unfinished.size(), "trial") + " ran";
    display_.say(line);
    if (auto failed = count_kept(outcome::failed))
      display_.say(several(failed, "trial") + " failed before; --rerun-failed runs them again");
  }

  std::size_t count_kept(outcome what) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(kept_, [&](auto& one) { return one.second.what == what; }));
  }

  /// Runs one trial. Returns false where there is none left. Thread: an asker's.
  bool run_next(ia::caller& me) {
    auto place = next_++;
    if (place >= work_.size())
      return false;
    auto& [one, hash] = work_[place];
    desk_->expect(*one, hash);
    auto* workers = workers_.load();
    attempts tries{how_.work};
    for (;;) {
      auto request = trial_request(*one, how_.seed, desk_->next_call(one->id));
      auto answer = workers->ask(me, caf::make_message(run_atom_v, std::move(request), recorder_));
      if (answer) {
        auto what = ordered_json::parse(answer->get_as<std::string>(0));
        if (what.contains("pruned"))
          desk_->pruned(one->id);
        else
          desk_->done(one->id, std::move(what.at("result")));
        return true;
      }
      auto why = failure::of(answer.error(), how_.work, experiment_);
      if (workers->stopping()) {
        desk_->lost(one->id, "stopped");
        return false;
      }
      if (why.what == failure::kind::lost) {
        desk_->lost(one->id, why.summary);
        lost_workers_ = true;
        trouble("the interpreters have come to their end: " + why.summary);
        return false;
      }
      if (why.what == failure::kind::node_lost && workers->draining()) { // it runs with the next session
        desk_->lost(one->id, why.summary);
        return false;
      }
      bool again = tries.again(why.what, workers->draining());
      desk_->failed(one->id, why, again);
      if (again)
        continue;
      tell_failure(*one, why);
      if (how_.work.fail_fast)
        workers->drain();
      return true;
    }
  }

  void tell_failure(const trial& one, const failure& why) {
    auto number = ++told_;
    if (number <= failures_named)
      display_.say("Trial " + one.id + " (" + to_text(one.parameters) + ") failed: " + why.summary);
    else if (number == failures_named + 1)
      display_.say("More trials fail; the end says how many");
  }

  progress now() const {
    progress result{.unit = "trials",
                    .total = plan_.size(),
                    .ended = kept_.size(),
                    .ended_before = kept_.size(),
                    .failed = count_kept(outcome::failed),
                    .pruned = count_kept(outcome::pruned)};
    desk_->count(result);
    if (auto* workers = workers_.load())
      result.trouble = workers->trouble();
    return result;
  }

  /// Shows and writes what there is at the end.
  int conclude() {
    auto results = desk_->results();
    results.insert(kept_.begin(), kept_.end());
    std::vector<trial_row> rows;
    std::size_t failed = 0, missing = 0, pruned = 0;
    for (auto& one : plan_) {
      auto found = results.find(configuration_.trial_hash(one.parameters));
      rows.push_back({one, found == results.end() ? std::nullopt : std::optional{found->second}});
      missing += !rows.back().result;
      failed += rows.back().result && rows.back().result->what == outcome::failed;
      pruned += rows.back().result && rows.back().result->what == outcome::pruned;
    }
    auto metric = how_.metric.empty() ? common_metric(rows) : how_.metric;
    auto best = best_trials(rows, metric, how_.maximize, best_shown);
    if (!best.empty()) {
      std::cout << (metric.empty() ? "The first trials:\n"
                                   : "The best trials by " + metric
                                         + (how_.maximize ? " (largest first):\n" : " (smallest first):\n"))
                << table(best, terminal_columns(STDOUT_FILENO));
    }
    if (!best.empty() && !metric_of(*best.front(), metric) && !how_.metric.empty())
      std::cerr << "No trial returned a number '" << metric << "' to compare it by\n";
    auto done = rows.size() - failed - missing - pruned;
    std::cout << done << " done, " << failed << " failed, " << pruned << " pruned, " << missing << " not run";
    if (!kept_.empty())
      std::cout << "; " << kept_.size() << " of them before";
    std::cout << '\n';
    if (!metric.empty() && !best.empty())
      write_output("plot.svg", plot(rows, metric, how_.maximize));
    for (auto& format : how_.exports)
      write_output("trials." + format, format == "csv" ? to_csv(rows) : to_json(rows));
    std::cout << std::flush;
    if (broken_)
      return lost_workers_ ? exit_unavailable : exit_cannot_write;
    if (missing > 0 && stop_requests::signal() != 0) {
      std::cerr << "Stopped early: the same command goes on from here\n";
      return ended_by_signal;
    }
    return failed > 0 || missing > 0 ? exit_failed : 0;
  }

  void write_output(const std::string& name, const std::string& text) {
    auto path = how_.folder() / name;
    write_file(path, text);
    std::cout << path.string() << '\n';
  }

  const sweep_options& how_;
  const user_code experiment_;
  const std::vector<trial> plan_;
  progress_display display_;
  std::atomic<workforce*> workers_{nullptr};
  std::atomic<bool> broken_{false};
  std::atomic<bool> lost_workers_{false};
  journal journal_;
  std::shared_ptr<trial_desk> desk_;
  configuration configuration_;
  trial_recorder recorder_;
  std::vector<std::pair<const trial*, std::string>> work_; // with their hashes
  std::map<std::string, trial_result> kept_;               // by hash
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> told_{0};
};

} // namespace

fs::path sweep_options::folder() const {
  return out.empty() ? fs::path{experiment.stem().string() + ".sweep"} : out;
}

std::string worker_source(const user_code& experiment, bool capture) {
  return experiment.source(std::string{output_py} + std::string{trial_py}, {{"capture", capture}});
}

std::string trial_request(const trial& one, std::uint64_t seed, const std::string& call) {
  return ordered_json{
      {"call", call}, {"parameters", one.parameters}, {"random", std::to_string(seed) + '/' + one.id}}
      .dump();
}

int run_sweep(const sweep_options& how) {
  std::optional<user_code> experiment;
  try {
    experiment = user_code::read(how.experiment);
    if (how.work.on_nodes())
      experiment->read_modules();
  } catch (const std::runtime_error& problem) {
    std::cerr << "interp-actors sweep: " << problem.what() << '\n';
    return exit_no_input;
  }
  std::vector<trial> plan;
  try {
    plan = make_plan(how);
  } catch (const std::invalid_argument& problem) {
    std::cerr << "interp-actors sweep: " << problem.what() << '\n';
    return exit_usage;
  }
  std::optional<sweep> one;
  try {
    one.emplace(how, std::move(*experiment), std::move(plan));
  } catch (const std::runtime_error& problem) {
    std::cerr << "interp-actors sweep: " << problem.what() << '\n';
    return exit_cannot_write;
  }
  return run_work(how.work, [&](ia::runtime& rt, stop_requests& stops) { return one->run(rt, stops); });
}

} // namespace ia_program
