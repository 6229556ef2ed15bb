#include "trial_desk.hpp"

#include <caf/spawn_options.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace ia_program {

namespace fs = std::filesystem;

using ia_experiments::outcome;
using ia_experiments::trial_result;
using nlohmann::ordered_json;
using steady = std::chrono::steady_clock;

struct trial_desk::running_trial {
  struct close_file {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::string id;
  std::string hash;
  std::string call; // the last one
  unsigned calls = 0;
  unsigned attempts = 0;
  std::optional<ia_experiments::journal::attempt> attempt; // the one that runs
  std::vector<ia_experiments::journal::attempt> died;      // those before it of which it was delivered again
  interpreter worker;
  steady::time_point begun = steady::now();
  metrics last;
  bool heading_due = false; // in the output, before what this attempt prints
  std::unique_ptr<std::FILE, close_file> output;
};

trial_desk::trial_desk(ia_experiments::journal& journal, options how)
    : journal_{journal}, how_{std::move(how)} {
  if (how_.pruning)
    rule_.emplace(*how_.pruning);
}

trial_desk::~trial_desk() = default;

void trial_desk::remember(const std::string& id, const std::vector<ia_experiments::metric_report>& reports) {
  if (!rule_)
    return;
  for (auto& one : reports)
    if (auto value = one.metrics.find(how_.metric); value != one.metrics.end())
      (void)rule_->report(id, one.step, value->second);
  rule_->finish(id);
}

trial_desk::running_trial* trial_desk::find(const std::string& id) {
  auto found = running_.find(id);
  return found == running_.end() ? nullptr : found->second.get();
}

trial_desk::running_trial* trial_desk::find_call(const std::string& call) {
  auto* one = find(call.substr(0, call.find('/')));
  return one && one->call == call ? one : nullptr;
}

fs::path trial_desk::folder_of(const std::string& id) const {
  return how_.folder / "trials" / id;
}

// -- who asks for trials
// -------------------------------------------------------------------------------------------------------

void trial_desk::expect(const ia_experiments::trial& one, const std::string& hash) {
  auto added = std::make_unique<running_trial>();
  added->id = one.id;
  added->hash = hash;
  std::lock_guard guard{mutex_};
  running_[one.id] = std::move(added);
}

std::string trial_desk::next_call(const std::string& id) {
  std::lock_guard guard{mutex_};
  auto* one = find(id);
  return one->call = id + '/' + std::to_string(++one->calls);
}

void trial_desk::done(const std::string& id, ordered_json values) {
  finish(id, {.what = outcome::done, .values = std::move(values)});
}

void trial_desk::pruned(const std::string& id) {
  finish(id, {.what = outcome::pruned});
}

void trial_desk::failed(const std::string& id, const failure& why, bool again) {
  if (!again) {
    std::error_code problem;
    fs::create_directories(folder_of(id), problem);
    std::ofstream{folder_of(id) / "traceback.txt"} << why.details;
    finish(id, {.what = outcome::failed, .problem = why.summary, .details = why.details});
    return;
  }
  std::lock_guard guard{mutex_};
  if (auto* one = find(id); one && one->attempt) {
    journal_.end(*one->attempt, to_string(why.what), why.summary);
    close_attempt(*one);
  }
}

void trial_desk::lost(const std::string& id, const std::string& why) {
  std::lock_guard guard{mutex_};
  auto* one = find(id);
  if (!one)
    return;
  if (rule_)
    rule_->forget(id);
  if (one->attempt)
    journal_.end(*one->attempt, "stopped", why);
  close_attempt(*one);
  running_.erase(id);
}

void trial_desk::close_attempt(running_trial& one) {
  for (auto before : one.died) // does nothing where the supervisor has told of it
    journal_.end(before, to_string(failure::kind::died), "its interpreter ended");
  one.died.clear();
  at_work_.erase(one.worker);
  one.attempt.reset();
}

void trial_desk::finish(const std::string& id, trial_result result) {
  std::lock_guard guard{mutex_};
  auto* one = find(id);
  if (!one)
    return;
  if (!one->attempt) { // it came to its end before it began
    ++one->attempts;
    one->attempt = journal_.start(id, one->hash, "");
  }
  auto attempt = *one->attempt;
  if (result.what == outcome::pruned)
    result.values = one->last;
  result.attempts = one->attempts;
  result.seconds = std::chrono::duration<double>{steady::now() - one->begun}.count();
  result.ended = ia_experiments::wall_clock();
  if (rule_) {
    if (result.what == outcome::done)
      rule_->finish(id);
    else
      rule_->forget(id);
  }
  auto hash = one->hash;
  close_attempt(*one);
  running_.erase(id);
  results_[hash] = result;
  auto what = result.what;
  journal_.finish(attempt, hash, id, std::move(result), [this, what] {
    std::lock_guard guard{mutex_};
    ++ended_;
    failed_ += what == outcome::failed;
    pruned_ += what == outcome::pruned;
  });
}

// -- trials
// -------------------------------------------------------------------------------------------------------------

void trial_desk::begin(const std::string& call, const interpreter& worker) {
  std::lock_guard guard{mutex_};
  auto* one = find_call(call);
  if (!one)
    return;
  if (rule_)
    rule_->forget(one->id);
  if (one->attempt) // it is delivered again
    one->died.push_back(*one->attempt);
  ++one->attempts;
  one->attempt = journal_.start(one->id, one->hash, worker.first);
  one->worker = worker;
  one->begun = steady::now();
  one->last.clear();
  at_work_[worker] = *one->attempt;
  one->heading_due = one->attempts > 1;
  std::error_code problem; // there is mostly nothing to remove
  fs::remove(folder_of(one->id) / "traceback.txt", problem);
  if (one->attempts == 1)
    fs::remove(folder_of(one->id) / "output.txt", problem);
}

bool trial_desk::report(const std::string& call, std::int64_t step, const metrics& numbers) {
  std::lock_guard guard{mutex_};
  auto* one = find_call(call);
  if (!one || !one->attempt)
    return false;
  journal_.report(*one->attempt, {step, numbers});
  for (auto& [name, value] : numbers)
    one->last[name] = value;
  auto value = numbers.find(how_.metric);
  return rule_ && value != numbers.end() && rule_->report(one->id, step, value->second);
}

void trial_desk::output(const std::string& call, const std::string& text) {
  std::lock_guard guard{mutex_};
  auto* one = find_call(call);
  if (!one || text.empty())
    return;
  if (!one->output) { // a trial that prints nothing needs no folder, which costs more than all the rest
    std::error_code problem;
    fs::create_directories(folder_of(one->id), problem);
    one->output.reset(std::fopen((folder_of(one->id) / "output.txt").c_str(), "ae"));
  }
  auto* file = one->output.get();
  bool written = file != nullptr;
  if (written && std::exchange(one->heading_due, false))
    written = std::fprintf(file, "== attempt %u\n", one->attempts) > 0;
  written =
      written && std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0;
  if (!written && !std::exchange(trouble_, true))
    how_.on_trouble("cannot write '" + (folder_of(one->id) / "output.txt").string()
                    + "': " + std::generic_category().message(errno));
}

void trial_desk::died(const ia::death_report& death) {
  std::lock_guard guard{mutex_};
  auto found = at_work_.find({death.child, death.incarnation});
  if (found == at_work_.end())
    return;
  auto how = death.reason == ia::death_reason::node_lost ? failure::kind::node_lost : failure::kind::died;
  journal_.end(found->second, to_string(how), death.text);
  at_work_.erase(found);
}

// -- the sweep
// -------------------------------------------------------------------------------------------------------------

void trial_desk::heartbeat() {
  std::lock_guard guard{mutex_};
  std::vector<ia_experiments::journal::attempt> running;
  for (auto& [id, one] : running_)
    if (one->attempt)
      running.push_back(*one->attempt);
  journal_.heartbeat(running);
}

void trial_desk::count(ia_experiments::progress& to) const {
  std::lock_guard guard{mutex_};
  to.ended += ended_;
  to.failed += failed_;
  to.pruned += pruned_;
  to.running += static_cast<std::size_t>(
      std::ranges::count_if(running_, [](auto& one) { return one.second->attempt.has_value(); }));
}

std::map<std::string, trial_result> trial_desk::results() const {
  std::lock_guard guard{mutex_};
  return results_;
}

trial_recorder start_recorder(caf::actor_system& system, std::shared_ptr<trial_desk> desk) {
  return system.spawn<caf::detached>([desk]() -> trial_recorder::behavior_type {
    return {
        [desk](begin_atom, const std::string& call, const std::string& name,
               std::uint64_t incarnation) -> caf::result<void> {
          desk->begin(call, {name, incarnation});
          return caf::unit;
        },
        [desk](report_atom, const std::string& call, std::int64_t step, const metrics& numbers) {
          return desk->report(call, step, numbers);
        },
        [desk](output_atom, const std::string& call, const std::string& text) -> caf::result<void> {
          desk->output(call, text);
          return caf::unit;
        },
    };
  });
}

} // namespace ia_program
