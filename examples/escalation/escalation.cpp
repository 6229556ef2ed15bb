// A tree of three levels. A worker fails too often, so its supervisor gives up, and the one above starts that again with all
// that is below it. Run it in the folder of parser.py.

// [escalation.cpp]
#include "interp_actors/all.hpp"

#include <iostream>

using namespace std::chrono_literals;

int main(int argc, char** argv) {
  return ia::run_main(argc, argv, [](ia::runtime& rt) {
    auto starts = rt.channel();
    auto log = [](const ia::death_report& death) {
      std::cout << "  " << death.child << ", incarnation " << death.incarnation << ": "
                << to_string(death.reason) << ", restarts left: " << death.restarts_left << '\n';
    };

    // Any exception ends the worker. Two restarts in a minute are bad luck; with a third, its supervisor gives up.
    ia::child_spec worker{.name = "parser",
                          .body = ia::python_child(ia::file("parser.py"),
                                                   {.spawn = {.fail_on = ia::fail_on::exceptions,
                                                              .channels = {{"starts", starts.sender}}}})};
    ia::supervisor_spec team{.intensity = 2, .period = 1min, .children = {worker}, .on_death = log};
    auto tree = ia::value_or_throw(
        rt.supervise({.children = {{.name = "team", .body = ia::supervisor_child(team)}}, .on_death = log}));

    ia::caller me{rt.system()};
    auto wait_for_start = [&] { (void)ia::value_or_throw(starts.receiver.recv()); };
    wait_for_start();
    for (auto text : {"1", "one", "two", "three", "4"}) {
      // Its address ends with its supervisor, so it is looked up each time.
      auto parser = ia::value_or_throw(tree.child("team/parser"));
      auto answer = me.call(parser, "parse", ia::shared_bytes::copy(text));
      if (!answer)
        wait_for_start();
      std::cout << (answer ? answer->as_string_view() : std::string{text} + " is none") << '\n';
    }
    tree.stop();
  });
}
// [/escalation.cpp]
