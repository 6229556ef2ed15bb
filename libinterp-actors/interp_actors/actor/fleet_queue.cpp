#include "interp_actors/actor/fleet_queue.hpp"

#include "interp_actors/actor/translate.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <stdexcept>

namespace interp_actors {

namespace {

/// Time between two looks for messages whose deadline has passed. A look takes the mutex for a while where many wait.
constexpr std::chrono::milliseconds time_between_looks{1};

bool is_request(const caf::mailbox_element& element) {
  return element.mid.is_request() && element.sender;
}

/// Mailboxes keep the last time before `no_deadline` for what has no deadline and was never counted.
time_point kept_as(time_point deadline) {
  return deadline >= no_deadline - time_point::duration{1} ? no_deadline : deadline;
}

fleet_queue_options checked(fleet_queue_options options) {
  if (options.when_full == when_full::drop_oldest)
    throw std::invalid_argument("a fleet answers its requests: it cannot drop the oldest ones");
  return options;
}

} // namespace

// -- under the mutex
// ----------------------------------------------------------------------------------------------------

void fleet_queue::aftermath::ring(const std::shared_ptr<doorbell>& which) {
  if (first_bell)
    bells.push_back(which);
  else
    first_bell = which;
}

fleet_queue::aftermath::~aftermath() {
  if (first_bell)
    first_bell->ring();
  for (auto& each : bells)
    each->ring();
  for (auto& each : drained)
    each();
}

std::deque<fleet_queue::waiting>* fleet_queue::lane::next() noexcept {
  return !urgent.empty() ? &urgent : !normal.empty() ? &normal : nullptr;
}

template <class F>
void fleet_queue::for_each_list(F f) {
  f(shared_.urgent);
  f(shared_.normal);
  for (auto& [box, one] : members_) {
    f(one.own.urgent);
    f(one.own.normal);
  }
}

fleet_queue::member* fleet_queue::find(const mailbox& box) {
  auto entry = members_.find(&box);
  return entry == members_.end() ? nullptr : &entry->second;
}

bool fleet_queue::has_room(std::size_t bytes) const {
  auto& limits = options.limits;
  return (limits.messages == 0 || waiting_ < limits.messages)
         && (limits.bytes == 0 || waiting_bytes_ == 0
             || (waiting_bytes_ <= limits.bytes && bytes <= limits.bytes - waiting_bytes_));
}

fleet_queue::member* fleet_queue::owner_of(const waiting& message) const {
  return message.key && !slots_.empty() ? slots_[*message.key % slots_.size()] : nullptr;
}

void fleet_queue::place(waiting message, member* owner, aftermath& after) {
  auto& into = owner ? owner->own : shared_;
  auto& list = message.what.element->is_high_priority() ? into.urgent : into.normal;
  if (message.again)
    list.push_front(std::move(message));
  else
    list.push_back(std::move(message));
  if (owner && owner->is == member::state::idle) {
    std::erase(idle_, owner);
    owner->is = member::state::away;
    after.ring(owner->wake);
  }
}

void fleet_queue::insert(waiting message, member* owner, aftermath& after) {
  ++waiting_;
  waiting_bytes_ += message.bytes;
  place(std::move(message), owner, after);
  settle(after);
}

void fleet_queue::forget(const waiting& message) {
  --waiting_;
  waiting_bytes_ -= message.bytes;
}

fleet_queue::message_list* fleet_queue::next_for(member& one) {
  auto* own = one.own.next();
  auto* shared = shared_.next();
  if (!own || !shared)
    return own ? own : shared;
  auto& a = own->front();
  auto& b = shared->front();
  bool a_is_urgent = own == &one.own.urgent;
  if (a_is_urgent != (shared == &shared_.urgent))
    return a_is_urgent ? own : shared;
  if (a.again != b.again)
    return a.again ? own : shared;
  return a.since <= b.since ? own : shared;
}

void fleet_queue::rest(member& one) {
  if (one.is == member::state::idle)
    std::erase(idle_, &one);
  else if (one.is == member::state::called)
    --called_;
  one.is = member::state::away;
  if (std::exchange(one.busy, false))
    --busy_;
}

void fleet_queue::deal_out_anew(std::vector<waiting> keyed, aftermath& after) {
  for_each_list([&](message_list& list) {
    auto kept = std::stable_partition(list.begin(), list.end(), [](auto& each) { return !each.key; });
    std::move(kept, list.end(), std::back_inserter(keyed));
    list.erase(kept, list.end());
  });
  // Those that were put back go to the front one by one, the first one last.
  auto again = std::stable_partition(keyed.begin(), keyed.end(), [](auto& each) { return !each.again; });
  std::reverse(again, keyed.end());
  for (auto& each : keyed) {
    auto* owner = owner_of(each);
    place(std::move(each), owner, after);
  }
}

void fleet_queue::settle(aftermath& after) {
  while (called_ < shared_.size() && !idle_.empty()) {
    auto* one = idle_.back();
    idle_.pop_back();
    one->is = member::state::called;
    ++called_;
    after.ring(one->wake);
  }
  if (!drained_.empty() && (phase_ == phase::closed || (waiting_ == 0 && busy_ == 0)))
    after.drained = std::exchange(drained_, {});
}

caf::error fleet_queue::refusal() const {
  switch (phase_) {
  case phase::open:
    return make_error(errc::mailbox_full, "the queue of '" + options.name + "' holds as much as it may ("
                                              + to_text(options.limits)
                                              + "); try again later, or raise its limits");
  case phase::draining:
    return make_error(errc::stopped, "'" + options.name + "' takes no more messages: it drains");
  case phase::closed:
    break;
  }
  return reason_ ? reason_ : caf::make_error(caf::sec::request_receiver_down);
}

// -- senders
// ----------------------------------------------------------------------------------------------------------

fleet_queue::fleet_queue(fleet_queue_options options, std::shared_ptr<dead_letter_office> office,
                         arm_timer arm)
    : options{checked(std::move(options))}, office_{std::move(office)}, arm_{std::move(arm)} {}

fleet_queue::~fleet_queue() {
  close({});
}

std::optional<std::size_t> fleet_queue::key_of(const caf::message& content) const {
  return options.key ? options.key(content) : std::nullopt;
}

void fleet_queue::arm(time_point deadline) {
  if (deadline != no_deadline && !timer::will_call(*this, deadline))
    arm_(shared_from_this(), deadline);
}

bool fleet_queue::push(caf::mailbox_element_ptr element, time_point deadline) {
  deadline = kept_as(deadline);
  element->enqueue_time = deadline;
  bool asks = is_request(*element);
  waiting message{.since = deadline_clock::now(), .key = key_of(element->payload)};
  if (options.limits.bytes != 0)
    message.bytes = payload_bytes(element->payload);
  caf::error why;
  bool is_closed = false;
  {
    aftermath after;
    std::lock_guard guard{mutex_};
    if (phase_ == phase::open
        && (has_room(message.bytes) || (asks && options.when_full == when_full::wait))) {
      ++totals_.accepted;
      message.what.element = std::move(element);
      auto* owner = owner_of(message);
      insert(std::move(message), owner, after);
    } else {
      ++totals_.refused;
      why = refusal();
      is_closed = phase_ == phase::closed;
    }
  }
  if (!why) {
    arm(deadline);
    return true;
  }
  give_up({std::move(element), {}}, std::move(why), !asks && !is_closed);
  return !is_closed;
}

std::size_t fleet_queue::broadcast(const caf::message& content, time_point deadline) {
  deadline = kept_as(deadline);
  auto now = deadline_clock::now();
  auto bytes = options.limits.bytes != 0 ? payload_bytes(content) : 0;
  std::size_t result = 0;
  {
    aftermath after;
    std::lock_guard guard{mutex_};
    if (phase_ != phase::open || !has_room(bytes)) {
      ++totals_.refused;
      return 0;
    }
    for (auto* one : slots_) {
      waiting copy{.since = now, .bytes = bytes, .broadcast = true};
      copy.what.element = compat::make_element(nullptr, caf::make_message_id(), content);
      copy.what.element->enqueue_time = deadline;
      insert(std::move(copy), one, after);
    }
    result = slots_.size();
    totals_.accepted += result;
  }
  if (result != 0)
    arm(deadline);
  return result;
}

void fleet_queue::give_up(delivery message, caf::error why, bool is_letter) {
  if (is_letter) {
    dead_letter letter{options.name, {}, describe(why), std::move(message.deaths)};
    if (!letter.deaths.empty())
      letter.request = letter.deaths.back()->request;
    if (letter.request.empty())
      letter.request = "(" + type_names(message.element->payload.types()) + ")";
    bool first = false;
    {
      std::lock_guard guard{mutex_};
      first = totals_.dead_letters++ == 0;
    }
    office_->take(letter, first);
  }
  // From nobody: the address may be gone by now.
  answer_request(std::move(message.element), nullptr, caf::make_message(std::move(why)));
}

// -- the fleet's supervisor
// -------------------------------------------------------------------------------------------

void fleet_queue::add_member(std::size_t slot, mailbox& box) {
  aftermath after;
  std::lock_guard guard{mutex_};
  auto& one = members_[&box]; // one that was removed may handle its last message still
  one.slot = slot;
  one.wake = box.wake();
  one.removed = false;
  slots_.insert(std::ranges::upper_bound(slots_, slot, {}, &member::slot), &one);
  deal_out_anew({}, after);
  settle(after);
}

void fleet_queue::remove_member(std::size_t slot) {
  std::vector<waiting> copies; // go without the mutex
  aftermath after;
  std::lock_guard guard{mutex_};
  auto place = std::ranges::find(slots_, slot, &member::slot);
  if (place == slots_.end())
    return;
  auto& one = **place;
  slots_.erase(place);
  one.removed = true;
  for (auto* list : {&one.own.urgent, &one.own.normal}) {
    auto kept =
        std::stable_partition(list->begin(), list->end(), [](auto& each) { return each.key.has_value(); });
    std::for_each(kept, list->end(), [this](auto& each) { forget(each); });
    std::move(kept, list->end(), std::back_inserter(copies));
    list->erase(kept, list->end());
  }
  deal_out_anew({}, after);
  if (!one.busy) {
    rest(one);
    std::erase_if(members_, [&](auto& entry) { return &entry.second == &one; });
  }
  settle(after);
}

void fleet_queue::join(mailbox& box) {
  std::size_t slot = 0;
  {
    std::lock_guard guard{mutex_};
    slot = next_slot_++;
  }
  add_member(slot, box);
}

void fleet_queue::part(mailbox& box) {
  std::optional<std::size_t> slot;
  {
    std::lock_guard guard{mutex_};
    if (auto* one = find(box); one && !one->removed)
      slot = one->slot;
  }
  if (slot)
    remove_member(*slot);
}

void fleet_queue::drain(std::function<void()> done) {
  aftermath after;
  std::lock_guard guard{mutex_};
  drained_.push_back(std::move(done));
  if (phase_ == phase::open)
    phase_ = phase::draining;
  settle(after);
}

void fleet_queue::close(caf::error reason) {
  std::vector<waiting> left;
  caf::error answer;
  {
    aftermath after;
    std::lock_guard guard{mutex_};
    if (phase_ == phase::closed)
      return;
    phase_ = phase::closed;
    reason_ = std::move(reason);
    answer = refusal();
    left.reserve(waiting_);
    for_each_list([&](message_list& list) {
      std::ranges::move(list, std::back_inserter(left));
      list.clear();
    });
    waiting_ = 0;
    waiting_bytes_ = 0;
    after.drained = std::exchange(drained_, {});
  }
  for (auto& each : left)
    answer_request(std::move(each.what.element), nullptr, caf::make_message(answer));
}

fleet_stats fleet_queue::stats() const {
  auto now = deadline_clock::now();
  std::lock_guard guard{mutex_};
  auto result = totals_;
  result.members = slots_.size();
  result.idle = idle_.size();
  result.busy = busy_;
  result.waiting = waiting_;
  result.waiting_bytes = waiting_bytes_;
  auto oldest = now;
  auto look = [&](const lane& at) {
    for (auto* list : {&at.urgent, &at.normal})
      for (auto& each : *list) {
        oldest = std::min(oldest, each.since);
        if (!each.again)
          break; // those behind came later
      }
  };
  look(shared_);
  for (auto& [box, one] : members_)
    look(one.own);
  result.oldest_wait = now - oldest;
  return result;
}

// -- members
// ----------------------------------------------------------------------------------------------------------

bool fleet_queue::pull(mailbox& by, delivery& next) {
  aftermath after;
  std::lock_guard guard{mutex_};
  auto* one = find(by);
  if (!one)
    return false;
  rest(*one);
  message_list* list = nullptr;
  if (one->removed) {
    members_.erase(&by);
  } else if ((list = next_for(*one))) {
    auto& front = list->front();
    forget(front);
    next = std::move(front.what);
    if (options.deadline_when_taken)
      next.element->enqueue_time = options.deadline_when_taken(next.element->payload);
    one->busy = true;
    one->handles_broadcast = front.broadcast;
    list->pop_front();
    ++busy_;
    ++totals_.delivered;
  } else if (phase_ != phase::closed) {
    one->is = member::state::idle;
    idle_.push_back(one);
  }
  settle(after);
  return list != nullptr;
}

void fleet_queue::leave(mailbox& by) {
  aftermath after;
  std::lock_guard guard{mutex_};
  auto* one = find(by);
  if (!one)
    return;
  rest(*one);
  if (one->removed)
    members_.erase(&by);
  settle(after);
}

void fleet_queue::put_back(mailbox& by, delivery again) {
  auto& element = *again.element;
  bool asks = is_request(element);
  if (options.deadline_when_taken) // the next attempt has one of its own
    element.enqueue_time = no_deadline;
  auto deadline = element.enqueue_time;
  waiting message{.since = deadline_clock::now(), .key = key_of(element.payload), .again = true};
  if (options.limits.bytes != 0)
    message.bytes = payload_bytes(element.payload);
  bool is_spent = !again.deaths.empty() && again.deaths.size() >= options.attempts;
  caf::error why;
  {
    aftermath after;
    std::lock_guard guard{mutex_};
    auto* one = find(by);
    message.broadcast = one && one->busy && one->handles_broadcast;
    if (message.broadcast)
      message.key.reset();
    bool is_nobodys = message.broadcast && one->removed;
    if (!is_spent && phase_ != phase::closed && !is_nobodys) {
      ++totals_.redelivered;
      message.what = std::move(again);
      auto* owner = message.broadcast ? one : owner_of(message);
      insert(std::move(message), owner, after);
    } else if (!again.deaths.empty()) {
      why = error_for(*again.deaths.back());
    } else if (phase_ == phase::closed) {
      why = refusal();
    } else {
      why = make_error(errc::stopped, "its member of '" + options.name + "' was removed");
    }
  }
  if (!why)
    arm(deadline);
  else
    give_up(std::move(again), std::move(why), !asks || (is_spent && options.attempts > 0));
}

// -- the timer
// --------------------------------------------------------------------------------------------------------

time_point fleet_queue::expire(time_point now) {
  std::vector<caf::mailbox_element_ptr> expired;
  auto next = no_deadline;
  {
    aftermath after;
    std::lock_guard guard{mutex_};
    for_each_list([&](message_list& list) {
      auto kept = list.begin();
      for (auto& each : list) {
        auto deadline = each.what.element->enqueue_time;
        if (deadline <= now) {
          forget(each);
          expired.push_back(std::move(each.what.element));
          continue;
        }
        next = std::min(next, deadline);
        if (&*kept != &each)
          *kept = std::move(each);
        ++kept;
      }
      list.erase(kept, list.end());
    });
    totals_.expired += expired.size();
    settle(after);
  }
  for (auto& each : expired)
    answer_request(std::move(each), nullptr, caf::make_message(error_for(interrupt_cause::deadline, {})));
  return next;
}

time_point fleet_queue::tick(time_point now) {
  auto next = expire(now);
  return next == no_deadline ? next : std::max(next, now + time_between_looks);
}

} // namespace interp_actors
