#include "interp_actors/net/tenant.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/spawn.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/inspect.hpp"
#include "interp_actors/net/remote_interface.hpp"

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>

#include <cstdio>
#include <limits>

namespace interp_actors {

tenant::tenant(std::shared_ptr<roster> home, std::shared_ptr<line> way, caf::strong_actor_ptr answers,
               const node_start& what)
    : home_{std::move(home)},
      way_{std::move(way)},
      answers_{std::move(answers)},
      child_{what.child},
      name_{what.name},
      channels_{home_->system, way_, home_->dead_letters} {}

void tenant::fail(const caf::error& problem, last_steps at_end) {
  {
    std::lock_guard guard{mutex_};
    at_end_ = std::move(at_end);
  }
  fail(problem);
}

void tenant::start(const node_start& what, source code, std::vector<std::string> search_path,
                   last_steps at_end) {
  spawn_options options;
  options.name = name_;
  options.functions = what.functions;
  options.class_name = what.class_name;
  options.mailbox = {.messages = 0, .bytes = 0}; // what waits, waits at the controller
  options.start_deadline = what.start_deadline;
  options.fail_on = what.fail_on_exceptions ? fail_on::exceptions : fail_on::base_exceptions;
  succession_options succession{.attempts = std::numeric_limits<unsigned>::max(), // the controller counts
                                .snapshot_messages = static_cast<std::size_t>(what.snapshot_messages),
                                .snapshot_interval = what.snapshot_interval,
                                .recycle_messages = static_cast<std::size_t>(what.recycle_messages),
                                .recycle_age = what.recycle_age};
  heritage from{.number = what.incarnation};
  if (what.previous)
    from.previous = std::make_shared<const death_report>(*what.previous);
  if (!what.content.payloads.empty())
    from.snapshot = what.content.payloads.back();
  {
    std::lock_guard guard{mutex_};
    at_end_ = std::move(at_end);
  }
  std::shared_ptr<const typed_start> typed;
  try {
    for (auto& each : what.channels)
      options.channels.emplace_back(each.name, channels_.make(each));
    if (what.type) {
      auto arguments = what.content;
      if (!arguments.payloads.empty())
        arguments.payloads.pop_back(); // the snapshot
      typed = restore_interface(*what.type, arguments);
    }
  } catch (const std::exception& problem) { // a value that makes no sense, or an element of a channel
    return fail(make_error(errc::start_failed, "the controller sends " + std::string{problem.what()}));
  }
  if (auto problem = check_start(options, typed.get()))
    return fail(problem);
  auto box = std::make_shared<mailbox>(
      options.mailbox,
      interp_actors::succession{.remembers = true, .redelivers = true, .queue = shared_from_this()},
      home_->bells);
  auto handle = home_->system.spawn<address>(home_, box, options, nullptr);
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(handle);
  auto next = std::make_shared<incarnation>(
      home_, box, std::move(code), std::move(options), std::move(typed),
      tenure{shared_from_this(), std::move(from), succession, what.known_as, std::move(search_path)});
  static_cast<address*>(strong->get())->inhabit(next);
  std::optional<stop_wish> wish;
  {
    std::lock_guard guard{mutex_};
    address_ = std::move(strong);
    box_ = std::move(box);
    inhabitant_ = next;
    wish = std::exchange(stop_, std::nullopt);
  }
  if (!home_->enter(next))
    return fail(make_error(errc::stopped, "the node stops"));
  try {
    next->launch();
  } catch (const std::exception& problem) { // no more threads, or no memory
    home_->ended(*next);
    return fail(make_error(errc::start_failed, std::string{problem.what()}));
  }
  if (wish)
    stop(wish->reason, wish->limit, wish->at_once);
}

void tenant::fail(const caf::error& problem) {
  death_report report;
  report.child = name_;
  report.reason = death_reason::start_failed;
  report.text = summary_of(problem);
  report.error = python_error_of(problem);
  report.when = std::chrono::system_clock::now();
  on_death(0, std::make_shared<const death_report>(std::move(report)), problem);
  on_gone(0);
}

// -- from the controller -------------------------------------------------------------------------------------------------

caf::message tenant::content_of(node_call what) {
  what.what.arguments = std::move(what.content);
  if (what.channels.empty())
    return caf::make_message(std::move(what.what));
  channel_bindings bindings;
  std::vector<channel_end> ends;
  for (auto& each : what.channels) {
    ends.push_back(channels_.make(each));
    bindings.emplace_back(each.name, ends.back());
  }
  if (what.what.what == remote_call::kind::execute)
    return caf::make_message(execute_atom_v, std::move(what.what.function), std::move(bindings));
  return caf::make_message(call_atom_v, std::move(what.what.function), std::move(ends));
}

void tenant::call(node_call what) {
  auto number = what.number;
  auto is_request = what.is_request;
  auto left = what.left;
  caf::message content;
  try {
    content = content_of(std::move(what));
  } catch (const std::invalid_argument& problem) {
    throw protocol_violation(problem.what());
  }
  auto id = is_request ? caf::make_message_id(number) : caf::make_message_id();
  auto element =
      compat::make_element(is_request ? answers_ : caf::strong_actor_ptr{}, id, std::move(content));
  element->enqueue_time = left.count() == 0 ? no_deadline : time_after(left);
  std::shared_ptr<mailbox> box;
  {
    std::lock_guard guard{mutex_};
    if (dead_)
      return; // the controller learns of that
    if (!is_request)
      silent_ = number;
    waiting_.push_back({number, std::move(element)});
    box = box_;
  }
  if (box)
    box->ring();
}

void tenant::cancel(std::uint64_t number) {
  std::shared_ptr<incarnation> resident;
  caf::mailbox_element_ptr found;
  {
    std::lock_guard guard{mutex_};
    for (auto& each : waiting_)
      if (each.number == number && each.element->mid.is_request())
        found = std::move(each.element);
    std::erase_if(waiting_, [](auto& each) { return !each.element; });
    resident = inhabitant_;
  }
  if (found)
    answer_request(std::move(found), nullptr, caf::make_message(error_for(interrupt_cause::cancelled, {})));
  else if (resident)
    resident->cancel(answers_.get(), caf::make_message_id(number));
}

void tenant::stop(const caf::error& reason, std::chrono::nanoseconds limit, bool at_once) {
  std::shared_ptr<incarnation> resident;
  {
    std::lock_guard guard{mutex_};
    resident = inhabitant_;
    if (!resident)
      stop_ = stop_wish{reason, limit, at_once};
  }
  if (resident && at_once)
    resident->give_up(reason);
  else if (resident)
    resident->stop(reason, limit, death_reason::shutdown);
}

void tenant::answered(std::uint64_t number, const caf::message& content) {
  node_answer answer{.child = child_, .number = number};
  if (content.match_elements<packed_message>()) {
    answer.content = content.get_as<packed_message>(0);
  } else if (content.match_elements<shared_bytes>()) { // of a call with ends of channels
    answer.content.payloads = {content.get_as<shared_bytes>(0)};
  } else if (content.match_elements<caf::error>()) {
    {
      std::lock_guard guard{mutex_};
      if (dead_)
        return; // what closes with the mailbox was cut short, which the controller knows
    }
    answer.problem = content.get_as<caf::error>(0);
  }
  if (auto problem = way_->check_size(answer.content)) {
    answer.problem = std::move(problem);
    answer.content = {};
  }
  way_->send_cargo(std::move(answer), child_);
}

// -- from the incarnation ------------------------------------------------------------------------------------------------

bool tenant::pull(mailbox&, delivery& next) {
  std::unique_lock guard{mutex_};
  if (silent_ != 0 && (waiting_.empty() || waiting_.front().element->mid.is_request())) {
    done_.push_back(std::exchange(silent_, 0));
    guard.unlock();
    home_->arm(shared_from_this(), deadline_clock::now());
    guard.lock();
  }
  if (waiting_.empty())
    return false;
  begun_ = waiting_.front().number;
  next.element = std::move(waiting_.front().element);
  waiting_.pop_front();
  return true;
}

void tenant::leave(mailbox&) {}

void tenant::put_back(mailbox&, delivery) {
  std::lock_guard guard{mutex_};
  silent_ = 0; // it is not done, as the controller will see
}

time_point tenant::tick(time_point) {
  std::lock_guard guard{mutex_}; // the one who tells of its death comes after these have been sent
  for (auto number : std::exchange(done_, {}))
    way_->send(node_answer{.child = child_, .number = number}, child_);
  return no_deadline;
}

void tenant::tell(node_news what) {
  what.child = child_;
  way_->send_cargo(std::move(what), child_);
}

void tenant::on_started(std::uint64_t) {
  tell({.what = node_news::kind::started});
}

void tenant::on_due(std::uint64_t) {
  tell({.what = node_news::kind::due});
}

void tenant::on_snapshot(std::uint64_t, shared_bytes snapshot) {
  node_news news{.what = node_news::kind::snapshot};
  news.content.payloads.push_back(std::move(snapshot));
  if (auto problem = way_->check_size(news.content))
    std::fprintf(stderr, "interp-actors: a snapshot of '%s' is lost: %s\n", name_.c_str(),
                 describe(problem).c_str());
  else
    tell(std::move(news));
}

void tenant::on_death(std::uint64_t, std::shared_ptr<const death_report> report, const caf::error& reason) {
  tick({}); // first what was done before
  std::shared_ptr<mailbox> box;
  std::deque<waiting_call> dropped;
  std::uint64_t begun = 0;
  {
    std::lock_guard guard{mutex_};
    dead_ = true;
    reason_ = reason;
    dropped.swap(waiting_);
    begun = begun_;
    box = box_;
  }
  tell({.what = node_news::kind::died, .reason = reason, .report = *report, .begun = begun});
  if (box)
    box->close(reason); // others on this node may know the address
}

void tenant::on_gone(std::uint64_t) {
  last_steps at_end;
  caf::strong_actor_ptr gone;
  caf::error reason;
  {
    std::lock_guard guard{mutex_};
    at_end = std::exchange(at_end_, {});
    gone = std::exchange(address_, nullptr);
    box_ = nullptr;
    inhabitant_ = nullptr;
    reason = reason_;
  }
  channels_.close("'" + name_ + "' has ended");
  if (at_end.before)
    at_end.before();
  tell({.what = node_news::kind::gone});
  if (gone) // in one of CAF's threads: what others attached to its end may block
    home_->system.spawn(
        [gone, reason](caf::event_based_actor*) { static_cast<address*>(gone->get())->take_down(reason); });
  if (at_end.after)
    at_end.after();
}

} // namespace interp_actors
