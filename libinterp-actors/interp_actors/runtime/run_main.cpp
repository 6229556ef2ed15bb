#include "interp_actors/runtime/run_main.hpp"

#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <optional>

namespace interp_actors::detail {

namespace {

/// Leaves without running destructors of static objects, which hanging Python code may still use.
[[noreturn]] void leave_at_once(int code) {
  std::cout.flush();
  std::cerr.flush();
  std::fflush(stdout);
  std::fflush(stderr);
  ::_exit(code);
}

} // namespace

void init_types() {
  caf::core::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::interp_actors>();
}

int run_main(config& config, int argc, char** argv, const std::function<int(runtime&)>& f) {
  if (auto problem = config.parse(argc, argv)) {
    std::cerr << argv[0] << ": the command line or the configuration file is wrong: " << to_string(problem)
              << "\nTry --long-help for the options.\n";
    return exit_usage;
  }
  if (compat::help_was_printed(config))
    return 0;
  runtime_options options;
  try {
    options = config.runtime();
  } catch (const std::invalid_argument& problem) {
    std::cerr << argv[0] << ": " << problem.what() << '\n';
    return exit_usage;
  }
  caf::actor_system system{config};
  std::optional<runtime> rt;
  try {
    rt.emplace(system, options);
  } catch (const std::exception& problem) {
    std::cerr << argv[0] << ": " << problem.what() << '\n';
    return exit_unavailable;
  }
  int code = exit_exception;
  try {
    code = f(*rt);
  } catch (const std::exception& problem) {
    std::cerr << argv[0] << ": " << problem.what() << '\n';
  }
  rt->stop();
  if (rt->counts().abandoned > 0)
    leave_at_once(code);
  rt.reset();
  return code;
}

} // namespace interp_actors::detail
