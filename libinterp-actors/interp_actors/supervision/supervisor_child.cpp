#include "interp_actors/supervision/supervisor_child.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/supervision/operations.hpp"
#include "interp_actors/supervision/relay_process.hpp"
#include "interp_actors/supervision/supervisor.hpp"
#include "interp_actors/supervision/timed_event.hpp"

#include <caf/actor_cast.hpp>

namespace interp_actors {

namespace {

class supervisor_process final : public relay_process {
public:
  supervisor_process(const std::shared_ptr<roster>& home, supervisor_spec spec, std::string name,
                     std::shared_ptr<child_events> events)
      : relay_process{home, std::move(name), std::move(events),
                      home->system.message_types<supervisor_actor>()},
        spec_{std::move(spec)} {}

  ~supervisor_process() override { // does nothing where it has ended
    if (link_)
      link_->stop();
  }

  std::shared_ptr<supervisor_link> below() const override { return link_; }

  void prepare() override { link_ = std::make_shared<supervisor_link>(); }

  void start(std::uint64_t number, std::shared_ptr<const death_report>) override {
    number_ = number;
    link_->on_started = [events = events_, number] { events->started(number); };
    link_->on_ended = [events = events_, name = name_, number, front = front_,
                       born = deadline_clock::now()](const supervisor_link::ending& how) {
      static_cast<relay*>(front->get())->leave();
      tell_end(*events, name, number, how.reason, how.error, deadline_clock::now() - born, "it was stopped");
    };
    if (auto problem = start_supervisor(home_, spec_, name_, link_)) {
      link_->close({death_reason::start_failed, std::move(problem)});
      return;
    }
    if (auto handle = link_->handle()) {
      front().lead_to(std::move(handle));
      if (!link_->handle())
        front().leave(); // it has ended meanwhile, perhaps before the line above
    }
  }

  void stop(std::uint64_t number, const caf::error&, std::chrono::nanoseconds limit) override {
    if (number != number_ || !link_)
      return;
    link_->stop();
    if (limit == std::chrono::nanoseconds::zero()) {
      link_->post(supervisor_link::abandon_event{});
      return;
    }
    auto when = time_after(limit);
    if (when == no_deadline)
      return;
    time_is_up_ = std::make_shared<timed_event>(link_, supervisor_link::abandon_event{});
    time_is_up_->call_at(when);
    home_->arm(time_is_up_, when);
  }

private:
  const supervisor_spec spec_;
  std::shared_ptr<supervisor_link> link_;
  std::shared_ptr<timed_event> time_is_up_;
};

class supervisor_body final : public child_body {
public:
  explicit supervisor_body(supervisor_spec spec) : spec_{std::move(spec)} {}

  bool is_supervisor() const override { return true; }

  caf::error check() const override {
    auto spec = spec_;
    return prepare(spec);
  }

  std::unique_ptr<child_process> make(const std::shared_ptr<roster>& home, const std::string& name,
                                      std::shared_ptr<child_events> events) const override {
    return std::make_unique<supervisor_process>(home, spec_, name, std::move(events));
  }

private:
  const supervisor_spec spec_;
};

} // namespace

std::shared_ptr<const child_body> supervisor_child(supervisor_spec spec) {
  return std::make_shared<supervisor_body>(std::move(spec));
}

} // namespace interp_actors
