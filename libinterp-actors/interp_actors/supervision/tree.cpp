#include "interp_actors/supervision/tree.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>

#include <algorithm>

namespace interp_actors {

namespace {

/// Asks the supervisor and waits for its answer, which always comes: a supervisor that ends answers, too.
template <class Result, class... Ts>
caf::expected<Result> ask(caf::actor_system& system, const supervisor_actor& whom, Ts&&... content) {
  if (!whom)
    return make_error(errc::stopped, "the tree has ended");
  caf::scoped_actor self{system};
  caf::expected<Result> result{caf::error{}};
  auto request = compat::request(self, whom, caf::infinite, std::forward<Ts>(content)...);
  auto failed = [&](caf::error& why) {
    result = why == caf::sec::request_receiver_down ? make_error(errc::stopped, "the tree has ended")
                                                    : std::move(why);
  };
  if constexpr (std::is_void_v<Result>)
    std::move(request).receive([&] { result = caf::expected<void>{}; }, failed);
  else
    std::move(request).receive([&](Result& value) { result = std::move(value); }, failed);
  return result;
}

template <class... Ts>
caf::error command(caf::actor_system& system, const supervisor_actor& whom, Ts&&... content) {
  auto result = ask<void>(system, whom, std::forward<Ts>(content)...);
  return result ? caf::error{} : std::move(result.error());
}

} // namespace

caf::expected<caf::strong_actor_ptr> tree::start_child(child_spec child) const {
  return ask<caf::strong_actor_ptr>(*system_, handle(), start_child_atom_v, std::move(child));
}

caf::error tree::terminate_child(std::string name) const {
  return command(*system_, handle(), terminate_child_atom_v, std::move(name));
}

caf::error tree::restart_child(std::string name) const {
  return command(*system_, handle(), restart_child_atom_v, std::move(name));
}

caf::error tree::delete_child(std::string name) const {
  return command(*system_, handle(), delete_child_atom_v, std::move(name));
}

caf::expected<std::vector<child_info>> tree::list_children() const {
  return ask<std::vector<child_info>>(*system_, handle(), list_children_atom_v);
}

caf::expected<child_counts> tree::count_children() const {
  return ask<child_counts>(*system_, handle(), count_children_atom_v);
}

void tree::stop() const {
  link_->stop();
  link_->wait_ended();
}

caf::expected<caf::strong_actor_ptr> tree::find(std::string_view path,
                                                const std::set<std::string>& types) const {
  auto found = link_->find(path);
  if (!found)
    return make_error(errc::no_such_child, "no child '" + std::string{path} + "'");
  auto known = found->get()->message_types();
  if (!std::ranges::includes(known, types)
      && !(known.empty() && types == system_->message_types<interpreter_actor>()))
    return make_error(errc::wrong_type,
                      "'" + std::string{path}
                          + "' does not understand all messages of the type that was asked for");
  return found;
}

caf::expected<tree> start_tree(const std::shared_ptr<roster>& home, supervisor_spec spec,
                               tree_options options) {
  auto link = options.link;
  auto at_stop = home->at_stop([weak = std::weak_ptr{link}, before = std::move(options.before_stop)] {
    if (before)
      before();
    if (auto running = weak.lock()) {
      running->stop();
      running->wait_ended();
    }
  });
  if (!at_stop)
    return make_error(errc::stopped, "the runtime has stopped; no tree can be started any more");
  link->on_ended = [token = std::move(at_stop),
                    then = std::move(options.on_ended)](const supervisor_link::ending& how) {
    if (then)
      then(how);
  };
  if (auto problem = start_supervisor(home, std::move(spec), options.name, link)) {
    link->close({death_reason::start_failed, problem}); // the runtime's stop may wait for that
    return problem;
  }
  if (auto problem = link->wait_started()) {
    link->wait_ended();
    return problem;
  }
  return tree{home->system, std::move(link)};
}

} // namespace interp_actors
