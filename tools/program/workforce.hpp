#pragma once

#include <interp_actors/all.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "node_watch.hpp"
#include "stop_requests.hpp"
#include "user_code.hpp"

namespace ia_program {

/// How a command's interpreters work.
struct work_options {
  /// Interpreters; 0 is one for each core, or for each slot of the nodes.
  std::size_t jobs = 0;
  /// For each attempt; 0 is no limit.
  double timeout_seconds = 0;
  /// How often again what failed is tried.
  unsigned retry = 0;
  bool fail_fast = false;
  /// Here, or, with nodes, on these.
  std::string virtual_env;
  /// A file with the nodes that do the work; empty where this process does it.
  std::filesystem::path nodes_file;
  std::vector<std::string> nodes;
  ia::certificate_files certificates;

  bool on_nodes() const { return !nodes.empty(); }
  /// Reads the file with the nodes. Returns 0, or the exit code after having said what is wrong with it.
  int read_nodes(const std::string& command);
  /// How many this process has for that many pieces of work.
  std::size_t interpreters(std::size_t most) const;
};

/// What a fleet of workers runs.
struct worker_code {
  std::string name;
  /// The user's, and all of the Python code; see `user_code::source`.
  const user_code& user;
  std::string source;
  /// The handler that `timeout_seconds` is for.
  std::string handler;
  ia::death_handler on_death = nullptr;
};

/// How many interpreters may die of one request, at least. More than one: an interpreter may die without its fault.
inline constexpr unsigned deaths_allowed = 3;
/// How many nodes may be lost with it. A lost node is no fault of what it did, as far as anybody knows; but what ends the process of each
/// node that it is given to must come to an end.
inline constexpr unsigned losses_allowed = 10;

/// Why a worker gave no result.
struct failure {
  enum class kind {
    exception, // the user's code raised, or its result is too large
    timeout,
    died,      // it ended its interpreter
    node_lost, // its node was lost
    lost,      // nothing that the work could be blamed for: the fleet is stopped, or has come to its end
  };

  kind what = kind::lost;
  std::string summary; // one line
  std::string details; // with the traceback, if there is one

  static failure of(const caf::error& problem, const work_options& how, const user_code& code);
};

std::string to_string(failure::kind what);

/// The attempts at one piece of work.
/// Thread: one.
class attempts {
public:
  explicit attempts(const work_options& how) : how_{how} {}

  /// Counts a failure, and returns whether it is to be tried again. `draining` says that nothing new shall begin.
  bool again(failure::kind what, bool draining);

private:
  const work_options& how_;
  unsigned failures_ = 0;
  unsigned deaths_ = 0;
  unsigned losses_ = 0;
};

/// The interpreters of a command, here or on nodes, and the threads that keep them busy: as many threads as interpreters, each of which asks
/// and waits.
/// Thread: construction, `start` and `run` the command's; the rest any.
/// Owner: the command. Its end stops the fleet.
/// Death: a fleet that ends answers all that waits, so that no thread waits for ever; a signal drains or stops it. Whoever asks asks
/// again where an interpreter or a node has died of it.
class workforce {
public:
  /// `say` prints a line for people.
  workforce(stop_requests& stops, ia::runtime& rt, const work_options& how,
            std::function<void(const std::string&)> say);
  workforce(const workforce&) = delete;
  workforce& operator=(const workforce&) = delete;
  ~workforce();

  /// Starts interpreters for that many pieces of work: this process's at once, or the first one on a node.
  /// Errors: why the code cannot be loaded; `errc::no_node`, `errc::stopped`.
  template <class Handle>
  caf::error start(worker_code code, std::size_t most) {
    auto begin = [this](ia::fleet_options options) -> caf::expected<crew> {
      auto fleet = runtime_.fleet<Handle>(std::move(options));
      if (!fleet)
        return std::move(fleet.error());
      return crew{*fleet, caf::actor_cast<caf::strong_actor_ptr>(fleet->handle())};
    };
    return start(begin, std::move(code), most);
  }

  /// Says why they cannot be started, and returns the exit code.
  int refuse(const caf::error& problem, const std::string& command, const user_code& code) const;

  /// What a worker says of the code that it has loaded.
  /// Errors: `errc::stopped`, and why the fleet has come to its end.
  caf::expected<std::string> ask_about();

  /// Gives one of them a request, and waits for its answer.
  caf::expected<caf::message> ask(ia::caller& me, caf::message request);

  /// Where the work is done, for people: "2 interpreters".
  std::string place() const;

  /// Why nothing is done at present; empty where something may be.
  std::string trouble() const { return nodes_ ? nodes_->trouble() : ""; }

  /// Calls `step` again and again in as many threads as there are interpreters, until it returns false or nothing new shall begin, and
  /// `tick` in this thread every `interval`. Interpreters on nodes are stopped at its end.
  void run(const std::function<bool(ia::caller&)>& step, std::chrono::milliseconds interval,
           const std::function<void()>& tick);

  /// Nothing new begins from now on.
  void drain();
  bool draining() const { return draining_; }

  /// Nothing new begins, and what runs is interrupted.
  void stop();
  bool stopping() const { return stopping_; }

private:
  struct crew {
    ia::fleet_control fleet;
    caf::strong_actor_ptr handle;
  };

  caf::error start(const std::function<caf::expected<crew>(ia::fleet_options)>& begin, worker_code code,
                   std::size_t most);
  caf::expected<crew> start_on_nodes(const std::function<caf::expected<crew>(ia::fleet_options)>& begin,
                                     const worker_code& code);

  ia::runtime& runtime_;
  stop_requests& stops_;
  const work_options& how_;
  const std::function<void(const std::string&)> say_;
  std::atomic<bool> draining_{false};
  std::atomic<bool> stopping_{false};
  std::optional<module_archive> modules_; // that travel
  std::optional<node_watch> nodes_;
  std::mutex mutex_;
  std::optional<ia::fleet_control> fleet_;
  caf::strong_actor_ptr handle_;
  std::size_t limit_ = 0;
  std::atomic<std::size_t> count_{0};
  std::atomic<std::size_t> asking_{0}; // threads that wait for an answer
};

/// Calls `f(runtime&, stop_requests&)` under `run_main` and returns its exit code. Where a signal ended its work early, `f` returns
/// `ended_by_signal`, and the process ends by that signal instead.
int run_work(const work_options& how, const std::function<int(ia::runtime&, stop_requests&)>& f);
inline constexpr int ended_by_signal = -1;

} // namespace ia_program
