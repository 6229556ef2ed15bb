#include "interp_actors/runtime/run_main.hpp"

#include "interp_actors/net/inspect.hpp"
#include "interp_actors/net/transport.hpp"
#include "interp_actors/runtime/stop_signals.hpp"
#include "interp_actors/supervision/inspect.hpp"

#include <iostream>
#include <optional>

namespace interp_actors::detail {

void init_types() {
  caf::core::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::interp_actors>();
  init_network_types();
}

namespace {

/// Returns nothing where a signal kept `f` from doing its work.
std::optional<int> run(config& config, int argc, char** argv, const std::function<int(runtime&)>& f,
                       stop_signals& signals) {
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
  config.load_network();
  caf::actor_system system{config};
  std::optional<runtime> rt;
  try {
    rt.emplace(system, options);
  } catch (const std::exception& problem) {
    std::cerr << argv[0] << ": " << problem.what() << '\n';
    return exit_unavailable;
  }
  std::optional<int> code;
  {
    auto& limits = options.interpreters;
    stop_signals::watch watch{signals, *rt, limits.shutdown_timeout, limits.teardown_timeout};
    try {
      if (signals.came() == 0)
        code = f(*rt);
    } catch (const std::exception& problem) {
      std::cerr << argv[0] << ": " << problem.what() << '\n';
      if (signals.came() == 0)
        code = exit_exception;
    }
    rt->stop();
  }
  if (rt->counts().abandoned > 0)
    code ? leave_at_once(*code) : end_by(signals.came());
  rt.reset();
  return code;
}

} // namespace

int run_main(config& config, int argc, char** argv, const std::function<int(runtime&)>& f) {
  std::optional<int> code;
  int signal = 0;
  {
    stop_signals signals;
    code = run(config, argc, argv, f, signals);
    signal = signals.came();
  }
  if (!code)
    end_by(signal);
  return *code;
}

} // namespace interp_actors::detail
