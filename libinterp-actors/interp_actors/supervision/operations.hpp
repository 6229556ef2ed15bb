#pragma once

#include "interp_actors/message/types.hpp"
#include "interp_actors/supervision/supervisor_command.hpp"
#include "interp_actors/supervision/supervisor_spec.hpp"

#include <caf/actor.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/result.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace interp_actors {

/// A supervisor, as other actors see it. Names are those of its own children.
///
/// `(start_child_atom, spec)` adds a child and answers with its address once it has started. With the strategy
/// `dynamic`, the description is the template's, and the spec's name, which may be empty, is the child's.
/// `terminate_child_atom` stops a child, which stays down; `restart_child_atom` starts it again; `delete_child_atom` forgets one
/// that is down. `(find_child_atom, path)` answers with an address; a path leads through supervisors: "a/b".
/// `(subscribe_atom, actor)` sends a `death_report` to that actor for each death of a child from then on, while others keep the
/// actor: a subscription does not.
/// An exit message stops the supervisor with all its children.
/// Errors: `errc::invalid_spec`, `no_such_child`, `child_exists`, `child_active`, `wrong_strategy`, `gave_up`; `stopped`
/// where the supervisor ends.
/// Source: OTP 28, supervisor.
using supervisor_actor = caf::typed_actor<
    caf::result<caf::strong_actor_ptr>(start_child_atom, child_spec),
    caf::result<void>(terminate_child_atom, std::string), caf::result<void>(restart_child_atom, std::string),
    caf::result<void>(delete_child_atom, std::string),
    caf::result<std::vector<child_info>>(list_children_atom), caf::result<child_counts>(count_children_atom),
    caf::result<caf::strong_actor_ptr>(find_child_atom, std::string),
    caf::result<void>(subscribe_atom, caf::actor)>;

} // namespace interp_actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(interp_actors::child_spec)
