#pragma once

#include "interp_actors/base/death_report.hpp"
#include "interp_actors/base/shared_bytes.hpp"

#include <caf/error.hpp>

#include <chrono>
#include <cstdint>
#include <memory>

namespace interp_actors {

/// What an incarnation inherits.
struct heritage {
  /// Which life of its address it is, from 1 on; 0 for a spare that has none yet.
  std::uint64_t number = 1;
  /// How the one before it ended; null for the first.
  std::shared_ptr<const death_report> previous;
  /// What `restore` is given; holds nothing where no incarnation before has left a snapshot.
  shared_bytes snapshot;
};

/// Looks after an address whose incarnations follow each other: is told how each of them fares. Each of
/// them is told once at most, in this order; `on_death` and `on_gone` always come, also where the start fails, and the
/// second never before the first has returned.
/// Thread: the incarnation's own without the GIL; for one that is abandoned, the timer's or that of whoever gives it up. None
/// of them waits but `await_successor`.
/// Owner: the supervisor and its incarnations.
class keeper {
public:
  keeper() = default;
  keeper(const keeper&) = delete;
  keeper& operator=(const keeper&) = delete;
  virtual ~keeper() = default;

  /// Its source is loaded, and it waits to take over; for spares alone.
  virtual void on_ready(std::uint64_t number) = 0;

  /// Its source is loaded and its hooks have returned.
  virtual void on_started(std::uint64_t number) = 0;

  /// Whether another one waits to take over: what only the report needs then costs it nothing.
  virtual bool has_successor() const { return false; }

  /// It has left the mailbox to its successor and answers nothing any more. `reason` is why, an error without a code for a
  /// normal end.
  virtual void on_death(std::uint64_t number, std::shared_ptr<const death_report> report,
                        const caf::error& reason) = 0;

  /// Its threads and modules are gone, and with them ports and files; or it was abandoned.
  virtual void on_gone(std::uint64_t number) = 0;

  /// It has left a snapshot, which replaces the one before.
  virtual void on_snapshot(std::uint64_t number, shared_bytes snapshot) = 0;

  /// It has dealt with its first message, or waits for one.
  virtual void on_settled(std::uint64_t /*number*/) {}

  /// Returns once the incarnation after `number` has settled, if that can take over at once, and after `limit` at the latest: what is
  /// left of one that has died is in its successor's way. The only call that waits, in the thread of the one that has died.
  /// Death: a successor that never settles costs the other one `limit`.
  virtual void await_successor(std::uint64_t /*number*/, std::chrono::nanoseconds /*limit*/) {}

  /// It has served as many requests, or for as long, as one incarnation should; it goes on until it is stopped.
  virtual void on_due(std::uint64_t number) = 0;
};

} // namespace interp_actors
