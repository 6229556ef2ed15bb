#pragma once

#include "interp_actors/base/channel_item.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace interp_actors {

/// The ends of channels that one interpreter holds. Its Python objects have numbers alone, so that what an
/// interpreter held is given up also where its objects can never be touched again.
/// Thread: any.
/// Owner: shared by the interpreter and its incarnation.
/// Death: after `give_up` nothing can be held any more.
class channel_holdings {
public:
  /// 0 stands for none.
  using number = std::uint64_t;

  /// Takes an end over, unless all was given up: then the end is dropped, and the result is 0.
  number hold(held_end end);

  /// Gives an end away; nothing where it is gone.
  held_end release(number of);

  /// A further hold on a sending end; one without an entry where it is gone.
  sending_end share(number of);

  /// Drops all ends, whose channels learn `reason`.
  void give_up(const std::string& reason) noexcept;

  bool given_up() const noexcept { return given_up_.load(std::memory_order_acquire); }

private:
  std::mutex mutex_;
  std::unordered_map<number, held_end> ends_;
  number last_ = 0;
  std::atomic<bool> given_up_{false};
};

} // namespace interp_actors
