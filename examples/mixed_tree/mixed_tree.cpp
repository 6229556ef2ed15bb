// An actor in C++ and one in Python under the same supervisor. Python asks the one in C++, which crashes and is started again
// behind the same address. Run it in the folder of shop.py.

#include "interp_actors/all.hpp"

#include <caf/actor_cast.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <iostream>
#include <memory>
#include <semaphore>

struct take_atom;
struct order_atom;

// [mixed_tree.cpp]
using stock = caf::typed_actor<caf::result<int>(take_atom, int)>;
using shop = caf::typed_actor<caf::result<std::string>(order_atom, stock, int)>;
// [/mixed_tree.cpp]

CAF_BEGIN_TYPE_ID_BLOCK(mixed_tree, caf::first_custom_type_id)
CAF_ADD_ATOM(mixed_tree, take_atom)
CAF_ADD_ATOM(mixed_tree, order_atom)
CAF_ADD_TYPE_ID(mixed_tree, (stock))
CAF_ADD_TYPE_ID(mixed_tree, (shop))
CAF_END_TYPE_ID_BLOCK(mixed_tree)

namespace {

/// Ten things on a shelf, and no idea of what to do when they are sold out.
stock::behavior_type shelf(stock::pointer self) {
  return {[self, left = 10](take_atom, int count) mutable -> caf::result<int> {
    if (count <= left)
      return left -= count;
    auto problem = caf::make_error(caf::sec::runtime_error, "there are not that many");
    self->quit(problem);
    return problem;
  }};
}

} // namespace

int main(int argc, char** argv) {
  return ia::run_main<caf::id_block::mixed_tree>(argc, argv, [](ia::runtime& rt) {
    auto crashed = std::make_shared<std::binary_semaphore>(0); // the tree may outlive this function
    auto on_death = [crashed](const ia::death_report& death) {
      std::cout << death.child << " ended: " << to_string(death.reason) << '\n';
      if (death.reason == ia::death_reason::exception)
        crashed->release();
    };
    auto make_shelf = [](caf::actor_system& system) { return system.spawn(shelf); };
    auto tree = ia::value_or_throw(
        rt.supervise({.children = {{.name = "stock", .body = ia::actor_child(make_shelf)},
                                   {.name = "shop", .body = ia::python_child<shop>(ia::file("shop.py"))}},
                      .on_death = on_death}));
    auto the_stock = ia::value_or_throw(tree.child<stock>("stock"));
    auto the_shop = ia::value_or_throw(tree.child<shop>("shop"));

    ia::caller me{rt.system()};
    auto order = [&](int count) {
      auto answer = ia::value_or_throw(me.request(caf::actor_cast<caf::strong_actor_ptr>(the_shop),
                                                  caf::make_message(order_atom_v, the_stock, count)));
      return answer.get_as<std::string>(0);
    };
    std::cout << order(3) << '\n' << order(3) << '\n';
    auto refused = order(5);
    crashed->acquire();
    // What is asked from now on waits for the next incarnation, whose shelf is full.
    std::cout << refused << '\n' << order(5) << '\n';
    tree.stop();
  });
}
