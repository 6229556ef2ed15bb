#include "interp_actors/actor/fleet_address.hpp"

#include "interp_actors/actor/end_actor.hpp"
#include "interp_actors/actor/interface.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

namespace interp_actors {

fleet_address::fleet_address(caf::actor_config& config, std::shared_ptr<fleet_queue> queue,
                             const spawn_options& options, exit_handler on_exit, const interface* type)
    : caf::actor_companion{config},
      queue_{std::move(queue)},
      deadlines_{options, type},
      on_exit_{std::move(on_exit)},
      type_{type} {}

fleet_address::~fleet_address() = default;

void fleet_address::INTERP_ACTORS_ON_LAST_HANDLE() {
  queue_->close(caf::make_error(caf::exit_reason::unreachable));
  caf::actor_companion::INTERP_ACTORS_ON_LAST_HANDLE();
}

void fleet_address::take_down(caf::error reason) {
  queue_->close(reason);
  end_actor(*this, queue_->options.name, std::move(reason));
}

time_point fleet_address::deadline_of(const caf::message& content) const {
  return queue_->options.deadline_when_taken ? no_deadline : deadlines_.deadline_of(content);
}

std::set<std::string> fleet_address::message_types() const {
  return type_ ? type_->messages(home_system()) : std::set<std::string>{};
}

bool fleet_address::enqueue(caf::mailbox_element_ptr element, compat::execution_context*) {
  auto& content = element->payload;
  if (content.match_elements<caf::exit_msg>()) {
    if (auto& message = content.get_as<caf::exit_msg>(0); ends_receiver(message))
      on_exit_(message.reason);
    answer_request(std::move(element), ctrl(), caf::make_message());
    return true;
  }
  if (content.match_elements<cancel_atom>()) { // nobody can say which of the running requests is meant
    answer_request(std::move(element), ctrl(), caf::make_message(false));
    return true;
  }
  if (content.match_elements<caf::down_msg>()) {
    answer_request(std::move(element), ctrl(),
                   caf::make_message(caf::make_error(caf::sec::unexpected_message)));
    return true;
  }
  if (element->mid.is_response())
    return true;
  auto deadline = deadline_of(content);
  return queue_->push(std::move(element), deadline);
}

} // namespace interp_actors
