#include "interp_actors/message/lent.hpp"

#include <caf/actor_registry.hpp>

#include <map>
#include <mutex>
#include <set>

namespace interp_actors {

namespace {

/// CAF lets nobody see what its registry keeps, so this is a list beside it, and as global as inspection, which fills it.
struct lent_actors {
  std::mutex mutex;
  std::map<caf::actor_system*, std::set<caf::actor_id>> known;
};

lent_actors& all_lent() {
  static lent_actors result;
  return result;
}

} // namespace

void note_lent(const caf::strong_actor_ptr& actor) {
  if (!actor || actor->node() != actor->home_system->node())
    return;
  auto& all = all_lent();
  std::lock_guard guard{all.mutex};
  all.known[actor->home_system].insert(actor->id());
}

void recall_lent(caf::actor_system& system) {
  auto& all = all_lent();
  std::set<caf::actor_id> lent;
  {
    std::lock_guard guard{all.mutex};
    auto found = all.known.extract(&system);
    if (found)
      lent = std::move(found.mapped());
  }
  for (auto id : lent)
    system.registry().erase(id);
}

} // namespace interp_actors
