#include "interp_actors/supervision/placement.hpp"

namespace interp_actors {

std::string to_string(const placement& where) {
  switch (where.where) {
  case placement::kind::any_node:
    return "any_node";
  case placement::kind::one_node:
    return where.node;
  default:
    return "here";
  }
}

bool from_string(const std::string& text, placement& where) {
  if (text == "here")
    where = {};
  else if (text == "any_node")
    where = any_node;
  else if (text.find(':') != std::string::npos)
    where = on_node(text);
  else
    return false;
  return true;
}

} // namespace interp_actors
