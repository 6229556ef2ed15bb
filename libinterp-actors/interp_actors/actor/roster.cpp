#include "interp_actors/actor/roster.hpp"

#include "interp_actors/actor/incarnation.hpp"

#include <caf/exit_reason.hpp>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace interp_actors {

namespace {

/// Longer waits are for ever, and sums of a few of them can still be counted.
constexpr caf::timespan longest_wait = std::chrono::hours{24 * 365};

interpreter_settings countable(interpreter_settings settings) {
  for (auto* each : {&settings.grace, &settings.shutdown_timeout, &settings.call_timeout,
                     &settings.teardown_timeout, &settings.linger_timeout})
    *each = std::min(*each, longest_wait);
  return settings;
}

} // namespace

roster::roster(caf::actor_system& system, python::engine& engine, const interpreter_settings& settings,
               dead_letter_handler dead_letters, death_handler deaths)
    : system{system},
      engine{engine},
      settings{countable(settings)},
      dead_letters{std::make_shared<dead_letter_office>(std::move(dead_letters))},
      deaths{std::move(deaths)} {}

bool roster::enter(std::shared_ptr<incarnation> incarnation) {
  reap();
  std::lock_guard guard{mutex_};
  if (stopping_)
    return false;
  live_.insert(std::move(incarnation));
  return true;
}

void roster::reap() {
  std::vector<std::shared_ptr<incarnation>> finished;
  {
    std::lock_guard guard{mutex_};
    finished.swap(finished_);
  }
  for (auto& incarnation : finished)
    incarnation->thread().join();
}

bool roster::stop_requested() const {
  std::lock_guard guard{mutex_};
  return stop_requested_;
}

void roster::request_stop() {
  {
    std::lock_guard guard{mutex_};
    stop_requested_ = true;
  }
  changed_.notify_all();
}

void roster::wait_for_stop() const {
  std::unique_lock guard{mutex_};
  changed_.wait(guard, [this] { return stop_requested_; });
}

std::shared_ptr<const void> roster::at_stop(std::function<void()> f) {
  auto owned = std::make_shared<const std::function<void()>>(std::move(f));
  std::lock_guard guard{mutex_};
  if (stopping_)
    return nullptr;
  std::erase_if(at_stop_, [](auto& each) { return each.expired(); });
  at_stop_.push_back(owned);
  return owned;
}

void roster::prepare_stop() {
  std::vector<std::weak_ptr<const std::function<void()>>> at_stop;
  {
    std::lock_guard guard{mutex_};
    at_stop.swap(at_stop_);
  }
  while (!at_stop.empty()) {
    if (auto f = at_stop.back().lock())
      (*f)();
    at_stop.pop_back();
  }
}

void roster::stop() {
  {
    std::unique_lock guard{mutex_};
    if (std::ranges::any_of(live_, [](auto& each) { return each->thread().is_current(); }))
      throw std::logic_error(
          "interp-actors: an interpreter's own thread cannot stop the runtime, which waits for it");
    if (stopping_) { // who calls second must not go on before the first is done
      changed_.wait(guard, [this] { return done_; });
      return;
    }
    stopping_ = stop_requested_ = true;
  }
  changed_.notify_all();
  prepare_stop();
  std::vector<std::shared_ptr<incarnation>> live;
  {
    std::lock_guard guard{mutex_};
    live.assign(live_.begin(), live_.end());
  }
  auto until = time_after(settings.shutdown_timeout);
  for (auto& incarnation : live) {
    incarnation->stop(caf::make_error(caf::exit_reason::user_shutdown), settings.shutdown_timeout);
    incarnation->hurry(until);
  }
  live.clear();
  {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return live_.empty(); });
    stopped_ = true;
  }
  reap();
  std::unique_ptr<timer> timer;
  {
    std::lock_guard guard{mutex_};
    timer = std::move(timer_);
  }
  timer.reset();
  {
    std::lock_guard guard{mutex_};
    done_ = true;
  }
  changed_.notify_all();
}

interpreter_counts roster::counts() const {
  std::lock_guard guard{mutex_};
  return {live_.size(), stuck_.size(), ended_};
}

void roster::tell_of_death(const death_report& report) const noexcept {
  bool is_news = report.reason != death_reason::normal && report.reason != death_reason::shutdown;
  try {
    if (deaths)
      deaths(report);
    else if (is_news)
      std::fprintf(stderr, "interp-actors: %s\n", describe(report).c_str());
  } catch (const std::exception& problem) { // it would end the supervisor
    std::fprintf(stderr, "interp-actors: the handler of deaths threw: %s\n", problem.what());
  } catch (...) {
    std::fprintf(stderr, "interp-actors: the handler of deaths threw something\n");
  }
}

std::vector<stuck_interpreter> roster::stuck() const {
  std::vector<std::pair<std::shared_ptr<incarnation>, std::chrono::system_clock::time_point>> found;
  {
    std::lock_guard guard{mutex_};
    for (auto& [key, entry] : stuck_)
      if (auto who = entry.who.lock())
        found.emplace_back(std::move(who), entry.since);
  }
  std::ranges::sort(found, {}, [](auto& each) { return each.second; });
  std::vector<stuck_interpreter> result;
  for (auto& [who, since] : found)
    result.push_back(who->describe_stuck(since));
  return result;
}

void roster::arm(const std::shared_ptr<timer::client>& client, time_point when) {
  if (timer::will_call(*client, when))
    return; // most messages with a deadline come this way, from any number of threads
  // The timer goes only after every incarnation that counts; an abandoned one needs it no more.
  std::lock_guard guard{mutex_};
  if (timer_)
    timer_->arm(client, when);
}

void roster::ended(incarnation& incarnation) {
  std::lock_guard guard{mutex_};
  ++ended_;
  auto entry = std::ranges::find_if(live_, [&](auto& each) { return each.get() == &incarnation; });
  if (entry == live_.end()) { // it was abandoned, and came back
    stuck_.erase(&incarnation);
    return;
  }
  finished_.push_back(*entry);
  live_.erase(entry);
  changed_.notify_all();
}

void roster::abandoned(incarnation& incarnation) {
  std::lock_guard guard{mutex_};
  auto entry = std::ranges::find_if(live_, [&](auto& each) { return each.get() == &incarnation; });
  if (entry == live_.end())
    return;
  stuck_.emplace(&incarnation, stuck_entry{incarnation.weak_from_this(), std::chrono::system_clock::now()});
  incarnation.thread().abandon();
  live_.erase(entry);
  changed_.notify_all();
}

bool roster::stopped() const {
  std::lock_guard guard{mutex_};
  return stopped_;
}

} // namespace interp_actors
