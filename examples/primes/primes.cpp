// Counts primes on nodes. Start one with `interp-actors node`, and then this program in the folder of primes.py, with
// --interp-actors.nodes='["127.0.0.1:4242"]'.

// [primes.cpp]
#include "interp_actors/all.hpp"

#include <iostream>

int main(int argc, char** argv) {
  return ia::run_main(argc, argv, [](ia::runtime& rt) {
    // Wherever slots are free. What was on a node that is lost is asked again on another.
    auto fleet = ia::value_or_throw(
        rt.fleet({.source = ia::file("primes.py"), .size = 2, .attempts = 3, .on = ia::any_node}));
    // On one node, whichever the configuration names first.
    auto node = rt.nodes().at(0);
    auto tree = ia::value_or_throw(rt.supervise(
        {.children = {{.name = "single", .body = ia::python_child(ia::file("primes.py"), {.on = node})}}}));
    ia::caller me{rt.system()};
    for (auto below : {"1000", "10000", "100000"}) {
      auto count = ia::value_or_throw(me.call(fleet.handle(), "count", ia::shared_bytes::copy(below)));
      std::cout << count.as_string_view() << " primes below " << below << '\n';
    }
    auto single = ia::value_or_throw(tree.child("single"));
    auto count = ia::value_or_throw(me.call(single, "count", ia::shared_bytes::copy("1000000")));
    std::cout << count.as_string_view() << " primes below a million, counted by one child\n";
  });
}
// [/primes.cpp]
