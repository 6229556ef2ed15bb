#include "interp_actors/actor/mailbox.hpp"

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
  element->payload = std::move(content);
  element->mid = element->mid.response_id();
  auto receiver = std::exchange(element->sender, caf::strong_actor_ptr{responder});
  receiver->enqueue(std::move(element), nullptr);
}

std::size_t payload_bytes(const caf::message& content) {
  std::size_t result = 0;
  for (std::size_t i = 1; i < content.size(); ++i) {
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

// -- lists
// ------------------------------------------------------------------------------------------------------------

void mailbox::element_list::push_back(element_type* element) noexcept {
  element->next = nullptr;
  if (last)
    last->next = element;
  else
    first = element;
  last = element;
}

mailbox::element_type* mailbox::element_list::pop_front() noexcept {
  auto* element = first;
  if (element) {
    first = static_cast<element_type*>(element->next);
    if (!first)
      last = nullptr;
    element->next = nullptr;
  }
  return element;
}

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
    bell_->ring();
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
      bell_->ring();
    } else if (is_list(head)) {
      sort_in(head);
    }
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

void mailbox::stop_activity(time_point when) {
  std::lock_guard guard{mutex_};
  if (winding_down_)
    return;
  stop_at_ = std::min(stop_at_, when);
  if (current_.number != 0)
    limit_to_stop();
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
  return reason_;
}

bool mailbox::unreachable() const {
  std::lock_guard guard{mutex_};
  return unreachable_;
}

// -- the consumer
// -----------------------------------------------------------------------------------------------------

mailbox::consumer_number mailbox::attach() {
  std::lock_guard guard{mutex_};
  caf::intrusive_ptr_add_ref(address_.get());
  current_ = {};
  parking_ = parking::no;
  winding_down_ = false;
  return ++consumer_;
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

mailbox::taken mailbox::take(consumer_number consumer) {
  for (;;) {
    caf::mailbox_element_ptr element;
    activity_number activity = 0;
    {
      std::lock_guard guard{mutex_};
      if (consumer != consumer_)
        return {taken::kind::fenced, nullptr, 0};
      if (parking_ != parking::no && inbox_.load(std::memory_order_acquire) != parked_mark()) {
        // Whoever changed it has given us a reference to the address; it is one too many where we did not park.
        if (std::exchange(parking_, parking::no) == parking::marked)
          release_address();
      }
      if (closed_)
        return {taken::kind::closed, nullptr, 0};
      // Urgent messages overtake those that were sorted in before them.
      refill();
      element.reset(urgent_.first ? urgent_.pop_front() : normal_.pop_front());
      if (!element) {
        if (parking_ == parking::no && !mark_parked())
          continue; // something came
        return {taken::kind::empty, nullptr, 0};
      }
      auto deadline = deadline_of(*element);
      if (deadline == no_deadline || deadline_clock::now() < deadline) {
        activity = ++last_activity_;
        current_ = {};
        current_.number = activity;
        current_.request = element->mid.is_request() ? element.get() : nullptr;
        current_.deadline = deadline;
      }
    }
    forget(*element);
    if (activity != 0)
      return {taken::kind::message, std::move(element), activity};
    if (element->mid.is_request())
      return {taken::kind::expired, std::move(element), 0};
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

void mailbox::park() {
  if (parking_ == parking::marked) {
    parking_ = parking::parked;
    release_address();
  }
  bell_->wait();
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
  std::lock_guard guard{mutex_};
  if (consumer != consumer_ || activity != current_.number)
    return {};
  outcome result{true, !current_.answered, current_.cause, closed_};
  current_ = {};
  return result;
}

void mailbox::release_address() noexcept {
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
    why = activity.cause == interrupt_cause::stopping ? answer_for(reason_) : error_for(activity.cause, {});
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
    ++consumer_; // the consumer is fenced from here on; its reference to the address is the caller's
    result.what = kind::abandon;
    result.next = no_deadline;
    activity = {};
    return;
  }
  result.next = activity.next_step;
}

mailbox::ladder_step mailbox::step(consumer_number consumer, time_point now, std::chrono::nanoseconds grace) {
  using kind = ladder_step::kind;
  caf::mailbox_element_ptr answer;
  caf::error why;
  ladder_step result;
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
  }
  if (answer)
    answer_request(std::move(answer), nullptr, caf::make_message(std::move(why)));
  return result;
}

} // namespace interp_actors
