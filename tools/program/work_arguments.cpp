#include "work_arguments.hpp"

#include "certificate_arguments.hpp"

namespace ia_program {

void add_work_arguments(CLI::App& command, work_options& how, const std::string& what) {
  constexpr auto* group = "How it is run";
  command
      .add_option(
          "-j,--jobs", how.jobs,
          "Interpreters at work, each with a GIL and a thread of its own (default: one for each core; with "
          "--nodes, one for each slot that they have free, on all of them together)")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1024}).description(""))
      ->type_name("N")
      ->group(group);
  command
      .add_option(
          "--timeout", how.timeout_seconds,
          "Time for each " + what
              + ", as 90, 90s, 1.5min or 2h; what takes longer is interrupted and has failed (default: none)")
      ->transform(CLI::AsNumberWithUnit(
                      std::map<std::string, double>{{"ms", 0.001}, {"s", 1}, {"min", 60}, {"h", 3600}},
                      CLI::AsNumberWithUnit::CASE_SENSITIVE)
                      .description(""))
      ->check(CLI::Validator{CLI::PositiveNumber}.description(""))
      ->type_name("TIME")
      ->group(group);
  command
      .add_option("--retry", how.retry,
                  "How often each failed " + what
                      + " is tried again (default: 0). One that ends its interpreter has at least "
                      + std::to_string(deaths_allowed)
                      + " attempts in any case, as that may not be its fault; one whose node is lost, "
                      + std::to_string(losses_allowed))
      ->check(CLI::Range(0U, 1'000U).description(""))
      ->type_name("N")
      ->group(group);
  command
      .add_flag("--fail-fast,!--keep-going", how.fail_fast,
                "Begin nothing new once any " + what
                    + " has failed; --keep-going, the default, goes on with the others")
      ->group(group);
  command
      .add_option(
          "--virtual-env", how.virtual_env,
          "Root of a virtual environment whose packages the code may import; with --nodes, one that is "
          "there on each of them, and in its --allow")
      ->type_name("FOLDER")
      ->group(group);
  constexpr auto* nodes = "On other machines";
  command
      .add_option(
          "--nodes", how.nodes_file,
          "File with nodes (`interp-actors node`) that do the work instead of this process, one in each "
          "line as HOST:PORT; # begins a comment")
      ->type_name("FILE")
      ->group(nodes);
  add_certificate_arguments(command, how.certificates, nodes);
}

std::string exit_code_help(const std::string& what) {
  return "Ctrl-C: once lets what runs come to its end and begins nothing new, twice stops that, too, three "
         "times leaves at once. "
         "SIGTERM stops at once.\n\n"
         "Exit codes:\n"
         "  0    every "
         + what
         + " is done\n"
           "  1    any "
         + what
         + " failed, or was not run\n"
           "  64   the command line is wrong, or what is in the file of nodes\n"
           "  65   the Python file cannot be loaded, or has no fitting function\n"
           "  66   a file or a folder to read is not there\n"
           "  69   Python cannot be started, a file of the certificate's is missing or cannot be used, no "
           "node can be connected to, or all interpreters came to their end\n"
           "  73   something cannot be written\n"
           "  78   the results in the folder were made with another configuration\n"
           "  130, 143  ended by SIGINT or SIGTERM (as shells show it)";
}

} // namespace ia_program
