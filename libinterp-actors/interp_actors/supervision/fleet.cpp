#include "interp_actors/supervision/fleet.hpp"

#include "interp_actors/actor/deadline_rules.hpp"
#include "interp_actors/actor/fleet_address.hpp"

#include <caf/exit_reason.hpp>

#include <algorithm>
#include <future>
#include <mutex>

namespace interp_actors {

namespace detail {

/// A fleet: its queue and its address, and the tree of its members.
/// Thread: any; `resizing` orders those who change the number of members.
/// Owner: its handles. What its tree needs of it, the tree keeps until it has ended.
class fleet_state {
public:
  fleet_state(std::shared_ptr<roster> home, fleet_options options, std::shared_ptr<const typed_start> typed)
      : home_{std::move(home)}, options_{std::move(options)} {
    fleet_queue_options how{.name = options_.name,
                            .limits = options_.mailbox,
                            .when_full = options_.when_full,
                            .attempts = options_.attempts,
                            .key = options_.key};
    if (options_.deadlines == deadline_start::taken)
      how.deadline_when_taken = [rules = deadline_rules{options_.spawn, typed ? typed->type : nullptr}](
                                    const caf::message& content) { return rules.deadline_of(content); };
    auto arm = [home = home_](const std::shared_ptr<timer::client>& client, time_point when) {
      home->arm(client, when);
    };
    queue = std::make_shared<fleet_queue>(std::move(how), home_->dead_letters, arm);
    auto on_exit = [link = std::weak_ptr{link_}](const caf::error& reason) {
      auto running = link.lock();
      bool asked = reason == caf::exit_reason::user_shutdown;
      if (running)
        running->post(supervisor_link::stop_event{asked ? death_reason::shutdown : death_reason::killed,
                                                  asked ? caf::error{} : reason});
    };
    address = caf::actor_cast<caf::strong_actor_ptr>(
        home_->system.spawn<fleet_address>(queue, options_.spawn, on_exit, typed ? typed->type : nullptr));
    python_options member{.spawn = options_.spawn,
                          .succession = {.attempts = options_.attempts,
                                         .recycle_messages = options_.recycle_messages,
                                         .recycle_age = options_.recycle_age},
                          .spares = options_.spares,
                          .modules = options_.modules,
                          .virtual_env = options_.virtual_env,
                          .on = options_.on};
    member.spawn.name = options_.name;
    member.spawn.mailbox = {.messages = 0, .bytes = 0}; // the queue has the bounds
    body_ = make_python_child(options_.source, std::move(member), std::move(typed), queue);
  }

  caf::error start() {
    if (options_.size == 0)
      return make_error(errc::invalid_spec,
                        "fleet '" + options_.name + "': size: 0 members do no work; give at least 1");
    supervisor_spec spec{.intensity = options_.intensity,
                         .period = options_.period,
                         .budget = restart_budget::child,
                         .on_death = options_.on_death};
    for (std::size_t i = 0; i < options_.size; ++i)
      spec.children.push_back(next_member());
    auto started = start_tree(home_, std::move(spec),
                              {.name = options_.name,
                               .link = link_,
                               .before_stop = [queue = queue, why = closing()] { queue->close(why); },
                               .on_ended =
                                   [address = address](const supervisor_link::ending& how) {
                                     static_cast<fleet_address*>(address->get())->take_down(how.error);
                                   }});
    if (!started) {
      static_cast<fleet_address*>(address->get())->take_down(started.error());
      return std::move(started.error());
    }
    tree_.emplace(std::move(*started));
    return {};
  }

  child_spec next_member() {
    return {.name = options_.name + "-" + std::to_string(++last_member_),
            .shutdown = options_.shutdown,
            .backoff = options_.backoff,
            .body = body_};
  }

  caf::error closing() const {
    return make_error(errc::stopped, "the fleet '" + options_.name + "' was stopped");
  }

  caf::error resize(std::size_t size) {
    if (size == 0)
      return make_error(errc::invalid_spec,
                        "fleet '" + options_.name + "': it cannot be resized to 0; stop it instead");
    std::lock_guard guard{resizing_};
    auto members = tree_->list_children();
    if (!members)
      return std::move(members.error());
    auto gave_up = std::ranges::stable_partition(
        *members, [](auto& each) { return each.state != child_state::down_for_good; });
    for (auto& each : gave_up)
      if (auto problem = tree_->delete_child(each.name))
        return problem;
    members->erase(gave_up.begin(), gave_up.end());
    for (auto count = members->size(); count < size; ++count)
      if (auto added = tree_->start_child(next_member()); !added)
        return std::move(added.error());
    while (members->size() > size) {
      auto name = members->back().name;
      members->pop_back();
      if (auto problem = tree_->terminate_child(name))
        return problem;
      if (auto problem = tree_->delete_child(name))
        return problem;
    }
    return {};
  }

  std::size_t broadcast(const caf::message& content) {
    return queue->broadcast(content, static_cast<fleet_address*>(address->get())->deadline_of(content));
  }

  bool drain(caf::timespan limit) {
    auto until = time_after(limit);
    auto done = std::make_shared<std::promise<void>>();
    auto is_done = done->get_future();
    // May come with a lock held: it only wakes whoever waits.
    queue->drain([done] { done->set_value(); });
    if (is_done.wait_until(until) != std::future_status::ready)
      return false;
    stop();
    return true;
  }

  void stop() {
    queue->close(closing());
    tree_->stop();
  }

  fleet_stats stats() const {
    auto result = queue->stats();
    for (auto& each : link_->children())
      result.restarts += each.restarts;
    return result;
  }

  const tree& members() const { return *tree_; }

  std::shared_ptr<fleet_queue> queue;
  caf::strong_actor_ptr address;

private:
  const std::shared_ptr<roster> home_;
  const fleet_options options_;
  const std::shared_ptr<supervisor_link> link_ = std::make_shared<supervisor_link>();
  std::shared_ptr<const child_body> body_;
  std::optional<tree> tree_;
  std::mutex resizing_;
  std::size_t last_member_ = 0; // for those who resize
};

std::shared_ptr<fleet_state> make_fleet(const std::shared_ptr<roster>& home, fleet_options options,
                                        std::shared_ptr<const typed_start> typed, caf::error& problem) {
  auto state = std::make_shared<fleet_state>(home, std::move(options), std::move(typed));
  problem = state->start();
  return problem ? nullptr : state;
}

} // namespace detail

std::size_t fleet_control::broadcast(const caf::message& content) const {
  return state_->broadcast(content);
}

caf::error fleet_control::resize(std::size_t size) const {
  return state_->resize(size);
}

bool fleet_control::drain(caf::timespan limit) const {
  return state_->drain(limit);
}

void fleet_control::stop() const {
  state_->stop();
}

caf::error fleet_control::wait() const {
  return state_->members().wait();
}

fleet_stats fleet_control::stats() const {
  return state_->stats();
}

std::string fleet_control::to_text() const {
  return state_->members().to_text();
}

const caf::strong_actor_ptr& fleet_control::address() const {
  return state_->address;
}

} // namespace interp_actors
