#pragma once

#include <caf/message.hpp>

#include <cstddef>
#include <functional>
#include <optional>

namespace interp_actors {

/// The hash of a message's key, or nothing for a message that any member may handle. Called in the sender's thread;
/// must not throw.
using message_key = std::function<std::optional<std::size_t>(const caf::message&)>;

/// Messages whose argument `index`, counted from 0 behind the atom, is a `T` have that as their key. Packed ones, as in
/// what Python code sends, are none.
template <class T>
message_key key_argument(std::size_t index) {
  return [place = index + 1](const caf::message& content) -> std::optional<std::size_t> {
    if (place >= content.size() || !content.match_element<T>(place))
      return std::nullopt;
    return std::hash<T>{}(content.get_as<T>(place));
  };
}

} // namespace interp_actors
