#include "interp_actors/net/remote_incarnation.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/node_hub.hpp"
#include "interp_actors/net/plain_error.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>

#include <algorithm>

namespace interp_actors {

namespace {

/// Code that is sent to be run, and names, are in the message itself, which a connection takes up to 64 MiB of.
constexpr std::size_t most_code_bytes = std::size_t{16} << 20;

} // namespace

remote_incarnation::remote_incarnation(std::shared_ptr<roster> home, node_hub& hub,
                                       std::shared_ptr<mailbox> box,
                                       std::shared_ptr<const remote_child_parts> parts, std::string name,
                                       tenure life)
    : home_{std::move(home)},
      hub_{hub},
      box_{std::move(box)},
      parts_{std::move(parts)},
      name_{std::move(name)},
      life_{std::move(life)},
      wake_{home_->bells->take()} {}

void remote_incarnation::launch() {
  consumer_ = box_->attach(wake_);
  std::optional<stop_wish> wish;
  {
    std::lock_guard guard{mutex_};
    wish = wish_;
  }
  if (wish) { // of somebody who has found it through its address before it was its consumer
    box_->retire(consumer_, wish->reason, wish->when);
    home_->arm(shared_from_this(), wish->when);
  }
  try {
    thread_.start(name_, [self = shared_from_this()] { self->run(); });
  } catch (...) {
    for (int i = box_->vacate(consumer_).value_or(0); i > 0; --i)
      box_->release_address();
    throw;
  }
}

remote_incarnation::post remote_incarnation::where() const {
  std::lock_guard guard{mutex_};
  return post_;
}

caf::timespan remote_incarnation::patience() const {
  auto at = where();
  auto there = at.session ? at.session->welcome().grace : caf::timespan{0};
  return home_->settings.grace + there + way_slack;
}

bool remote_incarnation::cancel() {
  auto answer_at = time_after(unwind_time);
  auto activity = box_->cancel(answer_at);
  if (activity == 0)
    return false;
  {
    std::lock_guard guard{mutex_};
    cancelled_ = activity;
  }
  send_cancel(activity);
  home_->arm(shared_from_this(), answer_at);
  return true;
}

bool remote_incarnation::take_back(const post& at) {
  if (!at.is_told || !at.session->way().drop(at.child))
    return false;
  {
    std::lock_guard guard{mutex_};
    (errand_.number != 0 ? errand_.is_back : start_is_back_) = true;
  }
  wake_->ring();
  return true;
}

/// Does nothing for a message that is not yet under way: whoever sends it looks then whether it was cancelled.
void remote_incarnation::send_cancel(activity_number activity) {
  post at;
  std::uint64_t call = 0;
  {
    std::lock_guard guard{mutex_};
    if (!errand_.is_told || errand_.activity != activity)
      return;
    at = post_;
    call = errand_.number;
  }
  if (!take_back(at))
    at.session->way().send(node_cancel{at.child, call}, at.child); // behind the call
}

void remote_incarnation::send_stop(const post& at, const caf::error& reason, std::chrono::nanoseconds limit) {
  if (!at.is_told)
    return; // whoever sends the start looks then whether it is to stop
  take_back(at);
  at.session->way().send(node_stop{at.child, plain_error(reason), caf::timespan{limit}}, at.child);
}

void remote_incarnation::stop(caf::error reason, std::chrono::nanoseconds limit, death_reason as) {
  auto when = time_after(limit);
  post at;
  bool is_sending = false;
  {
    std::lock_guard guard{mutex_};
    if (!wish_)
      wish_ = stop_wish{reason, as, when};
    else
      wish_->when = std::min(wish_->when, when);
    at = post_;
    is_sending = errand_.number != 0 && !errand_.is_told;
  }
  box_->retire(consumer_, reason, when);
  if (!is_sending) // whoever sends the message looks then; a stop that overtakes it would have it dropped
    send_stop(at, reason, limit);
  home_->arm(shared_from_this(), when);
  wake_->ring();
}

void remote_incarnation::give_up(const caf::error& reason) {
  stop(reason, std::chrono::nanoseconds::zero(), death_reason::shutdown);
  auto step = box_->give_up(consumer_);
  if (step.what == ladder_step::kind::abandon)
    return abandon(std::move(step), death_reason::shutdown);
  auto at = where();
  if (!at.session || box_->is_current(consumer_))
    return; // it ends by itself
  // Its teardown on the node is nobody's concern any more.
  at.session->way().send(node_stop{at.child, plain_error(reason), caf::timespan{0}, true});
  {
    std::lock_guard guard{mutex_};
    gone_ = true;
  }
  wake_->ring();
}

void remote_incarnation::lose(caf::type_id_list types, const std::string& why) {
  dead_letter letter{name_, {}, "(" + type_names(types) + "): " + why};
  home_->dead_letters->take(letter, !lost_a_letter_.exchange(true));
}

void remote_incarnation::watch(time_point deadline) {
  home_->arm(shared_from_this(), deadline);
}

// -- the timer's thread --------------------------------------------------------------------------------------------------

time_point remote_incarnation::tick(time_point now) {
  auto next = box_->expire(now);
  auto step = box_->step(consumer_, deadline_clock::now(), patience());
  if (step.what == ladder_step::kind::abandon)
    abandon(std::move(step), death_reason::abandoned);
  else if (step.what == ladder_step::kind::interrupt) // the node does it by itself, if it has the message
    take_back(where());
  else if (step.what == ladder_step::kind::insist)
    send_cancel(step.activity);
  return std::min(next, step.next);
}

void remote_incarnation::abandon(ladder_step step, death_reason how) {
  auto at = where();
  caf::error reason;
  {
    std::lock_guard guard{mutex_};
    if (how == death_reason::shutdown && wish_)
      reason = wish_->reason;
  }
  if (how == death_reason::abandoned || !reason)
    reason = make_error(errc::abandoned, "'" + name_ + "' did not end in time, and was given up; node "
                                             + (at.session ? at.session->node() : std::string{"(none)"})
                                             + " was told to end it");
  if (at.session) {
    at.session->leave(at.child);
    at.session->way().send(node_stop{at.child, plain_error(reason), caf::timespan{0}, true});
  }
  if (step.unfinished)
    put_back(std::move(*step.unfinished), step.shared);
  box_->rest();
  auto last = report(how, reason);
  if (!step.handled.empty())
    last.request = describe_request(step.handled);
  tell_death(std::move(last), reason);
  tell_gone();
  wake_->ring();
  // In one of CAF's threads: what users attached to the address's end may block.
  home_->system.spawn([box = box_, references = step.references](caf::event_based_actor*) {
    for (int i = 0; i < references; ++i)
      box->release_address();
  });
}

// -- CAF's thread --------------------------------------------------------------------------------------------------------

void remote_incarnation::on_answer(node_answer answer) {
  {
    std::lock_guard guard{mutex_};
    if (answer.number != errand_.number)
      return;
    errand_.answer = std::move(answer);
  }
  wake_->ring();
}

void remote_incarnation::on_news(node_news news) {
  using kind = node_news::kind;
  switch (news.what) {
  case kind::due:
    life_.by->on_due(life_.from.number);
    return;
  case kind::snapshot:
    if (!news.content.payloads.empty() && !died_)
      life_.by->on_snapshot(life_.from.number, std::move(news.content.payloads.front()));
    return;
  default:
    break;
  }
  {
    std::lock_guard guard{mutex_};
    if (news.what == kind::started)
      started_ = true;
    else if (news.what == kind::refused)
      refused_ = true;
    else if (news.what == kind::gone)
      gone_ = true;
    else if (!ending_ && news.report)
      ending_ = ending{std::move(*news.report), std::move(news.reason), news.begun};
  }
  wake_->ring();
}

void remote_incarnation::on_item_done(const node_item_done& what) {
  std::shared_ptr<channel_feed> feed;
  {
    std::lock_guard guard{mutex_};
    if (auto place = feeds_.find(what.channel); place != feeds_.end())
      feed = place->second;
  }
  if (feed)
    feed->done(what);
}

void remote_incarnation::on_lost(const caf::error& why) {
  if (auto at = where(); !at.session || !at.session->is_lost())
    return; // one that had no slot for it
  end_with(death_reason::node_lost, why);
  {
    std::lock_guard guard{mutex_};
    gone_ = true; // for all that anybody can know
  }
  wake_->ring();
}

// -- its own thread ------------------------------------------------------------------------------------------------------

void remote_incarnation::run() {
  start();
  code_.clear(); // the session has it, for as long as it lives
  if (!is_over())
    live();
  leave();
  stop_feeds();
  wait_gone();
  tell_gone();
  auto at = where();
  if (at.session)
    at.session->leave(at.child);
  hub_.ended(*this);
}

void remote_incarnation::end_with(death_reason reason, caf::error why) {
  auto last = report(reason, why);
  std::lock_guard guard{mutex_};
  if (!ending_)
    ending_ = ending{std::move(last), std::move(why)};
}

bool remote_incarnation::is_over() const {
  {
    std::lock_guard guard{mutex_};
    if (ending_)
      return true;
  }
  return !box_->is_current(consumer_);
}

bool remote_incarnation::is_stopping() const {
  std::lock_guard guard{mutex_};
  return wish_.has_value();
}

void remote_incarnation::live() {
  using kind = taken_message::kind;
  while (!is_over()) {
    auto next = box_->take(consumer_);
    switch (next.what) {
    case kind::message:
      if (next.deadline != no_deadline)
        home_->arm(shared_from_this(), next.deadline); // it may have waited here before this incarnation
      handle(std::move(next));
      break;
    case kind::expired:
      answer(std::move(next.element), caf::make_message(error_for(interrupt_cause::deadline, {})));
      break;
    case kind::empty:
      box_->park(consumer_);
      break;
    case kind::closed: // the node tells when it has ended
      box_->rest();    // what it may have been woken for is for others
      if (!is_stopping())
        stop(box_->reason(), home_->settings.shutdown_timeout, death_reason::shutdown);
      [[fallthrough]];
    case kind::fenced:
      while (!is_over())
        wake_->wait();
      return;
    }
  }
}

/// Where it was given up, the address may be gone by now.
void remote_incarnation::answer(caf::mailbox_element_ptr request, caf::message content) {
  auto self = box_->lock_address();
  answer_request(std::move(request), self.get(), std::move(content));
}

void remote_incarnation::handle(taken_message taken) {
  bool is_request = taken.element->mid.is_request();
  auto& content = taken.element->payload;
  auto at = where();
  std::optional<encoded_call> call;
  std::vector<channel_record> records;
  std::vector<claimed_end> claimed;
  caf::error problem;
  try {
    call = encode_call(content, parts_->typed.get());
    if (!call)
      problem = caf::make_error(caf::sec::unexpected_message);
    else if (call->call.function.size() > most_code_bytes)
      problem = make_error(errc::too_large, "code of " + std::to_string(call->call.function.size())
                                                + " bytes is more than the " + std::to_string(most_code_bytes)
                                                + " that a node takes; give it a source or modules instead");
    else
      problem = at.session->way().check_size(call->call.arguments);
    if (!problem && !call->ends.empty())
      problem = claim_all(call->ends, records, claimed);
  } catch (const value_error& misfit) {
    problem = make_error(errc::wrong_type, "'" + name_ + "' was to be given " + misfit.what());
  } catch (const std::exception& other) { // no memory, most likely
    problem =
        make_error(errc::crashed, "C++ raised '" + std::string{other.what()} + "' before the handler ran");
  }
  if (problem) { // none of its code runs
    auto types = content.types();
    auto outcome = box_->end(consumer_, taken.activity);
    if (outcome.current && !is_request)
      lose(types, describe(problem));
    if (outcome.current && outcome.unanswered)
      answer(std::move(taken.element), caf::make_message(std::move(problem)));
    return;
  }
  auto number = hub_.next_number();
  bool is_stopped = false;
  {
    std::lock_guard guard{mutex_};
    is_stopped = wish_.has_value();
    if (!is_stopped)
      errand_ = {.number = number, .activity = taken.activity};
  }
  errand done{.is_back = is_stopped}; // the node takes no more
  if (is_stopped)
    restore(claimed);
  bool carries_ends = !claimed.empty();
  if (!is_stopped) {
    send(taken, number, *call, std::move(records));
    feed(std::move(claimed));
    if (!wait_for_answer(done))
      return;
  }
  auto outcome = box_->end(consumer_, taken.activity);
  if (!outcome.current)
    return;
  if (!done.answer && done.is_back) {
    bool is_wanted = outcome.cause == interrupt_cause::none || outcome.cause == interrupt_cause::stopping;
    if (is_wanted && (outcome.unanswered || !is_request))
      put_back({std::move(taken.element), std::move(taken.deaths)}, taken.shared);
    else if (is_request && outcome.unanswered)
      answer(std::move(taken.element), caf::make_message(error_for(outcome.cause, {})));
    return;
  }
  if (!done.answer) {
    caf::error why;
    bool has_begun = true;
    bool is_normal = false;
    {
      std::lock_guard guard{mutex_};
      why = ending_->reason;
      has_begun = number <= ending_->begun;
      is_normal = ending_->report.reason == death_reason::normal;
    }
    if (!has_begun && !carries_ends && (outcome.unanswered || !is_request)) { // it is for the next one
      unfinished_ = delivery{std::move(taken.element), std::move(taken.deaths)};
      unfinished_is_shared_ = taken.shared;
      unfinished_counts_ = false;
      return;
    }
    bool can_be_repeated = !carries_ends && !is_normal; // one that ends with exit code 0 is done
    cut_short(taken, outcome, can_be_repeated, why ? why : caf::make_error(caf::sec::request_receiver_down));
    return;
  }
  embassy::take_back(done.answer->content);
  served_.fetch_add(1, std::memory_order_relaxed);
  caf::message result;
  if (done.answer->problem) {
    result = caf::make_message(std::move(done.answer->problem));
  } else if (is_request) {
    try {
      result = decode_answer(*call, done.answer->content);
    } catch (const value_error& misfit) {
      problem = make_error(errc::wrong_type, "handler '" + call->call.function + "' of '" + parts_->code.name
                                                 + "' returned " + misfit.what());
    } catch (const std::exception& other) {
      problem =
          make_error(errc::crashed, "C++ raised '" + std::string{other.what()} + "' behind the handler");
    }
    if (problem)
      result = caf::make_message(problem);
  }
  if (problem && parts_->options.spawn.fail_on == fail_on::exceptions) {
    end_with(death_reason::exception, problem);
    at.session->way().send(node_stop{at.child, problem, caf::timespan{0}}, at.child);
  }
  if (is_request && outcome.unanswered)
    answer(std::move(taken.element), std::move(result));
}

/// Sends the message, and what has come for it meanwhile.
void remote_incarnation::send(const taken_message& taken, std::uint64_t number, encoded_call& call,
                              std::vector<channel_record> records) {
  auto at = where();
  node_call message{.child = at.child,
                    .number = number,
                    .is_request = taken.element->mid.is_request(),
                    .what = call.call,
                    .channels = std::move(records)};
  if (taken.deadline != no_deadline)
    message.left =
        std::max<caf::timespan>(taken.deadline - deadline_clock::now(), std::chrono::nanoseconds{1});
  message.content = std::exchange(message.what.arguments, {});
  hub_.lending().lend(message.content);
  call.call.arguments = {};
  // CAF keeps for ever whom others know, so only those who outlast their messages in any case are named.
  if (auto& sender = taken.element->sender; sender && dynamic_cast<address*>(sender->get()))
    message.what.sender = sender;
  at.session->way().send_cargo(std::move(message), at.child);
  bool was_cancelled = false;
  std::optional<stop_wish> wish;
  {
    std::lock_guard guard{mutex_};
    errand_.is_told = true;
    was_cancelled = cancelled_ == taken.activity;
    wish = wish_;
  }
  if (wish)
    send_stop(at, wish->reason, wish->left());
  else if (was_cancelled)
    send_cancel(taken.activity);
}

/// Returns false where it was given up.
bool remote_incarnation::wait_for_answer(errand& done) {
  for (;;) {
    {
      std::lock_guard guard{mutex_};
      if (errand_.answer || errand_.is_back || ending_) {
        done = std::exchange(errand_, {});
        return true;
      }
    }
    if (!box_->is_current(consumer_))
      return false;
    wake_->wait();
  }
}

void remote_incarnation::cut_short(taken_message& taken, const activity_outcome& outcome,
                                   bool can_be_repeated, const caf::error& problem) {
  auto& content = taken.element->payload;
  bool is_request = taken.element->mid.is_request();
  handled_ = describe_request(content);
  bool makes_room = outcome.closed && outcome.cause == interrupt_cause::stopping;
  bool is_done = is_request && !outcome.unanswered;
  if (!is_done && can_be_repeated && life_.options.attempts > 0) {
    unfinished_ = delivery{std::move(taken.element), std::move(taken.deaths)};
    unfinished_is_shared_ = taken.shared;
    unfinished_counts_ = !makes_room;
    unfinished_answer_ = problem;
    return;
  }
  if (is_request && outcome.unanswered)
    answer(std::move(taken.element), caf::make_message(problem));
}

std::string remote_incarnation::describe_request(const caf::message& content) const {
  std::string name;
  if (content.size() > 1 && content.match_element<std::string>(1)
      && (content.match_element<call_atom>(0) || content.match_element<invoke_atom>(0)))
    name = content.get_as<std::string>(1);
  else if (parts_->typed && content.size() > 0)
    name = parts_->typed->type->handler_of(content.types()[0]);
  return name + (name.empty() ? "(" : " (") + type_names(content.types()) + ")";
}

death_report remote_incarnation::report(death_reason reason, const caf::error& why) const {
  death_report result;
  result.child = name_;
  result.incarnation = life_.from.number;
  if (auto at = where(); at.session)
    result.node = at.session->node();
  result.reason = reason;
  result.error = python_error_of(why);
  if (result.error)
    result.exit_code = result.error->exit_code;
  result.text = why ? summary_of(why) : "it was to end";
  result.uptime = deadline_clock::now() - born_;
  result.requests_served = served_;
  result.when = std::chrono::system_clock::now();
  return result;
}

void remote_incarnation::leave() {
  auto references = box_->vacate(consumer_);
  if (!references)
    return; // the timer gave it up, and has told
  ending last;
  {
    std::lock_guard guard{mutex_};
    last = *ending_;
    if (wish_ && last.report.reason == death_reason::shutdown) {
      last.report.reason = wish_->as;
      last.reason = wish_->reason;
    }
  }
  last.report.child = name_;
  last.report.incarnation = life_.from.number;
  if (auto at = where(); at.session)
    last.report.node = at.session->node();
  last.report.request = handled_;
  settle(std::make_shared<const death_report>(last.report));
  box_->rest();
  tell_death(std::move(last.report), last.reason);
  for (int i = 0; i < *references; ++i)
    box_->release_address();
}

void remote_incarnation::put_back(delivery again, bool shared) {
  auto deadline = again.element->enqueue_time;
  box_->put_back(std::move(again), shared);
  if (shared || deadline == no_deadline)
    return;
  if (auto self = box_->lock_address()) // it may be gone where this incarnation was given up
    static_cast<address*>(self->get())->watch(deadline);
}

void remote_incarnation::settle(const std::shared_ptr<const death_report>& last) {
  if (!unfinished_)
    return;
  auto again = std::move(*unfinished_);
  unfinished_.reset();
  if (unfinished_counts_)
    again.deaths.push_back(last);
  if (unfinished_is_shared_ || !unfinished_counts_ || again.deaths.size() < life_.options.attempts) {
    put_back(std::move(again), unfinished_is_shared_);
    return;
  }
  dead_letter letter{.receiver = name_,
                     .payload = {},
                     .why = "it has had its attempts: " + std::to_string(again.deaths.size())
                            + " incarnations died of it",
                     .deaths = std::move(again.deaths),
                     .request = last->request};
  home_->dead_letters->take(letter, !lost_a_letter_.exchange(true));
  answer(std::move(again.element), caf::make_message(std::move(unfinished_answer_)));
}

void remote_incarnation::wait_gone() {
  for (;;) {
    {
      std::lock_guard guard{mutex_};
      if (gone_ || gone_is_told_ || !post_.session) // told where it was given up
        return;
    }
    wake_->wait();
  }
}

void remote_incarnation::tell_death(death_report last, const caf::error& why) {
  if (died_.exchange(true))
    return;
  life_.by->on_death(life_.from.number, std::make_shared<const death_report>(std::move(last)), why);
  {
    std::lock_guard guard{mutex_};
    death_is_told_ = true;
    if (!gone_waits_)
      return;
  }
  tell_gone();
}

void remote_incarnation::tell_gone() {
  {
    std::lock_guard guard{mutex_};
    gone_waits_ = !death_is_told_; // whoever tells of the death tells of this, too
    if (gone_waits_ || std::exchange(gone_is_told_, true))
      return;
  }
  life_.by->on_gone(life_.from.number);
}

} // namespace interp_actors
