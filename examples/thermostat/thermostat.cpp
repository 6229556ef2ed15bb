// A typed actor with state, implemented once in C++ and once in Python. What uses it does not know which one it has.
// Run it in the folder of thermostat.py; with --protocol, it prints the type in Python's words instead.

#include "thermostat.hpp"

#include <caf/actor_cast.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace {

struct thermostat_state {
  std::string room;
  double target = 0;
  std::map<std::string, double> latest;

  bool report(const reading& what) {
    latest[what.sensor] = what.celsius;
    double sum = 0;
    for (auto& one : latest)
      sum += one.second;
    return sum / static_cast<double>(latest.size()) < target;
  }

  std::string summary() const {
    char text[100];
    std::snprintf(text, sizeof text, "%s: %zu sensors, target %.1f", room.c_str(), latest.size(), target);
    return text;
  }
};

thermostat::behavior_type thermostat_in_cpp(std::string room, double target) {
  auto state = std::make_shared<thermostat_state>(thermostat_state{std::move(room), target, {}});
  return {
      [state](report_atom, const reading& what) { return state->report(what); },
      [state](target_atom, double celsius) -> caf::result<void> {
        if (celsius > 30)
          return caf::make_error(caf::sec::invalid_argument, "no target for a room");
        state->target = celsius;
        return caf::unit;
      },
      [state](summary_atom) { return state->summary(); },
  };
}

/// Asks and waits for the answer.
template <class Result, class... Args>
Result ask(ia::caller& me, const thermostat& whom, Args... args) {
  auto answer =
      me.request(caf::actor_cast<caf::strong_actor_ptr>(whom), caf::make_message(std::move(args)...));
  if (!answer)
    ia::throw_error(answer.error());
  if constexpr (!std::is_void_v<Result>)
    return answer->template get_as<Result>(0);
}

void use(ia::caller& me, const thermostat& one) {
  for (auto& what :
       {reading{"window", 17.5, 0.4}, reading{"door", 20.5, std::nullopt}, reading{"window", 21.5, 0.5}})
    std::cout << "  " << what.sensor << " has " << what.celsius
              << (ask<bool>(me, one, report_atom_v, what) ? ": heat\n" : ": enough\n");
  ask<void>(me, one, target_atom_v, 22.0);
  std::cout << "  " << ask<std::string>(me, one, summary_atom_v) << '\n';
  try {
    ask<void>(me, one, target_atom_v, 300.0);
    std::cout << "  nobody minds 300 degrees\n";
  } catch (const std::exception&) {
    std::cout << "  300 degrees are refused\n";
  }
}

} // namespace

int main(int argc, char** argv) {
  // What a class or a module has to look like that implements it, for type checkers.
  if (argc == 2 && std::string_view{argv[1]} == "--protocol") {
    ia::write_protocol<thermostat>(std::cout);
    return 0;
  }
  return ia::run_main<caf::id_block::thermostat_types>(argc, argv, [](ia::runtime& rt) {
    ia::caller me{rt.system()};

    std::cout << "in C++\n";
    thermostat one = rt.system().spawn(thermostat_in_cpp, std::string{"kitchen"}, 20.0);
    use(me, one);

    std::cout << "in Python\n";
    thermostat other = ia::value_or_throw(
        rt.spawn<thermostat>(ia::file("thermostat.py"), {.class_name = "Thermostat"}, "kitchen", 20.0));
    use(me, other);

    // What does not fit the interface is found when it starts.
    auto misfit = rt.spawn<thermostat>(ia::text("def report(what: str) -> bool: ...", "misfit.py"));
    std::cout << ia::describe(misfit.error()) << '\n';
  });
}
