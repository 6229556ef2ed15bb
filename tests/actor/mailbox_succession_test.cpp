#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/all.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/actor_system.hpp>

#include <gtest/gtest.h>

#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

/// Keeps the answers that it gets.
/// Thread: that of whoever answers, which is the test's.
class asker final : public caf::actor_companion {
public:
  using caf::actor_companion::actor_companion;
  using caf::actor_companion::enqueue;

  bool enqueue(caf::mailbox_element_ptr element, ia::compat::execution_context*) override {
    answers.push_back(element->payload);
    return true;
  }

  std::vector<caf::message> answers;
};

/// A mailbox whose consumers, all of them this thread, follow each other.
class Succession : public ::testing::Test {
protected:
  using kind = ia::mailbox::taken::kind;
  using step_kind = ia::mailbox::ladder_step::kind;
  using phase = ia::mailbox::phase;

  explicit Succession(bool redelivers = true)
      : box{std::make_shared<ia::mailbox>(
            ia::mailbox_limits{.messages = 4, .bytes = 1000},
            ia::succession{.remembers = true, .redelivers = redelivers, .queue = {}},
            std::make_shared<ia::bell_pool>())} {
    ia::detail::init_types();
    system_.emplace(config_);
    handle_ = caf::actor_cast<caf::strong_actor_ptr>(
        system_->spawn<ia::address>(nullptr, box, ia::spawn_options{}));
    sender_ = caf::actor_cast<caf::strong_actor_ptr>(system_->spawn<asker, caf::hidden>());
    unattended = references();
    consumer = attach();
  }

  void TearDown() override {
    leave();
    EXPECT_EQ(references(), unattended) << "a reference was given back too seldom or too often";
    box->close({});
    static_cast<ia::address*>(box->address()->get())->cleanup(caf::error{}, nullptr);
  }

  std::size_t references() const { return box->address()->strong_refs.load(); }

  ia::mailbox::consumer_number attach() {
    bells_.push_back(box->make_bell());
    return box->attach(bells_.back());
  }

  /// What an incarnation does that leaves the mailbox to the next one.
  void leave() {
    auto given = box->vacate(consumer);
    for (int i = 0; i < given.value_or(0); ++i)
      box->release_address();
  }

  static caf::message content_of(int value) { return caf::make_message(ia::wake_atom_v, value); }

  ia::mailbox::push_result push(int value, ia::time_point deadline = ia::no_deadline,
                                caf::message_priority priority = caf::message_priority::normal) {
    auto element = ia::compat::make_element(nullptr, caf::make_message_id(priority), content_of(value));
    return box->push(element, deadline);
  }

  /// Pushes a request, and returns its id.
  caf::message_id ask(int value, ia::time_point deadline = ia::no_deadline) {
    auto id = static_cast<asker*>(sender_->get())->new_request_id(caf::message_priority::normal);
    auto element = ia::compat::make_element(sender_, id, content_of(value));
    EXPECT_EQ(box->push(element, deadline), ia::mailbox::push_result::accepted);
    return id;
  }

  ia::mailbox::taken take() { return box->take(consumer); }

  static int value_of(const ia::mailbox::taken& taken) {
    return taken.what == kind::message ? taken.element->payload.get_as<int>(1) : -1;
  }

  /// Handles the next message, and returns its value, or -1.
  int handle() {
    auto next = take();
    if (next.what == kind::message)
      box->end(consumer, next.activity);
    return value_of(next);
  }

  /// Lets the time pass that the consumer has from `begin` on.
  ia::mailbox::ladder_step climb(ia::time_point begin) {
    ia::mailbox::ladder_step step{.what = step_kind::wait, .next = begin};
    for (int i = 0; i < 10 && step.what != step_kind::abandon; ++i)
      step = box->step(consumer, step.next, 200ms);
    return step;
  }

  /// What a consumer that was abandoned leaves behind.
  void clean_up(ia::mailbox::ladder_step& step) {
    for (int i = 0; i < step.references; ++i)
      box->release_address();
  }

  const std::vector<caf::message>& answers() const { return static_cast<asker*>(sender_->get())->answers; }

  template <class Code>
  void expect_one_answer(Code code) const {
    ASSERT_EQ(answers().size(), 1u);
    ASSERT_TRUE(answers()[0].match_elements<caf::error>());
    EXPECT_EQ(answers()[0].get_as<caf::error>(0), code);
  }

  static caf::error why() { return caf::make_error(ia::errc::stopped); }

  const std::shared_ptr<ia::mailbox> box;
  ia::mailbox::consumer_number consumer = 0;
  std::size_t unattended = 0;

private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  caf::strong_actor_ptr handle_;

protected:
  caf::strong_actor_ptr sender_; // an actor of class `asker`

private:
  std::vector<std::shared_ptr<ia::bell>> bells_;
};

/// The same, where nothing is delivered again.
class SuccessionWithoutAttempts : public Succession {
protected:
  SuccessionWithoutAttempts() : Succession{false} {}
};

// -- to make room
// ------------------------------------------------------------------------------------------------------

TEST_F(Succession, RetiredConsumerTakesNothingAndItsSuccessorAll) {
  push(1);
  EXPECT_TRUE(box->retire(consumer, why(), ia::no_deadline));
  EXPECT_EQ(take().what, kind::closed);
  EXPECT_EQ(box->reason(), ia::errc::stopped);
  EXPECT_EQ(push(2), ia::mailbox::push_result::accepted);
  leave();
  EXPECT_EQ(push(3), ia::mailbox::push_result::accepted);
  consumer = attach();
  for (int i : {1, 2, 3, -1})
    EXPECT_EQ(handle(), i);
}

TEST_F(Succession, RetireWakesAParkedConsumer) {
  std::thread supervisor{[this] { box->retire(consumer, why(), ia::no_deadline); }};
  while (take().what != kind::closed)
    box->park(consumer);
  supervisor.join();
}

TEST_F(Succession, RetireBetweenTakeAndParkIsNoticed) {
  EXPECT_EQ(take().what, kind::empty);
  box->retire(consumer, why(), ia::no_deadline);
  box->park(consumer); // must not sleep for ever
  EXPECT_EQ(take().what, kind::closed);
  EXPECT_EQ(references(), unattended + 1);
}

TEST_F(Succession, RetiredConsumerThatLeavesWithoutALookGivesBackAllItsReferences) {
  EXPECT_EQ(take().what, kind::empty);
  box->retire(consumer, why(), ia::no_deadline);
  EXPECT_EQ(box->vacate(consumer), 2);
  box->release_address();
  box->release_address();
}

TEST_F(Succession, RetireShortensWhatRunsAndItsEndSaysSo) {
  auto now = ia::deadline_clock::now();
  ask(1, now + 1h);
  auto running = take();
  EXPECT_TRUE(box->retire(consumer, why(), now + 1s));
  EXPECT_EQ(box->step(consumer, now, 200ms).next, now + 1s);
  EXPECT_EQ(box->step(consumer, now + 1s, 200ms).what, step_kind::interrupt);
  auto end = box->end(consumer, running.activity);
  EXPECT_TRUE(end.current);
  EXPECT_TRUE(end.closed);
  EXPECT_TRUE(end.unanswered);
  EXPECT_EQ(end.cause, ia::interrupt_cause::stopping);
}

TEST_F(Succession, SuccessorIsNotRetired) {
  box->retire(consumer, why(), ia::deadline_clock::now());
  leave();
  consumer = attach();
  push(1);
  auto running = take();
  EXPECT_EQ(value_of(running), 1);
  EXPECT_EQ(box->step(consumer, ia::deadline_clock::now() + 1h, 200ms).what, step_kind::wait);
  EXPECT_FALSE(box->end(consumer, running.activity).closed);
}

TEST_F(Succession, NobodyRetiresWhoIsGoneOrHasNoOpenMailbox) {
  auto first = consumer;
  leave();
  EXPECT_FALSE(box->retire(first, why(), ia::no_deadline));
  consumer = attach();
  EXPECT_FALSE(box->retire(first, why(), ia::no_deadline));
  EXPECT_EQ(take().what, kind::empty);
  box->close(why());
  EXPECT_FALSE(box->retire(consumer, why(), ia::no_deadline));
}

// -- one after the other
// -----------------------------------------------------------------------------------------------

/// The ways to leave the mailbox.
struct way_out {
  const char* name;
  void (*go)(ia::mailbox& box, ia::mailbox::consumer_number consumer);
};

class EachWayOut : public Succession, public ::testing::WithParamInterface<way_out> {};

TEST_P(EachWayOut, LeavesWhatWaitsInItsOrderUrgentFirst) {
  GetParam().go(*box, consumer);
  push(1);
  leave();
  EXPECT_EQ(references(), unattended);
  push(2);
  push(3, ia::no_deadline, caf::message_priority::high);
  consumer = attach();
  push(4, ia::no_deadline, caf::message_priority::high);
  EXPECT_EQ(references(), unattended + 1);
  for (int i : {3, 4, 1, 2, -1})
    EXPECT_EQ(handle(), i);
}

TEST_P(EachWayOut, LeavesAnEmptyMailboxToASuccessorThatParks) {
  GetParam().go(*box, consumer);
  leave();
  EXPECT_EQ(references(), unattended);
  consumer = attach();
  std::thread sender{[this] { push(1); }};
  int got = -1;
  while ((got = handle()) == -1)
    box->park(consumer);
  sender.join();
  EXPECT_EQ(got, 1);
}

INSTANTIATE_TEST_SUITE_P(
    , EachWayOut,
    ::testing::Values(way_out{"Idle", [](ia::mailbox&, ia::mailbox::consumer_number) {}},
                      way_out{"AboutToPark",
                              [](ia::mailbox& box, ia::mailbox::consumer_number consumer) {
                                box.take(consumer);
                              }},
                      way_out{"Parked",
                              [](ia::mailbox& box, ia::mailbox::consumer_number consumer) {
                                box.take(consumer);
                                box.ring();
                                box.park(consumer); // returns, parked still
                              }},
                      way_out{"Busy",
                              [](ia::mailbox& box, ia::mailbox::consumer_number consumer) {
                                box.begin(consumer, ia::no_deadline, ia::mailbox::phase::end);
                              }}),
    [](auto& info) { return info.param.name; });

TEST_F(Succession, FencedConsumerChangesNothing) {
  auto old = consumer;
  push(1);
  auto running = take();
  auto step = box->give_up(consumer);
  EXPECT_EQ(step.what, step_kind::abandon);
  clean_up(step);
  consumer = attach();
  push(2);
  auto next = take();
  EXPECT_EQ(value_of(next), 2);
  EXPECT_FALSE(box->is_current(old));
  EXPECT_EQ(box->take(old).what, kind::fenced);
  EXPECT_FALSE(box->end(old, running.activity).current);
  EXPECT_EQ(box->begin(old, ia::no_deadline, phase::end), 0u);
  EXPECT_EQ(box->vacate(old), std::nullopt);
  EXPECT_EQ(box->give_up(old).what, step_kind::wait);
  EXPECT_EQ(box->step(old, ia::no_deadline, 200ms).what, step_kind::wait);
  EXPECT_TRUE(box->end(consumer, next.activity).current) << "the new one's activity goes on";
}

TEST_F(Succession, FencedConsumerDoesNotDisturbTheParkedOne) {
  auto old = consumer;
  EXPECT_EQ(take().what, kind::empty);
  leave();
  consumer = attach();
  EXPECT_EQ(take().what, kind::empty);
  box->ring();
  box->park(consumer);
  EXPECT_EQ(references(), unattended);
  box->park(old); // returns at once
  EXPECT_EQ(box->take(old).what, kind::fenced);
  EXPECT_EQ(box->vacate(old), std::nullopt);
  EXPECT_EQ(references(), unattended);
  push(1);
  EXPECT_EQ(references(), unattended + 1);
  EXPECT_EQ(handle(), 1);
}

// -- again
// -------------------------------------------------------------------------------------------------------------

TEST_F(Succession, WhatIsPutBackIsTheNextOneAndCountsTowardsTheBounds) {
  for (int i = 1; i <= 4; ++i)
    push(i);
  auto cut_short = take();
  EXPECT_EQ(value_of(cut_short), 1);
  leave();
  auto death = std::make_shared<const ia::death_report>();
  box->put_back({std::move(cut_short.element), {death}}, false);
  EXPECT_EQ(push(5), ia::mailbox::push_result::full);
  consumer = attach();
  auto again = take();
  EXPECT_EQ(value_of(again), 1);
  EXPECT_EQ(again.deaths, std::vector{death});
  box->end(consumer, again.activity);
  for (int i : {2, 3, 4, -1})
    EXPECT_EQ(handle(), i);
  for (int i = 1; i <= 4; ++i)
    EXPECT_EQ(push(i), ia::mailbox::push_result::accepted);
  EXPECT_EQ(push(5), ia::mailbox::push_result::full);
}

TEST_F(Succession, WhatIsPutBackCountsItsBytes) {
  auto large = [](std::size_t size) {
    auto bytes = ia::shared_bytes::copy(std::string(size, 'x'));
    return ia::compat::make_element(nullptr, caf::make_message_id(),
                                    caf::make_message(ia::wake_atom_v, bytes));
  };
  auto first = large(600);
  EXPECT_EQ(box->push(first, ia::no_deadline), ia::mailbox::push_result::accepted);
  auto taken = take();
  leave();
  box->put_back({std::move(taken.element), {}}, false);
  auto second = large(600);
  EXPECT_EQ(box->push(second, ia::no_deadline), ia::mailbox::push_result::full);
  consumer = attach();
  taken = take();
  box->end(consumer, taken.activity);
  EXPECT_EQ(box->push(second, ia::no_deadline), ia::mailbox::push_result::accepted);
}

TEST_F(Succession, WhatIsPutBackWhereNobodyFollowsIsAnswered) {
  ask(1);
  auto taken = take();
  leave();
  box->close(why());
  box->put_back({std::move(taken.element), {}}, false);
  expect_one_answer(ia::errc::stopped);
}

TEST_F(Succession, WhatIsPutBackCanBeCancelledAndExpires) {
  auto now = ia::deadline_clock::now();
  auto id = ask(1);
  ask(2, now + 1h);
  for (int i = 0; i < 2; ++i) {
    auto taken = take();
    box->end(consumer, taken.activity);
    box->put_back({std::move(taken.element), {}}, false);
    if (i == 0) {
      EXPECT_EQ(box->cancel(box->address(), id, now), 0u) << "another's request";
      EXPECT_TRUE(answers().empty());
      EXPECT_EQ(box->cancel(sender_.get(), id, now), 0u);
      expect_one_answer(ia::errc::cancelled);
    }
  }
  leave();
  EXPECT_EQ(box->expire(now), now + 1h);
  EXPECT_EQ(box->expire(now + 1h), ia::no_deadline);
  ASSERT_EQ(answers().size(), 2u);
  EXPECT_EQ(answers()[1].get_as<caf::error>(0), ia::errc::deadline_exceeded);
  for (int i = 1; i <= 4; ++i)
    EXPECT_EQ(push(i), ia::mailbox::push_result::accepted) << "neither counts any more";
}

TEST_F(Succession, WhatIsPutBackIsAnsweredByTheClose) {
  ask(1);
  auto taken = take();
  leave();
  box->put_back({std::move(taken.element), {}}, false);
  EXPECT_TRUE(answers().empty());
  box->close(why());
  expect_one_answer(ia::errc::stopped);
}

// -- nobody there
// ------------------------------------------------------------------------------------------------------

TEST_F(Succession, DeadlinesHoldWhileThereIsNoConsumer) {
  auto now = ia::deadline_clock::now();
  leave();
  ask(1, now + 1s);
  push(2, now + 2s);
  push(3);
  EXPECT_EQ(box->expire(now), now + 1s);
  EXPECT_EQ(box->expire(now + 1s), now + 2s);
  expect_one_answer(ia::errc::deadline_exceeded);
  EXPECT_EQ(box->expire(now + 2s), ia::no_deadline);
  EXPECT_EQ(box->dropped(), 1u);
  consumer = attach();
  EXPECT_EQ(handle(), 3);
}

TEST_F(Succession, ClosedMailboxCanBeOpenedAgain) {
  leave();
  ask(1);
  box->close(why());
  expect_one_answer(ia::errc::stopped);
  EXPECT_EQ(push(2), ia::mailbox::push_result::closed);
  box->reopen();
  EXPECT_FALSE(box->reason());
  EXPECT_EQ(push(3), ia::mailbox::push_result::accepted);
  consumer = attach();
  EXPECT_EQ(handle(), 3);
  EXPECT_TRUE(box->close(why()));
  box->reopen();
  box->reopen();
  EXPECT_EQ(push(4), ia::mailbox::push_result::accepted);
  EXPECT_EQ(handle(), 4);
}

// -- given up
// ----------------------------------------------------------------------------------------------------------

TEST_F(Succession, AbandonedInItsMakingRoomLeavesWhatItHandledToTheNext) {
  auto id = ask(1, ia::deadline_clock::now() + 1h);
  auto death = std::make_shared<const ia::death_report>();
  auto taken = take();
  leave();
  box->put_back({std::move(taken.element), {death}}, false);
  consumer = attach();
  auto running = take();
  auto now = ia::deadline_clock::now();
  box->retire(consumer, why(), now);
  auto step = climb(now);
  ASSERT_EQ(step.what, step_kind::abandon);
  clean_up(step);
  EXPECT_TRUE(answers().empty()) << "the next one will answer";
  ASSERT_TRUE(step.unfinished);
  EXPECT_EQ(step.unfinished->element->mid, id);
  EXPECT_EQ(step.unfinished->element->sender, sender_);
  EXPECT_EQ(step.unfinished->element->payload.get_as<int>(1), 1);
  EXPECT_EQ(step.unfinished->element->enqueue_time, running.deadline);
  EXPECT_EQ(step.unfinished->deaths, std::vector{death});
  box->put_back(std::move(*step.unfinished), false);
  consumer = attach();
  EXPECT_EQ(handle(), 1);
}

TEST_F(Succession, AbandonedForADeadlineLeavesNothingToTheNext) {
  auto now = ia::deadline_clock::now();
  ask(1, now + 1h);
  auto running = take();
  auto step = climb(now + 1h);
  ASSERT_EQ(step.what, step_kind::abandon);
  clean_up(step);
  EXPECT_FALSE(step.unfinished);
  EXPECT_EQ(step.handled.get_as<int>(1), 1);
  expect_one_answer(ia::errc::deadline_exceeded);
  consumer = attach();
  EXPECT_EQ(take().what, kind::empty);
}

TEST_F(Succession, GivenUpAtOnceLeavesWhatItHandledToTheNext) {
  ask(1);
  auto running = take();
  box->retire(consumer, why(), ia::deadline_clock::now());
  auto step = box->give_up(consumer);
  ASSERT_EQ(step.what, step_kind::abandon);
  EXPECT_EQ(step.activity, running.activity);
  clean_up(step);
  EXPECT_TRUE(answers().empty());
  ASSERT_TRUE(step.unfinished);
  box->put_back(std::move(*step.unfinished), false);
  consumer = attach();
  EXPECT_EQ(handle(), 1);
}

TEST_F(Succession, EventsAreForTheirOwnConsumerAlone) {
  auto event = ia::compat::make_element(nullptr, caf::make_message_id(), content_of(7));
  box->push_event(event);
  auto running = take();
  box->retire(consumer, why(), ia::deadline_clock::now());
  auto step = box->give_up(consumer);
  clean_up(step);
  EXPECT_FALSE(step.unfinished);
  consumer = attach();
  EXPECT_EQ(take().what, kind::empty);
}

TEST_F(SuccessionWithoutAttempts, GivenUpAtOnceAnswersWhatItHandled) {
  ask(1);
  auto running = take();
  box->retire(consumer, why(), ia::deadline_clock::now());
  auto step = box->give_up(consumer);
  ASSERT_EQ(step.what, step_kind::abandon);
  clean_up(step);
  EXPECT_FALSE(step.unfinished);
  expect_one_answer(ia::errc::stopped);
  consumer = attach();
  EXPECT_EQ(take().what, kind::empty);
}

TEST_F(SuccessionWithoutAttempts, AbandonedInItsMakingRoomAnswersWhatItHandled) {
  ask(1);
  auto running = take();
  auto now = ia::deadline_clock::now();
  box->retire(consumer, why(), now);
  auto step = climb(now);
  ASSERT_EQ(step.what, step_kind::abandon);
  clean_up(step);
  EXPECT_FALSE(step.unfinished);
  expect_one_answer(ia::errc::stopped);
  consumer = attach();
}

TEST_F(Succession, IdleConsumerIsNotGivenUpButWokenToMakeRoom) {
  std::thread supervisor{[&, first = consumer] {
    box->retire(first, why(), ia::deadline_clock::now());
    EXPECT_EQ(box->give_up(first).what, ia::mailbox::ladder_step::kind::wait);
  }};
  for (;;) {
    auto next = take();
    if (next.what == kind::closed)
      break;
    if (next.what == kind::empty)
      box->park(consumer);
  }
  supervisor.join();
}

} // namespace
