#include "interp_actors/actor/foreign_channel.hpp"

#include "interp_actors/actor/between_processes.hpp"
#include "interp_actors/actor/channel_address.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/reference.hpp"
#include "interp_actors/actor/translate.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/default_attachable.hpp>
#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <unordered_map>

namespace interp_actors {

namespace {

/// Those that wait for the actor's answers.
/// Thread: any. Owner: the entry and the actor's end.
struct waiting_list {
  std::mutex mutex;
  std::unordered_map<std::uint64_t, std::shared_ptr<waiting_send>> senders; // by the id of the answer
  std::string reason;
  bool closed = false;

  std::shared_ptr<waiting_send> take(std::uint64_t id) {
    std::lock_guard guard{mutex};
    auto place = senders.find(id);
    if (place == senders.end())
      return nullptr;
    auto result = std::move(place->second);
    senders.erase(place);
    return result;
  }

  void close(std::string why) {
    std::unordered_map<std::uint64_t, std::shared_ptr<waiting_send>> lost;
    {
      std::lock_guard guard{mutex};
      if (!std::exchange(closed, true))
        reason = std::move(why);
      lost.swap(senders);
    }
    for (auto& [id, sender] : lost)
      sender->finished(send_result::closed);
  }
};

/// Whether an answer says that the actor takes nothing any more, rather than that it refuses one message.
bool is_end(const caf::error& problem) {
  return problem == errc::channel_closed || problem.category() == caf::type_id_v<caf::exit_reason>
         || problem == caf::sec::request_receiver_down || problem == caf::sec::no_route_to_receiving_node;
}

/// Where the answers come in, and word of the actor's end.
class asker final : public caf::actor_companion {
public:
  asker(caf::actor_config& config, std::shared_ptr<waiting_list> waiting)
      : caf::actor_companion{config}, waiting_{std::move(waiting)} {}

  using caf::actor_companion::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, compat::execution_context*) override {
    if (element->payload.match_elements<caf::down_msg>())
      waiting_->close("its actor has ended: " + to_string(element->payload.get_as<caf::down_msg>(0).reason));
    else if (element->mid.is_response())
      if (auto sender = waiting_->take(element->mid.integer_value()))
        on_answer(*sender, element->payload);
    return true;
  }

private:
  void on_answer(waiting_send& sender, const caf::message& answer) {
    if (!answer.match_elements<caf::error>())
      return sender.finished(send_result::accepted);
    auto& problem = answer.get_as<caf::error>(0);
    if (problem == errc::channel_full)
      return sender.finished(send_result::full);
    if (is_end(problem)) {
      waiting_->close(describe(problem));
      return sender.finished(send_result::closed);
    }
    sender.problem = to_error_value(problem);
    sender.finished(send_result::failed);
  }

  const std::shared_ptr<waiting_list> waiting_;
};

/// Death: what it leaves at the actor, to learn of its end, goes with it.
class foreign_channel final : public channel_entry {
public:
  foreign_channel(caf::actor_system& system, const caf::strong_actor_ptr& actor)
      : actor_{caf::actor_cast<caf::weak_actor_ptr>(actor)},
        asker_{caf::actor_cast<caf::strong_actor_ptr>(system.spawn<asker, caf::hidden>(waiting_))} {
    // One that has ended says so at once.
    actor->get()->attach(caf::default_attachable::make_monitor(actor->address(), asker_->address()));
  }
  foreign_channel(const foreign_channel&) = delete;
  foreign_channel& operator=(const foreign_channel&) = delete;
  ~foreign_channel() override {
    if (auto actor = actor_.lock())
      actor->get()->detach(
          caf::default_attachable::observe_token{asker_->address(), caf::default_attachable::monitor});
    // CAF's registry keeps what has asked another process, until its end.
    static_cast<asker*>(asker_->get())->cleanup(caf::error{}, nullptr);
  }

  send_result offer(channel_item&, std::vector<channel_item>&) override {
    std::lock_guard guard{waiting_->mutex};
    if (waiting_->closed)
      return send_result::closed;
    return send_result::wait;
  }

  void submit(std::shared_ptr<waiting_send> sender) override {
    auto target = actor_.lock();
    caf::message content;
    if (auto& cargo = sender->item.cargo) {
      content = caf::make_message(send_atom_v, ticket_for(std::move(cargo->end)));
    } else {
      content = caf::make_message(send_atom_v, std::move(sender->item.payload));
    }
    caf::message_id id;
    bool closed = !target;
    if (!closed)
      if (auto problem = check_frame(target->get()->home_system(), target, content)) {
        sender->problem = to_error_value(problem);
        return sender->finished(send_result::failed);
      }
    if (!closed) {
      std::lock_guard guard{waiting_->mutex};
      closed = waiting_->closed;
      if (!closed) {
        id = static_cast<asker*>(asker_->get())
                 ->new_request_id(caf::message_priority::normal); // counts without a lock
        waiting_->senders.emplace(id.response_id().integer_value(), sender);
      }
    }
    if (closed)
      sender->finished(send_result::closed);
    else
      target->enqueue(compat::make_element(asker_, id, std::move(content)), nullptr);
  }

  /// Ends the waiting alone: the message may still arrive.
  bool withdraw(const waiting_send& sender) override {
    std::lock_guard guard{waiting_->mutex};
    for (auto place = waiting_->senders.begin(); place != waiting_->senders.end(); ++place)
      if (place->second.get() == &sender) {
        waiting_->senders.erase(place);
        return true;
      }
    return false;
  }

  std::string reason() const override {
    std::lock_guard guard{waiting_->mutex};
    return waiting_->reason;
  }

  void report(std::vector<channel_item>) override {}
  channel_queue* local() noexcept override { return nullptr; }

private:
  const std::shared_ptr<waiting_list> waiting_ = std::make_shared<waiting_list>();
  const caf::weak_actor_ptr actor_;
  const caf::strong_actor_ptr asker_;
};

} // namespace

std::shared_ptr<channel_entry> make_foreign_channel(caf::actor_system& system,
                                                    const caf::strong_actor_ptr& actor) {
  return std::make_shared<foreign_channel>(system, actor);
}

} // namespace interp_actors
