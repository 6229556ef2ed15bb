#pragma once

#include "interp_actors/actor/dead_letter.hpp"
#include "interp_actors/actor/settings.hpp"
#include "interp_actors/actor/timer.hpp"
#include "interp_actors/base/bell_pool.hpp"
#include "interp_actors/base/death_report.hpp"

#include <caf/actor_system.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace interp_actors {

namespace python {
class engine;
} // namespace python

class incarnation;
class node_directory;

/// Counts of the interpreters of a runtime.
struct interpreter_counts {
  /// Those with a thread that still counts: they run, start, wind down or linger.
  std::size_t live = 0;
  /// Those that could not be stopped and hang still.
  std::size_t abandoned = 0;
  /// Those that ever ended.
  std::size_t ended = 0;
};

/// An interpreter that could not be stopped and hangs still.
struct stuck_interpreter {
  std::string name;
  /// CPython's number of it; -1 where it hangs while it is created.
  std::int64_t interpreter = -1;
  /// Which life of its address it was.
  std::uint64_t incarnation = 1;
  std::chrono::system_clock::time_point since;
  /// The lines of Python code where it hangs, innermost last, as far as they are known: CPython 3.15 tells them of any
  /// code; with 3.14 they are those of the last interrupt that reached Python code.
  std::string stack;
};

/// Is told of each death of a supervised child, in its supervisor's thread; must not block.
using death_handler = std::function<void(const death_report&)>;

/// All incarnations of a runtime with their threads, and what they share. Joins threads that have ended;
/// abandons those that cannot.
/// Thread: any.
/// Owner: the runtime and every incarnation, since an abandoned one may outlive the runtime.
class roster : public std::enable_shared_from_this<roster> {
public:
  roster(caf::actor_system& system, python::engine& engine, const interpreter_settings& settings,
         dead_letter_handler dead_letters, death_handler deaths = nullptr);

  // -- for the runtime
  // --------------------------------------------------------------------------------------------

  /// Takes in `incarnation`, whose thread is about to start. Returns false once stopped.
  bool enter(std::shared_ptr<incarnation> incarnation);

  /// Joins the threads that have ended since.
  void reap();

  /// Whether the runtime stops or was asked to.
  bool stop_requested() const;

  /// Lets `wait_for_stop` return, and nothing else.
  void request_stop();

  /// Waits until the runtime stops or was asked to.
  void wait_for_stop() const;

  /// Has `f` called when the runtime stops and takes no more interpreters, before it ends those that it has; what was
  /// added last is called first. `f` may wait, but not for the stop's end, and must not throw. It is forgotten with the
  /// result, which is null, and `f` never called, once the runtime stops.
  /// Thread: `f` runs in the one that stops, also while another drops the result.
  std::shared_ptr<const void> at_stop(std::function<void()> f);

  /// Calls what `at_stop` was given, stops all interpreters, waits until each has ended or was abandoned, and stops the
  /// timer.
  void stop();

  interpreter_counts counts() const;

  /// Tells the program's handler of a death; without one, those that are no normal end make a block on stderr.
  void tell_of_death(const death_report& report) const noexcept;

  /// Those that could not be stopped, the oldest first.
  std::vector<stuck_interpreter> stuck() const;

  // -- for incarnations
  // -------------------------------------------------------------------------------------------

  /// Arms the timer, unless it is stopped.
  void arm(const std::shared_ptr<timer::client>& client, time_point when);

  /// The thread of `incarnation` is about to return.
  void ended(incarnation& incarnation);

  /// `incarnation` was given up; its thread is nobody's from now on.
  void abandoned(incarnation& incarnation);

  /// Whether the runtime has stopped: an abandoned incarnation that comes back then touches Python no more.
  bool stopped() const;

  caf::actor_system& system;
  python::engine& engine;
  const interpreter_settings settings;
  const std::shared_ptr<dead_letter_office> dead_letters;
  const death_handler deaths;
  const std::shared_ptr<bell_pool> bells = std::make_shared<bell_pool>();
  /// Set by the runtime before anything runs.
  std::shared_ptr<node_directory> nodes;

private:
  struct stuck_entry {
    std::weak_ptr<incarnation> who;
    std::chrono::system_clock::time_point since;
  };

  void prepare_stop();

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::set<std::shared_ptr<incarnation>> live_;
  std::vector<std::shared_ptr<incarnation>> finished_; // ended, to be joined
  std::map<const incarnation*, stuck_entry> stuck_;    // they were abandoned
  std::size_t ended_ = 0;
  std::vector<std::weak_ptr<const std::function<void()>>> at_stop_;
  bool stop_requested_ = false;
  bool stopping_ = false;
  bool stopped_ = false;
  bool done_ = false;
  std::unique_ptr<timer> timer_ = std::make_unique<timer>();
};

} // namespace interp_actors
