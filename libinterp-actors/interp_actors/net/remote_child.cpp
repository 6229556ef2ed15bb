#include "interp_actors/net/remote_child.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/net/node_hub.hpp"
#include "interp_actors/net/remote_incarnation.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>

#include <mutex>

namespace interp_actors {

namespace {

/// What the incarnations of one child tell.
/// Thread: any; the mutex is never held while something else is called.
/// Owner: the child's process and its incarnations, which may outlive it.
class record final : public keeper {
public:
  explicit record(std::shared_ptr<child_events> events) : events_{std::move(events)} {}

  void on_ready(std::uint64_t) override {}
  void on_started(std::uint64_t number) override { events_->started(number); }
  void on_death(std::uint64_t number, std::shared_ptr<const death_report> report,
                const caf::error& reason) override {
    events_->died(number, std::move(report), reason, false);
  }
  void on_gone(std::uint64_t number) override { events_->gone(number); }
  void on_snapshot(std::uint64_t, shared_bytes snapshot) override {
    std::lock_guard guard{mutex_};
    std::swap(snapshot_, snapshot);
  }
  void on_due(std::uint64_t number) override { events_->due(number); }

  shared_bytes snapshot() const {
    std::lock_guard guard{mutex_};
    return snapshot_;
  }

private:
  const std::shared_ptr<child_events> events_;
  mutable std::mutex mutex_;
  shared_bytes snapshot_;
};

class remote_process final : public child_process {
public:
  remote_process(std::shared_ptr<roster> home, node_hub& hub, std::shared_ptr<const remote_child_parts> parts,
                 const std::string& name, std::shared_ptr<child_events> events)
      : home_{std::move(home)},
        hub_{hub},
        parts_{std::move(parts)},
        name_{name},
        events_{events},
        record_{std::make_shared<record>(std::move(events))} {
    auto options = parts_->options.spawn;
    options.name = name;
    succession rules{
        .remembers = true, .redelivers = parts_->options.succession.attempts > 0, .queue = parts_->queue};
    auto box = std::make_shared<mailbox>(options.mailbox, std::move(rules), home_->bells);
    auto handle = home_->system.spawn<class address>(home_, box, options,
                                                     parts_->typed ? parts_->typed->type : nullptr);
    address_ = caf::actor_cast<caf::strong_actor_ptr>(handle);
    if (parts_->queue)
      parts_->queue->join(*box);
  }

  ~remote_process() override {
    if (closed_)
      return;
    if (current_)
      current_->stop(caf::make_error(caf::exit_reason::user_shutdown), home_->settings.shutdown_timeout,
                     death_reason::shutdown);
    close(make_error(errc::stopped, "'" + name_ + "' has no supervisor any more"), true);
  }

  caf::strong_actor_ptr address() const override { return address_; }

  void start(std::uint64_t number, std::shared_ptr<const death_report> previous) override {
    number_ = number;
    place().box()->reopen();
    tenure life{record_, {number, std::move(previous), record_->snapshot()}, parts_->options.succession};
    current_ =
        std::make_shared<remote_incarnation>(home_, hub_, place().box(), parts_, name_, std::move(life));
    place().inhabit(current_);
    caf::error problem;
    if (!hub_.adopt(current_)) {
      problem = make_error(errc::stopped, "the runtime has stopped; no interpreter can be started any more");
    } else {
      try {
        current_->launch();
        return;
      } catch (const std::exception& failure) { // no more threads, or no memory
        hub_.ended(*current_);
        problem = make_error(errc::start_failed, std::string{failure.what()});
      }
    }
    current_ = nullptr;
    tell_end(*events_, name_, number, death_reason::start_failed, problem, {});
  }

  void stop(std::uint64_t number, const caf::error& reason, std::chrono::nanoseconds limit) override {
    if (number != number_ || !current_)
      return;
    if (limit == std::chrono::nanoseconds::zero())
      current_->give_up(reason);
    else
      current_->stop(reason, limit, death_reason::shutdown);
  }

  void close(const caf::error& reason, bool for_good) override {
    place().box()->close(reason);
    if (!for_good)
      return;
    closed_ = true;
    if (parts_->queue)
      parts_->queue->part(*place().box());
    place().take_down(reason);
  }

private:
  class address& place() const { return *static_cast<class address*>(address_->get()); }

  const std::shared_ptr<roster> home_;
  node_hub& hub_;
  const std::shared_ptr<const remote_child_parts> parts_;
  const std::string name_;
  const std::shared_ptr<child_events> events_;
  const std::shared_ptr<record> record_;
  caf::strong_actor_ptr address_;
  std::shared_ptr<remote_incarnation> current_;
  std::uint64_t number_ = 0;
  bool closed_ = false;
};

} // namespace

std::unique_ptr<child_process> make_remote_child(const std::shared_ptr<roster>& home, node_hub& hub,
                                                 std::shared_ptr<const remote_child_parts> parts,
                                                 const std::string& name,
                                                 std::shared_ptr<child_events> events) {
  return std::make_unique<remote_process>(home, hub, std::move(parts), name, std::move(events));
}

} // namespace interp_actors
