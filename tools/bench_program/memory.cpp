#include <iostream>
#include <string>
#include <vector>

#include "calls.hpp"
#include "cases.hpp"
#include "peer_process.hpp"
#include "resident.hpp"

namespace ia_bench {

namespace {

/// Returns a `bench_case::measure` of the KiB that each of `live` interpreters needs, in a fresh process: what one
/// has once used, it may use again.
std::function<double(std::size_t)> idle_in(std::vector<std::string> command, std::size_t live) {
  return [command = std::move(command), live](std::size_t) {
    return peer_process{command}.measure("idle", live) / 1024;
  };
}

} // namespace

void add_memory(session& s) {
  for (std::size_t live : {100, 1000}) {
    auto text = live == 100 ? std::string{"100 live"} : std::string{"1,000 live"};
    auto ours = s.add({"idle, " + text, "KiB", idle_in(own_peer(), live), true});
    auto bare =
        s.add({"Py_NewInterpreterFromConfig with site", "KiB", idle_in(bare_interpreters(), live), true});
    s.compare("memory of an idle interpreter, " + text, ours, bare, at_most(0.8));
  }
}

void answer_as_peer(ia::runtime& rt) {
  std::string name;
  std::size_t live = 0;
  while (std::cin >> name >> live) {
    auto before = resident_bytes();
    std::vector<ia::interpreter_actor> all;
    for (std::size_t i = 0; i < live; ++i)
      all.push_back(spawn(rt, ""));
    std::cout << std::fixed << (resident_bytes() - before) / static_cast<double>(live) << std::endl;
  }
}

} // namespace ia_bench
