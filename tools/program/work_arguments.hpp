#pragma once

#include <CLI/CLI.hpp>

#include "workforce.hpp"

namespace ia_program {

/// Adds what all commands have that give work to interpreters. `what` is what they work at: "trial".
void add_work_arguments(CLI::App& command, work_options& how, const std::string& what);

/// What exit codes mean, for the end of a command's help.
std::string exit_code_help(const std::string& what);

} // namespace ia_program
