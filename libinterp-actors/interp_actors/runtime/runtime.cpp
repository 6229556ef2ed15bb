#include "interp_actors/runtime/runtime.hpp"

#include "interp_actors/actor/spawn.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/python/engine.hpp"

#include <caf/actor_cast.hpp>

namespace interp_actors {

runtime::runtime(caf::actor_system& system, const runtime_options& options)
    : system_{system},
      engine_{std::make_unique<python::engine>(options.python)},
      roster_{std::make_shared<roster>(system, *engine_, options.interpreters, options.dead_letters,
                                       options.deaths)} {}

runtime::~runtime() {
  stop();
  if (roster_->counts().abandoned > 0) [[maybe_unused]]
    auto* kept = engine_.release(); // for good: finalising under it would crash the process
}

caf::expected<interpreter_actor> runtime::spawn(source code, spawn_options options) {
  auto actor = spawn_typed(std::move(code), std::move(options), nullptr);
  if (!actor)
    return std::move(actor.error());
  return caf::actor_cast<interpreter_actor>(std::move(*actor));
}

caf::expected<caf::strong_actor_ptr> runtime::spawn_typed(source code, spawn_options options,
                                                          std::shared_ptr<const typed_start> typed) {
  if (auto problem = check_start(options, typed.get()))
    return problem;
  auto spawned = start_interpreter(roster_, std::move(code), std::move(options), std::move(typed));
  if (!spawned)
    return std::move(spawned.error());
  if (auto problem = spawned->inhabitant->wait_started())
    return problem;
  return std::move(spawned->actor);
}

run_result runtime::run(source code, run_options options) {
  return run_source(roster_, std::move(code), std::move(options));
}

void runtime::stop() {
  roster_->stop();
}

} // namespace interp_actors
