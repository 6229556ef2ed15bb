// A controller for node_loss_test: runs one child on the node that is named, says so, and goes on for ever.

#include "interp_actors/all.hpp"

#include <iostream>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  if (argc < 2)
    return 64;
  ia::config config;
  config.network.nodes = {argv[1]};
  config.network.node_timeout = 1s;
  return ia::run_main(config, 1, argv, [](ia::runtime& rt) {
    auto tree = ia::value_or_throw(rt.supervise(
        {.intensity = 100,
         .children = {{.name = "one",
                       .body = ia::python_child(ia::text("def f(v): return v\n"), {.on = ia::any_node})}}}));
    std::cout << "ready at here with 1 child" << std::endl;
    rt.wait_for_stop();
  });
}
