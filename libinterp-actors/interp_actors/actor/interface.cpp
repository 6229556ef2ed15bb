#include "interp_actors/actor/interface.hpp"

#include <optional>

namespace interp_actors {

const interface::method* interface::find(const caf::message& content) const noexcept {
  if (content.empty())
    return nullptr;
  auto types = content.types();
  for (auto& one : methods)
    if (one.types == types)
      return &one;
  return nullptr;
}

const interface::method* interface::find(std::string_view wanted) const noexcept {
  for (auto& one : methods)
    if (one.signature.name == wanted)
      return &one;
  return nullptr;
}

std::pair<const interface::method*, caf::message> interface::read(std::string_view wanted,
                                                                  value_source& arguments) const {
  std::optional<value_error> problem;
  auto begin = arguments.mark();
  for (auto& one : methods) {
    if (one.signature.name != wanted)
      continue;
    try {
      auto content = one.read_arguments(arguments);
      return {&one, std::move(content)};
    } catch (const value_error& misfit) {
      problem = misfit;
      arguments.rewind(begin);
    }
  }
  if (problem)
    throw *problem;
  return {nullptr, caf::message{}};
}

std::string_view interface::handler_of(caf::type_id_t id) const noexcept {
  for (auto& one : methods)
    if (one.types.size() > 0 && one.types[0] == id) // those of a node have none
      return one.signature.name;
  return {};
}

namespace detail {

std::string handler_name(std::string_view atom) {
  if (auto colon = atom.rfind(':'); colon != std::string_view::npos)
    atom.remove_prefix(colon + 1);
  constexpr std::string_view suffix = "_atom";
  if (atom.size() > suffix.size() && atom.ends_with(suffix))
    atom.remove_suffix(suffix.size());
  return std::string{atom};
}

} // namespace detail

} // namespace interp_actors
