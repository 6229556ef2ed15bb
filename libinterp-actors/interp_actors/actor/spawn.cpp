#include "interp_actors/actor/spawn.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/translate.hpp"

#include <caf/actor_cast.hpp>

namespace interp_actors {

caf::error check_start(const spawn_options& options, const typed_start* typed) {
  if (options.class_name.empty() ? !typed || typed->arguments.empty() : typed != nullptr)
    return {};
  return make_error(errc::start_failed,
                    typed
                        ? "arguments are for the constructor of a class: name it in spawn_options::class_name"
                        : "spawn_options::class_name is for typed actors");
}

caf::expected<spawned_interpreter> start_interpreter(const std::shared_ptr<roster>& home, source code,
                                                     spawn_options options,
                                                     std::shared_ptr<const typed_start> typed) {
  auto box = std::make_shared<mailbox>(options.mailbox, succession{}, home->bells);
  auto handle = home->system.spawn<address>(home, box, options, typed ? typed->type : nullptr);
  auto strong = caf::actor_cast<caf::strong_actor_ptr>(handle);
  auto give_up = [&](caf::error why) {
    auto* self = static_cast<address*>(strong->get());
    box->close(why);
    self->cleanup(caf::error{why}, nullptr);
    return why;
  };
  auto inhabitant =
      std::make_shared<incarnation>(home, box, std::move(code), std::move(options), std::move(typed));
  static_cast<address*>(strong->get())->inhabit(inhabitant);
  if (!home->enter(inhabitant))
    return give_up(
        make_error(errc::stopped, "the runtime has stopped; no interpreter can be spawned any more"));
  try {
    inhabitant->launch();
  } catch (const std::exception& problem) { // no more threads, or no memory
    box->release_address();
    home->ended(*inhabitant);
    return give_up(make_error(errc::start_failed, std::string{problem.what()}));
  }
  return spawned_interpreter{std::move(strong), std::move(inhabitant)};
}

} // namespace interp_actors
