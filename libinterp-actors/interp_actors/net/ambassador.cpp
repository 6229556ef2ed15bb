#include "interp_actors/net/ambassador.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/fleet_address.hpp"
#include "interp_actors/actor/packing.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/plain_error.hpp"

#include <caf/actor_cast.hpp>

namespace interp_actors {

namespace {

void end(const caf::strong_actor_ptr& which, caf::error reason) {
  static_cast<ambassador*>(which->get())->cleanup(std::move(reason), nullptr);
}

} // namespace

bool ambassador::enqueue(caf::mailbox_element_ptr element, compat::execution_context* context) {
  auto& content = element->payload;
  if (element->mid.is_response())
    answer(std::move(element));
  else if (content.match_elements<invoke_atom, std::string, packed_message>()
           || content.match_elements<invoke_atom, std::string, packed_message, caf::timespan>())
    translate(std::move(element), context);
  else // exit messages and the like
    return actor_->enqueue(std::move(element), context);
  return true;
}

void ambassador::translate(caf::mailbox_element_ptr element, compat::execution_context* context) {
  auto& function = element->payload.get_as<std::string>(1);
  auto arguments = element->payload.get_as<packed_message>(2);
  embassy::take_back(arguments);
  auto refuse = [&](errc code, std::string why) {
    answer_request(std::move(element), ctrl(), caf::make_message(make_error(code, std::move(why))));
  };
  const interface::method* method = nullptr;
  caf::message content;
  try {
    auto packed = to_value(arguments);
    packed_reader reader{packed};
    std::tie(method, content) = type_.read(function, reader);
  } catch (const value_error& problem) {
    return refuse(errc::wrong_type, "'" + function + "' was to be given " + problem.what());
  }
  if (!method)
    return refuse(errc::no_such_function, "no function '" + function + "' in " + type_.name);
  if (!element->mid.is_request()) {
    actor_->enqueue(compat::make_element(nullptr, caf::make_message_id(), std::move(content)), context);
    return;
  }
  caf::message_id id;
  {
    std::lock_guard guard{mutex_};
    id = caf::make_message_id(++last_);
    pending_.emplace(id.response_id().integer_value(), pending{std::move(element), method});
  }
  actor_->enqueue(compat::make_element(ctrl(), id, std::move(content)), context);
}

void ambassador::answer(caf::mailbox_element_ptr element) {
  pending found;
  {
    std::lock_guard guard{mutex_};
    auto place = pending_.find(element->mid.integer_value());
    if (place == pending_.end())
      return;
    found = std::move(place->second);
    pending_.erase(place);
  }
  caf::message result;
  if (element->payload.match_elements<caf::error>()) {
    result = caf::make_message(plain_error(element->payload.get_as<caf::error>(0)));
  } else {
    try {
      packed_value packed;
      packed_writer writer{packed};
      found.method->write_result(element->payload, writer);
      result = caf::make_message(to_message(std::move(packed)));
    } catch (const value_error& problem) {
      result =
          caf::make_message(make_error(errc::wrong_type, "the result is " + std::string{problem.what()}));
    }
  }
  answer_request(std::move(found.request), ctrl(), std::move(result));
}

void embassy::lend(packed_message& content) {
  for (auto& each : content.actors) {
    if (!each.type || !each.actor || each.actor->node() != system_.node())
      continue;
    auto* actor = each.actor->get();
    if (dynamic_cast<address*>(actor) || dynamic_cast<fleet_address*>(actor))
      continue; // they understand packed messages
    key which{each.actor->id(), each.type};
    bool is_new = false;
    caf::strong_actor_ptr stand_in;
    {
      std::lock_guard guard{entries_->mutex};
      auto& known = entries_->known[which];
      if (!known) {
        is_new = true;
        known = caf::actor_cast<caf::strong_actor_ptr>(
            system_.spawn<ambassador, caf::hidden>(each.actor, *each.type));
      }
      stand_in = known;
    }
    if (is_new)
      each.actor->get()->attach_functor([entries = entries_, which](const caf::error& reason) {
        caf::strong_actor_ptr gone;
        {
          std::lock_guard guard{entries->mutex};
          if (auto place = entries->known.find(which); place != entries->known.end()) {
            gone = std::move(place->second);
            entries->known.erase(place);
          }
        }
        if (gone)
          end(gone, reason);
      });
    each.actor = std::move(stand_in);
  }
}

void embassy::take_back(packed_message& content) {
  for (auto& each : content.actors)
    if (each.actor)
      if (auto* stand_in = dynamic_cast<ambassador*>(each.actor->get())) {
        each.type = &stand_in->type();
        each.actor = stand_in->actor();
      }
}

void embassy::close() {
  std::map<key, caf::strong_actor_ptr> known;
  {
    std::lock_guard guard{entries_->mutex};
    known.swap(entries_->known);
  }
  for (auto& [which, each] : known)
    end(each, {});
}

} // namespace interp_actors
