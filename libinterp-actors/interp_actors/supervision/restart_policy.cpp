#include "interp_actors/supervision/restart_policy.hpp"

#include <algorithm>
#include <cmath>

namespace interp_actors {

namespace {

using outcome = decision::outcome;

/// The restarts in a row that count at `now`: none where the child has run for long enough since.
std::size_t restarts_in_a_row(const backoff& delays, const backoff_history& history, restart_time now) {
  auto reset = delays.reset_after.count() > 0 ? delays.reset_after : delays.initial;
  return history.started && now - *history.started >= reset ? 0 : history.restarts;
}

void stop_live_ones(decision& result, std::span<const supervised> children, std::size_t first) {
  for (auto i = children.size(); i-- > first;)
    if (children[i].live)
      result.stop.push_back(i);
}

/// The children from `first` on are stopped in the reverse order and started in order; temporary ones are not kept.
void restart_group(decision& result, std::span<const supervised> children, std::size_t first) {
  stop_live_ones(result, children, first);
  for (auto i = first; i < children.size(); ++i)
    (children[i].spec->restart == temporary ? result.remove : result.start).push_back(i);
}

bool ends_supervisor(const supervisor_spec& spec, std::span<const supervised> children, std::size_t who) {
  if (!children[who].spec->significant)
    return false;
  switch (spec.auto_shutdown) {
  case auto_shutdown::never:
    return false;
  case auto_shutdown::any_significant:
    return true;
  default:
    return std::none_of(children.begin(), children.end(), [](const supervised& child) {
      return child.spec->significant && (child.live || child.awaited);
    });
  }
}

} // namespace

bool is_abnormal(death_reason reason) {
  return reason != death_reason::normal && reason != death_reason::shutdown;
}

bool restarts_after(restart_type type, death_reason reason) {
  return type == permanent || (type == transient && is_abnormal(reason));
}

caf::timespan delay_after(const backoff& delays, std::size_t restarts, double random) {
  if (delays.initial.count() <= 0)
    return caf::timespan{0};
  // The power may be infinite, which the maximum ends.
  auto grown =
      static_cast<double>(delays.initial.count()) * std::pow(delays.factor, static_cast<double>(restarts));
  auto capped = std::min(grown, static_cast<double>(delays.maximum.count()));
  constexpr auto longest = static_cast<double>(caf::timespan::max().count() / 4);
  return caf::timespan{
      static_cast<caf::timespan::rep>(std::min(capped * (1 + random * delays.jitter), longest))};
}

int restart_window::left(restart_time now) const {
  auto counting =
      std::count_if(restarts_.begin(), restarts_.end(), [&](restart_time t) { return now - t <= period_; });
  return std::max(0, intensity_ - static_cast<int>(counting));
}

void restart_window::add(restart_time now) {
  std::erase_if(restarts_, [&](restart_time t) { return now - t > period_; });
  restarts_.push_back(now);
}

decision decide(const supervisor_spec& spec, std::span<const supervised> children, const unasked_death& death,
                const restart_window& window, const backoff_history& history, restart_time now,
                double random) {
  decision result;
  auto& child = *children[death.who].spec;
  if (!death.failed_restart && !restarts_after(child.restart, death.reason)) {
    if (child.restart == temporary || spec.strategy == dynamic)
      result.remove.push_back(death.who);
    if (ends_supervisor(spec, children, death.who)) {
      result.what = outcome::auto_shutdown;
      stop_live_ones(result, children, 0);
    }
    return result;
  }
  if (!window.allows(now)) {
    bool others_left = std::any_of(children.begin(), children.end(),
                                   [](const supervised& other) { return other.live || other.awaited; });
    if (spec.budget == restart_budget::child && others_left) {
      result.what = outcome::child_gives_up;
    } else {
      result.what = outcome::give_up;
      stop_live_ones(result, children, 0);
    }
    return result;
  }
  result.what = outcome::restart;
  result.delay = delay_after(child.backoff, restarts_in_a_row(child.backoff, history, now), random);
  switch (spec.strategy) {
  case one_for_all:
    restart_group(result, children, 0);
    break;
  case rest_for_one:
    restart_group(result, children, death.who);
    break;
  default:
    result.start.push_back(death.who);
  }
  return result;
}

backoff_history after_restart(const backoff& delays, const backoff_history& history, restart_time now) {
  return {restarts_in_a_row(delays, history, now) + 1, std::nullopt};
}

} // namespace interp_actors
