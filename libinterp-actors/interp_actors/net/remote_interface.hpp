#pragma once

#include "interp_actors/actor/interface.hpp"
#include "interp_actors/net/node_messages.hpp"

#include <caf/message.hpp>

#include <memory>
#include <optional>

namespace interp_actors {

/// Writes down the interface of `start` with all shapes that it needs.
interface_record describe_interface(const typed_start& start);

/// Makes of it, and of the constructor's arguments, a tuple, what an incarnation can implement without the types. Its
/// methods have signatures, and neither read nor write messages.
/// Errors: `value_error` for records that make no sense.
std::shared_ptr<const typed_start> restore_interface(const interface_record& record,
                                                     const packed_message& arguments);

/// The constructor's arguments of `start` as a tuple.
packed_message pack_constructor(const typed_start& start);

} // namespace interp_actors
