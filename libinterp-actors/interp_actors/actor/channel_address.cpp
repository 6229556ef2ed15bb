#include "interp_actors/actor/channel_address.hpp"

#include "interp_actors/actor/foreign_channel.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/translate.hpp"

#include <caf/actor_cast.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <stdexcept>

namespace interp_actors {

namespace {

/// Puts a receiving end that was not accepted back to where it came from.
void put_back(const caf::message& content, channel_item& item) {
  if (!item.cargo)
    return;
  if (auto* lease = std::get_if<channel_lease>(&item.cargo->end); lease && *lease) {
    lease->land();
    content.get_as<channel_end>(1).receiver()->restore(std::move(*lease));
  }
}

/// A request whose message waits for room: the answer tells its sender that it was accepted. It holds
/// nothing but the request itself.
class waiting_request final : public waiting_send {
public:
  waiting_request(channel_item item, caf::mailbox_element_ptr element, std::shared_ptr<channel_queue> queue)
      : waiting_send{std::move(item)}, element_{std::move(element)}, queue_{std::move(queue)} {}

  void finished(send_result result) noexcept override {
    if (result != send_result::accepted)
      put_back(element_->payload, item);
    auto queue = queue_.lock();
    auto content = result == send_result::accepted || !queue ? caf::message{}
                                                             : caf::make_message(error_for(result, *queue));
    answer_request(std::move(element_), nullptr, std::move(content));
  }

private:
  caf::mailbox_element_ptr element_;
  std::weak_ptr<channel_queue> queue_; // which owns this one
};

/// Takes out what `content` carries, or says why it is no message for a channel.
caf::error read(caf::actor_system& system, const channel_queue& queue, channel_address::decode_fn decode,
                caf::message& content, channel_item& item) {
  if (content.match_elements<send_atom, shared_bytes>()) {
    item.payload = std::move(content.get_mutable_as<shared_bytes>(1));
  } else if (content.match_elements<send_atom, channel_end>()) {
    auto cargo = std::make_unique<channel_cargo>();
    auto& ticket = content.get_as<channel_end>(1);
    if (auto problem = claim(system, ticket, cargo->end))
      return problem;
    if (auto* lease = std::get_if<channel_lease>(&cargo->end); lease && !lease->board(queue)) {
      ticket.receiver()->restore(std::move(*lease));
      return make_error(errc::channel_mismatch,
                        "a receiving end cannot travel through its own channel, nor through one that "
                        "travels in it: nobody could ever receive it");
    }
    item.cargo = std::move(cargo);
    return {};
  } else if (!decode || !decode(content, item.payload)) {
    return caf::make_error(caf::sec::unexpected_message);
  }
  if (!queue.element)
    return {};
  try {
    item.payload = fitted(queue, item.payload); // stays what it was where it does not fit
    return {};
  } catch (const std::invalid_argument& problem) {
    return make_error(errc::channel_mismatch, std::string{problem.what()});
  }
}

} // namespace

channel_address::channel_address(caf::actor_config& config, std::shared_ptr<channel_queue> queue,
                                 std::shared_ptr<dead_letter_office> office, decode_fn decode)
    : caf::actor_companion{config}, queue_{std::move(queue)}, office_{std::move(office)}, decode_{decode} {}

channel_address::~channel_address() = default;

void channel_address::INTERP_ACTORS_ON_LAST_HANDLE() {
  queue_->end();
  caf::actor_companion::INTERP_ACTORS_ON_LAST_HANDLE();
}

void channel_address::lose(const channel_item& item, std::string why) {
  bool first = !has_lost_.exchange(true, std::memory_order_relaxed);
  office_->take({queue_->options.name, item.payload, std::move(why)}, first);
}

bool channel_address::enqueue(caf::mailbox_element_ptr element, compat::execution_context*) {
  auto& content = element->payload;
  // A channel's own messages have two elements, and CAF's system messages one.
  if (content.size() == 1 && content.match_elements<caf::exit_msg>()) {
    if (auto& reason = content.get_as<caf::exit_msg>(0).reason) {
      queue_->end("its actor was ended: " + to_string(reason));
      cleanup(caf::error{reason}, nullptr);
    }
    return true;
  }
  if (element->mid.is_response() || (content.size() == 1 && content.match_elements<caf::down_msg>()))
    return true;
  bool is_request = element->mid.is_request() && element->sender;
  channel_item item;
  if (auto problem = read(home_system(), *queue_, decode_, content, item)) {
    if (is_request)
      answer_request(std::move(element), ctrl(), caf::make_message(std::move(problem)));
    else
      lose(item, describe(problem));
    return true;
  }
  std::vector<channel_item> given_way;
  auto result = queue_->offer(item, given_way);
  if (!given_way.empty())
    queue_->report(std::move(given_way));
  if (result == send_result::accepted) {
    if (is_request)
      answer_request(std::move(element), ctrl(), caf::message{});
  } else if (result == send_result::wait && is_request) {
    queue_->submit(std::make_shared<waiting_request>(std::move(item), std::move(element), queue_));
  } else {
    put_back(content, item);
    auto problem = error_for(result, *queue_);
    if (is_request) {
      answer_request(std::move(element), ctrl(), caf::make_message(std::move(problem)));
    } else {
      if (result != send_result::closed) // there was no room
        queue_->count_dropped();
      lose(item, describe(problem));
    }
  }
  return result != send_result::closed;
}

made_channel make_channel(caf::actor_system& system, const std::shared_ptr<dead_letter_office>& office,
                          channel_options options, std::optional<buffer_format> element,
                          channel_address::decode_fn decode) {
  if (element) {
    auto probe = *element;
    for (std::size_t i = 0; i < probe.shape.size(); ++i)
      if (probe.shape[i] == -1 && i == 0)
        probe.shape[i] = 0;
    std::size_t size = probe.itemsize;
    for (auto n : probe.shape)
      if (n < 0 || __builtin_mul_overflow(size, static_cast<std::size_t>(n), &size))
        throw std::invalid_argument("the shape of a channel's messages holds a length of "
                                    + std::to_string(n));
    checked(std::move(probe), size);
  }
  auto queue = std::make_shared<channel_queue>(std::move(options), std::move(element));
  auto handle = system.spawn<channel_address, caf::hidden>(queue, office, decode);
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(handle);
  queue->set_owner(
      [weak = caf::actor_cast<caf::weak_actor_ptr>(strong)](const std::string& reason) {
        if (auto self = weak.lock())
          static_cast<channel_address*>(self->get())
              ->cleanup(make_error(errc::channel_closed, reason), nullptr);
      },
      [queue = queue.get(), office](std::vector<channel_item> dropped) {
        bool first = queue->count_dropped(dropped.size()) == 0;
        for (auto& item : dropped) {
          office->take({queue->options.name, item.payload, "the channel is full, and newer ones came"},
                       first);
          first = false;
        }
      });
  return {std::move(strong), channel_lease{std::move(queue)}};
}

sending_end sending_end_of(caf::actor_system& system, const caf::strong_actor_ptr& actor) {
  sending_end result;
  if (auto* address = dynamic_cast<channel_address*>(actor->get()))
    result.entry = address->queue();
  else
    result.entry = make_foreign_channel(system, actor);
  result.handle = std::make_shared<caf::strong_actor_ptr>(actor);
  return result;
}

caf::strong_actor_ptr actor_of(const sending_end& end) {
  return *static_cast<const caf::strong_actor_ptr*>(end.handle.get());
}

caf::error claim(caf::actor_system& system, const channel_end& ticket, held_end& end) {
  if (ticket.sender()) {
    end = sending_end_of(system, ticket.sender());
    return {};
  }
  if (!ticket.receiver())
    return make_error(errc::channel_mismatch, "an empty handle is no end of a channel");
  auto lease = ticket.receiver()->claim();
  if (!lease) {
    auto& queue = *ticket.receiver()->queue();
    return queue.closed() ? error_for(send_result::closed, queue)
                          : make_error(errc::channel_moved, std::string{moved_text});
  }
  end = std::move(lease);
  return {};
}

channel_end ticket_for(held_end end) {
  if (auto* sender = std::get_if<sending_end>(&end)) {
    channel_end result;
    result.set_sender(actor_of(*sender));
    return result;
  }
  if (auto* lease = std::get_if<channel_lease>(&end))
    return {std::make_shared<receiver_slot>(std::move(*lease))};
  return {};
}

caf::error error_for(send_result result, const channel_entry& entry) {
  if (result == send_result::closed) {
    auto reason = entry.reason();
    return make_error(errc::channel_closed, reason.empty() ? "no more messages may come" : std::move(reason));
  }
  return make_error(errc::channel_full, "the channel holds as much as it may");
}

} // namespace interp_actors
