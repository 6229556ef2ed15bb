#pragma once

#include <interp_actors/all.hpp>

#include <string>
#include <utility>
#include <vector>

namespace ia_bench {

/// What the figures depend on, for the heading of the table and for the JSON file: names and values.
using machine_facts = std::vector<std::pair<std::string, std::string>>;

/// Reads them. Asks an interpreter for CPython's version. Errors: std::runtime_error.
machine_facts read_machine(ia::runtime& rt, std::size_t cores);

} // namespace ia_bench
