#include "interp_actors/actor/reference.hpp"

#include "interp_actors/actor/translate.hpp"

#include <caf/sec.hpp>

#include <algorithm>

namespace interp_actors {

bool caf_reference::equals(const actor_reference& other) const noexcept {
  auto* same = dynamic_cast<const caf_reference*>(&other);
  return same && same->actor_ == actor_;
}

std::size_t caf_reference::hash() const noexcept {
  return std::hash<const void*>{}(actor_.get());
}

std::string caf_reference::to_string() const {
  return "actor " + caf::to_string(actor_);
}

actor_reference_ptr make_reference(caf::strong_actor_ptr actor, const interface* type) {
  return actor ? std::make_shared<caf_reference>(std::move(actor), type) : actor_reference_ptr{};
}

const interface* type_of(const actor_reference_ptr& reference) noexcept {
  auto* ours = dynamic_cast<const caf_reference*>(reference.get());
  return ours ? ours->type() : nullptr;
}

caf::strong_actor_ptr actor_of(const actor_reference_ptr& reference) {
  if (!reference)
    return nullptr;
  auto* ours = dynamic_cast<const caf_reference*>(reference.get());
  if (!ours)
    throw value_error(reference->to_string(), "an actor");
  return ours->actor();
}

namespace detail {

void check_messages(const caf::strong_actor_ptr& actor, const std::set<std::string>& messages,
                    const std::string& type) {
  auto known = actor->get()->message_types();
  if (!known.empty() && !std::ranges::includes(known, messages))
    throw value_error("a Reference to " + make_reference(actor)->to_string()
                          + ", which does not understand all of its messages",
                      type);
}

} // namespace detail

error_value to_error_value(const caf::error& error) {
  error_value result;
  if (!error)
    return result;
  auto category = caf::query_type_name(error.category());
  result.category.assign(category.data(), category.size());
  result.code = error.code();
  result.python = python_error_of(error);
  result.description = result.python ? result.python->summary() : describe(error);
  auto& context = error.context();
  if (context.match_elements<std::string>())
    result.text = context.get_as<std::string>(0);
  else if (context && !result.python)
    result.text = to_string(context);
  return result;
}

caf::error to_caf_error(const error_value& value) {
  if (value.code == 0)
    return {};
  auto category = caf::query_type_id(value.category);
  caf::message context;
  if (value.python)
    context = caf::make_message(*value.python);
  else if (value.text)
    context = caf::make_message(*value.text);
  // CAF makes errors from enumerations alone; those that this process does not know become a runtime_error.
  if (category == caf::type_id_v<caf::sec>)
    return {static_cast<caf::sec>(value.code), std::move(context)};
  if (category == caf::type_id_v<caf::exit_reason>)
    return {static_cast<caf::exit_reason>(value.code), std::move(context)};
  if (category == caf::type_id_v<errc>)
    return {static_cast<errc>(value.code), std::move(context)};
  return caf::make_error(caf::sec::runtime_error,
                         value.description.empty() ? value.category : value.description);
}

} // namespace interp_actors
