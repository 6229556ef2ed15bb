#pragma once

#include "interp_actors/actor/roster.hpp"
#include "interp_actors/base/death_report.hpp"
#include "interp_actors/base/shared_bytes.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace interp_actors {

class supervisor_link;

/// What a child tells its supervisor, from any thread. Numbers are those of its incarnations.
class child_events {
public:
  child_events() = default;
  child_events(const child_events&) = delete;
  child_events& operator=(const child_events&) = delete;
  virtual ~child_events() = default;

  virtual void started(std::uint64_t number) = 0;
  /// With `can_be_followed` the next incarnation may start at once: a spare waits for that.
  virtual void died(std::uint64_t number, std::shared_ptr<const death_report> report, caf::error reason,
                    bool can_be_followed) = 0;
  virtual void gone(std::uint64_t number) = 0;
  /// It should be replaced, at the supervisor's leisure.
  virtual void due(std::uint64_t number) = 0;
};

/// Tells that incarnation `number` of `child` has ended because of `why` and has left nothing behind. An end without an error is
/// told in the words of `without_error`.
/// Thread: any.
void tell_end(child_events& to, const std::string& child, std::uint64_t number, death_reason reason,
              const caf::error& why, std::chrono::nanoseconds uptime, std::string_view without_error = "");

/// One child as its supervisor runs it: an address, and one incarnation after the other behind it.
/// Thread: its supervisor's. Nothing here waits.
/// Owner: the supervisor.
class child_process {
public:
  child_process() = default;
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  virtual ~child_process() = default;

  /// What users hold, for as long as the supervisor knows the child.
  virtual caf::strong_actor_ptr address() const = 0;

  /// Called before each start: what others find below the child's name is there before its own code runs.
  virtual void prepare() {}

  /// Starts incarnation `number`; `previous` tells of the one before, and is null for the first.
  virtual void start(std::uint64_t number, std::shared_ptr<const death_report> previous) = 0;

  /// Asks the incarnation to end for `reason`, within `limit`; `nanoseconds::max()` is for ever, and 0 is at once, come what
  /// may. `died` and `gone` follow in any case.
  virtual void stop(std::uint64_t number, const caf::error& reason, std::chrono::nanoseconds limit) = 0;

  /// Time for what can wait; called when an incarnation has started, and when one is gone.
  virtual void tend() {}

  /// No incarnation follows: answers everything that waits and everything later with `reason`, an error without a code for
  /// a normal end; until the next start, or `for_good`. The teardown of the last one may go on.
  virtual void close(const caf::error& reason, bool for_good) = 0;

  /// The supervisor that it is; null for others.
  virtual std::shared_ptr<supervisor_link> below() const { return nullptr; }
};

/// What a child is made of, apart from how it is supervised. Immutable; child specifications share it.
class child_body {
public:
  child_body() = default;
  child_body(const child_body&) = delete;
  child_body& operator=(const child_body&) = delete;
  virtual ~child_body() = default;

  virtual bool is_supervisor() const { return false; }

  /// Says what is wrong with it; an error without a code for nothing.
  virtual caf::error check() const { return {}; }

  /// Makes the child, called `name`, which tells `events` how it fares.
  /// Thread: the supervisor's.
  virtual std::unique_ptr<child_process> make(const std::shared_ptr<roster>& home, const std::string& name,
                                              std::shared_ptr<child_events> events) const = 0;
};

} // namespace interp_actors
