#pragma once

#include "interp_actors/base/shared_bytes.hpp"
#include "interp_actors/message/packed_message.hpp"
#include "interp_actors/net/node_messages.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/message.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

namespace interp_actors {

/// The other side sends what makes no sense, or more than was agreed on.
class protocol_violation : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// One side of a session: its way to the other side, for messages of any size.
///
/// CAF has one connection for two processes and sends a message as a whole, so a large one keeps all others waiting. What
/// is larger than a chunk therefore goes ahead of its message in chunks, a few at a time: the receiver grants the next ones.
/// Messages of one *stream* stay in their order, however large; streams overtake each other.
/// Thread: any; `receive` and `complete` one at a time, in the order in which messages come.
/// Owner: the session. Death: with `close`, all that waits is dropped, and so is what comes later.
class line {
public:
  using stream = std::uint64_t;

  /// Larger payloads travel in pieces of that size.
  static constexpr std::size_t chunk_bytes = 256 * 1024;
  /// Chunks that are on their way at any moment, in each direction: what a small message may have to wait for.
  static constexpr std::size_t window = 4;

  /// Takes arguments and results of at most `most_in` bytes, and sends at most `most_out`.
  line(caf::strong_actor_ptr peer, std::size_t most_in, std::size_t most_out)
      : peer_{std::move(peer)}, most_in_{most_in}, most_out_{most_out} {}
  line(const line&) = delete;
  line& operator=(const line&) = delete;

  const caf::strong_actor_ptr& peer() const noexcept { return peer_; }

  /// Why a message with `content` cannot be sent; an error without a code where it can.
  caf::error check_size(const packed_message& content) const;

  /// Sends a small message, in the order of `of`; 0 is no stream: it overtakes all others.
  template <class T>
  void send(T what, stream of = 0) {
    send_message(caf::make_message(std::move(what)), of);
  }

  /// Sends a message whose `content` may be large, and was found to be not too large.
  template <class T>
  void send_cargo(T what, stream of = 0) {
    auto parts = load(what.content);
    if (!parts.empty())
      what.parcel = new_parcel();
    auto number = what.parcel;
    send_message(caf::make_message(std::move(what)), of, number, std::move(parts));
  }

  /// Forgets what of that stream was not sent yet; returns whether there was something.
  bool drop(stream of);

  /// Takes a message that is the line's own, and returns false for all others.
  /// Errors: `protocol_violation`, also where there is no memory for what is announced.
  bool receive(const caf::message& content);

  /// Gives a message its content back, which has come ahead of it.
  /// Errors: `protocol_violation`.
  template <class T>
  T complete(const caf::message& content) {
    T result = content.get_as<T>(0);
    if (result.parcel != 0)
      unload(result.parcel, result.content);
    return result;
  }

  void close();

private:
  /// What is to be sent in one stream: a message, after its parcel where it has one.
  struct item {
    caf::message what;
    std::uint64_t parcel = 0;
    std::vector<shared_bytes> parts = {};
    bool announced = false;
    std::size_t part = 0;
    std::size_t offset = 0;
  };

  struct incoming {
    std::vector<node_parcel::part> parts;
    std::vector<shared_bytes> done;
    std::vector<std::byte> filling; // the next one; takes memory as it comes
  };

  static std::vector<shared_bytes> load(packed_message& content);
  std::uint64_t new_parcel();
  void send_message(caf::message what, stream of, std::uint64_t parcel = 0,
                    std::vector<shared_bytes> parts = {});
  void unload(std::uint64_t parcel, packed_message& content);

  // The rest needs mutex_. Sending to an actor of another process neither waits nor calls back.
  void post(caf::message what);
  void pump();
  bool send_chunk(item& of);
  void advance(stream of);
  void open(const node_parcel& announced);
  void take(const node_chunk& chunk);
  static void settle(incoming& into);

  const caf::strong_actor_ptr peer_;
  const std::size_t most_in_;
  const std::size_t most_out_;
  std::mutex mutex_;
  bool closed_ = false;
  std::uint64_t last_parcel_ = 0;
  std::map<stream, std::deque<item>> streams_;
  std::deque<stream> active_; // those whose first item has a parcel, in turn
  std::size_t outstanding_ = 0;
  std::unordered_map<std::uint64_t, incoming> incoming_;
};

} // namespace interp_actors
