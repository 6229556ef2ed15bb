#include "interp_actors/supervision/relay.hpp"

#include "interp_actors/actor/deadline.hpp"
#include "interp_actors/actor/end_actor.hpp"
#include "interp_actors/actor/translate.hpp"

#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

namespace interp_actors {

relay::relay(caf::actor_config& config, std::string name, std::set<std::string> types)
    : caf::actor_companion{config}, name_{std::move(name)}, types_{std::move(types)} {}

void relay::lead_to(caf::strong_actor_ptr actor) {
  // What is dropped is dropped without the mutex: the end of an actor that nobody needs may come back here.
  std::unique_lock guard{mutex_};
  shut_ = false;
  actor_.swap(actor);
  if (handing_over_)
    return;
  handing_over_ = true;
  while (actor_ && !waiting_.empty()) {
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    auto to = actor_;
    guard.unlock(); // its `enqueue` may come back here
    to->enqueue(std::move(next), nullptr);
    to.reset();
    guard.lock();
  }
  handing_over_ = false;
}

void relay::leave() {
  caf::strong_actor_ptr old; // dropped without the mutex
  std::lock_guard guard{mutex_};
  old.swap(actor_);
}

void relay::shut(caf::error reason) {
  std::deque<caf::mailbox_element_ptr> waiting;
  caf::strong_actor_ptr old;
  if (!reason)
    reason = caf::make_error(caf::sec::request_receiver_down);
  {
    std::lock_guard guard{mutex_};
    shut_ = true;
    reason_ = reason;
    waiting.swap(waiting_);
    old.swap(actor_);
  }
  for (auto& each : waiting)
    answer_request(std::move(each), nullptr, caf::make_message(reason));
}

void relay::take_down(caf::error reason) {
  shut(reason);
  end_actor(*this, name_, std::move(reason));
}

bool relay::enqueue(caf::mailbox_element_ptr element, compat::execution_context* context) {
  caf::error why;
  {
    std::unique_lock guard{mutex_};
    if (shut_) {
      why = reason_;
    } else if (actor_ && !handing_over_) {
      auto to = actor_;
      guard.unlock();
      return to->enqueue(std::move(element), context);
    } else if (!actor_ && element->payload.match_elements<caf::exit_msg>()) {
      guard.unlock();
      answer_request(std::move(element), nullptr, caf::make_message());
      return true;
    } else if (waiting_.size() < most_waiting) {
      waiting_.push_back(std::move(element));
      return true;
    } else {
      why = make_error(errc::mailbox_full, "'" + name_ + "' is down, and " + std::to_string(most_waiting)
                                               + " messages wait for it already");
    }
  }
  answer_request(std::move(element), nullptr, caf::make_message(std::move(why)));
  return false;
}

} // namespace interp_actors
