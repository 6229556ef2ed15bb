#pragma once

#include "interp_actors/base/death_report.hpp"
#include "interp_actors/base/shared_bytes.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace interp_actors {

/// A message that reached nobody, or that nobody could handle and live. Whoever keeps its payload copies it.
struct dead_letter {
  /// The name of the interpreter, fleet or channel.
  std::string receiver;
  /// What a channel was sent; nothing for an interpreter, whose messages may be of any size.
  shared_bytes payload;
  std::string why;
  /// Those whom its handling ended, one for each attempt, where it was delivered again.
  std::vector<std::shared_ptr<const death_report>> deaths = {};
  /// What it was, as its handler's name or the types of its parts; nothing for a channel's.
  std::string request = {};
};

/// Is told of each dead letter, in the thread of whoever sent it, or of the interpreter that did not understand it;
/// must not block.
using dead_letter_handler = std::function<void(const dead_letter&)>;

/// Counts dead letters and hands them to the handler. Without a handler, the first one of each receiver makes
/// a line on stderr.
/// Thread: any.
/// Owner: the roster and every channel.
class dead_letter_office {
public:
  explicit dead_letter_office(dead_letter_handler handler) : handler_{std::move(handler)} {}

  /// `first` says whether the receiver has lost none before.
  void take(const dead_letter& letter, bool first) noexcept;

  std::size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

private:
  const dead_letter_handler handler_;
  std::atomic<std::size_t> count_{0};
};

} // namespace interp_actors
