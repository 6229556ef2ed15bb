#include "interp_actors/actor/address.hpp"

#include "interp_actors/actor/end_actor.hpp"
#include "interp_actors/actor/expiry.hpp"
#include "interp_actors/actor/interface.hpp"
#include "interp_actors/actor/resident.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

namespace interp_actors {

address::address(caf::actor_config& config, std::shared_ptr<roster> home,
                 std::shared_ptr<interp_actors::mailbox> box, const spawn_options& options,
                 const interface* type)
    : caf::actor_companion{config},
      home_{std::move(home)},
      box_{std::move(box)},
      expiry_{std::make_shared<expiry>(box_)},
      name_{options.name},
      limits_text_{to_text(options.mailbox)},
      deadlines_{options, type},
      type_{type} {
  box_->bind(ctrl());
}

address::~address() = default;

void address::inhabit(const std::shared_ptr<resident>& next) {
  std::lock_guard guard{inhabitant_mutex_};
  inhabitant_ = next;
}

std::shared_ptr<resident> address::inhabitant() const {
  std::lock_guard guard{inhabitant_mutex_};
  return inhabitant_.lock();
}

void address::watch(time_point deadline) {
  home_->arm(expiry_, deadline);
}

void address::INTERP_ACTORS_ON_LAST_HANDLE() {
  box_->close(caf::make_error(caf::exit_reason::unreachable), false);
  caf::actor_companion::INTERP_ACTORS_ON_LAST_HANDLE();
}

void address::take_down(caf::error reason) {
  end_actor(*this, name_, std::move(reason));
}

std::set<std::string> address::message_types() const {
  return type_ ? type_->messages(home_system()) : std::set<std::string>{};
}

bool address::enqueue(caf::mailbox_element_ptr element, compat::execution_context*) {
  auto& content = element->payload;
  if (content.size() == 1) {
    if (content.match_elements<caf::exit_msg>()) {
      on_exit_message(content.get_as<caf::exit_msg>(0));
      answer_request(std::move(element), ctrl(), caf::make_message());
      return true;
    }
    if (content.match_elements<cancel_atom>()) {
      auto resident = inhabitant();
      auto hit = resident && resident->cancel();
      answer_request(std::move(element), ctrl(), caf::make_message(hit));
      return true;
    }
  }
  // What the interpreter has under way with others does not wait in the mailbox: its code may wait for it.
  if (element->mid.is_response()) {
    if (auto resident = inhabitant())
      resident->on_answer(element->mid, content);
    return true;
  }
  if (content.match_elements<caf::down_msg>()) {
    auto& down = content.get_as<caf::down_msg>(0);
    if (auto resident = inhabitant())
      resident->on_down(down.source, down.reason);
    answer_request(std::move(element), ctrl(),
                   caf::make_message(caf::make_error(caf::sec::unexpected_message)));
    return true;
  }
  auto deadline = deadlines_.deadline_of(content);
  switch (box_->push(element, deadline)) {
  case interp_actors::mailbox::push_result::accepted:
    if (deadline == no_deadline)
      return true;
    if (box_->outlives_consumers()) // whoever takes the message looks after it from then on
      watch(deadline);
    else if (auto resident = inhabitant())
      resident->watch(deadline);
    return true;
  case interp_actors::mailbox::push_result::full: {
    auto why = "the mailbox of '" + name_ + "' holds as much as it may (" + limits_text_
               + "); try again later, or raise spawn_options::mailbox";
    if (!element->mid.is_request())
      if (auto resident = inhabitant())
        resident->lose(content.types(), why);
    answer_request(std::move(element), ctrl(),
                   caf::make_message(make_error(errc::mailbox_full, std::move(why))));
    return true;
  }
  case interp_actors::mailbox::push_result::closed:
    break;
  }
  auto reason = box_->reason();
  answer_request(
      std::move(element), nullptr,
      caf::make_message(reason ? std::move(reason) : caf::make_error(caf::sec::request_receiver_down)));
  return false;
}

void address::on_exit_message(const caf::exit_msg& message) {
  auto resident = inhabitant();
  if (!resident)
    return;
  resident->on_exit(message.source);
  if (!ends_receiver(message))
    return;
  bool at_once = message.reason == caf::exit_reason::kill;
  resident->stop(
      message.reason, at_once ? std::chrono::nanoseconds::zero() : home_->settings.shutdown_timeout,
      message.reason == caf::exit_reason::user_shutdown ? death_reason::shutdown : death_reason::killed);
}

} // namespace interp_actors
