#include "interp_actors/supervision/supervisor_child.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/supervision/operations.hpp"
#include "interp_actors/supervision/relay_process.hpp"
#include "interp_actors/supervision/supervisor.hpp"

#include <caf/actor_cast.hpp>

#include <atomic>

namespace interp_actors {

namespace {

/// Gives up the children of a supervisor whose time is up.
/// Thread: the timer's.
/// Owner: the process.
class patience final : public timer::client {
public:
  explicit patience(std::weak_ptr<supervisor_link> link) : link_{std::move(link)} {}

  void end_at(time_point when) { when_ = when; }

protected:
  time_point tick(time_point now) override {
    if (time_point when = when_; now < when)
      return when;
    if (auto link = link_.lock())
      link->post(supervisor_link::abandon_event{});
    return no_deadline;
  }

private:
  const std::weak_ptr<supervisor_link> link_;
  std::atomic<time_point> when_{no_deadline};
};

class supervisor_process final : public relay_process {
public:
  supervisor_process(const std::shared_ptr<roster>& home, supervisor_spec spec, std::string name,
                     std::shared_ptr<child_events> events)
      : relay_process{home, std::move(name), std::move(events),
                      home->system.message_types<supervisor_actor>()},
        spec_{std::move(spec)} {}

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
    patience_ = std::make_shared<patience>(link_);
    patience_->end_at(when);
    home_->arm(patience_, when);
  }

private:
  const supervisor_spec spec_;
  std::shared_ptr<supervisor_link> link_;
  std::shared_ptr<patience> patience_;
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
