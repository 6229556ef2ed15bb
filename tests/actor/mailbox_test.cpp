#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/all.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>

#include <gtest/gtest.h>

#include <thread>

using namespace std::chrono_literals;

namespace {

/// An actor whose mailbox somebody else closes when its last handle is gone and it does not know yet.
class closed_at_the_last_moment final : public caf::actor_companion {
public:
  closed_at_the_last_moment(caf::actor_config& config, std::shared_ptr<ia::mailbox> box)
      : caf::actor_companion{config}, box_{std::move(box)} {
    box_->bind(ctrl());
  }

private:
  void INTERP_ACTORS_ON_LAST_HANDLE() override {
    // CAF 1.1 counts this call as a reference, so that others still find the actor here; 0.18 does not.
    bool found = box_->close(caf::make_error(caf::exit_reason::user_shutdown));
    EXPECT_EQ(found, CAF_MAJOR_VERSION >= 1);
    EXPECT_EQ(box_->close(caf::make_error(caf::exit_reason::unreachable), false), !found);
    caf::actor_companion::INTERP_ACTORS_ON_LAST_HANDLE();
  }

  const std::shared_ptr<ia::mailbox> box_;
};

/// A mailbox with its address, and this thread as its consumer: each step of sender, consumer and timer at
/// will.
class Mailbox : public ::testing::Test {
private:
  caf::actor_system_config config_;

protected:
  Mailbox() {
    ia::detail::init_types();
    system_.emplace(config_);
    handle_ = caf::actor_cast<caf::strong_actor_ptr>(
        system_->spawn<ia::address>(nullptr, box, ia::spawn_options{}));
    consumer = box->attach(box->make_bell());
  }

  ~Mailbox() override {
    if (box->unreachable())
      return; // the address is gone already
    box->close({});
    if (about_to_park_) // as every consumer does that found nothing: this gives back its reference
      park();
    static_cast<ia::address*>(box->address()->get())->cleanup(caf::error{}, nullptr);
    box->release_address();
  }

  ia::mailbox::push_result push(int value, ia::time_point deadline = ia::no_deadline,
                                caf::message_priority priority = caf::message_priority::normal) {
    auto element =
        ia::compat::make_element(nullptr, caf::make_message_id(priority), caf::make_message(value));
    return box->push(element, deadline);
  }

  ia::mailbox::push_result push_event(int value) {
    auto element = ia::compat::make_element(nullptr, caf::make_message_id(), caf::make_message(value));
    return box->push_event(element);
  }

  /// The next message's value, or -1.
  int take() {
    auto taken = box->take(consumer);
    about_to_park_ = taken.what == ia::mailbox::taken::kind::empty;
    if (taken.what != ia::mailbox::taken::kind::message)
      return -1;
    box->end(consumer, taken.activity);
    return taken.element->payload.get_as<int>(0);
  }

  void park() {
    about_to_park_ = false;
    box->park(consumer);
  }

  std::shared_ptr<ia::mailbox> box =
      std::make_shared<ia::mailbox>(ia::mailbox_limits{.messages = 3, .bytes = 0});
  using phase = ia::mailbox::phase;
  ia::mailbox::consumer_number consumer = 0;
  caf::strong_actor_ptr handle_;
  std::optional<caf::actor_system> system_;

private:
  bool about_to_park_ = false;
};

TEST_F(Mailbox, KeepsTheOrderAndLetsUrgentMessagesOvertake) {
  push(1);
  push(2);
  push(3, ia::no_deadline, caf::message_priority::high);
  EXPECT_EQ(take(), 3);
  EXPECT_EQ(take(), 1);
  EXPECT_EQ(take(), 2);
  EXPECT_EQ(take(), -1);
}

TEST_F(Mailbox, RefusesWhatIsBeyondItsLimitAndCountsIt) {
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(push(i), ia::mailbox::push_result::accepted);
  EXPECT_EQ(push(3), ia::mailbox::push_result::full);
  EXPECT_EQ(box->dropped(), 1u);
  EXPECT_EQ(take(), 0);
  EXPECT_EQ(push(4), ia::mailbox::push_result::accepted);
}

TEST_F(Mailbox, EventsTakeNoMessagesPlaceAndAreNeverRefused) {
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(push_event(i), ia::mailbox::push_result::accepted);
  for (int round = 0; round < 2; ++round) { // what was taken is not counted off, either
    for (int i = 5; i < 8; ++i)
      EXPECT_EQ(push(i), ia::mailbox::push_result::accepted);
    EXPECT_EQ(push(8), ia::mailbox::push_result::full);
    EXPECT_EQ(push_event(8), ia::mailbox::push_result::accepted);
    for (int i = round == 0 ? 0 : 5; i < 9; ++i)
      EXPECT_EQ(take(), i);
    EXPECT_EQ(take(), -1);
  }
  EXPECT_EQ(box->dropped(), 2u);
}

TEST_F(Mailbox, EventsHaveNoDeadline) {
  push_event(1);
  EXPECT_EQ(box->expire(ia::no_deadline - 1h), ia::no_deadline);
  EXPECT_EQ(take(), 1);
  box->close(caf::make_error(ia::errc::stopped));
  EXPECT_EQ(push_event(2), ia::mailbox::push_result::closed);
}

TEST_F(Mailbox, DoesNotParkWhenTheTimerHasSortedInAMessage) {
  EXPECT_EQ(take(), -1); // the consumer finds nothing and is about to park
  push(1);
  box->expire(ia::deadline_clock::now()); // takes it out of the inbox
  park();                                 // must not sleep for ever
  EXPECT_EQ(take(), 1);
}

TEST_F(Mailbox, DoesNotParkWhenAMessageCameSinceTheLastTake) {
  EXPECT_EQ(take(), -1);
  push(1);
  park();
  EXPECT_EQ(take(), 1);
}

TEST_F(Mailbox, TakingWithoutParkingKeepsOneReference) {
  auto before = box->address()->strong_refs.load();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(take(), -1);
    push(i);
    EXPECT_EQ(take(), i);
    EXPECT_EQ(box->address()->strong_refs.load(), before);
  }
}

TEST_F(Mailbox, WakesAParkedConsumer) {
  std::thread sender{[this] { push(1); }};
  while (take() != 1)
    park();
  sender.join();
}

TEST_F(Mailbox, StaysParkedWhenTheBellRingsForAnotherReason) {
  std::thread sender{[this] {
    box->ring();
    push(1);
  }};
  int got = -1;
  while ((got = take()) == -1)
    park();
  EXPECT_EQ(got, 1);
  sender.join();
}

TEST_F(Mailbox, ClosingWakesAParkedConsumerAndRefusesTheRest) {
  std::thread closer{[this] { box->close(caf::make_error(ia::errc::stopped)); }};
  for (;;) {
    auto taken = box->take(consumer);
    if (taken.what == ia::mailbox::taken::kind::closed)
      break;
    park();
  }
  closer.join();
  EXPECT_EQ(push(1), ia::mailbox::push_result::closed);
  EXPECT_EQ(box->reason(), ia::errc::stopped);
}

TEST_F(Mailbox, DropsAsynchronousMessagesWhoseDeadlineHasPassed) {
  auto now = ia::deadline_clock::now();
  push(1, now - 1s);
  push(2, now + 1h);
  EXPECT_EQ(box->expire(now), now + 1h);
  EXPECT_EQ(box->dropped(), 1u);
  EXPECT_EQ(take(), 2);
  push(3, now - 1s);
  EXPECT_EQ(take(), -1) << "the consumer drops what it would take itself";
  EXPECT_EQ(box->dropped(), 2u);
}

TEST_F(Mailbox, ClimbsTheLadderStepByStep) {
  using kind = ia::mailbox::ladder_step::kind;
  auto begin = ia::deadline_clock::now();
  auto activity = box->begin(consumer, begin + 1s, phase::start);
  auto grace = 200ms;
  auto step = box->step(consumer, begin, grace);
  EXPECT_EQ(step.what, kind::wait);
  EXPECT_EQ(step.next, begin + 1s);
  step = box->step(consumer, begin + 1s, grace);
  EXPECT_EQ(step.what, kind::interrupt);
  EXPECT_EQ(step.activity, activity);
  EXPECT_EQ(step.next, begin + 1s + ia::unwind_time);
  step = box->step(consumer, step.next, grace);
  EXPECT_EQ(step.what, kind::wait);
  EXPECT_EQ(step.next, begin + 1s + grace / 2);
  step = box->step(consumer, step.next, grace);
  EXPECT_EQ(step.what, kind::interrupt);
  EXPECT_EQ(step.next, begin + 1s + grace * 3 / 4);
  step = box->step(consumer, step.next, grace);
  EXPECT_EQ(step.what, kind::insist);
  EXPECT_EQ(step.next, begin + 1s + grace);
  EXPECT_EQ(box->step(consumer, begin + 1s + grace - 1ns, grace).what, kind::wait);
  EXPECT_EQ(box->step(consumer, begin + 1s + grace, grace).what, kind::abandon);
  EXPECT_FALSE(box->end(consumer, activity).current) << "the consumer is fenced";
  EXPECT_EQ(box->take(consumer).what, ia::mailbox::taken::kind::fenced);
  EXPECT_EQ(box->begin(consumer, ia::no_deadline, phase::start), 0u);
}

TEST_F(Mailbox, StoppingShortensWhatRunsUnlessItWindsDown) {
  auto now = ia::deadline_clock::now();
  auto activity = box->begin(consumer, now + 1h, phase::start);
  box->stop_activity(now);
  EXPECT_EQ(box->step(consumer, now, 1s).what, ia::mailbox::ladder_step::kind::interrupt);
  EXPECT_EQ(box->end(consumer, activity).cause, ia::interrupt_cause::stopping);
  box->begin(consumer, now + 1h, phase::end);
  box->stop_activity(now);
  EXPECT_EQ(box->step(consumer, now, 1s).what, ia::mailbox::ladder_step::kind::wait);
}

TEST_F(Mailbox, LateTimerGivesEachStepItsTime) {
  using kind = ia::mailbox::ladder_step::kind;
  auto begin = ia::deadline_clock::now();
  auto activity = box->begin(consumer, begin, phase::start);
  auto late = begin + 1h; // the whole process stood still
  EXPECT_EQ(box->step(consumer, late, 200ms).what, kind::interrupt);
  EXPECT_EQ(box->step(consumer, late, 200ms).what, kind::wait);
  auto step = box->step(consumer, late + ia::unwind_time, 200ms);
  EXPECT_EQ(step.next, late + 100ms);
  step = box->step(consumer, step.next + 1h, 200ms); // and once more
  EXPECT_EQ(step.what, kind::interrupt);
  EXPECT_EQ(step.next, late + 1h + 150ms);
  EXPECT_EQ(box->step(consumer, step.next - 1ns, 200ms).what, kind::wait);
  EXPECT_TRUE(box->end(consumer, activity).current);
}

TEST_F(Mailbox, StopThatComesBeforeTheConsumerRunsHoldsForItsStart) {
  auto now = ia::deadline_clock::now();
  box->stop_activity(now + 1s);
  auto activity = box->begin(consumer, now + 1h, phase::start);
  EXPECT_EQ(box->step(consumer, now, 1s).next, now + 1s);
  EXPECT_EQ(box->end(consumer, activity).cause, ia::interrupt_cause::stopping);
}

TEST_F(Mailbox, IdleConsumerThatDoesNotNoticeItsStopIsAbandoned) {
  using kind = ia::mailbox::ladder_step::kind;
  auto now = ia::deadline_clock::now();
  EXPECT_EQ(box->step(consumer, now, 200ms).next, ia::no_deadline);
  box->stop_activity(now);
  auto step = box->step(consumer, now, 200ms);
  EXPECT_EQ(step.what, kind::wait);
  EXPECT_EQ(step.next, now + ia::idle_slack);
  std::size_t steps = 0;
  while (step.what != kind::abandon && ++steps < 10)
    step = box->step(consumer, step.next, 200ms);
  EXPECT_EQ(step.what, kind::abandon);
  EXPECT_EQ(box->begin(consumer, ia::no_deadline, phase::end), 0u) << "the consumer is fenced";
}

TEST_F(Mailbox, AbandonedOneIsLeftAlone) {
  using kind = ia::mailbox::ladder_step::kind;
  box->begin(consumer, ia::no_deadline, phase::start);
  auto now = ia::deadline_clock::now();
  box->stop_activity(now);
  ia::mailbox::ladder_step step{.what = kind::wait, .next = now};
  for (int i = 0; i < 10 && step.what != kind::abandon; ++i)
    step = box->step(consumer, step.next, 200ms);
  ASSERT_EQ(step.what, kind::abandon);
  EXPECT_EQ(step.next, ia::no_deadline);
  step = box->step(consumer, now + 1h, 200ms);
  EXPECT_EQ(step.what, kind::wait);
  EXPECT_EQ(step.next, ia::no_deadline);
}

TEST_F(Mailbox, NobodyIsAbandonedBeforeThereIsAConsumer) {
  auto other = std::make_shared<ia::mailbox>(ia::mailbox_limits{});
  auto handle = caf::actor_cast<caf::strong_actor_ptr>(
      system_->spawn<ia::address>(nullptr, other, ia::spawn_options{}));
  auto now = ia::deadline_clock::now();
  other->stop_activity(now);
  for (int i = 0; i < 10; ++i) {
    auto step = other->step(0, now, 200ms);
    EXPECT_EQ(step.what, ia::mailbox::ladder_step::kind::wait);
    EXPECT_GT(step.next, now);
    now = step.next;
  }
}

TEST_F(Mailbox, IdleConsumerThatNoticesItsStopHasTheTimeOfItsWindingDown) {
  auto now = ia::deadline_clock::now();
  box->stop_activity(now);
  box->step(consumer, now + ia::idle_slack, 200ms); // the ladder has begun
  auto activity = box->begin(consumer, now + 1h, phase::end);
  EXPECT_EQ(box->step(consumer, now + 1min, 200ms).next, now + 1h);
  EXPECT_TRUE(box->end(consumer, activity).current);
  EXPECT_EQ(box->step(consumer, now + 2h, 200ms).next, ia::no_deadline) << "it lingers";
}

TEST_F(Mailbox, ClosesWhenTheLastHandleIsGoneAndTheConsumerParks) {
  handle_.reset(); // the consumer's own reference is the last one now
  EXPECT_EQ(take(), -1);
  park(); // gives it back: the address ends, closes the mailbox and wakes its consumer
  EXPECT_EQ(box->take(consumer).what, ia::mailbox::taken::kind::closed);
  EXPECT_TRUE(box->unreachable());
}

TEST_F(Mailbox, WhoClosesItCannotReviveAnAddressThatIsGone) {
  auto other = std::make_shared<ia::mailbox>(ia::mailbox_limits{});
  auto handle = caf::actor_cast<caf::strong_actor_ptr>(system_->spawn<closed_at_the_last_moment>(other));
  auto other_consumer = other->attach(other->make_bell());
  EXPECT_EQ(other->take(other_consumer).what, ia::mailbox::taken::kind::empty);
  handle.reset();
  other->park(other_consumer); // gives the last reference back
  EXPECT_EQ(other->take(other_consumer).what, ia::mailbox::taken::kind::closed);
  if (!other->unreachable())
    other->release_address();
}

TEST_F(Mailbox, AcceptedMessageKeepsTheAddressUntilItIsHandled) {
  push(1);
  handle_.reset();
  EXPECT_EQ(take(), 1);
  EXPECT_FALSE(box->unreachable());
}

} // namespace
