#pragma once

#include <interp_actors/all.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "stop_requests.hpp"

namespace ia_program {

/// How a command's interpreters work.
struct work_options {
  /// Interpreters; 0 is one for each core.
  std::size_t jobs = 0;
  /// For each attempt; 0 is no limit.
  double timeout_seconds = 0;
  /// How often again what failed is tried.
  unsigned retry = 0;
  bool fail_fast = false;
  std::string virtual_env;

  std::size_t interpreters(std::size_t most) const;
};

/// What a fleet of workers runs.
struct worker_code {
  std::string name;
  /// The Python code; see `user_code::source`.
  std::string source;
  /// The handler that `timeout_seconds` is for.
  std::string handler;
  ia::death_handler on_death = nullptr;
};

/// How many interpreters may die of one request, at least. More than one: an interpreter may die without its fault.
inline constexpr unsigned deaths_allowed = 3;

/// What a fleet of workers is to be. This, and `start_workers` below, are all that knows where interpreters run.
ia::fleet_options fleet_of_workers(const work_options& how, std::size_t count, worker_code code);

/// Starts the fleet that does a command's work: all in this process.
template <class Handle>
caf::expected<ia::fleet<Handle>> start_workers(ia::runtime& rt, const work_options& how, std::size_t count,
                                               worker_code code) {
  return rt.fleet<Handle>(fleet_of_workers(how, count, std::move(code)));
}

/// Why a worker gave no result.
struct failure {
  enum class kind {
    exception, // the user's code raised
    timeout,
    died, // it ended its interpreter, as often as that is allowed
    lost, // nothing that the work could be blamed for: the fleet is stopped, or has come to its end
  };

  kind what = kind::lost;
  std::string summary; // one line
  std::string details; // with the traceback, if there is one

  static failure of(const caf::error& problem, const work_options& how);
};

std::string to_string(failure::kind what);

/// The interpreters of a command, and the threads that keep them busy: as many threads as interpreters, each of which asks and
/// waits.
/// Thread: `run` and construction the command's; the rest any.
/// Owner: the command. Its end stops the fleet.
/// Death: a fleet that ends answers all that waits, so that no thread waits for ever; a signal drains or stops it.
class workforce {
public:
  /// `say` prints a line for people.
  workforce(stop_requests& stops, ia::runtime& rt, std::function<void(const std::string&)> say);
  workforce(const workforce&) = delete;
  workforce& operator=(const workforce&) = delete;
  ~workforce();

  /// Takes over a fleet of `count` interpreters.
  void employ(ia::fleet_control fleet, std::size_t count);

  /// Calls `step` again and again in as many threads as there are interpreters, until it returns false or nothing new shall begin, and
  /// `tick` in this thread every `interval`.
  void run(const std::function<bool(ia::caller&)>& step, std::chrono::milliseconds interval,
           const std::function<void()>& tick);

  /// Nothing new begins from now on.
  void drain() { draining_ = true; }
  bool draining() const { return draining_; }

  /// Nothing new begins, and what runs is interrupted.
  void stop();
  bool stopping() const { return stopping_; }

private:
  ia::runtime& runtime_;
  stop_requests& stops_;
  const std::function<void(const std::string&)> say_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::optional<ia::fleet_control> fleet_;
  std::size_t count_ = 0;
  std::atomic<std::size_t> asking_{0}; // threads that wait for an answer
};

/// Calls `f(runtime&, stop_requests&)` under `run_main` and returns its exit code. Where a signal ended its work early, `f` returns
/// `ended_by_signal`, and the process ends by that signal instead.
int run_work(const work_options& how, const std::function<int(ia::runtime&, stop_requests&)>& f);
inline constexpr int ended_by_signal = -1;

} // namespace ia_program
