#include "interp_actors/runtime/runtime.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/incarnation.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/python/engine.hpp"

#include <caf/actor_cast.hpp>

#include <system_error>

namespace interp_actors {

runtime::runtime(caf::actor_system& system, const runtime_options& options)
    : system_{system},
      engine_{std::make_unique<python::engine>(options.python)},
      roster_{std::make_shared<roster>(system, *engine_, options.interpreters)} {}

runtime::~runtime() {
  stop();
  if (roster_->counts().abandoned > 0)
    engine_->leave_running();
}

caf::expected<interpreter_actor> runtime::spawn(source code, spawn_options options) {
  auto actor = spawn_typed(std::move(code), std::move(options), nullptr);
  if (!actor)
    return std::move(actor.error());
  return caf::actor_cast<interpreter_actor>(std::move(*actor));
}

caf::expected<caf::strong_actor_ptr> runtime::spawn_typed(source code, spawn_options options,
                                                          std::shared_ptr<const typed_start> typed) {
  if (options.class_name.empty() ? typed && !typed->arguments.empty() : !typed)
    return make_error(
        errc::start_failed,
        typed ? "arguments are for the constructor of a class: name it in spawn_options::class_name"
              : "spawn_options::class_name is for typed actors");
  auto box = std::make_shared<mailbox>(options.mailbox);
  auto handle =
      system_.spawn<address>(box, options, roster_->settings.shutdown_timeout, typed ? typed->type : nullptr);
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(handle);
  auto give_up = [&](caf::error why) {
    auto* self = static_cast<address*>(strong->get());
    box->close(why);
    self->cleanup(caf::error{why}, nullptr);
    return why;
  };
  auto inhabitant =
      std::make_shared<incarnation>(roster_, box, std::move(code), std::move(options), std::move(typed));
  static_cast<address*>(strong->get())->inhabit(inhabitant);
  if (!roster_->enter(inhabitant))
    return give_up(
        make_error(errc::stopped, "the runtime has stopped; no interpreter can be spawned any more"));
  try {
    inhabitant->launch();
  } catch (const std::system_error& problem) {
    box->release_address();
    roster_->ended(*inhabitant);
    return give_up(make_error(errc::start_failed, std::string{problem.what()}));
  }
  if (auto problem = inhabitant->wait_started())
    return problem;
  return strong;
}

void runtime::stop() {
  roster_->stop();
}

} // namespace interp_actors
