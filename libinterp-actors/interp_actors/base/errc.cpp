#include "interp_actors/base/errc.hpp"

#include <array>
#include <utility>

namespace interp_actors {

namespace {

constexpr auto names = std::to_array<std::pair<errc, std::string_view>>({
    {errc::python_exception, "python_exception"},
    {errc::exited, "exited"},
    {errc::crashed, "crashed"},
    {errc::deadline_exceeded, "deadline_exceeded"},
    {errc::cancelled, "cancelled"},
    {errc::abandoned, "abandoned"},
    {errc::start_failed, "start_failed"},
    {errc::mailbox_full, "mailbox_full"},
    {errc::stopped, "stopped"},
    {errc::no_such_function, "no_such_function"},
    {errc::channel_closed, "channel_closed"},
    {errc::channel_full, "channel_full"},
    {errc::channel_moved, "channel_moved"},
    {errc::channel_mismatch, "channel_mismatch"},
    {errc::wrong_type, "wrong_type"},
    {errc::no_such_child, "no_such_child"},
    {errc::child_exists, "child_exists"},
    {errc::child_active, "child_active"},
    {errc::invalid_spec, "invalid_spec"},
    {errc::wrong_strategy, "wrong_strategy"},
    {errc::gave_up, "gave_up"},
    {errc::node_lost, "node_lost"},
    {errc::no_node, "no_node"},
    {errc::refused, "refused"},
    {errc::too_large, "too_large"},
});

} // namespace

std::string to_string(errc code) {
  for (auto& [value, name] : names)
    if (value == code)
      return std::string{name};
  return "unknown (" + std::to_string(static_cast<unsigned>(code)) + ")";
}

bool from_string(std::string_view text, errc& code) {
  for (auto& [value, name] : names)
    if (name == text) {
      code = value;
      return true;
    }
  return false;
}

bool from_integer(std::uint8_t value, errc& code) {
  for (auto& entry : names)
    if (static_cast<std::uint8_t>(entry.first) == value) {
      code = entry.first;
      return true;
    }
  return false;
}

} // namespace interp_actors
