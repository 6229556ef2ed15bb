#include "interp_actors/supervision/supervisor_core.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/deep_to_string.hpp>
#include <caf/exit_reason.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

namespace interp_actors {

namespace {

std::string in_quotes(std::string_view name) {
  return std::string{"'"}.append(name).append("'");
}

caf::error stopped(std::string text) {
  return make_error(errc::stopped, std::move(text));
}

/// What a death was, in words.
std::string words(const death_report& report, const caf::error& error) {
  return error ? describe(error) : to_string(report.reason) + ": " + report.text;
}

} // namespace

std::string to_string(child_state state) {
  switch (state) {
  case child_state::waiting:
    return "waiting";
  case child_state::starting:
    return "starting";
  case child_state::running:
    return "running";
  case child_state::stopping:
    return "stopping";
  case child_state::down:
    return "down";
  default:
    return "down_for_good";
  }
}

supervisor_core::supervisor_core(supervisor_spec spec, std::function<double()> random)
    : spec_{std::move(spec)}, random_{std::move(random)}, window_{spec_.intensity, spec_.period} {
  if (auto problem = check(problems_of(spec_)))
    throw std::invalid_argument(describe(problem));
  if (spec_.strategy == dynamic)
    return;
  for (auto& child : spec_.children) {
    auto& s = add(child);
    s.initial = true;
  }
}

// -- events ---------------------------------------------------------------------------------------------------------------

supervisor_commands supervisor_core::start(restart_time now) {
  if (mode_ == mode::idle)
    mode_ = mode::starting;
  return advance(now);
}

supervisor_commands supervisor_core::on_started(restart_time now, slot_id id, std::uint64_t incarnation) {
  auto s = find(id, incarnation);
  if (s && s->now_is == phase::starting) {
    s->now_is = phase::running;
    s->initial = false;
    s->history.started = now;
    if (s->start_ticket)
      reply(*std::exchange(s->start_ticket, std::nullopt), {}, id);
  }
  return advance(now);
}

supervisor_commands supervisor_core::on_death(restart_time now, slot_id id, std::uint64_t incarnation,
                                              child_death death) {
  auto s = find(id, incarnation);
  if (s && s->now_is != phase::down && !s->tearing_down.contains(incarnation))
    died(now, *s, std::move(death));
  return advance(now);
}

supervisor_commands supervisor_core::on_gone(restart_time now, slot_id id, std::uint64_t incarnation) {
  if (auto i = slots_.find(id); i != slots_.end() && i->second.tearing_down.erase(incarnation) > 0) {
    auto& s = i->second;
    unsettled_.insert(id);
    if (s.now_is == phase::stopping && s.incarnation == incarnation)
      s.now_is = phase::down;
  }
  return advance(now);
}

supervisor_commands supervisor_core::recycle(restart_time now, slot_id id, std::uint64_t incarnation) {
  auto s = find(id, incarnation);
  if (s && s->now_is == phase::running && !s->to_stop && !is_ending()) {
    s->to_stop = true;
    s->wanted = true;
    s->why = stopped(in_quotes(s->spec->name) + " is replaced by a fresh incarnation");
  }
  return advance(now);
}

supervisor_commands supervisor_core::on_timer(restart_time now) {
  armed_.reset(); // it has come, also where it was too early
  return advance(now);
}

supervisor_commands supervisor_core::stop(restart_time now, death_reason reason, caf::error error) {
  begin_end(reason, std::move(error));
  return advance(now);
}

void supervisor_core::died(restart_time now, slot& s, child_death death) {
  auto was = s.now_is;
  s.tearing_down.insert(s.incarnation);
  auto report = std::make_shared<death_report>(std::move(death.report));
  if (was == phase::stopping && report->reason == death_reason::killed)
    report->reason = death_reason::shutdown; // whatever the reason that it was given
  s.last_death = report;
  out_.emplace_back(publish_death{s.id, report});
  if (was == phase::stopping || s.to_stop || mode_ == mode::stopping) {
    // It was to end, whatever it died of. One that is stopping is down when it is gone: others wait for that.
    s.to_stop = false;
    s.ready = s.wanted && death.ready_successor;
    if (was != phase::stopping || s.ready)
      s.now_is = phase::down;
  } else {
    s.now_is = phase::down;
    s.wanted = false;
    s.why = death.error ? death.error : stopped(in_quotes(s.spec->name) + " has ended");
    if (was == phase::starting && s.start_ticket) {
      s.why = death.error
                  ? death.error
                  : make_error(errc::start_failed, in_quotes(s.spec->name) + " ended before it had started");
      reply(*std::exchange(s.start_ticket, std::nullopt), s.why, s.id);
      if (s.discard)
        leave(s);
    } else if (was == phase::starting && s.initial) {
      begin_end(death_reason::start_failed,
                make_error(errc::start_failed, in_quotes(s.spec->name) + " could not be started: "
                                                   + words(*report, death.error)));
    } else {
      follow(now, s, was == phase::starting, *report, death);
    }
  }
  report->restarts_left = (spec_.budget == restart_budget::child ? s.window : window_).left(now);
}

/// Does what follows from a death that nobody asked for.
void supervisor_core::follow(restart_time now, slot& s, bool failed_restart, const death_report& report,
                             const child_death& death) {
  std::vector<supervised> children;
  std::vector<slot*> order;
  unasked_death event{0, report.reason, failed_restart};
  for (auto& [id, other] : slots_) {
    if (other.leaving)
      continue;
    if (id == s.id)
      event.who = order.size();
    order.push_back(&other);
    children.push_back({other.spec.get(), is_live(other), other.wanted});
  }
  auto& window = spec_.budget == restart_budget::child ? s.window : window_;
  bool is_loss = report.reason == death_reason::node_lost;
  bool is_counted =
      is_loss && spec_.budget != restart_budget::child && s.counted_losses.contains(report.node);
  static const restart_window unlimited{std::numeric_limits<int>::max(), caf::timespan{0}};
  auto result = decide(spec_, children, event, is_counted ? unlimited : window, s.history, now, random_());
  switch (result.what) {
  case decision::outcome::none:
    break;
  case decision::outcome::restart: {
    if (!is_counted)
      window.add(now);
    if (is_loss && !is_counted)
      for (auto* other : order)
        if (is_live(*other))
          other->counted_losses.insert(report.node);
    s.history = after_restart(s.spec->backoff, s.history, now);
    s.ready = death.ready_successor;
    if (result.delay.count() > 0)
      s.not_before = now + result.delay;
    auto why =
        stopped("it ends with " + in_quotes(s.spec->name) + ", which ended: " + to_string(report.reason));
    for (auto i : result.stop) {
      order[i]->to_stop = true;
      order[i]->why = why;
      unsettled_.insert(order[i]->id);
    }
    for (auto i : result.remove)
      order[i]->why = why;
    for (auto i : result.start) {
      order[i]->wanted = true;
      unsettled_.insert(order[i]->id);
    }
    break;
  }
  case decision::outcome::child_gives_up:
    s.gave_up = true;
    break;
  case decision::outcome::auto_shutdown:
    begin_end(death_reason::shutdown, caf::make_error(caf::exit_reason::user_shutdown));
    break;
  case decision::outcome::give_up: {
    // A normal end, too often, is none that the supervisor's own supervisor should take for normal.
    auto reason = is_abnormal(report.reason) ? report.reason : death_reason::exception;
    begin_end(reason, death.error
                          ? death.error
                          : make_error(errc::gave_up, in_quotes(s.spec->name) + " ended more than "
                                                          + std::to_string(spec_.intensity) + " times in "
                                                          + caf::deep_to_string(spec_.period)
                                                          + ", at last: " + words(report, death.error)));
  }
  }
  for (auto i : result.remove)
    leave(*order[i]);
}

void supervisor_core::begin_end(death_reason reason, caf::error error) {
  if (is_ending())
    return;
  mode_ = mode::stopping;
  end_ = {reason, std::move(error)};
  auto why = end_.error ? end_.error : stopped("its supervisor has ended");
  for (auto& [id, s] : slots_) {
    if (s.now_is != phase::down || s.wanted) // others have a reason of their own
      s.why = why;
    s.wanted = false;
    s.to_stop = is_live(s);
    if (s.start_ticket)
      reply(*std::exchange(s.start_ticket, std::nullopt), why, id);
    unsettled_.insert(id);
  }
}

// -- operations -----------------------------------------------------------------------------------------------------------

supervisor_commands supervisor_core::start_child(restart_time now, ticket_id ticket, child_spec child) {
  if (is_ending()) {
    reply(ticket, stopped("the supervisor has ended"));
    return advance(now);
  }
  if (spec_.strategy == dynamic) {
    auto made = spec_.children.front();
    if (child.body) {
      made.body = std::move(child.body);
      made.kind = child.kind;
    }
    if (child.name.empty())
      do {
        child.name = made.name + "-" + std::to_string(++generated_);
      } while (find(child.name));
    made.name = std::move(child.name);
    child = std::move(made);
  }
  auto problems = problems_of(child, spec_);
  if (child.name.empty())
    problems.emplace_back("the child's name is empty");
  if (auto problem = check(problems)) {
    reply(ticket, std::move(problem));
  } else if (auto same = find(child.name)) {
    reply(ticket, make_error(errc::child_exists, in_quotes(child.name) + " is " + to_string(state_of(*same))),
          same->id);
  } else {
    auto& s = add(std::move(child));
    s.start_ticket = ticket;
    s.discard = true;
  }
  return advance(now);
}

supervisor_commands supervisor_core::terminate_child(restart_time now, ticket_id ticket,
                                                     std::string_view name) {
  auto s = find(name);
  if (refuse(ticket, s, name))
    return advance(now);
  s->why = stopped(in_quotes(name) + " was terminated");
  s->initial = false;
  s->wanted = false;
  s->not_before.reset();
  s->to_stop = is_live(*s);
  s->end_tickets.push_back(ticket);
  if (s->spec->restart == temporary || spec_.strategy == dynamic || (s->start_ticket && s->discard))
    leave(*s);
  else if (s->start_ticket)
    reply(*std::exchange(s->start_ticket, std::nullopt), s->why, s->id);
  unsettled_.insert(s->id);
  return advance(now);
}

supervisor_commands supervisor_core::restart_child(restart_time now, ticket_id ticket,
                                                   std::string_view name) {
  auto s = find(name);
  if (refuse(ticket, s, name))
    return advance(now);
  if (spec_.strategy == dynamic) {
    reply(ticket, make_error(errc::wrong_strategy, "a dynamic child is not restarted by hand"), s->id);
  } else if (s->now_is != phase::down || s->wanted) {
    reply(ticket, make_error(errc::child_active, in_quotes(name) + " is " + to_string(state_of(*s))), s->id);
  } else if (s->gave_up) {
    reply(ticket,
          make_error(errc::gave_up, in_quotes(name) + " is down for good; delete it and start another one"),
          s->id);
  } else {
    s->wanted = true;
    s->start_ticket = ticket;
    s->discard = false;
    unsettled_.insert(s->id);
  }
  return advance(now);
}

supervisor_commands supervisor_core::delete_child(restart_time now, ticket_id ticket, std::string_view name) {
  auto s = find(name);
  if (refuse(ticket, s, name))
    return advance(now);
  if (spec_.strategy == dynamic) {
    reply(ticket, make_error(errc::wrong_strategy, "a dynamic child is deleted when it ends"), s->id);
  } else if (s->now_is != phase::down || s->wanted) {
    reply(ticket, make_error(errc::child_active, in_quotes(name) + " is " + to_string(state_of(*s))), s->id);
  } else {
    s->end_tickets.push_back(ticket);
    leave(*s);
  }
  return advance(now);
}

/// Answers an operation that nothing can be done for.
bool supervisor_core::refuse(ticket_id ticket, slot* s, std::string_view name) {
  if (is_ending())
    reply(ticket, stopped("the supervisor has ended"));
  else if (!s)
    reply(ticket, make_error(errc::no_such_child, "there is no child " + in_quotes(name)));
  else
    return false;
  return true;
}

void supervisor_core::reply(ticket_id ticket, caf::error error, slot_id id) {
  out_.emplace_back(reply_operation{ticket, std::move(error), id});
}

// -- properties -----------------------------------------------------------------------------------------------------------

std::vector<child_info> supervisor_core::list_children() const {
  std::vector<child_info> result;
  for (auto& [id, s] : slots_)
    if (!s.leaving)
      result.push_back(
          {s.spec->name, id, s.spec->kind, state_of(s), s.incarnation, s.restarts, s.last_death});
  return result;
}

child_counts supervisor_core::count_children() const {
  child_counts result;
  for (auto& [id, s] : slots_) {
    if (s.leaving)
      continue;
    ++result.specs;
    ++(s.spec->kind == child_kind::supervisor ? result.supervisors : result.workers);
    if (s.now_is == phase::running)
      ++result.active;
  }
  if (spec_.strategy == dynamic)
    result.specs = 1;
  return result;
}

bool supervisor_core::knows(slot_id id) const {
  auto place = slots_.find(id);
  return place != slots_.end() && !place->second.leaving;
}

bool supervisor_core::is_live(const slot& s) noexcept {
  return s.now_is == phase::starting || s.now_is == phase::running;
}

child_state supervisor_core::state_of(const slot& s) noexcept {
  switch (s.now_is) {
  case phase::starting:
    return child_state::starting;
  case phase::running:
    return child_state::running;
  case phase::stopping:
    return child_state::stopping;
  default:
    if (s.wanted)
      return child_state::waiting;
    return s.address == closed::for_good ? child_state::down_for_good : child_state::down;
  }
}

// -- slots ----------------------------------------------------------------------------------------------------------------

supervisor_core::slot* supervisor_core::find(slot_id id, std::uint64_t incarnation) {
  auto i = slots_.find(id);
  if (i == slots_.end() || i->second.incarnation != incarnation)
    return nullptr;
  unsettled_.insert(id);
  return &i->second;
}

/// A child that is deleted has no name any more.
supervisor_core::slot* supervisor_core::find(std::string_view name) {
  auto i = by_name_.find(name);
  if (i == by_name_.end())
    return nullptr;
  auto& s = slots_.at(i->second);
  return s.leaving ? nullptr : &s;
}

supervisor_core::slot& supervisor_core::add(child_spec child) {
  auto id = ++last_id_;
  auto& latest = by_name_[child.name];
  slot made{.id = id,
            .spec = std::make_shared<const child_spec>(std::move(child)),
            .window = {spec_.intensity, spec_.period}};
  made.after = std::exchange(latest, id);
  made.wanted = true;
  unsettled_.insert(id);
  return slots_.emplace(id, std::move(made)).first->second;
}

/// Deletes a child, which may be live still.
void supervisor_core::leave(slot& s) {
  s.leaving = true;
  s.wanted = false;
  s.address =
      std::min(s.address, closed::until_started); // one that gave up is closed once more: to be forgotten
  if (s.start_ticket)
    reply(*std::exchange(s.start_ticket, std::nullopt), s.why, s.id);
  unsettled_.insert(s.id);
}

// -- what is due ----------------------------------------------------------------------------------------------------------

/// Does all that can be done now. Every call ends here, so that no event needs to know what another one waits for.
supervisor_commands supervisor_core::advance(restart_time now) {
  if (armed_ && now >= *armed_)
    armed_.reset();
  close_addresses();
  erase_gone();
  stop_due();
  if (mode_ == mode::starting && std::none_of(unsettled_.begin(), unsettled_.end(), [&](slot_id id) {
        return slots_.at(id).initial;
      })) {
    mode_ = mode::running;
    out_.emplace_back(tree_started{});
  }
  if (mode_ == mode::starting || mode_ == mode::running)
    start_due(now);
  forget_settled();
  if (mode_ == mode::stopping && unsettled_.empty()) {
    mode_ = mode::ended;
    out_.emplace_back(end_);
  }
  return std::exchange(out_, {});
}

void supervisor_core::stop_due() {
  bool at_once = spec_.strategy == dynamic || spec_.budget == restart_budget::child
                 || (spec_.strategy == one_for_one && mode_ != mode::stopping);
  for (auto i = unsettled_.rbegin(); i != unsettled_.rend(); ++i) {
    auto& s = slots_.at(*i);
    bool others_wait = s.to_stop || s.now_is == phase::stopping || !s.tearing_down.empty();
    if (s.to_stop)
      stop(s);
    if (others_wait && !at_once)
      return;
  }
}

void supervisor_core::close_addresses() {
  for (auto id : unsettled_) {
    auto& s = slots_.at(id);
    bool dead =
        s.now_is == phase::down || (s.now_is == phase::stopping && s.tearing_down.contains(s.incarnation));
    if (!dead || s.wanted)
      continue;
    bool for_good = s.leaving || s.gave_up || mode_ == mode::stopping;
    auto how = for_good ? closed::for_good : closed::until_started;
    if (s.address < how) {
      s.address = how;
      out_.emplace_back(close_address{id, for_good, s.why});
    }
  }
}

void supervisor_core::erase_gone() {
  for (auto i = unsettled_.begin(); i != unsettled_.end();) {
    auto id = *i;
    auto& s = slots_.at(id);
    if (s.now_is != phase::down || !s.tearing_down.empty() || slots_.contains(s.after)) {
      ++i;
      continue;
    }
    for (auto ticket : std::exchange(s.end_tickets, {}))
      reply(ticket, {}, id);
    if (!s.leaving) {
      ++i;
      continue;
    }
    if (auto name = by_name_.find(s.spec->name); name->second == id)
      by_name_.erase(name);
    slots_.erase(id);
    i = unsettled_.erase(i);
  }
}

void supervisor_core::start_due(restart_time now) {
  bool one_starts = false; // of those that start one after the other
  auto hold = now;         // a group starts when the last backoff has passed
  for (auto id : unsettled_) {
    auto& s = slots_.at(id);
    bool tears_down = s.now_is == phase::down && !s.tearing_down.empty() && !s.ready;
    if (is_group() && (s.to_stop || s.now_is == phase::stopping || tears_down))
      return; // a group starts when all that ended of it is gone
    if (s.now_is == phase::starting && (is_group() || s.initial))
      one_starts = true;
    if (s.wanted && s.not_before && *s.not_before > hold)
      hold = *s.not_before;
  }
  if (is_group() && hold > now) {
    wake_at(now, hold);
    return;
  }
  for (auto id : unsettled_) {
    auto& s = slots_.at(id);
    if (s.now_is != phase::down || !s.wanted)
      continue;
    bool in_order = is_group() || s.initial;
    if (s.not_before && *s.not_before > now)
      wake_at(now, *s.not_before);
    else if ((!in_order || !one_starts) && can_start(now, s))
      start(s);
    one_starts = one_starts || in_order;
  }
}

bool supervisor_core::can_start(restart_time now, const slot& s) {
  return (s.tearing_down.empty() || s.ready) && !slots_.contains(s.after)
         && (!s.not_before || *s.not_before <= now);
}

void supervisor_core::start(slot& s) {
  if (s.incarnation > 0 && !s.start_ticket)
    ++s.restarts;
  ++s.incarnation;
  s.now_is = phase::starting;
  s.counted_losses.clear();
  s.wanted = false;
  s.ready = false;
  s.address = closed::no;
  out_.emplace_back(start_incarnation{s.id, s.incarnation, s.spec, s.last_death});
}

void supervisor_core::stop(slot& s) {
  s.to_stop = false;
  s.now_is = phase::stopping;
  out_.emplace_back(stop_incarnation{s.id, s.incarnation, shutdown_of(*s.spec), s.why});
}

void supervisor_core::wake_at(restart_time now, restart_time at) {
  if (at > now && (!armed_ || at < *armed_)) {
    armed_ = at;
    out_.emplace_back(arm_timer{at});
  }
}

/// Leaves those for which nothing is due nor awaited.
void supervisor_core::forget_settled() {
  std::erase_if(unsettled_, [&](slot_id id) {
    auto& s = slots_.at(id);
    auto busy = s.wanted || s.to_stop || s.now_is == phase::starting || s.now_is == phase::stopping;
    return !busy && s.tearing_down.empty() && s.end_tickets.empty() && !s.leaving;
  });
}

} // namespace interp_actors
