#include "interp_actors/actor/run.hpp"

#include "interp_actors/actor/spawn.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"

namespace interp_actors {

run_result run_result_of(const caf::error& problem) {
  run_result result;
  result.python_error = python_error_of(problem);
  if (result.python_error && result.python_error->exit_code == 0)
    return {}; // sys.exit(0)
  if (!problem)
    return result;
  result.failure =
      problem.category() == caf::type_id_v<errc> ? static_cast<errc>(problem.code()) : errc::stopped;
  result.text = describe(problem);
  result.exit_code = result.python_error ? result.python_error->exit_code.value_or(1) : 1;
  return result;
}

run_result run_source(const std::shared_ptr<roster>& home, source code, run_options options) {
  spawn_options how;
  how.name = std::move(options.name);
  how.start_deadline = options.deadline;
  how.channels = std::move(options.channels);
  auto spawned = start_interpreter(home, std::move(code), std::move(how));
  if (!spawned)
    return run_result_of(spawned.error());
  auto problem = spawned->inhabitant->wait_started();
  // It has nothing more to do. Code that left with sys.exit ends by itself.
  spawned->inhabitant->stop({}, home->settings.shutdown_timeout);
  spawned->inhabitant->wait_ended();
  // What the source did is what counts, not that it failed while an interpreter started.
  if (auto raised = python_error_of(problem); raised && problem == errc::start_failed)
    problem = make_error(raised->exit_code ? errc::exited : errc::python_exception, std::move(*raised));
  auto result = run_result_of(problem);
  if (options.reraise && result.python_error)
    throw python_exception(*result.python_error);
  return result;
}

} // namespace interp_actors
