#include "interp_actors/supervision/actor_child.hpp"

#include "interp_actors/actor/outbox.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/supervision/relay_process.hpp"

#include <caf/exit_reason.hpp>

#include <mutex>

namespace interp_actors {

namespace {

death_reason reason_of(const caf::error& why) {
  if (!why)
    return death_reason::normal;
  if (why == caf::exit_reason::user_shutdown)
    return death_reason::shutdown;
  return why == caf::exit_reason::kill ? death_reason::killed : death_reason::exception;
}

/// One incarnation of a C++ actor: tells of its end once, and ends it step by step where it is asked to.
/// Thread: `ended` the actor's last one, `tick` the timer's, the rest the supervisor's.
/// Death: whoever is first, the actor's end or the last step, tells; the other finds it told.
class actor_life final : public timer::client, public std::enable_shared_from_this<actor_life> {
public:
  actor_life(std::shared_ptr<roster> home, std::shared_ptr<child_events> events, std::string name,
             std::uint64_t number, caf::strong_actor_ptr front, caf::strong_actor_ptr actor)
      : home_{std::move(home)},
        events_{std::move(events)},
        name_{std::move(name)},
        number_{number},
        front_{std::move(front)},
        actor_{std::move(actor)} {}

  void watch() {
    actor_->get()->attach_functor(
        [self = shared_from_this()](const caf::error& why) { self->tell(self->reason_of_end(why), why); });
  }

  void stop(const caf::error& reason, std::chrono::nanoseconds limit) {
    auto when = time_after(limit);
    caf::strong_actor_ptr actor;
    {
      std::lock_guard guard{mutex_};
      kill_at_ = std::min(kill_at_, when);
      asked_for_ = reason;
      actor = actor_;
    }
    if (!actor)
      return;
    send_exit(actor, actor->address(), reason);
    home_->arm(shared_from_this(), when);
  }

protected:
  time_point tick(time_point now) override {
    caf::strong_actor_ptr actor;
    {
      std::lock_guard guard{mutex_};
      if (!actor_ || now < kill_at_)
        return actor_ ? kill_at_ : no_deadline;
      if (give_up_at_ == no_deadline) {
        give_up_at_ = now + home_->settings.grace;
        actor = actor_;
      } else if (now < give_up_at_) {
        return give_up_at_;
      }
    }
    if (actor) {
      send_exit(actor, actor->address(), caf::make_error(caf::exit_reason::kill));
      return give_up_at_;
    }
    tell(death_reason::abandoned,
         make_error(errc::abandoned, "the actor '" + name_ + "' did not end when it was killed"));
    return no_deadline;
  }

private:
  /// An actor that was asked to end has the reason that it was given, or one of its own.
  death_reason reason_of_end(const caf::error& why) {
    std::lock_guard guard{mutex_};
    return why && why == asked_for_ ? death_reason::shutdown : reason_of(why);
  }

  void tell(death_reason reason, const caf::error& why) {
    caf::strong_actor_ptr actor;
    {
      std::lock_guard guard{mutex_};
      actor.swap(actor_);
    }
    if (!actor)
      return;
    static_cast<relay*>(front_->get())->leave();
    tell_end(*events_, name_, number_, reason, why, deadline_clock::now() - born_, "it ended by itself");
  }

  const std::shared_ptr<roster> home_;
  const std::shared_ptr<child_events> events_;
  const std::string name_;
  const std::uint64_t number_;
  const caf::strong_actor_ptr front_;
  const time_point born_ = deadline_clock::now();
  std::mutex mutex_;
  caf::strong_actor_ptr actor_; // null once it has ended or was given up
  caf::error asked_for_;        // by the supervisor
  time_point kill_at_ = no_deadline;
  time_point give_up_at_ = no_deadline;
};

class actor_process final : public relay_process {
public:
  actor_process(const std::shared_ptr<roster>& home, detail::actor_maker maker, std::string name,
                std::shared_ptr<child_events> events)
      : relay_process{home, std::move(name), std::move(events), maker.types(home->system)},
        maker_{std::move(maker)} {}

  ~actor_process() override { // does nothing where it has ended
    if (life_)
      life_->stop(caf::make_error(caf::exit_reason::user_shutdown), std::chrono::nanoseconds::zero());
  }

  void start(std::uint64_t number, std::shared_ptr<const death_report>) override {
    number_ = number;
    caf::strong_actor_ptr actor;
    caf::error problem;
    try {
      actor = maker_.make(home_->system);
    } catch (const std::exception& thrown) {
      problem = make_error(errc::start_failed, std::string{thrown.what()});
    } catch (...) { // it would end the supervisor
      problem =
          make_error(errc::start_failed, "what makes the actor threw something that is no std::exception");
    }
    if (!actor && !problem)
      problem = make_error(errc::start_failed, "no actor was spawned");
    if (problem) {
      tell_end(*events_, name_, number, death_reason::start_failed, problem, {});
      return;
    }
    life_ = std::make_shared<actor_life>(home_, events_, name_, number, front_, actor);
    events_->started(number);
    front().lead_to(actor);
    life_->watch(); // an actor that has ended already says so at once
  }

  void stop(std::uint64_t number, const caf::error& reason, std::chrono::nanoseconds limit) override {
    if (number == number_ && life_)
      life_->stop(reason, limit);
  }

private:
  const detail::actor_maker maker_;
  std::shared_ptr<actor_life> life_;
};

class actor_body final : public child_body {
public:
  explicit actor_body(detail::actor_maker maker) : maker_{std::move(maker)} {}

  std::unique_ptr<child_process> make(const std::shared_ptr<roster>& home, const std::string& name,
                                      std::shared_ptr<child_events> events) const override {
    return std::make_unique<actor_process>(home, maker_, name, std::move(events));
  }

private:
  const detail::actor_maker maker_;
};

} // namespace

std::shared_ptr<const child_body> detail::make_actor_child(actor_maker maker) {
  return std::make_shared<actor_body>(std::move(maker));
}

} // namespace interp_actors
