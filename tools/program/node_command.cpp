#include "node_command.hpp"

#include "interp_actors/all.hpp"

#include <cstddef>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "certificate_arguments.hpp"
#include "exit_codes.hpp"

namespace ia_program {

namespace {

constexpr const char* footer =
    R"(Whoever may connect runs any Python code here, with the rights of this process. Without certificates the node listens on this machine's own loopback
alone, where every local user may connect; any other address needs --certificate, --key and --ca, and lets in those alone whose certificate the
ca has signed. When the node listens, it prints one line: where, and how many slots it has.

What comes behind -- is for the library and for CAF: see --long-help of any program of yours. SIGTERM and SIGINT stop the node: what runs has its
shutdown time, and its controllers are told.

Examples:
  interp-actors node
  interp-actors node --listen 0.0.0.0:4242 --certificate node.pem --key node.key --ca ca.pem --slots 8
  interp-actors node -- --interp-actors.virtual-env=/srv/venv --interp-actors.grace=2s

Exit codes: 0 after a signal, 64 for a wrong command line, 69 where Python cannot be started, where nobody can listen there (or the text is no
HOST:PORT), and where a file of the certificate's is missing or cannot be used. A second signal ends the node at once, with 130 or 143.
)";

struct node_arguments {
  ia::node_options node{.listen = "127.0.0.1:4242"};
  ia::certificate_files certificates;
  double lease_seconds = 10;
  std::vector<std::string> rest;
};

int serve(ia::runtime& rt, const ia::node_options& options) {
  auto where = rt.serve(options);
  if (!where && where.error() == ia::errc::stopped)
    return 0; // the signal came first
  if (!where) {
    std::cerr << "interp-actors node: " << ia::describe(where.error()) << '\n';
    return exit_unavailable;
  }
  std::cout << "listening at " << to_string(where->at) << " with " << where->slots << " slots" << std::endl;
  rt.wait_for_stop();
  return 0;
}

int run_node(const node_arguments& how) {
  std::vector<std::string> arguments{"interp-actors"};
  arguments.insert(arguments.end(), how.rest.begin(), how.rest.end());
  std::vector<char*> pointers;
  for (auto& each : arguments)
    pointers.push_back(each.data());
  pointers.push_back(nullptr);
  ia::config config;
  config.network.enabled = true;
  config.network.certificates = how.certificates;
  config.network.message_bytes = how.node.message_bytes;
  return ia::run_main(config, static_cast<int>(arguments.size()), pointers.data(),
                      [&](ia::runtime& rt) { return serve(rt, how.node); });
}

} // namespace

void add_node(CLI::App& program, int& exit_code) {
  auto how = std::make_shared<node_arguments>();
  auto* command =
      program.add_subcommand("node", "Offer this machine's interpreters to controllers on others");
  command->footer(footer);
  command->add_option("--listen", how->node.listen, "Where to listen; port 0 lets the system choose one")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  add_certificate_arguments(*command, how->certificates);
  command
      ->add_option("--allow", how->node.allow,
                   "Folders whose virtual environments controllers may name for their interpreters, with all "
                   "below them")
      ->type_name("PATH");
  command->add_option("--slots", how->node.slots, "Interpreters at once (default: one for each core)")
      ->check(CLI::Range(std::size_t{1}, std::size_t{65'536}))
      ->type_name("N");
  command
      ->add_option("--lease", how->lease_seconds,
                   "After that time without a sign of life of a controller, what it runs here is ended; 10s, "
                   "500ms, 1min")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, double>{{"ms", 0.001}, {"s", 1}, {"min", 60}, {"h", 3600}},
          CLI::AsNumberWithUnit::CASE_SENSITIVE))
      ->check(CLI::Range(0.001, 31'536'000.0, "up to a year"))
      ->type_name("TIME")
      ->default_str("10s");
  command
      ->add_option("--message-bytes", how->node.message_bytes,
                   "Arguments and results of more bytes are refused")
      ->check(CLI::Range(std::size_t{1}, std::numeric_limits<std::size_t>::max(), "1 or more"))
      ->type_name("BYTES")
      ->capture_default_str();
  command->add_option("OPTIONS", how->rest, "What comes behind --")
      ->check(CLI::Validator{[](const std::string& text) {
                               return text.starts_with("-") ? std::string{}
                                                            : "'" + text + "' is no option of a node";
                             },
                             ""})
      ->type_name("");
  command->callback([how, &exit_code] {
    how->node.lease = std::chrono::nanoseconds{static_cast<std::int64_t>(how->lease_seconds * 1e9)};
    exit_code = run_node(*how);
  });
}

} // namespace ia_program
