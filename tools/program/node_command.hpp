#pragma once

#include <CLI/CLI.hpp>

namespace ia_program {

/// Adds `node`, which runs when the command line is parsed and names it, and sets `exit_code`.
void add_node(CLI::App& program, int& exit_code);

} // namespace ia_program
