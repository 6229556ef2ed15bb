#include "interp_actors/net/node_hub.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/net/remote_child.hpp"
#include "interp_actors/net/remote_incarnation.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>

namespace interp_actors {

namespace {

/// Names this process among all that ever were.
std::string random_name() {
  std::random_device random;
  std::string result;
  for (int i = 0; i < 4; ++i)
    for (auto bits = random(), n = 0u; n < 8; ++n, bits >>= 4)
      result += "0123456789abcdef"[bits & 0xF];
  return result;
}

} // namespace

node_hub::node_hub(caf::actor_system& system, network_options options)
    : system_{system}, options_{std::move(options)}, controller_{random_name()}, lending_{system} {}

node_hub::~node_hub() {
  close();
}

void node_hub::open() {
  if (!options_.certificates.empty())
    tls_ = std::make_shared<const tls_context>(options_.certificates);
  for (auto& node : options_.nodes)
    if (auto link = add(node, false); !link)
      throw std::runtime_error("interp-actors.nodes: " + describe(link.error()));
}

void node_hub::close() {
  std::map<std::string, std::shared_ptr<node_link>> links;
  {
    std::lock_guard guard{mutex_};
    closed_ = true;
    links.swap(links_);
  }
  for (auto& [name, link] : links)
    link->close();
  changed(); // nobody waits for a slot any more
  std::set<std::shared_ptr<remote_incarnation>> live;
  std::vector<std::shared_ptr<remote_incarnation>> finished;
  {
    std::lock_guard guard{mutex_};
    live.swap(live_);
    finished.swap(finished_);
  }
  for (auto& each : live)
    each->thread().join(); // their sessions are lost
  for (auto& each : finished)
    each->thread().join();
  lending_.close();
}

caf::expected<std::shared_ptr<node_link>> node_hub::connect(const std::string& node) {
  auto added = add(node, true);
  if (!added)
    return std::move(added.error());
  auto& [link, is_new] = *added;
  auto problem = link->wait_connected();
  if (!problem)
    return link;
  if (is_new) {
    {
      std::lock_guard guard{mutex_};
      links_.erase(link->name());
    }
    link->close();
  }
  return problem;
}

caf::expected<std::pair<std::shared_ptr<node_link>, bool>> node_hub::add(const std::string& node,
                                                                         bool is_asked_for) {
  auto where = parse_endpoint(node);
  if (!where || where->port == 0)
    return make_error(errc::refused, "'" + node + "' names no node; give HOST:PORT, such as worker-1:4242");
  if (!has_network(system_))
    return make_error(
        errc::refused,
        "the program has no network: set interp-actors.nodes, or config::network.enabled before run_main");
  try {
    if (!tls_ && !is_loopback(*where))
      return make_error(errc::refused,
                        node
                            + " is another machine, and nothing leaves this one without certificates; "
                              "give interp-actors.certificate, .key and .ca");
  } catch (const std::runtime_error& problem) {
    return make_error(errc::refused, std::string{problem.what()});
  }
  std::shared_ptr<node_link> link;
  {
    std::lock_guard guard{mutex_};
    if (closed_)
      return make_error(errc::stopped, "the runtime has stopped");
    auto& place = links_[to_string(*where)];
    if (place)
      return std::pair{place, false};
    place = link = std::make_shared<node_link>(system_, *where, options_, tls_, controller_, is_asked_for,
                                               [weak = weak_from_this()] {
                                                 if (auto self = weak.lock())
                                                   self->changed();
                                               });
  }
  link->open();
  return std::pair{std::move(link), true};
}

std::vector<std::shared_ptr<node_link>> node_hub::links() const {
  std::lock_guard guard{mutex_};
  std::vector<std::shared_ptr<node_link>> result;
  for (auto& [name, link] : links_)
    result.push_back(link);
  return result;
}

caf::expected<std::shared_ptr<node_session>> node_hub::take_slot(const placement& where) {
  std::vector<std::shared_ptr<node_session>> candidates;
  auto endpoint = parse_endpoint(where.node); // users write the same one in several ways
  auto wanted = endpoint ? to_string(*endpoint) : where.node;
  {
    std::lock_guard guard{mutex_};
    if (closed_)
      return make_error(errc::stopped, "the runtime has stopped");
    if (links_.empty() || (where.where == placement::kind::one_node && !links_.contains(wanted)))
      return make_error(errc::no_node, (links_.empty() ? std::string{"there are no nodes"}
                                                       : "there is no node '" + where.node + "'")
                                           + "; name it in interp-actors.nodes, or connect to it first");
    for (auto& [name, link] : links_)
      if (where.where == placement::kind::any_node || name == wanted)
        if (auto session = link->session())
          candidates.push_back(std::move(session));
    if (!candidates.empty()) // equals take turns
      std::ranges::rotate(candidates,
                          candidates.begin() + static_cast<std::ptrdiff_t>(turn_++ % candidates.size()));
  }
  std::ranges::stable_sort(candidates, std::greater{}, [](auto& each) { return each->free_slots(); });
  for (auto& each : candidates)
    if (each->take_slot())
      return each;
  return std::shared_ptr<node_session>{};
}

void node_hub::watch(const std::shared_ptr<bell>& wake) {
  std::lock_guard guard{mutex_};
  std::erase_if(waiting_, [](auto& each) { return each.expired(); });
  waiting_.push_back(wake);
}

void node_hub::changed() {
  std::vector<std::shared_ptr<bell>> waiting;
  {
    std::lock_guard guard{mutex_};
    for (auto& each : waiting_)
      if (auto wake = each.lock())
        waiting.push_back(std::move(wake));
  }
  for (auto& each : waiting)
    each->ring();
}

std::string node_hub::describe_nodes() const {
  std::string result;
  for (auto& link : links())
    result += (result.empty() ? "" : "; ") + link->name() + ": " + link->state();
  return result;
}

bool node_hub::adopt(std::shared_ptr<remote_incarnation> incarnation) {
  std::vector<std::shared_ptr<remote_incarnation>> finished;
  {
    std::lock_guard guard{mutex_};
    if (closed_)
      return false; // `close` joins them
    finished.swap(finished_);
    live_.insert(std::move(incarnation));
  }
  for (auto& each : finished)
    each->thread().join();
  return true;
}

void node_hub::ended(const remote_incarnation& incarnation) {
  std::lock_guard guard{mutex_};
  auto place = std::ranges::find_if(live_, [&](auto& each) { return each.get() == &incarnation; });
  if (place == live_.end())
    return;
  finished_.push_back(*place);
  live_.erase(place);
}

std::unique_ptr<child_process> node_hub::make_child(const std::shared_ptr<roster>& home,
                                                    std::shared_ptr<const remote_child_parts> parts,
                                                    const std::string& name,
                                                    std::shared_ptr<child_events> events) {
  return make_remote_child(home, *this, std::move(parts), name, std::move(events));
}

} // namespace interp_actors
