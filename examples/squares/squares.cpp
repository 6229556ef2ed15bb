// Python code that starts another interpreter and calls it, and C++ that calls Python with any values.
// Run it in the folder of squares.py.

#include "interp_actors/all.hpp"

#include <caf/actor_cast.hpp>

#include <iostream>

namespace {

template <class T, class... Args>
T invoke(ia::caller& me, const ia::interpreter_actor& actor, std::string function, const Args&... args) {
  auto answer = ia::value_or_throw(
      me.request(caf::actor_cast<caf::strong_actor_ptr>(actor),
                 caf::make_message(ia::invoke_atom_v, std::move(function), ia::pack_arguments(args...))));
  return ia::unpack<T>(answer.template get_as<ia::packed_message>(0));
}

} // namespace

int main(int argc, char** argv) {
  return ia::run_main(argc, argv, [](ia::runtime& rt) {
    auto actor = ia::value_or_throw(rt.spawn(ia::file("squares.py")));
    ia::caller me{rt.system()};
    for (auto square : invoke<std::vector<int>>(me, actor, "squares", std::vector{1, 2, 3}))
      std::cout << square << '\n';
    std::cout << invoke<std::string>(me, actor, "refused") << '\n';
  });
}
