#include "interp_actors/base/death_report.hpp"

#include <array>
#include <cstdio>
#include <utility>

namespace interp_actors {

namespace {

constexpr auto names = std::to_array<std::pair<death_reason, std::string_view>>({
    {death_reason::normal, "normal"},
    {death_reason::shutdown, "shutdown"},
    {death_reason::exception, "exception"},
    {death_reason::exit_code, "exit_code"},
    {death_reason::deadline, "deadline"},
    {death_reason::interrupted, "interrupted"},
    {death_reason::abandoned, "abandoned"},
    {death_reason::start_failed, "start_failed"},
    {death_reason::killed, "killed"},
    {death_reason::node_lost, "node_lost"},
});

std::string count(std::uint64_t number, const char* noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

/// Three digits behind the point, whatever the locale.
std::string seconds(std::chrono::nanoseconds time) {
  auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), "%03d", static_cast<int>(ms % 1000));
  return std::to_string(ms / 1000) + "." + fraction.data() + " s";
}

std::string utc(std::chrono::system_clock::time_point when) {
  auto day = std::chrono::floor<std::chrono::days>(when);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss time{std::chrono::floor<std::chrono::seconds>(when - day)};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u %02d:%02d:%02d UTC", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text.data();
}

/// Appends `text` with every line indented, without the newlines at its end.
void append_indented(std::string& out, std::string_view text) {
  text = text.substr(0, text.find_last_not_of('\n') + 1);
  for (;;) {
    auto end = text.find('\n');
    out.append("\n  ").append(text.substr(0, end));
    if (end == std::string_view::npos)
      return;
    text.remove_prefix(end + 1);
  }
}

} // namespace

std::string to_string(death_reason reason) {
  for (auto& [value, name] : names)
    if (value == reason)
      return std::string{name};
  return "unknown (" + std::to_string(static_cast<unsigned>(reason)) + ")";
}

bool from_string(std::string_view text, death_reason& reason) {
  for (auto& [value, name] : names)
    if (name == text) {
      reason = value;
      return true;
    }
  return false;
}

bool from_integer(std::uint8_t value, death_reason& reason) {
  for (auto& entry : names)
    if (static_cast<std::uint8_t>(entry.first) == value) {
      reason = entry.first;
      return true;
    }
  return false;
}

std::string describe(const death_report& report) {
  auto out = "'" + report.child + "', incarnation " + std::to_string(report.incarnation);
  if (report.interpreter >= 0)
    out += " (interpreter " + std::to_string(report.interpreter) + ")";
  if (!report.node.empty())
    out += " on node " + report.node;
  out += " ended: " + to_string(report.reason);
  if (report.exit_code)
    out += " " + std::to_string(*report.exit_code);
  append_indented(out, report.text);
  if (!report.request.empty())
    append_indented(out, "while it handled " + report.request);
  auto life = "after " + seconds(report.uptime) + " and " + count(report.requests_served, "request");
  if (report.when != std::chrono::system_clock::time_point{})
    life += ", at " + utc(report.when);
  append_indented(out, life);
  if (report.tracked_objects > 0 || report.views_held > 0)
    append_indented(out, "with " + count(report.tracked_objects, "object") + " and "
                             + count(report.views_held, "view"));
  if (report.restarts_left >= 0)
    append_indented(out, count(static_cast<std::uint64_t>(report.restarts_left), "restart")
                             + " left in the period");
  if (report.error)
    append_indented(out, report.error->traceback());
  return out;
}

} // namespace interp_actors
