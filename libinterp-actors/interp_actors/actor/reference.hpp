#pragma once

#include "interp_actors/base/value.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>

#include <set>
#include <string>

namespace interp_actors {

/// A CAF handle as values carry it. It keeps its actor alive.
class caf_reference final : public actor_reference {
public:
  explicit caf_reference(caf::strong_actor_ptr actor) : actor_{std::move(actor)} {}

  const caf::strong_actor_ptr& actor() const noexcept { return actor_; }

  bool equals(const actor_reference& other) const noexcept override;
  std::size_t hash() const noexcept override;
  std::string to_string() const override;

private:
  caf::strong_actor_ptr actor_;
};

/// Makes the reference for `actor`; null for a handle without one.
actor_reference_ptr make_reference(caf::strong_actor_ptr actor);

/// Returns the handle behind `reference`, null for null.
/// Errors: `value_error` for a reference of another kind.
caf::strong_actor_ptr actor_of(const actor_reference_ptr& reference);

namespace detail {

/// Refuses an actor that does not understand `messages`, as far as it says what it understands: actors
/// without a type of their own, and those of other nodes, do not.
void check_messages(const caf::strong_actor_ptr& actor, const std::set<std::string>& messages,
                    const std::string& type);

} // namespace detail

/// As `actor_of`, as a handle of type `Handle`.
/// Errors: `value_error` also where the actor does not have this type.
template <class Handle>
Handle handle_of(const actor_reference_ptr& reference, const std::string& type) {
  auto actor = actor_of(reference);
  if constexpr (caf::is_typed_actor<Handle>::value)
    if (actor)
      detail::check_messages(actor, actor->home_system->message_types<Handle>(), type);
  return caf::actor_cast<Handle>(std::move(actor));
}

/// `error` as data, and back. A context other than a text or a Python exception becomes text.
error_value to_error_value(const caf::error& error);
caf::error to_caf_error(const error_value& value);

} // namespace interp_actors
