#pragma once

#include "interp_actors/actor/channel_address.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/base/array.hpp"

#include <caf/expected.hpp>
#include <caf/timespan.hpp>
#include <caf/typed_actor.hpp>

#include <iterator>
#include <memory>
#include <type_traits>
#include <vector>

namespace interp_actors {

namespace detail {

template <class T>
struct channel_types {
  using message = array<T>;
  using sender =
      caf::typed_actor<caf::result<void>(send_atom, array<T>), caf::result<void>(send_atom, shared_bytes),
                       caf::result<void>(send_atom, channel_end)>;
};

template <>
struct channel_types<std::byte> {
  using message = shared_bytes;
  using sender =
      caf::typed_actor<caf::result<void>(send_atom, shared_bytes), caf::result<void>(send_atom, channel_end)>;
};

} // namespace detail

/// What C++ actors send to: an actor handle. A request `(send_atom, message)` is answered once the message is
/// accepted, under `when_full::wait` when there is room, or with `errc::channel_full` or
/// `errc::channel_closed`; an asynchronous message for which there is no room is a dead letter. The message is
/// an `array<T>`, or a payload that fits the elements, or an end of a channel.
///
/// The channel's actor is down when its receiving end is gone; when its last handle is gone, the receiver
/// gets what is there and sees the end.
template <class T = std::byte>
using channel_sender = typename detail::channel_types<T>::sender;

/// A receiving end in C++, without the type of its messages.
class basic_channel_receiver {
public:
  basic_channel_receiver() = default;
  explicit basic_channel_receiver(std::shared_ptr<receiver_slot> slot) : slot_{std::move(slot)} {}
  basic_channel_receiver(basic_channel_receiver&&) noexcept = default;
  basic_channel_receiver& operator=(basic_channel_receiver&&) noexcept = default;

  explicit operator bool() const noexcept { return slot_ != nullptr; }

  /// The end for a message or an interpreter. Whoever takes it from there has it; until then it is here.
  operator channel_end() const { return channel_end{slot_}; }

  /// Waits for an end that comes as a message.
  /// Errors: as `channel_receiver::recv`; `errc::channel_mismatch` where the next message is a payload, which
  /// stays.
  caf::expected<channel_end> recv_end();
  caf::expected<channel_end> recv_end(caf::timespan timeout);

  /// Closes the channel: senders get `errc::channel_closed`.
  void close();

  /// Messages that wait.
  std::size_t size() const;

  /// Messages that were dropped because there was no room.
  std::size_t dropped() const;

protected:
  caf::expected<shared_bytes> recv_payload(time_point until);

private:
  enum class wanted { payload, end };

  caf::expected<channel_item> take(time_point until, wanted what);

  std::shared_ptr<receiver_slot> slot_;
  std::shared_ptr<bell> bell_ = std::make_shared<bell>();
};

/// A receiving end in C++. Whoever drops it, unless somebody else has claimed it, closes the channel.
/// Thread: one at a time, and none that CAF runs actors on.
template <class T = std::byte>
class channel_receiver : public basic_channel_receiver {
public:
  /// `array<T>`, or `shared_bytes` for a channel of bytes.
  using message_type = typename detail::channel_types<T>::message;

  using basic_channel_receiver::basic_channel_receiver;

  /// Returns the receiving end that `end` stands for.
  /// Errors: `errc::channel_mismatch` where it is a sending end, or its messages have other elements.
  static caf::expected<channel_receiver> from(const channel_end& end);

  /// Waits for the next message.
  /// Errors: `errc::channel_closed` after the last one, with the reason; `errc::deadline_exceeded` at the
  /// timeout; `errc::channel_moved`; `errc::channel_mismatch` for an end or an object, which stays.
  caf::expected<message_type> recv() { return typed(recv_payload(no_deadline)); }
  caf::expected<message_type> recv(caf::timespan timeout) { return typed(recv_payload(time_after(timeout))); }

  /// Receives until the channel is closed; another error is thrown as std::runtime_error.
  class iterator;
  iterator begin() { return iterator{this}; }
  std::default_sentinel_t end() const noexcept { return {}; }

private:
  static caf::expected<message_type> typed(caf::expected<shared_bytes> bytes) {
    if (!bytes)
      return std::move(bytes.error());
    if constexpr (std::is_same_v<T, std::byte>) {
      return std::move(*bytes);
    } else {
      try {
        return message_type{std::move(*bytes)};
      } catch (const std::invalid_argument& problem) {
        return make_error(errc::channel_mismatch, std::string{problem.what()});
      }
    }
  }
};

template <class T>
class channel_receiver<T>::iterator {
public:
  using value_type = message_type;
  using difference_type = std::ptrdiff_t;

  iterator() = default;
  explicit iterator(channel_receiver* from) : from_{from} { ++*this; }

  const message_type& operator*() const noexcept { return message_; }
  iterator& operator++() {
    if (auto next = from_->recv())
      message_ = std::move(*next);
    else if (next.error() == errc::channel_closed)
      from_ = nullptr;
    else
      throw_error(next.error());
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const iterator& it, std::default_sentinel_t) noexcept { return !it.from_; }

private:
  channel_receiver* from_ = nullptr;
  message_type message_;
};

/// Both ends of a new channel: `auto [tx, rx] = rt.channel<float>({.messages = 64});`
template <class T>
struct channel_ends {
  channel_sender<T> sender;
  channel_receiver<T> receiver;
};

namespace detail {

/// The element of a channel of `T`, with the shape of each message; nothing for bytes without a shape.
template <class T>
std::optional<buffer_format> channel_element(std::vector<std::ptrdiff_t> shape) {
  if (std::is_same_v<T, std::byte> && shape.empty())
    return std::nullopt;
  if (shape.empty())
    shape.push_back(-1);
  return buffer_format{element_format<T>::format(), sizeof(T), std::move(shape), {}};
}

template <class T>
bool decode_array(const caf::message& content, shared_bytes& bytes) {
  if (!content.match_elements<send_atom, array<T>>())
    return false;
  bytes = content.get_as<array<T>>(1).bytes();
  return true;
}

template <class T>
channel_ends<T> make_typed_channel(caf::actor_system& system,
                                   const std::shared_ptr<dead_letter_office>& office, channel_options options,
                                   std::vector<std::ptrdiff_t> shape) {
  channel_address::decode_fn decode = nullptr;
  if constexpr (!std::is_same_v<T, std::byte>)
    decode = decode_array<T>;
  auto made = make_channel(system, office, std::move(options), channel_element<T>(std::move(shape)), decode);
  return {caf::actor_cast<channel_sender<T>>(std::move(made.sender)),
          channel_receiver<T>{std::make_shared<receiver_slot>(std::move(made.receiver))}};
}

/// Whether messages of `queue` can be read as elements of `format`.
caf::error check_element(const channel_queue& queue, const std::string& format, bool plain);

} // namespace detail

template <class T>
caf::expected<channel_receiver<T>> channel_receiver<T>::from(const channel_end& end) {
  if (!end.receiver())
    return make_error(errc::channel_mismatch, std::string{"this is no receiving end"});
  if (auto problem = detail::check_element(*end.receiver()->queue(), element_format<T>::format(),
                                           std::is_same_v<T, std::byte>))
    return problem;
  return channel_receiver{end.receiver()};
}

} // namespace interp_actors
