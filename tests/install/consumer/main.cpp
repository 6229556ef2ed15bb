// A program of somebody else: its own type ids begin where CAF lets users begin.

#include "interp_actors/all.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <iostream>
#include <string>
#include <vector>

struct reading {
  std::string sensor;
  std::vector<double> values;
};

template <class Inspector>
bool inspect(Inspector& f, reading& x) {
  return f.object(x).fields(f.field("sensor", x.sensor), f.field("values", x.values));
}

CAF_BEGIN_TYPE_ID_BLOCK(consumer, caf::first_custom_type_id)

CAF_ADD_ATOM(consumer, consumer_atoms, sum_atom)
CAF_ADD_TYPE_ID(consumer, (reading))

CAF_END_TYPE_ID_BLOCK(consumer)

namespace {

caf::behavior adder() {
  return {[](consumer_atoms::sum_atom, const reading& what) {
    double sum = 0;
    for (auto value : what.values)
      sum += value;
    return sum;
  }};
}

int check(ia::runtime& rt) {
  auto actor = rt.spawn(ia::text("def shout(view): return bytes(view).upper()"));
  if (!actor) {
    std::cerr << ia::describe(actor.error()) << '\n';
    return 2;
  }
  ia::caller me{rt.system()};
  auto result = me.call(*actor, "shout", ia::shared_bytes::copy("hello"));
  if (!result || result->as_string_view() != "HELLO") {
    std::cerr << (result ? "the answer is wrong" : ia::describe(result.error())) << '\n';
    return 3;
  }
  caf::scoped_actor self{rt.system()};
  double sum = 0;
  ia::compat::request(self, rt.system().spawn(adder), caf::infinite, consumer_atoms::sum_atom_v,
                      reading{"one", {1.5, 2.5}})
      .receive([&](double value) { sum = value; },
               [](const caf::error& problem) { std::cerr << to_string(problem) << '\n'; });
  return sum == 4.0 ? 42 : 4;
}

} // namespace

int main(int argc, char** argv) {
  return ia::run_main<caf::id_block::consumer>(argc, argv, check);
}
