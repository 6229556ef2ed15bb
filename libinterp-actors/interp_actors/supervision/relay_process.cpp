#include "interp_actors/supervision/relay_process.hpp"

#include "interp_actors/actor/translate.hpp"

namespace interp_actors {

relay_process::relay_process(std::shared_ptr<roster> home, std::string name,
                             std::shared_ptr<child_events> events, std::set<std::string> types)
    : home_{std::move(home)},
      name_{std::move(name)},
      events_{std::move(events)},
      front_{caf::actor_cast<caf::strong_actor_ptr>(home_->system.spawn<relay>(name_, std::move(types)))} {}

relay_process::~relay_process() {
  if (!closed_)
    close(make_error(errc::stopped, "'" + name_ + "' has no supervisor any more"), true);
}

void relay_process::close(const caf::error& reason, bool for_good) {
  closed_ = closed_ || for_good;
  if (for_good)
    front().take_down(reason);
  else
    front().shut(reason);
}

} // namespace interp_actors
