#include "interp_actors/actor/outbox.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/between_processes.hpp"
#include "interp_actors/actor/channel_address.hpp"
#include "interp_actors/actor/other_interpreter.hpp"
#include "interp_actors/actor/packing.hpp"
#include "interp_actors/actor/reference.hpp"
#include "interp_actors/actor/spawn.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/actor_cast.hpp>
#include <caf/default_attachable.hpp>
#include <caf/exit_reason.hpp>

#include <algorithm>
#include <stdexcept>

namespace interp_actors {

namespace {

/// The answer of a typed actor.
class typed_reply final : public python::reply {
public:
  typed_reply(const interface::method& method, caf::message content)
      : method_{method}, content_{std::move(content)} {}

  void write(value_sink& sink) const override { method_.write_result(content_, sink); }

private:
  const interface::method& method_;
  const caf::message content_;
};

/// The answer of an interpreter.
class packed_reply final : public python::reply {
public:
  explicit packed_reply(const packed_message& content) : value_{to_value(content)} {}

  void write(value_sink& sink) const override {
    packed_reader reader{value_};
    transfer(reader, sink);
  }

private:
  const packed_value value_;
};

class reference_reply final : public python::reply {
public:
  explicit reference_reply(actor_reference_ptr actor) : actor_{std::move(actor)} {}

  void write(value_sink& sink) const override { sink.actor(actor_); }

private:
  const actor_reference_ptr actor_;
};

class empty_reply final : public python::reply {
public:
  void write(value_sink& sink) const override { sink.nil(); }
};

} // namespace

void send_exit(const caf::strong_actor_ptr& whom, caf::actor_addr source, caf::error reason) {
  whom->enqueue(compat::make_element(nullptr, caf::make_message_id(),
                                     caf::make_message(caf::exit_msg{std::move(source), std::move(reason)})),
                nullptr);
}

std::unique_ptr<const python::reply> make_empty_reply() {
  return std::make_unique<empty_reply>();
}

namespace {

/// Requests and events of one incarnation are apart from those of others, whose answers may still come and whose events may
/// still wait in the mailbox. CAF leaves 60 bits.
std::uint64_t first_number(std::uint64_t incarnation) {
  return (incarnation & 0xff'ffff) << 36;
}

} // namespace

struct outbox::message final : python::host::letter {
  caf::strong_actor_ptr to;
  caf::message content;
  const interface::method* method = nullptr;
  std::string function;
};

// -- for the incarnation
// --------------------------------------------------------------------------------------------

outbox::outbox(std::shared_ptr<roster> home, std::shared_ptr<mailbox> box, std::string name,
               const heritage& from, caf::strong_actor_ptr known_as)
    : home_{std::move(home)},
      first_box_{std::move(box)},
      box_{first_box_.get()},
      name_{std::move(name)},
      known_as_{std::move(known_as)},
      last_event_{first_number(from.number)},
      last_request_{first_number(from.number)},
      previous_death_{from.previous} {}

void outbox::take_over(std::shared_ptr<mailbox> box, const heritage& from) {
  std::set<caf::actor_addr> children;
  second_box_ = std::move(box);
  {
    std::lock_guard guard{mutex_};
    last_event_ = last_request_ = first_number(from.number);
    previous_death_ = from.previous;
    box_.store(second_box_.get(), std::memory_order_release);
    children = children_;
  }
  for (auto& child : children)
    if (auto actor = caf::actor_cast<caf::strong_actor_ptr>(child)) // nobody was told of one that has ended
      link(make_reference(std::move(actor)));
    else
      on_exit(child);
}

caf::actor_addr outbox::own_name() const {
  return caf::actor_cast<caf::actor_addr>(box().lock_address());
}

std::shared_ptr<const death_report> outbox::previous_death() const {
  std::lock_guard guard{mutex_};
  return previous_death_;
}

void outbox::close(const caf::error& why) {
  std::unordered_map<std::uint64_t, request> requests;
  std::unordered_map<std::uint64_t, timed> timed;
  std::vector<std::weak_ptr<python::awaited>> births;
  auto reason =
      to_error_value(make_error(errc::stopped, "'" + name_ + "' stops and waits for nothing any more"
                                                   + (why ? ": " + summary_of(why) : std::string{})));
  {
    std::lock_guard guard{mutex_};
    if (closed_)
      return;
    closed_ = reason;
    requests.swap(requests_);
    timed.swap(timed_);
    births.swap(births_);
    due_requests_.clear();
    due_messages_.clear();
  }
  for (auto& [number, each] : requests)
    each.answer->fail(reason);
  for (auto& birth : births)
    if (auto answer = birth.lock())
      answer->fail(reason);
}

void outbox::withdraw() {
  std::lock_guard watching{watching_};
  std::set<caf::actor_addr> links;
  std::vector<caf::actor_addr> watched;
  {
    std::lock_guard guard{mutex_};
    links.swap(links_);
    for (auto& [whom, events] : monitors_)
      watched.push_back(whom);
    monitors_.clear();
  }
  auto self = box().lock_address();
  for (auto& whom : watched)
    if (auto actor = caf::actor_cast<caf::strong_actor_ptr>(whom); actor && self)
      actor->get()->detach(
          caf::default_attachable::observe_token{self->address(), caf::default_attachable::monitor});
  for (auto& link : links) // children's, too: their end would come back to the next incarnation
    if (self)
      static_cast<address*>(self->get())->unlink_from(link);
}

void outbox::end(const caf::error& why) {
  withdraw();
  // An end that would not reach them through their links.
  bool quiet = !why || why == caf::exit_reason::unreachable;
  auto reason = quiet ? caf::make_error(caf::exit_reason::user_shutdown) : why;
  std::set<caf::actor_addr> children;
  std::vector<std::weak_ptr<incarnation>> created;
  {
    std::lock_guard guard{mutex_};
    children.swap(children_);
    created.swap(created_);
  }
  for (auto& child : children)
    if (auto actor = caf::actor_cast<caf::strong_actor_ptr>(child))
      send_exit(actor, own_name(), reason);
  for (auto& one : created)
    if (auto inhabitant = one.lock())
      inhabitant->stop(reason, home_->settings.shutdown_timeout);
}

// -- for the address
// --------------------------------------------------------------------------------------------

void outbox::arm(time_point when) {
  home_->arm(std::static_pointer_cast<outbox>(shared_from_this()), when);
}

std::optional<outbox::request> outbox::take_request(std::uint64_t number) {
  std::lock_guard guard{mutex_};
  auto place = requests_.find(number);
  if (place == requests_.end())
    return std::nullopt;
  auto found = std::move(place->second);
  requests_.erase(place);
  if (found.due)
    due_requests_.erase(*found.due);
  return found;
}

void outbox::on_answer(caf::message_id id, const caf::message& content) {
  auto found = take_request(id.request_id().integer_value());
  if (!found)
    return; // nobody waits for it any more
  if (content.match_elements<caf::error>())
    found->answer->fail(to_error_value(content.get_as<caf::error>(0)));
  else if (found->method && content.types() == found->method->result_types)
    found->answer->finish(std::make_unique<typed_reply>(*found->method, content));
  else if (!found->method && content.match_elements<packed_message>())
    found->answer->finish(std::make_unique<packed_reply>(content.get_as<packed_message>(0)));
  else if (!found->method && content.empty())
    found->answer->finish(make_empty_reply());
  else // an actor without a type of its own may answer anything
    found->answer->fail(to_error_value(make_error(
        errc::wrong_type, "the actor answered with (" + type_names(content.types()) + "), which is no "
                              + (found->method ? "result of its interface" : "packed value"))));
}

void outbox::on_down(const caf::actor_addr& source, const caf::error& reason) {
  std::vector<python::event_number> events;
  {
    std::lock_guard guard{mutex_};
    auto place = monitors_.find(source);
    if (place == monitors_.end())
      return;
    events = std::move(place->second);
    monitors_.erase(place);
    auto value = to_error_value(reason);
    for (auto event : events)
      reasons_.emplace(event, value);
  }
  for (auto event : events)
    post(event);
}

void outbox::on_exit(const caf::actor_addr& source) {
  std::lock_guard guard{mutex_};
  children_.erase(source);
}

// -- for the module
// ---------------------------------------------------------------------------------------------

actor_reference_ptr outbox::self() const {
  return make_reference(known_as_ ? known_as_ : box().lock_address());
}

actor_reference_ptr outbox::sender() const {
  return make_reference(caf::strong_actor_ptr{sender_});
}

bool outbox::may_know(const actor_reference_ptr& to, std::string_view function) const {
  auto* type = type_of(to);
  return !type || type->find(function);
}

python::host::letter_ptr outbox::write(const actor_reference_ptr& to, std::string_view function,
                                       value_source& arguments) const {
  auto result = std::make_unique<message>();
  result->to = actor_of(to);
  result->function = function;
  if (auto* type = type_of(to)) {
    std::tie(result->method, result->content) = type->read(function, arguments);
    if (!result->method)
      throw value_error("to " + type->name + ", which has no such message");
  } else {
    packed_value packed;
    packed_writer writer{packed};
    transfer(arguments, writer);
    result->content = caf::make_message(invoke_atom_v, result->function, to_message(std::move(packed)));
  }
  return result;
}

void outbox::deliver(const caf::strong_actor_ptr& to, caf::message content, caf::message_id id) {
  if (auto problem = check_frame(home_->system, to, content)) {
    if (id.is_request())
      on_answer(id.response_id(), caf::make_message(std::move(problem)));
    else
      home_->dead_letters->take({name_, {}, "(" + type_names(content.types()) + "): " + describe(problem)},
                                true);
    return;
  }
  to->enqueue(compat::make_element(box().lock_address(), id, std::move(content)), nullptr);
}

std::string outbox::why_nobody() const {
  return box().address()
             ? "'" + name_ + "' has ended"
             : "'" + name_
                   + "' is a spare: it has no address for answers before it takes over; ask in started()";
}

std::shared_ptr<python::awaited> outbox::ask(letter_ptr what, time_point until) {
  auto& letter = static_cast<message&>(*what);
  return ask(letter.to, std::move(letter.content), letter.method, until);
}

std::shared_ptr<python::awaited> outbox::ask(const caf::strong_actor_ptr& to, caf::message content,
                                             const interface::method* method, time_point until) {
  std::shared_ptr<python::awaited> answer;
  auto self = box().lock_address(); // where the answer comes to
  {
    std::lock_guard guard{mutex_};
    answer = std::make_shared<python::awaited>(++last_request_);
    if (closed_ || !self) {
      answer->fail(closed_.value_or(to_error_value(make_error(errc::stopped, why_nobody()))));
      return answer;
    }
    auto& entry = requests_[last_request_];
    entry.answer = answer;
    entry.method = method;
    if (until != no_deadline)
      entry.due = due_requests_.emplace(until, last_request_);
  }
  if (until != no_deadline)
    arm(until);
  deliver(to, std::move(content), caf::make_message_id(answer->number()));
  return answer;
}

void outbox::forget(const python::awaited& what) {
  take_request(what.number());
}

void outbox::send(letter_ptr what) {
  auto& letter = static_cast<message&>(*what);
  deliver(letter.to, std::move(letter.content), caf::make_message_id());
}

python::event_number outbox::send_after(std::chrono::nanoseconds delay, letter_ptr what) {
  auto when = time_after(delay);
  auto number = new_event();
  {
    std::lock_guard guard{mutex_};
    if (closed_)
      return number;
    timed_.emplace(number, timed{std::move(what), due_messages_.emplace(when, number)});
  }
  arm(when);
  return number;
}

bool outbox::cancel_timer(python::event_number timer) {
  letter_ptr dropped; // what it holds goes without the lock
  std::lock_guard guard{mutex_};
  auto place = timed_.find(timer);
  if (place == timed_.end())
    return false;
  due_messages_.erase(place->second.due);
  dropped = std::move(place->second.what);
  timed_.erase(place);
  return true;
}

time_point outbox::tick(time_point now) {
  std::vector<std::shared_ptr<python::awaited>> expired;
  std::vector<letter_ptr> letters;
  auto next = no_deadline;
  {
    std::lock_guard guard{mutex_};
    while (!due_requests_.empty() && due_requests_.begin()->first <= now) {
      auto place = requests_.find(due_requests_.begin()->second);
      expired.push_back(std::move(place->second.answer));
      requests_.erase(place);
      due_requests_.erase(due_requests_.begin());
    }
    while (!due_messages_.empty() && due_messages_.begin()->first <= now) {
      auto place = timed_.find(due_messages_.begin()->second);
      letters.push_back(std::move(place->second.what));
      timed_.erase(place);
      due_messages_.erase(due_messages_.begin());
    }
    for (auto* due : {&due_requests_, &due_messages_})
      if (!due->empty())
        next = std::min(next, due->begin()->first);
  }
  for (auto& answer : expired)
    answer->fail(to_error_value(make_error(errc::deadline_exceeded, "no answer came in time")));
  for (auto& letter : letters)
    send(std::move(letter));
  return next;
}

void outbox::post(python::event_number event) {
  auto& place = box();
  auto self = place.lock_address();
  if (!self)
    return;
  auto element =
      compat::make_element(nullptr, caf::make_message_id(), caf::make_message(event_atom_v, event));
  place.push_event(element);
}

void outbox::monitor(const actor_reference_ptr& whom, python::event_number event) {
  auto actor = actor_of(whom);
  auto self = box().lock_address();
  if (!self)
    return;
  std::lock_guard watching{watching_};
  bool first = false;
  {
    std::lock_guard guard{mutex_};
    if (closed_ && box().outlives_consumers())
      return; // it would be the next incarnation's
    auto& events = monitors_[actor->address()];
    first = events.empty();
    events.push_back(event);
  }
  if (first) // one that has ended says so at once
    actor->get()->attach(caf::default_attachable::make_monitor(actor->address(), self->address()));
}

void outbox::demonitor(python::event_number event) {
  std::lock_guard watching{watching_};
  caf::strong_actor_ptr last;
  {
    std::lock_guard guard{mutex_};
    reasons_.erase(event);
    auto place = std::ranges::find_if(
        monitors_, [event](auto& each) { return std::ranges::count(each.second, event) != 0; });
    if (place == monitors_.end())
      return;
    std::erase(place->second, event);
    if (!place->second.empty())
      return;
    last = caf::actor_cast<caf::strong_actor_ptr>(place->first);
    monitors_.erase(place);
  }
  if (last)
    last->get()->detach(caf::default_attachable::observe_token{own_name(), caf::default_attachable::monitor});
}

error_value outbox::take_reason(python::event_number event) {
  std::lock_guard guard{mutex_};
  auto found = reasons_.extract(event);
  return found ? std::move(found.mapped()) : error_value{};
}

void outbox::link(const actor_reference_ptr& whom) {
  auto actor = actor_of(whom);
  auto self = box().lock_address();
  if (!self || self == actor)
    return;
  std::lock_guard watching{watching_};
  if (box().outlives_consumers()) {
    std::lock_guard guard{mutex_};
    if (closed_)
      return; // it would be the next incarnation's
    links_.insert(actor->address());
  }
  // The other side may have taken a link back: only CAF knows.
  static_cast<address*>(self->get())->link_to(actor->address());
}

void outbox::unlink(const actor_reference_ptr& whom) {
  auto actor = actor_of(whom);
  auto self = box().lock_address();
  {
    std::lock_guard guard{mutex_};
    children_.erase(actor->address());
    links_.erase(actor->address());
  }
  if (self)
    static_cast<address*>(self->get())->unlink_from(actor->address());
}

void outbox::let_end(const actor_reference_ptr& whom) {
  bool is_child = false;
  {
    std::lock_guard guard{mutex_};
    is_child = children_.contains(actor_of(whom)->address());
  }
  if (is_child)
    unlink(whom);
}

void outbox::exit(const actor_reference_ptr& whom, const error_value& reason) {
  let_end(whom);
  auto why = to_caf_error(reason);
  send_exit(actor_of(whom), own_name(),
            why ? std::move(why) : caf::make_error(caf::exit_reason::user_shutdown));
}

void outbox::kill(const actor_reference_ptr& whom) {
  let_end(whom);
  send_exit(actor_of(whom), own_name(), caf::make_error(caf::exit_reason::kill));
}

python::host::birth outbox::spawn(source code, std::string name, std::chrono::nanoseconds limit) {
  spawn_options options;
  options.name = std::move(name);
  if (limit.count() != 0)
    options.start_deadline = limit;
  auto answer = std::make_shared<python::awaited>();
  auto child = start_interpreter(home_, std::move(code), std::move(options));
  if (!child) {
    answer->fail(to_error_value(child.error()));
    return {std::move(answer), [] {}};
  }
  {
    std::lock_guard guard{mutex_};
    std::erase_if(births_, [](auto& each) { return each.expired(); });
    if (closed_)
      answer->fail(*closed_);
    else
      births_.push_back(answer);
  }
  // The child lives as long as somebody may want it.
  child->inhabitant->when_started([answer, actor = child->actor](const caf::error& problem) {
    if (problem)
      answer->fail(to_error_value(problem));
    else
      answer->finish(std::make_unique<reference_reply>(make_reference(actor)));
  });
  auto forget = [answer, actor = child->actor] {
    answer->cancel();
    send_exit(actor, actor->address(), caf::make_error(caf::exit_reason::kill));
  };
  return {std::move(answer), std::move(forget)};
}

void outbox::adopt(const actor_reference_ptr& child) {
  auto actor = actor_of(child);
  bool late = false;
  {
    std::lock_guard guard{mutex_};
    late = closed_.has_value();
    if (!late)
      children_.insert(actor->address());
  }
  if (late) // its parent is ending
    send_exit(actor, own_name(), caf::make_error(caf::exit_reason::user_shutdown));
  else
    link(child);
}

std::shared_ptr<python::host::interpreter> outbox::create(std::string name) {
  spawn_options options;
  options.name = std::move(name);
  auto spawned = start_interpreter(home_, text(""), std::move(options));
  if (!spawned)
    throw std::runtime_error(describe(spawned.error()));
  {
    std::lock_guard guard{mutex_};
    std::erase_if(created_, [](auto& each) { return each.expired(); });
    if (!closed_)
      created_.push_back(spawned->inhabitant);
    else // it ends with its only handle, which nobody gets
      throw std::runtime_error(closed_->description);
  }
  return make_other_interpreter(std::static_pointer_cast<outbox>(shared_from_this()), std::move(*spawned));
}

std::pair<sending_end, channel_lease> outbox::make_channel(channel_options options,
                                                           std::optional<buffer_format> element) {
  auto made =
      interp_actors::make_channel(home_->system, home_->dead_letters, std::move(options), std::move(element));
  return {sending_end_of(home_->system, made.sender), std::move(made.receiver)};
}

} // namespace interp_actors
