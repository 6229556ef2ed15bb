#include "interp_actors/supervision/child_body.hpp"

#include "interp_actors/actor/translate.hpp"

namespace interp_actors {

void tell_end(child_events& to, const std::string& child, std::uint64_t number, death_reason reason,
              const caf::error& why, std::chrono::nanoseconds uptime, std::string_view without_error) {
  death_report report;
  report.child = child;
  report.incarnation = number;
  report.reason = reason;
  report.error = python_error_of(why);
  report.text = why ? summary_of(why) : std::string{without_error};
  report.uptime = uptime;
  report.when = std::chrono::system_clock::now();
  to.died(number, std::make_shared<const death_report>(std::move(report)), why, false);
  to.gone(number);
}

} // namespace interp_actors
