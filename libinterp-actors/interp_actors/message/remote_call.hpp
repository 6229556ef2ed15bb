#pragma once

#include "interp_actors/message/packed_message.hpp"

#include <caf/actor_control_block.hpp>

#include <cstdint>
#include <string>

namespace interp_actors {

/// A message that was sent to an address in one process and is handled by an interpreter in another, which needs none of
/// the sender's types. A plain value.
struct remote_call {
  enum class kind : std::uint8_t {
    /// Calls a function with payloads; the answer is one payload.
    call,
    /// Runs `function`, which is code.
    execute,
    /// Calls a function with any values, a tuple; the answer is any value.
    invoke,
    /// Calls handler `handler` of the interface with what it takes, a tuple.
    handle,
  };

  kind what = kind::call;
  std::uint32_t handler = 0;
  std::string function;
  packed_message arguments;
  /// Who sent it; null for nobody whom the code could answer.
  caf::strong_actor_ptr sender;
};

template <class Inspector>
bool inspect(Inspector& f, remote_call& x) {
  auto get = [&x] { return static_cast<std::uint8_t>(x.what); };
  auto set = [&x](std::uint8_t value) {
    x.what = static_cast<remote_call::kind>(value);
    return value <= static_cast<std::uint8_t>(remote_call::kind::handle);
  };
  return f.object(x).fields(f.field("what", get, set), f.field("handler", x.handler),
                            f.field("function", x.function), f.field("arguments", x.arguments),
                            f.field("sender", x.sender));
}

} // namespace interp_actors
