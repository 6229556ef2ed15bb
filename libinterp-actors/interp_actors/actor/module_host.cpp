#include "interp_actors/actor/module_host.hpp"

#include "interp_actors/actor/channel_address.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/run.hpp"
#include "interp_actors/actor/spawn.hpp"
#include "interp_actors/actor/translate.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/exit_reason.hpp>

#include <stdexcept>
#include <unordered_map>

namespace interp_actors {

namespace {

/// Takes the answers of the interpreters that Python code has made run something.
class asker final : public caf::actor_companion {
public:
  using caf::actor_companion::actor_companion;
  using caf::actor_companion::enqueue;

  bool enqueue(caf::mailbox_element_ptr element, compat::execution_context*) override {
    if (!element->mid.is_response())
      return true;
    std::shared_ptr<python::host::outcome> into;
    {
      std::lock_guard guard{mutex_};
      auto place = waiting_.find(element->mid.integer_value());
      if (place == waiting_.end())
        return true;
      into = std::move(place->second);
      waiting_.erase(place);
    }
    auto& content = element->payload;
    into->finish(
        run_result_of(content.match_elements<caf::error>() ? content.get_as<caf::error>(0) : caf::error{}));
    return true;
  }

  /// Returns the id of the request.
  caf::message_id ask(const caf::strong_actor_ptr& receiver, caf::message content,
                      std::shared_ptr<python::host::outcome> into) {
    auto id = new_request_id(caf::message_priority::normal);
    {
      std::lock_guard guard{mutex_};
      waiting_.emplace(id.response_id().integer_value(), std::move(into));
    }
    receiver->enqueue(compat::make_element(caf::strong_actor_ptr{ctrl()}, id, std::move(content)), nullptr);
    return id;
  }

private:
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<python::host::outcome>> waiting_;
};

class other_interpreter final : public python::host::interpreter {
public:
  other_interpreter(caf::actor_system& system, spawned_interpreter spawned)
      : actor_{std::move(spawned.actor)},
        inhabitant_{spawned.inhabitant},
        asker_{caf::actor_cast<caf::strong_actor_ptr>(system.spawn<asker, caf::hidden>())} {}

  void run(std::string code, python::host::bindings ends, std::chrono::nanoseconds deadline,
           std::shared_ptr<python::host::outcome> into) override {
    channel_bindings tickets;
    for (auto& [name, end] : ends)
      tickets.emplace_back(std::move(name), ticket_for(std::move(end)));
    auto content = deadline.count() == 0
                       ? caf::make_message(execute_atom_v, std::move(code), std::move(tickets))
                       : caf::make_message(execute_atom_v, std::move(code), std::move(tickets),
                                           std::chrono::duration_cast<caf::timespan>(deadline));
    last_ = static_cast<asker*>(asker_->get())->ask(actor_, std::move(content), std::move(into));
  }

  void cancel() override {
    if (auto inhabitant = inhabitant_.lock())
      inhabitant->cancel(asker_.get(), last_);
  }

  void close(std::shared_ptr<python::host::outcome> into) override {
    actor_->get()->attach_functor([into = std::move(into)](const caf::error&) { into->finish({}); });
    actor_->enqueue(
        compat::make_element(nullptr, caf::make_message_id(),
                             caf::make_message(caf::exit_msg{
                                 actor_->address(), caf::make_error(caf::exit_reason::user_shutdown)})),
        nullptr);
  }

private:
  const caf::strong_actor_ptr actor_;
  const std::weak_ptr<incarnation> inhabitant_;
  const caf::strong_actor_ptr asker_;
  caf::message_id last_; // of the request under way; there is one at a time
};

class module_host final : public python::host {
public:
  explicit module_host(std::shared_ptr<roster> home) : home_{std::move(home)} {}

  std::pair<sending_end, channel_lease> make_channel(channel_options options,
                                                     std::optional<buffer_format> element) override {
    auto made = interp_actors::make_channel(home_->system, home_->dead_letters, std::move(options),
                                            std::move(element));
    return {sending_end_of(home_->system, made.sender), std::move(made.receiver)};
  }

  std::shared_ptr<interpreter> create(std::string name) override {
    spawn_options options;
    options.name = std::move(name);
    auto spawned = start_interpreter(home_, text(""), std::move(options));
    if (!spawned)
      throw std::runtime_error(describe(spawned.error()));
    return std::make_shared<other_interpreter>(home_->system, std::move(*spawned));
  }

private:
  const std::shared_ptr<roster> home_;
};

} // namespace

std::unique_ptr<python::host> make_module_host(std::shared_ptr<roster> home) {
  return std::make_unique<module_host>(std::move(home));
}

} // namespace interp_actors
