#pragma once

#include "interp_actors/base/python_error.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace interp_actors {

/// Why an incarnation ended, in the words of a supervisor.
enum class death_reason : std::uint8_t {
  /// Its code ended it with exit code 0 or none, or nobody needed it any more.
  normal,
  /// It was asked to end: by its supervisor, or with the runtime.
  shutdown,
  /// An exception left its code.
  exception,
  /// Its code called `sys.exit` with another code than 0.
  exit_code,
  /// Its start was not done within its deadline.
  deadline,
  /// A KeyboardInterrupt left its code that nobody of the library had asked for.
  interrupted,
  /// It could not be stopped in time and was given up; its thread may still hang.
  abandoned,
  /// Its source could not be loaded, or one of its hooks raised at the start.
  start_failed,
  /// Somebody from outside ended it with an exit message.
  killed,
  /// The node that it ran on was lost; nobody knows what became of it.
  node_lost,
};

/// The name of `reason`, as in `death_reason::NAME`.
std::string to_string(death_reason reason);
bool from_string(std::string_view text, death_reason& reason);
bool from_integer(std::uint8_t value, death_reason& reason);

/// What is known of the end of an incarnation. A plain value; it holds no payload and no Python object.
struct death_report {
  /// Name of the child.
  std::string child;
  /// Which life of its address it was, from 1 on.
  std::uint64_t incarnation = 0;
  /// CPython's number of the interpreter, in its own process; -1 where there was none.
  std::int64_t interpreter = -1;
  death_reason reason = death_reason::normal;
  /// The node that it ran on; empty for this process.
  std::string node;
  /// The reason in words; never empty.
  std::string text;
  /// What Python raised, where it did.
  std::optional<python_error> error;
  /// What `sys.exit` was given, where it was called.
  std::optional<int> exit_code;
  /// The request that was being handled, as its handler's name and the types of its arguments; empty for none.
  std::string request;
  /// From the start of its thread to its end.
  std::chrono::nanoseconds uptime{0};
  /// Messages that its handlers were given.
  std::uint64_t requests_served = 0;
  /// Objects that its garbage collector knew: containers, instances, functions; 0 where that is not known, as where a spare
  /// waited to take over: counting would have kept it waiting.
  std::size_t tracked_objects = 0;
  /// Payloads that its Python code still saw as memoryviews.
  std::size_t views_held = 0;
  /// Restarts that the supervisor would still make within its period, after this death; -1 where nobody counts (the
  /// incarnation itself does not know).
  int restarts_left = -1;
  std::chrono::system_clock::time_point when{};
};

/// The report as one block of lines for people, each of them indented but the first, without a newline at the end.
std::string describe(const death_report& report);

template <class Inspector>
bool inspect(Inspector& f, death_reason& x) {
  auto get = [&x] { return static_cast<std::uint8_t>(x); };
  auto set = [&x](std::uint8_t value) { return from_integer(value, x); };
  return f.apply(get, set);
}

} // namespace interp_actors
