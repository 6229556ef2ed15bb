#include "interp_actors/runtime/runtime.hpp"

#include "interp_actors/actor/spawn.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/lent.hpp"
#include "interp_actors/net/node_host.hpp"
#include "interp_actors/net/node_hub.hpp"
#include "interp_actors/python/engine.hpp"

#include <caf/actor_cast.hpp>

#include <algorithm>

namespace interp_actors {

runtime::runtime(caf::actor_system& system, const runtime_options& options)
    : system_{system},
      engine_{std::make_unique<python::engine>(options.python)},
      roster_{std::make_shared<roster>(system, *engine_, options.interpreters, options.dead_letters,
                                       options.deaths)},
      network_{options.network},
      hub_{std::make_shared<node_hub>(system, options.network)} {
  roster_->nodes = hub_;
  // Trees, which are added later, are stopped before.
  at_stop_.push_back(roster_->at_stop([hub = hub_] { hub->close(); }));
  hub_->open();
}

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

caf::expected<node> runtime::connect(const std::string& name) {
  auto link = hub_->connect(name);
  if (!link)
    return std::move(link.error());
  return node{std::move(*link)};
}

std::vector<node> runtime::nodes() const {
  std::vector<node> result;
  for (auto& link : hub_->links())
    result.emplace_back(link);
  return result;
}

caf::expected<serving_node> runtime::serve(node_options options) {
  options.message_bytes = std::min(options.message_bytes, network_.message_bytes);
  auto host = std::make_shared<node_host>(roster_, std::move(options));
  auto at_stop = roster_->at_stop([host] { host->close(); });
  if (!at_stop)
    return make_error(errc::stopped, "the runtime has stopped");
  if (auto problem = host->open(network_.certificates))
    return problem;
  {
    std::lock_guard guard{at_stop_mutex_};
    at_stop_.push_back(std::move(at_stop));
  }
  return serving_node{host->where(), host->options().slots};
}

void runtime::stop() {
  roster_->stop();
  recall_lent(system_);
}

} // namespace interp_actors
