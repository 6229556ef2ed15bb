#include "interp_actors/actor/incarnation.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/base/payload_stats.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/python/handler_table.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <algorithm>

namespace interp_actors {

namespace {

/// What winding down may take beyond its limits before the timer looks after it.
constexpr std::chrono::milliseconds teardown_slack{250};

/// How long an incarnation waits with its teardown for its successor to settle: on one core, and at the locks of CPython that all
/// interpreters share, the one is in the other's way.
constexpr std::chrono::milliseconds takeover_time{10};

/// What freeing an interpreter's objects may take, finalisers included: a large heap takes seconds.
constexpr std::chrono::seconds dismissal_limit{30};

/// As `time_after`, with 0 for no limit.
time_point deadline_after(std::chrono::nanoseconds limit) {
  return limit == std::chrono::nanoseconds::zero() ? no_deadline : time_after(limit);
}

} // namespace

incarnation::incarnation(std::shared_ptr<roster> home, std::shared_ptr<mailbox> box, source code,
                         spawn_options options, std::shared_ptr<const typed_start> typed, tenure life)
    : home_{std::move(home)},
      code_{std::move(code)},
      options_{std::move(options)},
      typed_{std::move(typed)},
      life_{std::move(life)},
      wake_{home_->bells->take()},
      lobby_{life_.by ? std::make_shared<mailbox>(mailbox_limits{}, succession{}, home_->bells) : nullptr},
      out_{std::make_shared<outbox>(home_, box ? box : lobby_, options_.name, life_.from, life_.known_as)},
      link_{wake_, out_},
      number_{life_.from.number},
      post_{box ? std::move(box) : lobby_} {}

void incarnation::launch() {
  // Others may know it already: through its address, or through the roster.
  move_to({post_.box, post_.box->attach(wake_)});
  // The thread keeps the incarnation, also after it was abandoned.
  try {
    thread_.start(options_.name, [self = shared_from_this()] { self->run(); });
  } catch (...) {
    auto references = life_.by ? post_.box->vacate(post_.consumer) : std::nullopt;
    for (int i = 0; i < references.value_or(0); ++i)
      post_.box->release_address();
    throw;
  }
}

incarnation::post incarnation::where() const {
  std::lock_guard guard{post_mutex_};
  return post_;
}

void incarnation::move_to(post next) {
  std::optional<stop_wish> wish;
  {
    std::lock_guard guard{post_mutex_};
    post_ = next;
    wish = stop_wish_;
  }
  if (!wish)
    return;
  // Whoever stopped it before has not found it here, and nor did the timer, if it has come.
  next.box->retire(next.consumer, wish->reason, wish->when);
  home_->arm(shared_from_this(), wish->when);
}

void incarnation::take_over(std::shared_ptr<mailbox> box, heritage from) {
  {
    std::lock_guard guard{post_mutex_};
    inheritance_ = inheritance{std::move(box), std::move(from)};
  }
  wake_->ring();
}

caf::error incarnation::wait_started() {
  std::unique_lock guard{started_mutex_};
  started_changed_.wait(guard, [this] { return started_.has_value(); });
  return *started_;
}

void incarnation::report_started(caf::error problem) {
  std::function<void(const caf::error&)> watcher;
  {
    std::lock_guard guard{started_mutex_};
    if (!started_)
      started_ = std::move(problem);
    watcher = std::exchange(start_watcher_, nullptr);
  }
  started_changed_.notify_all();
  if (watcher)
    watcher(*started_); // which does not change any more
}

void incarnation::when_started(std::function<void(const caf::error&)> f) {
  {
    std::lock_guard guard{started_mutex_};
    if (!started_) {
      start_watcher_ = std::move(f);
      return;
    }
  }
  f(*started_);
}

void incarnation::wait_ended() {
  std::unique_lock guard{started_mutex_};
  started_changed_.wait(guard, [this] { return gone_; });
}

channel_bindings incarnation::take_channels() {
  std::lock_guard guard{started_mutex_};
  return std::exchange(options_.channels, {});
}

void incarnation::give_up_channels(const caf::error& reason) {
  take_channels();
  link_.holdings->give_up("the interpreter '" + options_.name + "' has ended"
                          + (reason ? ": " + describe(reason) : std::string{}));
  report_gone();
}

void incarnation::report_gone() {
  {
    std::lock_guard guard{started_mutex_};
    gone_ = true;
  }
  started_changed_.notify_all();
}

void incarnation::stop(caf::error reason, std::chrono::nanoseconds limit, death_reason as) {
  auto when = time_after(limit);
  post at;
  {
    std::lock_guard guard{post_mutex_};
    at = post_;
    if (life_.by && !stop_wish_)
      stop_wish_ = stop_wish{reason, when, as};
    else if (life_.by)
      stop_wish_->when = std::min(stop_wish_->when, when);
  }
  if (life_.by) {
    at.box->retire(at.consumer, reason, when);
    out_->close(reason);
  } else {
    at.box->close(std::move(reason));
    out_->close(at.box->reason());
    at.box->stop_activity(when);
  }
  home_->arm(shared_from_this(), when);
}

void incarnation::give_up(const caf::error& reason) {
  // Before the stop: one that is idle goes on to its teardown at once, which has limits of its own.
  auto at = where();
  stop(reason, std::chrono::nanoseconds::zero());
  auto step = at.box->give_up(at.consumer);
  if (step.what != mailbox::ladder_step::kind::abandon)
    return; // it has ended, or was abandoned before
  link_.control->interrupt(step.activity, true);
  abandon(std::move(step), death_reason::shutdown,
          "was interrupted and given up at once, since it is given no time to end");
}

stuck_interpreter incarnation::describe_stuck(std::chrono::system_clock::time_point since) const {
  return {options_.name, interpreter_id_, number_, since, link_.control->where_it_hangs()};
}

bool incarnation::cancel() {
  auto answer_at = time_after(unwind_time);
  auto activity = where().box->cancel(answer_at);
  if (activity == 0)
    return false;
  link_.control->interrupt(activity);
  home_->arm(shared_from_this(), answer_at);
  return true;
}

void incarnation::cancel(const caf::actor_control_block* sender, caf::message_id id) {
  auto answer_at = time_after(unwind_time);
  auto activity = where().box->cancel(sender, id, answer_at);
  if (activity == 0)
    return;
  link_.control->interrupt(activity);
  home_->arm(shared_from_this(), answer_at);
}

void incarnation::hurry(time_point when) {
  linger_until_.store(when.time_since_epoch().count());
  where().box->hurry(when);
  home_->arm(shared_from_this(), when);
  wake_->ring();
}

void incarnation::watch(time_point deadline) {
  home_->arm(shared_from_this(), deadline);
}

// -- the timer's thread
// -----------------------------------------------------------------------------------------------

time_point incarnation::tick(time_point now) {
  auto at = where();
  auto next = at.box->expire(now);
  // Answering may have taken its time.
  auto step = at.box->step(at.consumer, deadline_clock::now(), home_->settings.grace);
  next = std::min({next, step.next, look_after(at, now)});
  using kind = mailbox::ladder_step::kind;
  switch (step.what) {
  case kind::wait:
    break;
  case kind::interrupt:
    link_.control->interrupt(step.activity);
    break;
  case kind::insist:
    link_.control->interrupt(step.activity, true);
    break;
  case kind::make_way:
    link_.control->make_way();
    break;
  case kind::abandon:
    abandon(std::move(step), death_reason::abandoned,
            "did not end within " + std::to_string(home_->settings.grace.count() / 1'000'000)
                + " ms after it was interrupted, and was given up");
    break;
  }
  return next;
}

time_point incarnation::look_after(const post& at, time_point now) {
  auto next = no_deadline;
  auto due = [&](std::atomic<time_point::rep>& what) {
    time_point when{time_point::duration{what.load()}};
    if (when > now) {
      next = std::min(next, when);
      return false;
    }
    return what.exchange(no_deadline.time_since_epoch().count()) != no_deadline.time_since_epoch().count();
  };
  if (due(save_at_) && at.box != lobby_) {
    auto element = compat::make_element(nullptr, caf::make_message_id(),
                                        caf::make_message(event_atom_v, snapshot_event));
    at.box->push_event(element);
  }
  if (due(due_at_) && !due_is_told_.exchange(true))
    life_.by->on_due(number_);
  return next;
}

void incarnation::abandon(mailbox::ladder_step step, death_reason how, const std::string& why) {
  link_.control->fence();
  auto at = where();
  auto text = "'" + options_.name + "' (interpreter " + std::to_string(interpreter_id_.load()) + ") " + why
              + "; its thread may still hang in C code";
  auto reason = make_error(errc::abandoned, std::move(text));
  caf::error first;
  if (!life_.by) {
    at.box->close(reason);
    first = at.box->reason(); // a start that failed keeps its own
  }
  report_started(first ? std::move(first) : reason);
  stop_lingering();
  home_->abandoned(*this);
  report_gone();
  if (life_.by) {
    out_->close(reason);
    out_->withdraw();
    if (step.unfinished)
      put_back(*at.box, std::move(*step.unfinished), step.shared);
    at.box->rest();
    auto last = report(how, reason);
    if (!step.handled.empty())
      last.request = describe_request(step.handled.types(), step.handled);
    tell_death(std::move(last), reason);
    tell_gone();
  }
  // In one of CAF's threads: what users attached to the ends of actors and channels may block.
  home_->system.spawn(
      [self = shared_from_this(), at, reason, step = std::move(step)](caf::event_based_actor*) {
        if (self->life_.by) {
          self->give_up_channels(reason);
          if (!self->address_is_down_.exchange(true))
            self->out_->end(reason);
          for (int i = 0; i < step.references; ++i)
            at.box->release_address();
        } else {
          self->give_up_channels(at.box->reason());
          self->take_address_down(step.references);
        }
      });
}

void incarnation::take_address_down(int references) {
  if (address_is_down_.exchange(true))
    return;
  auto& place = *where().box;
  out_->close(place.reason());
  out_->end(place.reason());
  if (place.unreachable())
    return; // CAF takes it down, in the thread that dropped the last handle
  static_cast<address*>(place.address()->get())->take_down(place.reason());
  for (int i = 0; i < references; ++i)
    place.release_address();
}

// -- the incarnation's own thread
// -------------------------------------------------------------------------------------

void incarnation::run() {
  auto failure = errc::start_failed;
  mailbox::activity_number last = 0;
  try {
    auto activity = begin(options_.start_deadline, mailbox::phase::start);
    python::interpreter interpreter{home_->engine, link_, home_->settings.pin_threshold};
    left_behind_ = true;
    interpreter_id_ = interpreter.id();
    interpreter.with_gil([&](const python::gil_held& gil) {
      link_.control->begin(activity);
      start(gil, interpreter, activity);
      failure = errc::crashed;
      live(gil, interpreter);
      end(gil, interpreter);
    });
    last = begin_dismissal(); // for the finalisers that run with the interpreter's end
  } catch (const python::error& problem) {
    ending_ = make_error(failure, problem.data());
  } catch (const std::exception& problem) {
    ending_ = make_error(failure, std::string{problem.what()});
  }
  box().end(post_.consumer, last);
  if (life_.by) {
    if (!died_ && ending_) // it failed; one that is being abandoned has no reason of its own
      leave(report(why_it_ends(), *ending_), *ending_);
    if (ending_ && !address_is_down_.exchange(true)) {
      out_->end(*ending_);
      report_started(*ending_);
      give_up_channels(*ending_);
    }
  } else if (!address_is_down_
             && box().begin(post_.consumer, no_deadline, mailbox::phase::end) != 0) { // it failed
    box().close(*ending_);
    take_address_down(1);
    report_started(*ending_);
    give_up_channels(*ending_);
  }
  if (left_behind_)
    home_->abandoned(*this);
  else
    home_->ended(*this);
  tell_gone();
}

// -- its life
// -----------------------------------------------------------------------------------------------------------

mailbox::activity_number incarnation::begin_dismissal() {
  std::chrono::nanoseconds least = home_->settings.teardown_timeout + teardown_slack;
  auto hurried = time_point{time_point::duration{linger_until_.load()}} - deadline_clock::now();
  return begin(std::max(least, std::min<std::chrono::nanoseconds>(hurried, dismissal_limit)),
               mailbox::phase::end);
}

mailbox::activity_number incarnation::begin(std::chrono::nanoseconds limit, mailbox::phase of) {
  auto deadline = deadline_after(limit);
  auto activity = box().begin(post_.consumer, deadline, of);
  link_.control->begin(activity);
  if (deadline != no_deadline)
    home_->arm(shared_from_this(), deadline);
  return activity;
}

mailbox::outcome incarnation::finish(const python::gil_held& gil, mailbox::activity_number activity) {
  link_.control->end(gil);
  return box().end(post_.consumer, activity);
}

void incarnation::start(const python::gil_held& gil, python::interpreter& interpreter,
                        mailbox::activity_number activity) {
  if (!box().is_current(post_.consumer))
    return; // it was abandoned while the interpreter was created
  bool is_spare = post_.box == lobby_;
  auto load_all = [&] {
    load(gil, interpreter, !is_spare);
    if (!is_spare && !ending_)
      inherit(gil, interpreter, false);
  };
  if (!try_to_start(gil, activity, load_all))
    return;
  if (is_spare) {
    bool goes_on = gil.release([this] {
      life_.by->on_ready(number_);
      return wait_to_take_over();
    });
    if (!goes_on) {
      ending_ = make_error(errc::stopped, "the spare of '" + options_.name + "' was stopped");
      return;
    }
    if (!try_to_start(gil, begin(options_.start_deadline, mailbox::phase::start),
                      [&] { inherit(gil, interpreter, true); }))
      return;
  }
  has_started_ = true;
  report_started({});
  if (life_.by)
    gil.release([this] {
      life_.by->on_started(number_); // before it can be due
      if (life_.options.recycle_age.count() > 0) {
        auto when = time_after(life_.options.recycle_age);
        due_at_.store(when.time_since_epoch().count());
        home_->arm(shared_from_this(), when);
      }
    });
}

void incarnation::load(const python::gil_held& gil, python::interpreter& interpreter, bool with_channels) {
  if (with_channels)
    if (auto problem = bind(gil, interpreter, take_channels())) {
      ending_ = std::move(problem);
      return;
    }
  interpreter.prepend_path(gil, life_.search_path);
  interpreter.load(gil, code_);
  for (auto& function : options_.functions)
    interpreter.check_function(gil, function);
  if (typed_)
    implement(gil, interpreter);
  if (life_.by)
    interpreter.check_hooks(gil, code_.name);
}

void incarnation::inherit(const python::gil_held& gil, python::interpreter& interpreter, bool with_channels) {
  if (with_channels)
    if (auto problem = bind(gil, interpreter, take_channels())) {
      ending_ = std::move(problem);
      return;
    }
  if (!life_.by)
    return; // hooks are for those who may have a successor
  if (life_.from.snapshot)
    interpreter.call_restore(gil, std::exchange(life_.from.snapshot, {}));
  interpreter.call_started(gil);
}

bool incarnation::try_to_start(const python::gil_held& gil, mailbox::activity_number activity,
                               const std::function<void()>& f) {
  try {
    f();
  } catch (const python::error& problem) {
    ending_ = make_error(errc::start_failed, problem.data());
  } catch (const python::no_such_function& problem) {
    ending_ = make_error(errc::no_such_function,
                         std::string{problem.what()} + " ('" + code_.name + "' was loaded)");
  } catch (const python::interface_mismatch& problem) {
    ending_ = make_error(errc::wrong_type, std::string{problem.what()});
  } catch (const python::wrong_value& problem) {
    ending_ = make_error(errc::wrong_type, std::string{problem.what()});
  } catch (const std::exception& problem) {
    ending_ = make_error(errc::start_failed, std::string{problem.what()});
  }
  auto outcome = finish(gil, activity);
  if (!outcome.current)
    return false;
  if (outcome.closed)
    ending_ = make_error(errc::stopped, "'" + options_.name + "' was stopped while it started");
  else if (ending_ && outcome.cause == interrupt_cause::deadline)
    ending_ = make_error(errc::deadline_exceeded, python_error_of(*ending_).value_or(python_error{}));
  return !ending_;
}

void incarnation::live(const python::gil_held& gil, python::interpreter& interpreter) {
  using kind = mailbox::taken::kind;
  if (ending_)
    return; // the start failed
  auto next = take();
  while (!ending_) {
    reply answer;
    switch (next.what) {
    case kind::message:
      answer = handle(gil, interpreter, std::move(next));
      break;
    case kind::expired:
      answer = {std::move(next.element), caf::make_message(error_for(interrupt_cause::deadline, {}))};
      break;
    case kind::empty:
      break;
    case kind::closed:
    case kind::fenced:
      return;
    }
    if (save_now_ && !ending_) {
      if (answer.request)
        gil.release([&] {
          answer_request(std::exchange(answer.request, nullptr), box().address(), std::move(answer.content));
        });
      save(gil, interpreter);
    }
    if (answer.request || next.what == kind::empty) {
      // Receivers run code of their own, and waiting comes next more often than not: one release serves both.
      gil.release([&] {
        if (answer.request) {
          answer_request(std::move(answer.request), box().address(), std::move(answer.content));
          tell_settled();
          tell_due();
          if (ending_)
            return;
          next = take();
        }
        if (next.what == kind::empty) {
          tell_settled();
          box().park(post_.consumer);
          next = take();
        }
      });
    } else if (!ending_) {
      if (life_.by && !has_settled_)
        gil.release([this] { tell_settled(); });
      next = take();
    }
    if (is_due_)
      gil.release([this] { tell_due(); });
    interpreter.between_messages(gil);
  }
}

mailbox::taken incarnation::take() {
  auto result = box().take(post_.consumer);
  link_.control->begin(result.activity); // what interrupts it may come before its turn at the GIL
  if (life_.by && result.deadline != no_deadline && result.activity != 0)
    home_->arm(shared_from_this(), result.deadline); // it may have waited here before this incarnation
  return result;
}

incarnation::reply incarnation::handle(const python::gil_held& gil, python::interpreter& interpreter,
                                       mailbox::taken taken) {
  auto activity = taken.activity;
  bool is_request = taken.element->mid.is_request();
  auto& content = taken.element->payload; // `dispatch` may take it
  auto types = content.types();
  bool is_event = content.match_elements<event_atom, python::event_number>();
  auto* remote = content.match_elements<remote_call>() ? &content.get_as<remote_call>(0) : nullptr;
  out_->handling(remote ? remote->sender.get() : taken.element->sender.get());
  caf::message answer;
  std::optional<python::error> raised;
  caf::error problem;
  bool not_understood = false; // none of the function's code ran: nobody's end
  auto never_began = [&](errc code, std::string why) {
    problem = make_error(code, std::move(why));
    not_understood = true;
  };
  try {
    answer = dispatch(gil, interpreter, content, is_request);
  } catch (python::error& error) {
    raised = std::move(error);
  } catch (const python::no_such_function& error) {
    never_began(errc::no_such_function, error.what());
  } catch (const value_error& error) {
    never_began(errc::wrong_type, error.what());
  } catch (const python::wrong_argument& error) {
    never_began(errc::wrong_type, error.what());
  } catch (const python::interface_mismatch& error) { // redefined in the meantime
    never_began(errc::wrong_type, error.what());
  } catch (const python::wrong_result& error) { // looked at for requests alone
    problem = make_error(errc::wrong_type, std::string{error.what()});
    if (options_.fail_on == fail_on::exceptions)
      ending_ = problem;
  } catch (const std::exception& error) {
    // No memory, most likely. Nobody knows what was left undone: the incarnation ends.
    problem = make_error(errc::crashed, "C++ raised '" + std::string{error.what()} + "' around the handler");
    ending_ = problem;
  }
  out_->handling(nullptr);
  auto outcome = finish(gil, activity);
  if (!outcome.current)
    return {}; // abandoned: the timer has answered, and nothing that happens here counts
  if (raised) {
    using kind = python::raised_kind;
    auto how = raised->kind();
    bool ours = how == kind::interrupted && outcome.cause != interrupt_cause::none;
    if (ours) {
      problem = outcome.cause == interrupt_cause::stopping ? box().reason()
                                                           : error_for(outcome.cause, raised->take());
      if (!problem) // stopped for a normal end
        problem = error_for(outcome.cause, {});
    } else if (how == kind::exit) {
      auto code = raised->data().exit_code.value_or(1);
      problem = make_error(errc::exited, raised->take());
      ending_ = code == 0 ? caf::error{} : problem;
    } else if (how == kind::refused_call && is_request) {
      problem = make_error(errc::python_exception, raised->take());
    } else if (how == kind::refused_call) {
      never_began(errc::wrong_type, raised->data().summary());
    } else if (how == kind::exception && is_request) {
      problem = make_error(errc::python_exception, raised->take());
      if (options_.fail_on == fail_on::exceptions)
        ending_ = make_error(errc::crashed, *python_error_of(problem));
    } else {
      problem = make_error(errc::crashed, raised->take());
      ending_ = problem;
    }
  }
  if (!is_request && answer.match_elements<caf::error>()) {
    not_understood = true;
    problem = answer.get_as<caf::error>(0);
  }
  if (not_understood && !is_request)
    gil.release([&] { lose(types, describe(problem)); });
  if (life_.by) {
    if (!not_understood && !is_event)
      note_served();
    bool makes_room = outcome.closed && outcome.cause == interrupt_cause::stopping;
    bool is_done =
        not_understood || (is_request && !outcome.unanswered) || (ending_ && !*ending_ && !makes_room);
    if (ending_ || makes_room)
      if (keep_unfinished(taken, types, makes_room, is_done, problem))
        return {};
  }
  if (!outcome.unanswered || !is_request)
    return {};
  if (problem)
    answer = caf::make_message(std::move(problem));
  return {std::move(taken.element), std::move(answer)};
}

void incarnation::lose(caf::type_id_list types, const std::string& why) {
  dead_letter letter{options_.name, {}, "(" + type_names(types) + "): " + why};
  home_->dead_letters->take(letter, !lost_a_letter_.exchange(true));
}

void incarnation::end(const python::gil_held& gil, python::interpreter& interpreter) {
  auto limit = home_->settings.teardown_timeout;
  bool counts = box().is_current(post_.consumer);
  if (!counts && home_->stopped())
    return; // abandoned, and the process is about to end: nothing of Python may be touched any more
  auto why = life_.by ? last_words() : caf::error{};
  mailbox::activity_number activity = 0;
  auto begin_end = [&] { return begin(limit + teardown_slack, mailbox::phase::end); };
  if (life_.by && (counts || unfinished_)) {
    auto last = report(why_it_ends(), why);
    last.request = handled_;
    bool is_followed =
        life_.by->has_successor(); // a short lock: the GIL, once free, may be another thread's for long
    if (!is_followed)
      last.tracked_objects = interpreter.tracked_objects(gil);
    last.views_held = interpreter.views_held(gil);
    gil.release([&] {
      counts = leave(std::move(last), why);
      if (counts && ending_) // who is to end at its supervisor's wish is in nobody's way
        life_.by->await_successor(number_, takeover_time);
      activity = begin_end(); // before the GIL is wanted again, which other threads may keep
    });
  } else {
    activity = begin_end();
  }
  counts = counts && activity != 0;
  if (counts && !life_.by)
    gil.release([this] {
      box().close(ending_.value_or(caf::error{}));
      out_->close(box().reason());
    });
  bool stuck = !interpreter.wind_down(gil, limit);
  if (finish(gil, activity).current && counts) {
    activity = begin_dismissal(); // what others attached to the end may block
    gil.release([&] {
      if (!life_.by)
        why = ending_.value_or(box().reason());
      give_up_channels(why);
      if (!life_.by)
        take_address_down(1);
      else if (!address_is_down_.exchange(true))
        out_->end(why);
      report_started(why);
      if (stuck) {
        home_->abandoned(*this);
        tell_gone();
      }
    });
    finish(gil, activity);
  }
  if (stuck)
    return;
  linger(gil, interpreter);
  activity = begin_dismissal();
  left_behind_ = !interpreter.let_go(gil, home_->settings.teardown_timeout);
  finish(gil, activity);
}

void incarnation::linger(const python::gil_held& gil, python::interpreter& interpreter) {
  auto& pins = *link_.pins;
  if (pins.live() == 0)
    return;
  lingers_ = true;
  detail::payload_counters.lingering_interpreters.fetch_add(1, std::memory_order_relaxed);
  pins.wake_always();
  auto activity = begin_dismissal();
  interpreter.clear_modules(gil);
  finish(gil, activity);
  auto limit = time_after(home_->settings.linger_timeout);
  // The finalisers' threads may keep the GIL.
  activity = begin(std::min(limit, time_point{time_point::duration{linger_until_.load()}})
                       - deadline_clock::now() + teardown_slack,
                   mailbox::phase::end);
  if (life_.by)
    gil.release([this] { tell_gone(); }); // what its code held is free
  while (pins.live() != 0) {
    auto until = std::min(limit, time_point{time_point::duration{linger_until_.load()}});
    if (deadline_clock::now() >= until)
      break;
    gil.release([&] { wake_->wait_until(until); });
    pins.drain(gil);
  }
  finish(gil, activity);
  stop_lingering();
}

void incarnation::stop_lingering() {
  if (lingers_.exchange(false))
    detail::payload_counters.lingering_interpreters.fetch_sub(1, std::memory_order_relaxed);
}

} // namespace interp_actors
