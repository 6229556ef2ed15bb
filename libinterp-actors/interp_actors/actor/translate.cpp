#include "interp_actors/actor/translate.hpp"

#include "interp_actors/message/types.hpp"

#include <stdexcept>

namespace interp_actors {

std::optional<python_error> python_error_of(const caf::error& error) {
  if (error && error.context().match_elements<python_error>())
    return error.context().get_as<python_error>(0);
  return std::nullopt;
}

std::string describe(const caf::error& error) {
  if (!error)
    return "no error";
  if (error.category() != caf::type_id_v<errc>)
    return to_string(error);
  auto code = static_cast<errc>(error.code());
  auto text = to_string(code);
  if (auto what = python_error_of(error))
    return text + "\n" + what->traceback();
  if (error.context().match_elements<std::string>())
    return text + ": " + error.context().get_as<std::string>(0);
  return text;
}

std::string summary_of(const caf::error& error) {
  if (error && error.context().match_elements<python_error>())
    return error.context().get_as<python_error>(0).summary();
  return describe(error);
}

std::string type_names(caf::type_id_list types) {
  std::string result;
  for (std::size_t i = 0; i < types.size(); ++i) {
    auto name = caf::query_type_name(types[i]);
    result.append(i == 0 ? "" : ", ").append(name.data(), name.size());
  }
  return result;
}

std::string to_text(const mailbox_limits& limits) {
  std::string result;
  if (limits.messages != 0)
    result = std::to_string(limits.messages) + " messages";
  if (limits.bytes != 0)
    result += (result.empty() ? "" : " or ") + std::to_string(limits.bytes) + " bytes";
  return result;
}

caf::error make_error(errc code, std::string text) {
  return caf::make_error(code, std::move(text));
}

caf::error make_error(errc code, python_error error) {
  return caf::make_error(code, std::move(error));
}

caf::error error_for(interrupt_cause cause, std::optional<python_error> where) {
  auto code = cause == interrupt_cause::cancelled  ? errc::cancelled
              : cause == interrupt_cause::stopping ? errc::stopped
                                                   : errc::deadline_exceeded;
  if (where)
    return make_error(code, std::move(*where));
  switch (code) {
  case errc::cancelled:
    return make_error(code, "the request was cancelled");
  case errc::stopped:
    return make_error(code, "the interpreter was stopped");
  default:
    return make_error(code, "the request was not done within its deadline");
  }
}

caf::error error_for(const death_report& death) {
  auto code = errc::crashed;
  switch (death.reason) {
  case death_reason::exception:
  case death_reason::interrupted:
    break;
  case death_reason::normal:
  case death_reason::exit_code:
    code = errc::exited;
    break;
  case death_reason::shutdown:
  case death_reason::killed:
    code = errc::stopped;
    break;
  case death_reason::deadline:
    code = errc::deadline_exceeded;
    break;
  case death_reason::abandoned:
    code = errc::abandoned;
    break;
  case death_reason::start_failed:
    code = errc::start_failed;
    break;
  case death_reason::node_lost:
    code = errc::node_lost;
    break;
  }
  return death.error ? make_error(code, *death.error) : make_error(code, death.text);
}

void throw_error(const caf::error& error) {
  if (auto what = python_error_of(error))
    throw python_exception(std::move(*what));
  throw std::runtime_error(describe(error));
}

} // namespace interp_actors
