#include "interp_actors/net/plain_error.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

namespace interp_actors {

caf::error plain_error(const caf::error& error) {
  if (!error)
    return {};
  auto category = error.category();
  auto context = error.context();
  bool is_known = category == caf::type_id_v<errc> || category == caf::type_id_v<caf::sec>
                  || category == caf::type_id_v<caf::exit_reason>;
  if (is_known
      && (context.empty() || context.match_elements<std::string>() || context.match_elements<python_error>()))
    return error;
  if (category == caf::type_id_v<errc>)
    return make_error(static_cast<errc>(error.code()), describe(error));
  return make_error(errc::crashed, describe(error));
}

} // namespace interp_actors
