#pragma once

#include "interp_actors/base/death_report.hpp"
#include "interp_actors/supervision/child_spec.hpp"

#include <caf/error.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace interp_actors {

/// Who is started again with a child that has ended. Source: OTP 28, supervisor, strategy().
enum class supervision_strategy : std::uint8_t {
  /// Nobody else.
  one_for_one,
  /// All children.
  one_for_all,
  /// Those that were started after it.
  rest_for_one,
  /// Nobody else; any number of children is started from one template, without an order, and none is kept that has
  /// ended for good. OTP: simple_one_for_one.
  dynamic,
};
using enum supervision_strategy;

/// When the end of significant children ends their supervisor. Those that their supervisor stopped do not count.
enum class auto_shutdown : std::uint8_t { never, any_significant, all_significant };

/// Whose restarts `intensity` counts.
enum class restart_budget : std::uint8_t {
  /// Those of all children together, as in OTP.
  supervisor,
  /// Those of each child by itself. A child that exceeds it stays down for good, and the supervisor gives up when no
  /// other is left: for children of which each does the others' work, too. They are stopped all at once.
  child,
};

/// Describes a supervisor. The defaults are OTP's.
struct supervisor_spec {
  supervision_strategy strategy = one_for_one;
  /// With more restarts than that within `period`, the supervisor gives up.
  int intensity = 1;
  caf::timespan period = std::chrono::seconds{5};
  restart_budget budget = restart_budget::supervisor;
  interp_actors::auto_shutdown auto_shutdown = interp_actors::auto_shutdown::never;
  /// In the order of their start. `dynamic` has one, the template, whose name the generated ones begin with.
  std::vector<child_spec> children;
  /// Is told of each death of a child, in the supervisor's thread, maybe when a successor works already; must not block.
  std::function<void(const death_report&)> on_death = nullptr;
};

/// Something that makes no sense in a description.
struct spec_problem {
  /// Place of the child that it is about; nothing for the supervisor itself.
  std::optional<std::size_t> child;
  /// Its name, as in "backoff.initial".
  std::string field;
  std::string text;
};

/// Everything that makes no sense in `spec`.
std::vector<spec_problem> examine(const supervisor_spec& spec);

/// The same in words, each with the child and the field that it is about.
std::vector<std::string> problems_of(const supervisor_spec& spec);

/// What makes no sense in one child of a supervisor described by `spec`, but for its name.
std::vector<std::string> problems_of(const child_spec& child, const supervisor_spec& spec);

/// `problems` as one error, or none. Errors: `errc::invalid_spec`.
caf::error check(const std::vector<std::string>& problems);

std::string to_string(supervision_strategy strategy);
bool from_string(std::string_view text, supervision_strategy& strategy);
std::string to_string(auto_shutdown value);
bool from_string(std::string_view text, auto_shutdown& value);
std::string to_string(restart_budget budget);
bool from_string(std::string_view text, restart_budget& budget);

} // namespace interp_actors
