#include "interp_actors/runtime/options.hpp"

#include "interp_actors/compat.hpp"

#include <caf/deep_to_string.hpp>

#include <stdexcept>

namespace interp_actors {

config::config() {
  opt_group{custom_options_, "interp-actors"}
      .add(virtual_env_, "virtual-env", "root of a virtual environment for all interpreters")
      .add(sys_path_, "sys-path", "folders in front of sys.path")
      .add(isolated_, "isolated",
           "whether PYTHON* variables and user site-packages are ignored: true or false (true)")
      .add(interpreters_.grace, "grace",
           "time that interrupted code has to end before it is given up (500ms)")
      .add(interpreters_.shutdown_timeout, "shutdown-timeout",
           "time that a running handler has at a stop (5s)")
      .add(interpreters_.call_timeout, "call-timeout",
           "how long Python code waits for another actor's answer (5s)")
      .add(interpreters_.teardown_timeout, "teardown-timeout",
           "time for threads that Python code left behind (2s)")
      .add(interpreters_.linger_timeout, "linger-timeout",
           "time that an ended interpreter keeps bytes for others (30s)")
      .add(interpreters_.pin_threshold, "pin-threshold-bytes",
           "Python bytes from this size on travel uncopied (4096)");
}

runtime_options config::runtime() const {
  runtime_options result;
  auto check = [](const char* key, caf::timespan value) {
    if (value.count() <= 0)
      throw std::invalid_argument(std::string{"interp-actors."} + key + ": " + caf::deep_to_string(value)
                                  + " is not a time to wait; give a positive one, such as 500ms");
  };
  check("grace", interpreters_.grace);
  check("shutdown-timeout", interpreters_.shutdown_timeout);
  check("call-timeout", interpreters_.call_timeout);
  check("teardown-timeout", interpreters_.teardown_timeout);
  check("linger-timeout", interpreters_.linger_timeout);
  if (isolated_ != "true" && isolated_ != "false")
    throw std::invalid_argument("interp-actors.isolated: '" + isolated_ + "' is neither true nor false");
  result.python.virtual_env = virtual_env_;
  result.python.sys_path = sys_path_;
  result.python.isolated = isolated_ == "true";
  result.python.argv = compat::remainder(*this);
  result.python.argv.insert(result.python.argv.begin(), compat::program_name(*this));
  result.interpreters = interpreters_;
  result.dead_letters = dead_letters;
  result.deaths = deaths;
  return result;
}

} // namespace interp_actors
