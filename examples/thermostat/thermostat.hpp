#pragma once

#include "interp_actors/all.hpp"

#include <caf/typed_actor.hpp>

#include <optional>
#include <string>

// [thermostat.hpp]
/// What a sensor says.
struct reading {
  std::string sensor;
  double celsius = 0;
  std::optional<double> humidity;
};

template <class Inspector>
bool inspect(Inspector& f, reading& x) {
  return f.object(x).fields(f.field("sensor", x.sensor), f.field("celsius", x.celsius),
                            f.field("humidity", x.humidity));
}

struct report_atom;
struct target_atom;
struct summary_atom;

/// Keeps a room at its target: is told readings, and answers whether to heat.
using thermostat =
    caf::typed_actor<caf::result<bool>(report_atom, reading), caf::result<void>(target_atom, double),
                     caf::result<std::string>(summary_atom)>;
// [/thermostat.hpp]

CAF_BEGIN_TYPE_ID_BLOCK(thermostat_types, caf::first_custom_type_id)
CAF_ADD_ATOM(thermostat_types, report_atom)
CAF_ADD_ATOM(thermostat_types, target_atom)
CAF_ADD_ATOM(thermostat_types, summary_atom)
CAF_ADD_TYPE_ID(thermostat_types, (reading))
CAF_ADD_TYPE_ID(thermostat_types, (thermostat))
CAF_END_TYPE_ID_BLOCK(thermostat_types)
