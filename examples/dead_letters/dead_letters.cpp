// A fleet of two interpreters does some jobs. One job ends every interpreter that takes it: after three attempts it is
// put aside as a dead letter. Run it in the folder of squares.py.

// [dead_letters.cpp]
#include "interp_actors/all.hpp"

#include <iostream>

int main(int argc, char** argv) {
  ia::config options;
  options.dead_letters = [](const ia::dead_letter& letter) {
    std::cout << "dead letter for '" << letter.receiver << "': " << letter.request << '\n';
    for (auto& death : letter.deaths)
      std::cout << "  ended its interpreter: " << to_string(death->reason) << ", " << death->text << '\n';
  };
  // Without this, each death makes a block of lines on stderr.
  options.deaths = [](const ia::death_report&) {};
  return ia::run_main(options, argc, argv, [](ia::runtime& rt) {
    auto fleet = ia::value_or_throw(
        rt.fleet({.source = ia::file("squares.py"), .size = 2, .name = "squares", .attempts = 3}));
    ia::caller me{rt.system()};
    for (auto number : {"11", "12", "13", "14"}) {
      auto answer = me.call(fleet.handle(), "square", ia::shared_bytes::copy(number));
      std::cout << number << ": " << (answer ? answer->as_string_view() : "no answer") << '\n';
    }
  });
}
// [/dead_letters.cpp]
