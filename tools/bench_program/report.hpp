#pragma once

#include <iosfwd>

#include "machine.hpp"
#include "session.hpp"

namespace ia_bench {

/// Prints what the figures depend on, before they are measured.
void print_heading(std::ostream& out, const machine_facts& machine);

/// Prints the rows as an aligned table, and below it what is missing and how noisy it was.
void print_table(std::ostream& out, const result& found);

/// Prints the same as JSON: `machine`, and `rows` with name, unit, value, peer, peer_value, ratio, goal and
/// met. `goal_sense` says whether the goal is the most or the least; goal and met are null where there is
/// none.
void print_json(std::ostream& out, const machine_facts& machine, const result& found);

} // namespace ia_bench
