/// tools/bench: measures this library beside its peers, in one session.

#include <interp_actors/all.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <stdexcept>

#include "affinity.hpp"
#include "cases.hpp"
#include "machine.hpp"
#include "report.hpp"
#include "scoring.hpp"
#include "session.hpp"

namespace {

class config : public ia::config {
public:
  config() {
    opt_group{custom_options_, "?bench"}
        .add(json, "json", "file for the results as JSON")
        .add(rounds, "rounds", "rounds for each case; the table shows medians (21)")
        .add(only, "only", "measures only the rows whose name or peer contains this text")
        .add(peer, "peer", "answers what another process of this program asks for")
        .add(node, "node", "is a node for another process of this program")
        .add(check, "check", "exit with 1 where a goal is missed");
  }

  std::string json;
  int rounds = 21;
  std::string only;
  bool peer = false;
  bool node = false;
  bool check = false;
};

/// CAF knows `--json=FILE` alone; this lets `--json FILE` mean the same.
std::vector<std::string> joined(int argc, char** argv) {
  std::vector<std::string> result;
  for (int i = 0; i < argc; ++i) {
    std::string one = argv[i];
    if ((one == "--json" || one == "--rounds" || one == "--only") && i + 1 < argc)
      one += std::string{"="} + argv[++i];
    result.push_back(std::move(one));
  }
  return result;
}

int bench(const config& options, ia::runtime& rt, const std::vector<int>& cores) {
  std::ofstream json;
  if (!options.json.empty()) {
    json.open(options.json);
    if (!json)
      throw std::runtime_error("cannot write " + options.json);
  }
  auto machine = ia_bench::read_machine(rt, cores.size());
  ia_bench::print_heading(std::cout, machine);
  ia_bench::session session{options.only};
  ia_bench::add_round_trip(session, rt);
  ia_bench::add_creation(session, rt);
  ia_bench::add_restarts(session, rt);
  ia_bench::add_fleets(session, rt);
  ia_bench::add_memory(session);
  ia_bench::add_one_way(session, rt);
  ia_bench::add_network(session, rt);
  ia_bench::add_sweep(session);
  ia_bench::add_two_cores(session, rt, cores);
  auto found = session.run(options.rounds);
  if (found.rows.empty() && found.left_out.empty())
    throw std::runtime_error("no row's name or peer contains '" + options.only + "'");
  ia_bench::print_table(std::cout, found);
  if (json.is_open()) {
    ia_bench::print_json(json, machine, found);
    if (!json.flush())
      throw std::runtime_error("cannot write " + options.json);
  }
  bool missed = std::ranges::any_of(found.rows, [](auto& row) { return row.met() == false; });
  return options.check && missed ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
  // Before the runtime starts its threads, so that all of them share one core but those that are bound
  // otherwise.
  auto cores = ia_bench::allowed_cores();
  ia_bench::bind_to({cores.front()});
  auto arguments = joined(argc, argv);
  std::vector<char*> pointers;
  for (auto& one : arguments)
    pointers.push_back(one.data());
  config options;
  options.network.enabled = true;
  return ia::run_main<caf::id_block::bench_types>(
      options, static_cast<int>(pointers.size()), pointers.data(), [&](ia::runtime& rt) {
        if (options.node)
          return ia_bench::answer_as_node(rt);
        if (options.peer) {
          ia_bench::answer_as_peer(rt);
          return 0;
        }
        if (options.rounds < 1)
          throw std::invalid_argument("--rounds: give at least one round");
        return bench(options, rt, cores);
      });
}
