#pragma once

#include <caf/typed_actor.hpp>

#include <interp_actors/all.hpp>

#include <string>

namespace ia_bench {

struct score_atom;

/// The interface whose calls are measured beside the generic one.
using scorer = caf::typed_actor<caf::result<double>(score_atom, double, std::string)>;

} // namespace ia_bench

CAF_BEGIN_TYPE_ID_BLOCK(bench_types, caf::first_custom_type_id)
CAF_ADD_ATOM(bench_types, ia_bench, score_atom)
CAF_END_TYPE_ID_BLOCK(bench_types)
