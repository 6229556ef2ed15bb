#include "interp_actors/actor/other_interpreter.hpp"

#include "interp_actors/actor/channel_address.hpp"

#include <caf/exit_reason.hpp>

namespace interp_actors {

namespace {

class other_interpreter final : public python::host::interpreter {
public:
  other_interpreter(std::shared_ptr<outbox> out, spawned_interpreter spawned)
      : out_{std::move(out)}, actor_{std::move(spawned.actor)}, inhabitant_{spawned.inhabitant} {}

  std::shared_ptr<python::awaited> run(std::string code, python::host::bindings ends,
                                       std::chrono::nanoseconds deadline) override {
    channel_bindings tickets;
    for (auto& [name, end] : ends)
      tickets.emplace_back(std::move(name), ticket_for(std::move(end)));
    auto content = deadline.count() == 0
                       ? caf::make_message(execute_atom_v, std::move(code), std::move(tickets))
                       : caf::make_message(execute_atom_v, std::move(code), std::move(tickets),
                                           std::chrono::duration_cast<caf::timespan>(deadline));
    return out_->ask(actor_, std::move(content), nullptr, no_deadline);
  }

  void cancel(const python::awaited& what) override {
    out_->forget(what);
    if (auto inhabitant = inhabitant_.lock())
      inhabitant->cancel(out_->own_address(), caf::make_message_id(what.number()));
  }

  std::shared_ptr<python::awaited> close() override {
    auto ended = std::make_shared<python::awaited>();
    actor_->get()->attach_functor([ended](const caf::error&) { ended->finish(make_empty_reply()); });
    send_exit(actor_, actor_->address(), caf::make_error(caf::exit_reason::user_shutdown));
    return ended;
  }

private:
  const std::shared_ptr<outbox> out_;
  const caf::strong_actor_ptr actor_;
  const std::weak_ptr<incarnation> inhabitant_;
};

} // namespace

std::shared_ptr<python::host::interpreter> make_other_interpreter(std::shared_ptr<outbox> out,
                                                                  spawned_interpreter spawned) {
  return std::make_shared<other_interpreter>(std::move(out), std::move(spawned));
}

} // namespace interp_actors
