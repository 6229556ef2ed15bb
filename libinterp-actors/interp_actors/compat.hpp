#pragma once

/// The differences between CAF 0.18.7 and 1.1, and nothing else.

#include <caf/actor_companion.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/config.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>
#include <caf/span.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#if CAF_MAJOR_VERSION >= 1
#include <caf/anon_mail.hpp>
#include <caf/scheduler.hpp>
#else
#include <caf/byte.hpp>
#include <caf/execution_unit.hpp>
#endif

namespace interp_actors::compat {

#if CAF_MAJOR_VERSION >= 1

/// The second parameter of an actor's `enqueue`.
using execution_context = caf::scheduler;
using caf_byte = std::byte;

inline caf::mailbox_element_ptr make_element(caf::strong_actor_ptr sender, caf::message_id id,
                                             caf::message content) {
  return caf::make_mailbox_element(std::move(sender), id, std::move(content));
}

/// The next station of a message that was sent through composed actors, which exist in 0.18 alone.
inline caf::strong_actor_ptr take_next_stage(caf::mailbox_element&) {
  return nullptr;
}

inline bool help_was_printed(const caf::actor_system_config& config) {
  return config.helptext_printed();
}

inline std::vector<std::string> remainder(const caf::actor_system_config& config) {
  auto rest = config.remainder();
  return {rest.begin(), rest.end()};
}

inline std::string program_name(const caf::actor_system_config& config) {
  return config.program_name();
}

/// Name of the member function that CAF calls when the last handle of an actor is gone.
#define INTERP_ACTORS_ON_LAST_HANDLE on_unreachable

/// A request with CAF's own API, from any actor that can send one.
template <class Self, class Handle, class Timeout, class... Ts>
auto request(Self& self, const Handle& to, Timeout timeout, Ts&&... content) {
  return self->mail(std::forward<Ts>(content)...).request(to, timeout);
}

template <class Self, class Handle, class... Ts>
void send(Self& self, const Handle& to, Ts&&... content) {
  self->mail(std::forward<Ts>(content)...).send(to);
}

template <class Handle, class... Ts>
void anonymous_send(const Handle& to, Ts&&... content) {
  caf::anon_mail(std::forward<Ts>(content)...).send(to);
}

#else

using execution_context = caf::execution_unit;
using caf_byte = caf::byte;

inline caf::mailbox_element_ptr make_element(caf::strong_actor_ptr sender, caf::message_id id,
                                             caf::message content) {
  return caf::make_mailbox_element(std::move(sender), id, {}, std::move(content));
}

inline caf::strong_actor_ptr take_next_stage(caf::mailbox_element& element) {
  if (element.stages.empty())
    return nullptr;
  auto next = std::move(element.stages.back());
  element.stages.pop_back();
  return next;
}

inline bool help_was_printed(const caf::actor_system_config& config) {
  return config.cli_helptext_printed;
}

inline std::vector<std::string> remainder(const caf::actor_system_config& config) {
  return {config.remainder.begin(), config.remainder.end()};
}

inline std::string program_name(const caf::actor_system_config& config) {
  return config.program_name;
}

#define INTERP_ACTORS_ON_LAST_HANDLE on_destroy

template <class Self, class Handle, class Timeout, class... Ts>
auto request(Self& self, const Handle& to, Timeout timeout, Ts&&... content) {
  return self->request(to, timeout, std::forward<Ts>(content)...);
}

template <class Self, class Handle, class... Ts>
void send(Self& self, const Handle& to, Ts&&... content) {
  self->send(to, std::forward<Ts>(content)...);
}

template <class Handle, class... Ts>
void anonymous_send(const Handle& to, Ts&&... content) {
  caf::anon_send(to, std::forward<Ts>(content)...);
}

#endif

/// What is done with exit messages. 1.1 asks for a handler among the others instead, which 0.18.7 never calls.
template <class Self, class F>
void on_exit_message(Self& self, F handler) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  self.set_exit_handler(std::move(handler));
#pragma GCC diagnostic pop
}

/// Writes `bytes` in one go.
inline bool save_bulk(caf::binary_serializer& sink, std::span<const std::byte> bytes) {
  return sink.value(caf::span<const caf_byte>{reinterpret_cast<const caf_byte*>(bytes.data()), bytes.size()});
}

/// Reads `bytes` in one go.
inline bool load_bulk(caf::binary_deserializer& source, std::span<std::byte> bytes) {
  return source.value(caf::span<caf_byte>{reinterpret_cast<caf_byte*>(bytes.data()), bytes.size()});
}

} // namespace interp_actors::compat
