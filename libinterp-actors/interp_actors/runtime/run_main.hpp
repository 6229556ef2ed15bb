#pragma once

#include "interp_actors/runtime/runtime.hpp"

#include <caf/init_global_meta_objects.hpp>

#include <functional>
#include <type_traits>

namespace interp_actors {

namespace detail {

/// Registers the types of CAF and of this library.
void init_types();

int run_main(config& config, int argc, char** argv, const std::function<int(runtime&)>& f);

} // namespace detail

/// Exit codes of `run_main` besides those of the user's function, which count after a signal, too.
enum exit_code : int {
  /// The user's function threw; what it said is on stderr.
  exit_exception = 1,
  /// The command line or the configuration file is wrong.
  /// Source: sysexits.h, EX_USAGE.
  exit_usage = 64,
  /// CPython could not be started.
  /// Source: sysexits.h, EX_UNAVAILABLE.
  exit_unavailable = 69,
  /// Plus its number, 130 and 143: a second SIGINT or SIGTERM came, or the user's function was not done in time
  /// after the first. Nothing is stopped cleanly then.
  exit_signal = 128,
};

/// Does a program's start and end: reads CAF's configuration file and the command line into `config`, starts
/// the actor system and CPython, calls `f(runtime&)`, stops all interpreters and ends both. Returns what `f`
/// returns, or 0; see `exit_code` for the rest. After an abandonment it leaves the process itself, with that
/// same code. `Blocks` are the program's own CAF type id blocks.
///
/// On SIGINT or SIGTERM it calls `runtime::stop`, whose limits hold, and which waits for a child with
/// `shutdown::wait_for_ever` as long as that takes: requests end with an error and `wait_for_stop`
/// returns. After that `f` has the shutdown timeout once more, and all the rest the teardown timeout. What `f` returns
/// is the exit code. Where it throws after the signal, or the signal came before it was called, the process ends by
/// that same signal once all is stopped: shells see 130 or 143, systemd a clean stop. A second signal leaves the
/// process at once. Signals that the program handles itself or ignores stay as they are.
/// Source: systemd.service(5), SuccessExitStatus=.
template <class... Blocks, class F>
int run_main(config& config, int argc, char** argv, F&& f) {
  (caf::init_global_meta_objects<Blocks>(), ...);
  detail::init_types();
  return detail::run_main(config, argc, argv, [&f](runtime& rt) -> int {
    if constexpr (std::is_void_v<std::invoke_result_t<F, runtime&>>) {
      f(rt);
      return 0;
    } else {
      return f(rt);
    }
  });
}

/// The same with this library's options alone.
template <class... Blocks, class F>
int run_main(int argc, char** argv, F&& f) {
  (caf::init_global_meta_objects<Blocks>(), ...);
  detail::init_types();
  config cfg;
  return run_main(cfg, argc, argv, std::forward<F>(f));
}

} // namespace interp_actors
