// The smallest whole program: spawn Python code as an actor, call it, see its exception come back.
// Run it in the folder of hello.py.

// [hello.cpp]
#include "interp_actors/all.hpp"

#include <iostream>

int main(int argc, char** argv) {
  return ia::run_main(argc, argv, [](ia::runtime& rt) {
    // An interpreter with its own GIL and thread, as a CAF actor that runs hello.py.
    auto hello = ia::value_or_throw(rt.spawn(ia::file("hello.py")));

    ia::caller me{rt.system()};
    auto greeting = me.call(hello, "greet", ia::shared_bytes::copy("world"));
    std::cout << ia::value_or_throw(greeting).as_string_view() << '\n';

    // An exception comes back as data; its interpreter lives on.
    auto refused = me.call(hello, "greet", ia::shared_bytes::copy(""));
    if (!refused)
      std::cout << ia::describe(refused.error());
  });
}
// [/hello.cpp]
