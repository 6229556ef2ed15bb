#pragma once

#include "interp_actors/base/shared_bytes.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace interp_actors {

class channel_entry;
class channel_queue;

/// A sending end in the hands of one owner. While `handle` exists, the channel counts as having a sender.
struct sending_end {
  /// Where messages go in; keeps nobody waiting by itself.
  std::shared_ptr<channel_entry> entry;
  /// Keeps the channel's actor.
  std::shared_ptr<void> handle;
};

/// The right to receive from a channel; there is one for each channel. Whoever drops it closes the channel.
/// Owner: C++ code, an interpreter's `channel_holdings`, or a message on its way.
/// Thread: one at a time, but for `revoke`.
class channel_lease {
public:
  channel_lease() noexcept = default;
  explicit channel_lease(std::shared_ptr<channel_queue> queue) noexcept : queue_{std::move(queue)} {}
  channel_lease(channel_lease&&) noexcept = default;
  channel_lease& operator=(channel_lease&& other) noexcept {
    channel_lease old{std::move(*this)};
    queue_ = std::move(other.queue_);
    return *this;
  }
  ~channel_lease() { close("its receiving end was dropped"); }

  explicit operator bool() const noexcept { return queue_ != nullptr; }
  const std::shared_ptr<channel_queue>& queue() const noexcept { return queue_; }

  /// Closes the channel for `reason` and drops what was not received.
  void close(const std::string& reason) noexcept;

  /// The same in place of an owner that may still be at work on the receiver's side, in another thread: what
  /// that has already taken from the queue is left to it.
  void revoke(const std::string& reason) noexcept;

  /// Notes that the lease is about to travel through `carrier`. Returns false where it would then be inside
  /// of itself, perhaps by way of other channels, so that nobody could ever receive it.
  bool board(const channel_queue& carrier);

  /// Notes that it has arrived, or stays.
  void land() noexcept;

private:
  std::shared_ptr<channel_queue> queue_;
};

/// Either end of a channel, or nothing.
using held_end = std::variant<std::monostate, sending_end, channel_lease>;

/// What a message carries besides its payload.
struct channel_cargo {
  held_end end;
  /// The payload is a pickled object, and `buffers` are its buffers outside of the pickle.
  bool is_object = false;
  std::vector<shared_bytes> buffers;
};

/// One message of a channel.
struct channel_item {
  shared_bytes payload;
  std::unique_ptr<channel_cargo> cargo; // null for a payload alone

  /// Bytes that count towards the channel's bound.
  std::size_t bytes() const noexcept {
    auto result = payload.size();
    if (cargo)
      for (auto& buffer : cargo->buffers)
        result += buffer.size();
    return result;
  }
};

} // namespace interp_actors
