#include "interp_actors/actor/mailbox.hpp"

#include "interp_actors/actor/between_processes.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <vector>

namespace interp_actors {

namespace {

/// What a request is told whose receiver ended with `reason`.
caf::error answer_for(const caf::error& reason) {
  return reason ? reason : caf::make_error(caf::sec::request_receiver_down);
}

} // namespace

time_point time_after(std::chrono::nanoseconds limit) {
  auto now = deadline_clock::now();
  return limit < no_deadline - now ? now + limit : no_deadline;
}

void answer_request(caf::mailbox_element_ptr element, caf::actor_control_block* responder,
                    caf::message content) {
  if (!element->mid.is_request() || !element->sender)
    return;
  // What the request carried is let go before its sender hears of it; an assignment alone would swap.
  (void)std::exchange(element->payload, caf::message{});
  if (!content.match_elements<caf::error>()) {
    if (auto next = compat::take_next_stage(*element)) {
      element->payload = std::move(content);
      next->enqueue(std::move(element), nullptr);
      return;
    }
  }
  if (auto problem = check_frame(*element->sender->home_system, element->sender, content))
    content = caf::make_message(std::move(problem));
  element->payload = std::move(content);
  element->mid = element->mid.response_id();
  auto receiver = std::exchange(element->sender, caf::strong_actor_ptr{responder});
  receiver->enqueue(std::move(element), nullptr);
}

std::size_t payload_bytes(const caf::message& content) {
  std::size_t result = 0;
  for (std::size_t i = 0; i < content.size(); ++i) {
    if (content.match_element<shared_bytes>(i))
      result += content.get_as<shared_bytes>(i).size();
    else if (content.match_element<std::vector<shared_bytes>>(i))
      for (auto& bytes : content.get_as<std::vector<shared_bytes>>(i))
        result += bytes.size();
    else if (content.match_element<packed_message>(i)) {
      result += content.get_as<packed_message>(i).bytes.size();
      for (auto& bytes : content.get_as<packed_message>(i).payloads)
        result += bytes.size();
    }
  }
  return result;
}

mailbox::mailbox(const mailbox_limits& limits, succession rules, std::shared_ptr<bell_pool> bells)
    : limits_{limits}, rules_{std::move(rules)}, door_{std::make_shared<doorbell>(std::move(bells))} {}

mailbox::~mailbox() {
  // Only the address and its consumer hold a mailbox; both are gone, so nobody is left who could answer.
  auto* head = inbox_.load(std::memory_order_acquire);
  while (is_list(head))
    delete std::exchange(head, static_cast<element_type*>(head->next));
  while (auto* element = urgent_.pop_front())
    delete element;
  while (auto* element = normal_.pop_front())
    delete element;
}

// -- senders
// ----------------------------------------------------------------------------------------------------------

mailbox::push_result mailbox::push(caf::mailbox_element_ptr& element, time_point deadline) {
  auto bytes = limits_.bytes != 0 ? payload_bytes(element->payload) : 0;
  auto withdraw = [&] {
    waiting_messages_.fetch_sub(1, std::memory_order_relaxed);
    if (limits_.bytes != 0)
      waiting_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  };
  auto messages = waiting_messages_.fetch_add(1, std::memory_order_relaxed);
  auto total = limits_.bytes != 0 ? waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed) : 0;
  // One message is always let in, however large.
  if ((limits_.messages != 0 && messages >= limits_.messages)
      || (limits_.bytes != 0 && total != 0 && total + bytes > limits_.bytes)) {
    withdraw();
    if (inbox_.load(std::memory_order_acquire) == closed_mark())
      return push_result::closed;
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return push_result::full;
  }
  element->enqueue_time = deadline == event_mark ? no_deadline : deadline;
  if (insert(element))
    return push_result::accepted;
  withdraw();
  return push_result::closed;
}

mailbox::push_result mailbox::push_event(caf::mailbox_element_ptr& element) {
  element->enqueue_time = event_mark;
  return insert(element) ? push_result::accepted : push_result::closed;
}

bool mailbox::insert(caf::mailbox_element_ptr& element) {
  auto* head = inbox_.load(std::memory_order_relaxed);
  bool referenced = false;
  do {
    if (head == closed_mark()) {
      if (referenced)
        caf::intrusive_ptr_release(address_.get());
      return false;
    }
    // Before the consumer can see that it is not parked any more: it may park again at once, and give the
    // reference back.
    if (head == parked_mark() && !std::exchange(referenced, true))
      caf::intrusive_ptr_add_ref(address_.get());
    element->next = head == parked_mark() ? nullptr : head;
  } while (!inbox_.compare_exchange_weak(head, element.get(), std::memory_order_seq_cst,
                                         std::memory_order_relaxed));
  element.release();
  if (head == parked_mark())
    ring();
  else if (referenced)
    caf::intrusive_ptr_release(address_.get());
  return true;
}

bool mailbox::close(caf::error reason, bool reachable) {
  element_list waiting;
  caf::error answer;
  // Dropped without the mutex: the last reference closes the mailbox, too.
  auto self = reachable ? address_.lock() : caf::strong_actor_ptr{};
  if (reachable && !self)
    return false;
  {
    std::lock_guard guard{mutex_};
    if (closed_)
      return false;
    closed_ = true;
    unreachable_ = !reachable;
    reason_ = std::move(reason);
    answer = answer_for(reason_);
    auto* head = inbox_.exchange(closed_mark(), std::memory_order_seq_cst);
    if (head == parked_mark()) {
      self.release(); // to the consumer
      ring();
    } else if (is_list(head)) {
      sort_in(head);
    }
    for (auto& each : again_)
      waiting.push_back(each.element.release());
    again_.clear();
    while (auto* element = urgent_.pop_front())
      waiting.push_back(element);
    while (auto* element = normal_.pop_front())
      waiting.push_back(element);
  }
  while (auto* element = waiting.pop_front()) {
    forget(*element);
    answer_request(caf::mailbox_element_ptr{element}, nullptr, caf::make_message(answer));
  }
  return true;
}

void mailbox::reopen() {
  std::lock_guard guard{mutex_};
  if (!closed_ || unreachable_)
    return;
  closed_ = false;
  reason_ = {};
  auto* expected = closed_mark();
  inbox_.compare_exchange_strong(expected, nullptr, std::memory_order_seq_cst);
}

void mailbox::stop_activity(time_point when) {
  std::lock_guard guard{mutex_};
  if (winding_down_)
    return;
  stop_at_ = std::min(stop_at_, when);
  if (current_.number != 0)
    limit_to_stop();
}

bool mailbox::retire(consumer_number consumer, const caf::error& reason, time_point when) {
  auto self = address_ ? address_.lock() : caf::strong_actor_ptr{}; // dropped without the mutex
  std::lock_guard guard{mutex_};
  if (consumer != consumer_ || closed_)
    return false;
  if (!winding_down_) {
    stop_at_ = std::min(stop_at_, when);
    if (current_.number != 0)
      limit_to_stop();
  }
  if (std::exchange(retiring_, true))
    return true;
  retire_reason_ = reason;
  auto* expected = parked_mark();
  if (inbox_.compare_exchange_strong(expected, nullptr, std::memory_order_seq_cst))
    self.release(); // to the consumer
  ring();
  return true;
}

void mailbox::put_back(delivery again, bool shared) {
  if (shared) {
    rules_.queue->put_back(*this, std::move(again));
    return;
  }
  caf::error answer;
  {
    std::lock_guard guard{mutex_};
    if (!closed_) {
      waiting_messages_.fetch_add(1, std::memory_order_relaxed);
      if (limits_.bytes != 0)
        waiting_bytes_.fetch_add(payload_bytes(again.element->payload), std::memory_order_relaxed);
      again_.push_front(std::move(again));
      ring(); // there may be a consumer already
      return;
    }
    answer = answer_for(reason_);
  }
  answer_request(std::move(again.element), nullptr, caf::make_message(std::move(answer)));
}

void mailbox::hurry(time_point when) {
  std::lock_guard guard{mutex_};
  if (winding_down_ && current_.number != 0)
    current_.deadline = std::min(current_.deadline, when);
}

void mailbox::limit_to_stop() {
  if (current_.deadline <= stop_at_)
    return;
  current_.deadline = stop_at_;
  current_.cause = interrupt_cause::stopping;
}

mailbox::activity_number mailbox::cancel(time_point answer_at) {
  std::lock_guard guard{mutex_};
  if (!current_.request)
    return 0;
  if (current_.cause == interrupt_cause::none)
    current_.cause = interrupt_cause::cancelled;
  current_.answer_cancelled_at = std::min(current_.answer_cancelled_at, answer_at);
  return current_.number;
}

mailbox::activity_number mailbox::cancel(const caf::actor_control_block* sender, caf::message_id id,
                                         time_point answer_at) {
  auto matches = [&](const element_type& element) {
    return element.sender.get() == sender && element.mid == id;
  };
  element_list found;
  {
    std::lock_guard guard{mutex_};
    if (current_.request && matches(*current_.request)) {
      if (current_.answered)
        return 0;
      if (current_.cause == interrupt_cause::none)
        current_.cause = interrupt_cause::cancelled;
      current_.answer_cancelled_at = std::min(current_.answer_cancelled_at, answer_at);
      return current_.number;
    }
    refill();
    for (auto& each : again_)
      if (matches(*each.element))
        found.push_back(each.element.release());
    std::erase_if(again_, [](auto& each) { return !each.element; });
    for (auto* list : {&urgent_, &normal_}) {
      element_list kept;
      while (auto* element = list->pop_front())
        (matches(*element) ? found : kept).push_back(element);
      *list = kept;
    }
  }
  while (auto* element = found.pop_front()) {
    forget(*element);
    answer_request(caf::mailbox_element_ptr{element}, nullptr,
                   caf::make_message(error_for(interrupt_cause::cancelled, {})));
  }
  return 0;
}

caf::error mailbox::reason() const {
  std::lock_guard guard{mutex_};
  return stop_reason();
}

bool mailbox::unreachable() const {
  std::lock_guard guard{mutex_};
  return unreachable_;
}

// -- the consumer
// -----------------------------------------------------------------------------------------------------

mailbox::consumer_number mailbox::attach(const std::shared_ptr<bell>& wake) {
  std::lock_guard guard{mutex_};
  // A sender that has seen the mark of the consumer before may still ring that one's bell, which the pool keeps. It
  // sees the new one's mark only after the new bell.
  consumers_bell_ = wake;
  door_->lead_to(*wake);
  if (address_)
    caf::intrusive_ptr_add_ref(address_.get());
  current_ = {};
  winding_down_ = false;
  return ++consumer_;
}

std::optional<int> mailbox::vacate(consumer_number consumer) {
  remembered handled;
  std::lock_guard guard{mutex_};
  if (consumer != consumer_)
    return std::nullopt;
  ladder_step result;
  abandon(result);
  handled = std::move(handled_);
  return unreachable_ ? 0 : result.references;
}

int mailbox::unpark() {
  auto state = std::exchange(parking_, parking::no);
  if (state == parking::no)
    return 1;
  auto* expected = parked_mark();
  bool given = !inbox_.compare_exchange_strong(expected, nullptr, std::memory_order_seq_cst);
  return (state == parking::marked ? 1 : 0) + (given ? 1 : 0);
}

void mailbox::abandon(ladder_step& result) {
  ++consumer_; // the consumer is fenced from here on; its references to the address are the caller's
  result.references = unpark();
  current_ = {};
  retiring_ = false;
  stop_at_ = no_deadline;
  winding_down_ = false;
  waits_for_more_ = false;
}

void mailbox::rest() {
  std::lock_guard guard{mutex_};
  if (rules_.queue)
    rules_.queue->leave(*this);
}

void mailbox::sort_in(element_type* newest_first) {
  element_type* oldest_first = nullptr;
  while (newest_first) {
    auto* next = static_cast<element_type*>(newest_first->next);
    newest_first->next = oldest_first;
    oldest_first = std::exchange(newest_first, next);
  }
  while (oldest_first) {
    auto* element = std::exchange(oldest_first, static_cast<element_type*>(oldest_first->next));
    (element->is_high_priority() ? urgent_ : normal_).push_back(element);
  }
}

void mailbox::refill() {
  // Sequentially consistent: the timer comes here after it has said that it is armed no more, and a sender asks for
  // that after its push.
  if (is_list(inbox_.load(std::memory_order_seq_cst)))
    sort_in(inbox_.exchange(nullptr, std::memory_order_acq_rel));
}

time_point mailbox::deadline_of(const element_type& element) noexcept {
  return element.enqueue_time == event_mark ? no_deadline : element.enqueue_time;
}

void mailbox::forget(const element_type& element) {
  if (element.enqueue_time == event_mark)
    return; // it was never counted
  waiting_messages_.fetch_sub(1, std::memory_order_relaxed);
  if (limits_.bytes != 0)
    waiting_bytes_.fetch_sub(payload_bytes(element.payload), std::memory_order_relaxed);
}

delivery mailbox::pop(bool& shared) {
  delivery result;
  if (!again_.empty()) {
    result = std::move(again_.front());
    again_.pop_front();
  } else if (auto* element = urgent_.first ? urgent_.pop_front() : normal_.pop_front()) {
    result.element.reset(element);
  } else if (rules_.queue) {
    shared = rules_.queue->pull(*this, result);
    waits_for_more_ = !shared;
    return result;
  }
  if (result.element && std::exchange(waits_for_more_, false))
    rules_.queue->leave(*this); // it has something else to do
  return result;
}

void mailbox::remember(const taken& next) {
  auto& element = *next.element;
  // Ends of channels are for the code alone: nobody else may keep them alive.
  bool has_ends = element.payload.size() > 2
                  && (element.payload.match_element<std::vector<channel_end>>(2)
                      || element.payload.match_element<channel_bindings>(2));
  handled_.content = has_ends ? caf::message{} : element.payload;
  handled_.sender = element.sender;
  handled_.id = element.mid;
  handled_.deaths = next.deaths;
  handled_.deadline = element.enqueue_time;
  handled_.shared = next.shared;
}

mailbox::taken mailbox::take(consumer_number consumer) {
  for (;;) {
    taken next{.what = taken::kind::message};
    {
      std::lock_guard guard{mutex_};
      if (consumer != consumer_)
        return {.what = taken::kind::fenced};
      if (parking_ != parking::no && inbox_.load(std::memory_order_acquire) != parked_mark()) {
        // Whoever changed it has given us a reference to the address; it is one too many where we did not park.
        if (std::exchange(parking_, parking::no) == parking::marked)
          release_address();
      }
      if (closed_ || retiring_)
        return {.what = taken::kind::closed};
      // Urgent messages overtake those that were sorted in before them.
      refill();
      auto popped = pop(next.shared);
      if (!popped.element) {
        if (parking_ == parking::no && !mark_parked())
          continue; // something came
        return {.what = taken::kind::empty};
      }
      next.element = std::move(popped.element);
      next.deaths = std::move(popped.deaths);
      auto deadline = next.deadline = deadline_of(*next.element);
      if (deadline == no_deadline || deadline_clock::now() < deadline) {
        next.activity = ++last_activity_;
        current_ = {};
        current_.number = next.activity;
        current_.request = next.element->mid.is_request() ? next.element.get() : nullptr;
        current_.deadline = deadline;
        if (rules_.remembers)
          remember(next);
      }
    }
    if (!next.shared)
      forget(*next.element);
    if (next.activity != 0)
      return next;
    if (next.element->mid.is_request()) {
      next.what = taken::kind::expired;
      return next;
    }
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
}

bool mailbox::mark_parked() {
  element_type* expected = nullptr;
  if (!inbox_.compare_exchange_strong(expected, parked_mark(), std::memory_order_seq_cst))
    return false;
  parking_ = parking::marked;
  return true;
}

void mailbox::park(consumer_number consumer) {
  bell* wake = nullptr;
  bool references = false;
  {
    std::lock_guard guard{mutex_};
    if (consumer != consumer_)
      return;
    references = parking_ == parking::marked;
    if (references)
      parking_ = parking::parked;
    wake = consumers_bell_.get(); // the consumer holds it, too
  }
  if (references)
    release_address();
  wake->wait();
}

mailbox::activity_number mailbox::begin(consumer_number consumer, time_point deadline, phase of) {
  std::lock_guard guard{mutex_};
  if (consumer != consumer_)
    return 0;
  current_ = {};
  current_.number = ++last_activity_;
  current_.deadline = deadline;
  winding_down_ = of == phase::end;
  if (of == phase::start)
    limit_to_stop(); // a stop may have come before the thread ran
  return current_.number;
}

bool mailbox::is_current(consumer_number consumer) const {
  std::lock_guard guard{mutex_};
  return consumer == consumer_;
}

mailbox::outcome mailbox::end(consumer_number consumer, activity_number activity) {
  remembered handled; // dropped without the mutex: it may hold the last handle of anybody
  std::lock_guard guard{mutex_};
  if (consumer != consumer_ || activity != current_.number)
    return {};
  outcome result{true, !current_.answered, current_.cause, closed_ || retiring_};
  current_ = {};
  if (rules_.remembers)
    std::swap(handled, handled_);
  return result;
}

void mailbox::release_address() noexcept {
  if (address_)
    caf::intrusive_ptr_release(address_.get());
}

// -- the timer
// --------------------------------------------------------------------------------------------------------

time_point mailbox::expire(time_point now) {
  element_list expired;
  auto next = no_deadline;
  {
    std::lock_guard guard{mutex_};
    refill();
    for (auto& each : again_) {
      if (auto deadline = deadline_of(*each.element); deadline <= now)
        expired.push_back(each.element.release());
      else
        next = std::min(next, deadline);
    }
    std::erase_if(again_, [](auto& each) { return !each.element; });
    for (auto* list : {&urgent_, &normal_}) {
      element_list kept;
      while (auto* element = list->pop_front()) {
        if (auto deadline = deadline_of(*element); deadline <= now) {
          expired.push_back(element);
        } else {
          next = std::min(next, deadline);
          kept.push_back(element);
        }
      }
      *list = kept;
    }
  }
  while (auto* element = expired.pop_front()) {
    forget(*element);
    if (!element->mid.is_request())
      dropped_.fetch_add(1, std::memory_order_relaxed);
    // From nobody: the address may be gone by now.
    answer_request(caf::mailbox_element_ptr{element}, nullptr,
                   caf::make_message(error_for(interrupt_cause::deadline, {})));
  }
  return next;
}

caf::mailbox_element_ptr mailbox::take_answer() {
  if (!current_.request || std::exchange(current_.answered, true))
    return nullptr;
  // The consumer may still read its element: the answer gets one of its own.
  return compat::make_element(current_.request->sender, current_.request->mid, {});
}

void mailbox::climb(time_point now, std::chrono::nanoseconds grace, ladder_step& result,
                    caf::mailbox_element_ptr& answer, caf::error& why) {
  using kind = ladder_step::kind;
  auto& activity = current_;
  auto unwinding = std::min<std::chrono::nanoseconds>(unwind_time, grace / 2);
  switch (activity.step++) {
  case 0:
    if (activity.cause != interrupt_cause::stopping)
      activity.cause = interrupt_cause::deadline;
    result.what = activity.idle ? kind::make_way : kind::interrupt;
    activity.next_step = now + unwinding;
    break;
  case 1:
    why = activity.cause == interrupt_cause::stopping ? answer_for(stop_reason())
                                                      : error_for(activity.cause, {});
    if (!is_for_the_next())
      answer = take_answer();
    activity.next_step = now + grace / 2 - unwinding;
    break;
  case 2:
    result.what = activity.idle ? kind::make_way : kind::interrupt;
    activity.next_step = now + grace / 4;
    break;
  case 3:
    result.what = activity.idle ? kind::make_way : kind::insist;
    activity.next_step = now + (grace - grace / 2 - grace / 4);
    break;
  default:
    cut_short(result);
    return;
  }
  result.next = activity.next_step;
}

bool mailbox::is_for_the_next() const {
  return rules_.redelivers && retiring_ && !closed_ && current_.cause == interrupt_cause::stopping
         && handled_.deadline != event_mark && !handled_.content.empty();
}

void mailbox::cut_short(ladder_step& result) {
  bool unanswered = current_.number != 0 && !current_.answered && is_for_the_next();
  result.what = ladder_step::kind::abandon;
  result.next = no_deadline;
  result.handled = handled_.content;
  result.shared = handled_.shared;
  if (unanswered) {
    auto element = compat::make_element(handled_.sender, handled_.id, handled_.content);
    element->enqueue_time = handled_.deadline;
    result.unfinished = delivery{std::move(element), handled_.deaths};
  }
  abandon(result);
}

mailbox::ladder_step mailbox::give_up(consumer_number consumer) {
  remembered handled;
  ladder_step result;
  caf::mailbox_element_ptr answer;
  caf::error why;
  {
    std::lock_guard guard{mutex_};
    if (consumer != consumer_ || current_.number == 0)
      return result;
    result.activity = current_.number;
    if (current_.cause == interrupt_cause::none)
      current_.cause = interrupt_cause::stopping;
    if (!is_for_the_next()) {
      answer = take_answer();
      why = answer_for(stop_reason());
    }
    cut_short(result);
    std::swap(handled, handled_);
  }
  if (answer)
    answer_request(std::move(answer), nullptr, caf::make_message(std::move(why)));
  return result;
}

mailbox::ladder_step mailbox::step(consumer_number consumer, time_point now, std::chrono::nanoseconds grace) {
  using kind = ladder_step::kind;
  caf::mailbox_element_ptr answer;
  caf::error why;
  ladder_step result;
  remembered handled; // dropped without the mutex
  {
    std::lock_guard guard{mutex_};
    auto& activity = current_;
    if (consumer != consumer_)
      return {};
    if (activity.number == 0) {
      if (winding_down_ || stop_at_ == no_deadline)
        return {};
      auto late = stop_at_ + idle_slack;
      if (consumer == 0) // the thread has yet to start
        return {kind::wait, 0, std::max(late, now + idle_slack)};
      if (now < late)
        return {kind::wait, 0, late};
      // Another Python thread keeps the GIL from the consumer: what it does not get to do takes the ladder, too.
      activity.number = ++last_activity_;
      activity.idle = true;
      activity.deadline = now;
      activity.cause = interrupt_cause::stopping;
    }
    auto due = activity.step == 0 ? activity.deadline : activity.next_step;
    result = {kind::wait, activity.number, due};
    if (due <= now)
      climb(now, grace, result, answer, why);
    if (activity.answer_cancelled_at <= now) {
      if (auto late = take_answer()) {
        why = error_for(interrupt_cause::cancelled, {});
        answer = std::move(late);
      }
      activity.answer_cancelled_at = no_deadline;
    }
    result.next = std::min(result.next, activity.answer_cancelled_at);
    if (result.what == kind::abandon)
      std::swap(handled, handled_);
  }
  if (answer)
    answer_request(std::move(answer), nullptr, caf::make_message(std::move(why)));
  return result;
}

} // namespace interp_actors
