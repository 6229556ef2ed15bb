/// interp-actors: Python interpreters at work, from the command line.

#include <CLI/CLI.hpp>

#include "exit_codes.hpp"
#include "map_command.hpp"
#include "node_command.hpp"
#include "sweep_command.hpp"

int main(int argc, char** argv) {
  CLI::App program{
      "Runs Python code on many interpreters of one process, each with a GIL of its own, under supervision.",
      "interp-actors"};
  program.get_formatter()->enable_footer_formatting(
      false); // the texts have their own lines; subcommands take this over
  int exit_code = 0;
  ia_program::add_sweep(program, exit_code);
  ia_program::add_map(program, exit_code);
  ia_program::add_node(program, exit_code);
  program.require_subcommand(1);
  program.set_version_flag("--version", INTERP_ACTORS_VERSION);
  program.footer("`interp-actors COMMAND --help` says more.");
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return program.exit(problem) == 0 ? 0 : ia_program::exit_usage;
  }
  return exit_code;
}
