#pragma once

#include "interp_actors/base/value.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>

#include <set>
#include <string>

namespace interp_actors {

class interface;

template <class Handle>
const interface& interface_of();

/// A CAF handle as values carry it. It keeps its actor alive.
class caf_reference final : public actor_reference {
public:
  explicit caf_reference(caf::strong_actor_ptr actor, const interface* type = nullptr)
      : actor_{std::move(actor)}, type_{type} {}

  const caf::strong_actor_ptr& actor() const noexcept { return actor_; }

  /// The interface of the handle; null where messages are packed.
  const interface* type() const noexcept { return type_; }

  bool equals(const actor_reference& other) const noexcept override;
  std::size_t hash() const noexcept override;
  std::string to_string() const override;

private:
  caf::strong_actor_ptr actor_;
  const interface* type_;
};

/// Makes the reference for `actor`, whose messages are those of `type`; null for a handle without an actor.
actor_reference_ptr make_reference(caf::strong_actor_ptr actor, const interface* type = nullptr);

/// The interface behind `reference`, null where it has none of its own.
const interface* type_of(const actor_reference_ptr& reference) noexcept;

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

namespace detail {

template <class Signature>
inline constexpr bool begins_with_atom = false;
template <class... Results, class First, class... Rest>
inline constexpr bool begins_with_atom<caf::result<Results...>(First, Rest...)> =
    std::is_empty_v<First> && caf::has_type_id_v<First>;

template <class Handle>
inline constexpr bool has_interface = false;
template <class... Signatures>
inline constexpr bool has_interface<caf::typed_actor<Signatures...>> =
    (begins_with_atom<Signatures> && ...)
    && !std::is_same_v<caf::typed_actor<Signatures...>, interpreter_actor>;

} // namespace detail

/// The reference for a handle, with the interface that its type says. Handles of any actor, and of interpreters
/// with the generic interface, have none.
template <class Handle>
actor_reference_ptr reference_to(const Handle& handle) {
  auto actor = caf::actor_cast<caf::strong_actor_ptr>(handle);
  if constexpr (detail::has_interface<Handle>)
    return make_reference(std::move(actor), &interface_of<Handle>());
  else
    return make_reference(std::move(actor));
}

/// `error` as data, and back. A context other than a text or a Python exception becomes text.
error_value to_error_value(const caf::error& error);
caf::error to_caf_error(const error_value& value);

} // namespace interp_actors
