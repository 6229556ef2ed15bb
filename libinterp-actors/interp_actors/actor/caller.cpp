#include "interp_actors/actor/caller.hpp"

#include "interp_actors/actor/mailbox.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/sec.hpp>

#include <atomic>

namespace interp_actors {

/// The caller's own address: keeps answers for its thread and wakes it. A stack is enough, since one request
/// is under way at a time; all others are answers that came too late.
class caller::inbox final : public caf::actor_companion {
public:
  using caf::actor_companion::actor_companion;
  using caf::actor_companion::enqueue;

  ~inbox() override {
    if (auto* head = answers_.load(); head != waiting_mark())
      drop(head);
  }

  bool enqueue(caf::mailbox_element_ptr element, compat::execution_context*) override {
    if (!element->mid.is_response()) {
      answer_request(std::move(element), nullptr,
                     caf::make_message(caf::make_error(caf::sec::unexpected_message)));
      return true;
    }
    auto* head = answers_.load(std::memory_order_relaxed);
    do
      element->next = head == waiting_mark() ? nullptr : head;
    while (!answers_.compare_exchange_weak(head, element.get(), std::memory_order_acq_rel));
    element.release();
    if (head == waiting_mark())
      bell_.ring();
    return true;
  }

  const char* name() const override { return "interp_actors.caller"; }

  /// Waits for the answer to `id`, or returns null at `until`.
  caf::mailbox_element_ptr wait_for(caf::message_id id, time_point until) {
    for (;;) {
      caf::mailbox_element_ptr found;
      auto* next = answers_.load(std::memory_order_relaxed);
      if (next && next != waiting_mark()) {
        next = answers_.exchange(nullptr, std::memory_order_acquire);
        while (next) {
          caf::mailbox_element_ptr element{
              std::exchange(next, static_cast<caf::mailbox_element*>(next->next))};
          if (element->mid == id)
            found = std::move(element);
        }
        if (found)
          return found;
      }
      // A timeout left the mark; a ring left over from then only makes this loop go round once more.
      if ((next == waiting_mark()
           || answers_.compare_exchange_strong(next, waiting_mark(), std::memory_order_acq_rel))
          && !bell_.wait_until(until))
        return found;
    }
  }

private:
  /// Stands in the place of the answers while the thread waits, or has given up waiting.
  static caf::mailbox_element* waiting_mark() noexcept {
    return reinterpret_cast<caf::mailbox_element*>(std::uintptr_t{1});
  }

  static void drop(caf::mailbox_element* element) {
    while (element)
      delete std::exchange(element, static_cast<caf::mailbox_element*>(element->next));
  }

  std::atomic<caf::mailbox_element*> answers_{nullptr};
  bell bell_;
};

caller::caller(caf::actor_system& system)
    : self_{caf::actor_cast<caf::strong_actor_ptr>(system.spawn<inbox, caf::hidden>())},
      inbox_{static_cast<inbox*>(self_->get())} {}

caller::~caller() {
  inbox_->cleanup(caf::error{},
                  nullptr); // CAF's registry keeps what has asked another process, until its end
}

caf::expected<caf::message> caller::request(const caf::strong_actor_ptr& receiver, caf::message content,
                                            caf::timespan timeout) {
  return ask(receiver.get(), std::move(content), timeout);
}

caf::expected<caf::message> caller::ask(caf::actor_control_block* receiver, caf::message content,
                                        caf::timespan timeout) {
  if (!receiver)
    return caf::make_error(caf::sec::invalid_argument, "a request needs a receiver");
  auto until = timeout.count() == 0 ? no_deadline : time_after(timeout);
  auto id = inbox_->new_request_id(caf::message_priority::normal);
  receiver->enqueue(compat::make_element(self_, id, std::move(content)), nullptr);
  auto answer = inbox_->wait_for(id.response_id(), until);
  if (!answer)
    return caf::make_error(caf::sec::request_timeout);
  if (answer->payload.match_elements<caf::error>())
    return answer->payload.get_as<caf::error>(0);
  return std::move(answer->payload);
}

caf::expected<shared_bytes> caller::call(const interpreter_actor& receiver, std::string function,
                                         shared_bytes argument) {
  auto answer = ask(caf::actor_cast<caf::actor_control_block*>(receiver),
                    caf::make_message(call_atom_v, std::move(function), std::move(argument)), {});
  if (!answer)
    return std::move(answer.error());
  return answer->get_as<shared_bytes>(0);
}

caf::expected<shared_bytes> caller::call(const interpreter_actor& receiver, std::string function,
                                         std::vector<shared_bytes> arguments, caf::timespan deadline) {
  auto content = deadline.count() == 0
                     ? caf::make_message(call_atom_v, std::move(function), std::move(arguments))
                     : caf::make_message(call_atom_v, std::move(function), std::move(arguments), deadline);
  auto answer = ask(caf::actor_cast<caf::actor_control_block*>(receiver), std::move(content), {});
  if (!answer)
    return std::move(answer.error());
  return answer->get_as<shared_bytes>(0);
}

caf::expected<void> caller::execute(const interpreter_actor& receiver, std::string code,
                                    caf::timespan deadline) {
  auto content = deadline.count() == 0 ? caf::make_message(execute_atom_v, std::move(code))
                                       : caf::make_message(execute_atom_v, std::move(code), deadline);
  auto answer = ask(caf::actor_cast<caf::actor_control_block*>(receiver), std::move(content), {});
  if (!answer)
    return std::move(answer.error());
  return {};
}

} // namespace interp_actors
