#pragma once

#include "interp_actors/compat.hpp"

#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace interp_actors {

using deadline_clock = std::chrono::steady_clock;
using time_point = deadline_clock::time_point;
inline constexpr time_point no_deadline = time_point::max();

/// The time `limit` from now; `no_deadline` for one too far away to count.
time_point time_after(std::chrono::nanoseconds limit);

/// Time that interrupted code has to unwind before its caller is answered without its traceback.
inline constexpr std::chrono::milliseconds unwind_time{20};

/// Time that an idle consumer has to notice that it is to stop, besides what it is given.
inline constexpr std::chrono::milliseconds idle_slack{250};

/// Answers `element` with `content`, reusing it; does nothing for what is no request.
void answer_request(caf::mailbox_element_ptr element, caf::actor_control_block* responder,
                    caf::message content);

/// Why a running activity was interrupted.
enum class interrupt_cause : std::uint8_t { none, deadline, cancelled, stopping };

/// Bytes of the payloads that are elements of `content`, alone or in a vector or packed.
std::size_t payload_bytes(const caf::message& content);

} // namespace interp_actors
