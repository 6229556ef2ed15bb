#pragma once

#include <CLI/CLI.hpp>
#include <interp_actors/all.hpp>

namespace ia_program {

/// Adds the options that say who this process is in a network of nodes, and whom it trusts: the same for nodes and controllers.
void add_certificate_arguments(CLI::App& command, ia::certificate_files& files, const char* group = nullptr);

} // namespace ia_program
