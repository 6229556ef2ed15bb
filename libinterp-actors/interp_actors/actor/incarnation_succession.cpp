#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/incarnation.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/exit_reason.hpp>

/// What an incarnation does for its successor and for whoever looks after their address.
namespace interp_actors {

death_reason incarnation::why_it_ends() const {
  auto stopped = [this] {
    std::lock_guard guard{post_mutex_};
    return stop_wish_ ? stop_wish_->as : death_reason::shutdown;
  };
  if (!ending_)
    return stopped();
  auto& why = *ending_;
  if (why == errc::deadline_exceeded) // of its start, or of its snapshot
    return death_reason::deadline;
  if (!has_started_)
    return why == errc::stopped ? stopped() : death_reason::start_failed;
  if (!why)
    return death_reason::normal;
  if (why == errc::exited)
    return death_reason::exit_code;
  auto raised = python_error_of(why);
  return raised && raised->type() == "KeyboardInterrupt" ? death_reason::interrupted
                                                         : death_reason::exception;
}

caf::error incarnation::last_words() const {
  if (ending_)
    return *ending_;
  std::lock_guard guard{post_mutex_};
  return stop_wish_ ? stop_wish_->reason : caf::error{};
}

death_report incarnation::report(death_reason reason, const caf::error& why) const {
  death_report result;
  result.child = options_.name;
  result.incarnation = number_;
  result.interpreter = interpreter_id_;
  result.reason = reason;
  result.error = python_error_of(why);
  if (result.error)
    result.exit_code = result.error->exit_code;
  result.text = why ? summary_of(why) : "its code had ended it";
  result.uptime = deadline_clock::now() - born_;
  result.requests_served = served_;
  result.when = std::chrono::system_clock::now();
  return result;
}

std::string incarnation::describe_request(caf::type_id_list types, const caf::message& content) const {
  std::string name;
  if (content.size() > 1 && content.match_element<std::string>(1)
      && (content.match_element<call_atom>(0) || content.match_element<invoke_atom>(0)))
    name = content.get_as<std::string>(1);
  else if (typed_ && types.size() > 0)
    name = typed_->type->handler_of(types[0]);
  return name + (name.empty() ? "(" : " (") + type_names(types) + ")";
}

bool incarnation::leave(death_report last, const caf::error& why) {
  auto at = post_;
  out_->close(why);
  if (at.box == lobby_) { // a spare
    tell_death(std::move(last), why);
    return lobby_->is_current(at.consumer);
  }
  save_at_.store(no_deadline.time_since_epoch().count());
  auto references = at.box->vacate(at.consumer);
  if (!references) { // it was abandoned meanwhile
    settle(*at.box, std::make_shared<const death_report>(std::move(last)));
    return false;
  }
  move_to({lobby_, lobby_->attach(wake_)});
  out_->withdraw();
  auto told = std::make_shared<const death_report>(std::move(last));
  settle(*at.box, told);
  at.box->rest();
  tell_death(std::move(told), why);
  for (int i = 0; i < *references; ++i)
    at.box->release_address();
  return true;
}

void incarnation::put_back(mailbox& box, delivery again, bool shared) {
  auto deadline = again.element->enqueue_time;
  box.put_back(std::move(again), shared);
  if (shared || deadline == no_deadline)
    return;
  // Nobody has looked after it since this incarnation took it. Where that was abandoned, the address may be gone.
  if (auto self = box.lock_address())
    static_cast<address*>(self->get())->watch(deadline);
}

void incarnation::settle(mailbox& box, const std::shared_ptr<const death_report>& last) {
  if (!unfinished_)
    return;
  auto again = std::move(*unfinished_);
  unfinished_.reset();
  if (unfinished_counts_)
    again.deaths.push_back(last);
  if (unfinished_is_shared_ || again.deaths.size() < life_.options.attempts) {
    put_back(box, std::move(again), unfinished_is_shared_);
    return;
  }
  dead_letter letter{.receiver = options_.name,
                     .payload = {},
                     .why = "it has had its attempts: " + std::to_string(again.deaths.size())
                            + " incarnations died of it",
                     .deaths = std::move(again.deaths),
                     .request = last->request};
  home_->dead_letters->take(letter, !lost_a_letter_.exchange(true));
  auto self = box.lock_address(); // null where this incarnation was abandoned and the address is gone
  answer_request(std::move(again.element), self.get(), caf::make_message(std::move(unfinished_answer_)));
}

void incarnation::tell_death(std::shared_ptr<const death_report> last, const caf::error& why) {
  if (died_.exchange(true))
    return;
  life_.by->on_death(number_, std::move(last), why);
  {
    std::lock_guard guard{told_mutex_};
    death_is_told_ = true;
    if (!gone_waits_)
      return;
  }
  tell_gone();
}

void incarnation::tell_death(death_report last, const caf::error& why) {
  tell_death(std::make_shared<const death_report>(std::move(last)), why);
}

void incarnation::tell_gone() {
  if (!life_.by)
    return;
  {
    std::lock_guard guard{told_mutex_};
    gone_waits_ = !death_is_told_; // whoever tells of the death tells of this, too
    if (gone_waits_ || std::exchange(gone_is_told_, true))
      return;
  }
  life_.by->on_gone(number_);
}

void incarnation::tell_settled() {
  if (life_.by && !std::exchange(has_settled_, true))
    life_.by->on_settled(number_);
}

// After the answer to what makes it due: the GIL, once free, may be another thread's for long.
void incarnation::tell_due() {
  if (std::exchange(is_due_, false) && !ending_)
    life_.by->on_due(number_);
}

bool incarnation::wait_to_take_over() {
  for (;;) {
    {
      std::lock_guard guard{post_mutex_};
      if (inheritance_)
        break; // written once
    }
    if (lobby_->take(post_.consumer).what != mailbox::taken::kind::empty)
      return false; // it is to stop
    lobby_->park(post_.consumer);
  }
  life_.from = inheritance_->from;
  number_ = life_.from.number;
  out_->take_over(inheritance_->box, life_.from);
  static_cast<address*>(inheritance_->box->address()->get())->inhabit(shared_from_this());
  move_to({inheritance_->box, inheritance_->box->attach(wake_)});
  return true;
}

void incarnation::note_served() {
  auto& how = life_.options;
  auto served = served_.fetch_add(1, std::memory_order_relaxed) + 1;
  ++unsaved_;
  if (how.snapshot_messages != 0 && unsaved_ >= how.snapshot_messages) {
    save_now_ = true;
  } else if (how.snapshot_interval.count() > 0 && unsaved_ == 1) {
    auto when = time_after(how.snapshot_interval);
    save_at_.store(when.time_since_epoch().count());
    home_->arm(shared_from_this(), when);
  }
  if (how.recycle_messages != 0 && served >= how.recycle_messages && !due_is_told_.exchange(true))
    is_due_ = true;
}

void incarnation::save(const python::gil_held& gil, python::interpreter& interpreter) {
  save_now_ = false;
  unsaved_ = 0;
  save_at_.store(no_deadline.time_since_epoch().count());
  auto activity = begin(options_.start_deadline, mailbox::phase::start);
  shared_bytes state;
  std::optional<python::error> raised;
  try {
    state = interpreter.call_snapshot(gil);
  } catch (python::error& problem) {
    raised = std::move(problem);
  }
  auto outcome = finish(gil, activity);
  if (!outcome.current)
    return;
  if (raised) {
    bool ours = raised->kind() == python::raised_kind::interrupted && outcome.cause != interrupt_cause::none;
    if (ours && outcome.cause == interrupt_cause::stopping)
      return; // it ends as it was asked to, without this one
    ending_ = make_error(ours ? errc::deadline_exceeded : errc::crashed, raised->take());
  } else if (state) {
    gil.release([&] { life_.by->on_snapshot(number_, std::move(state)); });
  }
}

bool incarnation::keep_unfinished(mailbox::taken& taken, caf::type_id_list types, bool makes_room,
                                  bool is_done, const caf::error& problem) {
  auto& content = taken.element->payload;
  handled_ = describe_request(types, content);
  // What the code has taken out of its message cannot be given to another one.
  if (is_done || life_.options.attempts == 0 || content.empty() || content.match_element<event_atom>(0))
    return false;
  unfinished_ = delivery{std::move(taken.element), std::move(taken.deaths)};
  unfinished_is_shared_ = taken.shared;
  unfinished_counts_ = !makes_room;
  unfinished_answer_ = problem;
  return true;
}

} // namespace interp_actors
