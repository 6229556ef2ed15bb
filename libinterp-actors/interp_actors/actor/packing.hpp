#pragma once

#include "interp_actors/actor/read_value.hpp"
#include "interp_actors/actor/write_value.hpp"
#include "interp_actors/base/packed_value.hpp"
#include "interp_actors/message/packed_message.hpp"

namespace interp_actors {

/// A packed value as it travels, and back. Neither copies a payload.
packed_message to_message(packed_value value);
packed_value to_value(const packed_message& message);

/// Packs the arguments of a call, of any types that CAF can inspect, for `(invoke_atom, function, arguments)`.
/// Errors: `value_error`.
template <class... Ts>
packed_message pack_arguments(const Ts&... arguments) {
  packed_value result;
  packed_writer writer{result};
  writer.begin_tuple(sizeof...(Ts));
  (write_value(writer, arguments), ...);
  writer.end();
  return to_message(std::move(result));
}

/// Takes the answer to such a message as a `T`.
/// Errors: `value_error` that says what there was, and what was expected.
template <class T>
T unpack(const packed_message& message) {
  auto value = to_value(message);
  packed_reader reader{value};
  return read_value<T>(reader);
}

} // namespace interp_actors
