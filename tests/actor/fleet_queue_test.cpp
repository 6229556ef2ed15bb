#include <gtest/gtest.h>

#include "fleet_support.hpp"

using namespace std::chrono_literals;

namespace {

using ia_test::fake_member;
using ia_test::Fleet;

using FleetQueue = Fleet;

constexpr auto high = caf::message_priority::high;

TEST_F(FleetQueue, KeepsTheOrderAndLetsUrgentMessagesOvertake) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  tell(*queue, 1);
  tell(*queue, 2);
  tell(*queue, 3, ia::no_deadline, high);
  EXPECT_EQ(one.pull(), 3);
  EXPECT_EQ(two.pull(), 1);
  EXPECT_EQ(two.pull(), 2);
  EXPECT_EQ(one.pull(), -1);
}

TEST_F(FleetQueue, RefusesWhatIsBeyondItsLimitAndSaysSo) {
  auto queue = make_queue({.name = "hens", .limits = {.messages = 2, .bytes = 0}});
  fake_member one{*queue, 0};
  EXPECT_TRUE(ask(*queue, 1));
  EXPECT_TRUE(tell(*queue, 2));
  EXPECT_TRUE(ask(*queue, 3)) << "refused, but not closed";
  EXPECT_TRUE(tell(*queue, 4));
  ASSERT_TRUE(me().wait(1));
  EXPECT_EQ(error_at(0), ia::errc::mailbox_full);
  EXPECT_NE(text_of(error_at(0)).find("'hens' holds as much as it may (2 messages)"), std::string::npos);
  ASSERT_EQ(letters().size(), 1u) << "the asynchronous one";
  EXPECT_EQ(letters()[0].receiver, "hens");
  EXPECT_EQ(letters()[0].request, "(int32_t)");
  EXPECT_TRUE(letters()[0].deaths.empty());
  EXPECT_EQ(queue->stats().refused, 2u);
  EXPECT_EQ(queue->stats().dead_letters, 1u);
  EXPECT_EQ(one.pull(), 1);
  EXPECT_TRUE(ask(*queue, 5)) << "there is room again";
  EXPECT_EQ(one.pull(), 2);
  EXPECT_EQ(one.pull(), 5);
  EXPECT_EQ(me().answers().size(), 1u);
}

TEST_F(FleetQueue, CountsBytesAndAlwaysLetsOneMessageIn) {
  auto queue = make_queue({.limits = {.messages = 0, .bytes = 100}});
  fake_member one{*queue, 0};
  auto bytes = [](std::size_t n) {
    return caf::make_message(1, ia::shared_bytes::copy(std::string(n, 'x')));
  };
  EXPECT_TRUE(tell(*queue, bytes(500)));
  EXPECT_EQ(queue->stats().waiting_bytes, 500u);
  tell(*queue, bytes(1));
  EXPECT_EQ(letters().size(), 1u);
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(queue->stats().waiting_bytes, 0u);
  tell(*queue, bytes(60));
  tell(*queue, bytes(40));
  EXPECT_EQ(letters().size(), 1u);
  tell(*queue, bytes(1));
  EXPECT_EQ(letters().size(), 2u);
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(queue->stats().waiting_bytes, 40u);
  one.put_back();
  EXPECT_EQ(queue->stats().waiting_bytes, 100u);
}

TEST_F(FleetQueue, LetsRequestsWaitBeyondItsLimitWhereAsked) {
  auto queue = make_queue({.limits = {.messages = 1, .bytes = 0}, .when_full = ia::when_full::wait});
  fake_member one{*queue, 0};
  for (int i = 1; i <= 3; ++i)
    ask(*queue, i);
  tell(*queue, 4);
  EXPECT_EQ(letters().size(), 1u) << "nobody could wait for it";
  EXPECT_EQ(queue->stats().waiting, 3u);
  for (int i = 1; i <= 3; ++i)
    EXPECT_EQ(one.pull(), i);
  tell(*queue, 5);
  EXPECT_EQ(one.pull(), 5);
  EXPECT_TRUE(me().answers().empty());
}

TEST_F(FleetQueue, CannotDropRequests) {
  EXPECT_THROW(make_queue({.when_full = ia::when_full::drop_oldest}), std::invalid_argument);
}

TEST_F(FleetQueue, AnswersWaitingRequestsAtTheirDeadline) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  auto now = ia::time_after(1h); // virtual: the timer is not there yet
  ask(*queue, 1, now - 1s);
  ask(*queue, 2, now + 2s);
  tell(*queue, 3, now);
  ask(*queue, 4, now + 1s);
  ask(*queue, 5);
  EXPECT_EQ(queue->expire(now), now + 1s);
  ASSERT_EQ(me().answers().size(), 1u);
  EXPECT_EQ(error_at(0), ia::errc::deadline_exceeded);
  EXPECT_EQ(queue->stats().expired, 2u);
  EXPECT_EQ(queue->stats().waiting, 3u);
  EXPECT_EQ(one.pull(), 2);
  EXPECT_EQ(one.now.element->enqueue_time, now + 2s) << "for the member";
  EXPECT_EQ(one.pull(), 4);
  EXPECT_EQ(queue->expire(now + 1h), ia::no_deadline);
  EXPECT_EQ(one.pull(), 5);
}

TEST_F(FleetQueue, HasTheTimerAnswerRequestsAlsoBeyondItsLimit) {
  auto queue = make_queue({.limits = {.messages = 1, .bytes = 0}, .when_full = ia::when_full::wait});
  fake_member one{*queue, 0};
  ask(*queue, 1);
  ask(*queue, 2, ia::time_after(5ms));
  ask(*queue, 3, ia::time_after(1ms));
  ASSERT_TRUE(me().wait(2));
  EXPECT_EQ(error_at(0), ia::errc::deadline_exceeded);
  EXPECT_EQ(error_at(1), ia::errc::deadline_exceeded);
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(one.pull(), -1);
}

TEST_F(FleetQueue, AnswersWhatWaitsAndWhatComesLaterWithTheReasonOfItsClosing) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  queue->broadcast(caf::make_message(0), ia::no_deadline);
  ask(*queue, 1);
  ask(*queue, 2);
  queue->close(ia::make_error(ia::errc::stopped, std::string{"enough"}));
  queue->close(ia::make_error(ia::errc::crashed, std::string{"too late"}));
  EXPECT_FALSE(ask(*queue, 3));
  EXPECT_FALSE(tell(*queue, 4));
  EXPECT_EQ(queue->broadcast(caf::make_message(5), ia::no_deadline), 0u);
  ASSERT_EQ(me().answers().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(text_of(error_at(i)), "stopped: enough");
  EXPECT_EQ(one.pull(), -1);
  EXPECT_EQ(queue->stats().waiting, 0u);
  EXPECT_TRUE(letters().empty()) << "whoever sends to the dead can know";
}

TEST_F(FleetQueue, AnswersRequestsAlsoWhenItClosesNormallyOrIsDropped) {
  auto queue = make_queue();
  ask(*queue, 1);
  queue->close({});
  EXPECT_EQ(error_at(0), caf::sec::request_receiver_down);
  queue = make_queue();
  ask(*queue, 2);
  queue.reset();
  EXPECT_EQ(error_at(1), caf::sec::request_receiver_down);
}

// -- who is woken ------------------------------------------------------------------------------------------------

TEST_F(FleetQueue, RingsOneIdleMemberForEachMessageTheHottestFirst) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  fake_member three{*queue, 2};
  EXPECT_EQ(one.pull(), -1);
  EXPECT_EQ(two.pull(), -1);
  EXPECT_EQ(two.pull(), -1) << "as a consumer does that was woken for something else";
  EXPECT_EQ(queue->stats().idle, 2u);
  tell(*queue, 1);
  EXPECT_TRUE(two.is_rung());
  EXPECT_FALSE(one.is_rung());
  tell(*queue, 2);
  EXPECT_TRUE(one.is_rung());
  tell(*queue, 3);
  EXPECT_FALSE(one.is_rung() || two.is_rung() || three.is_rung())
      << "two are on their way, the third is not idle";
  EXPECT_EQ(two.pull(), 1);
  EXPECT_EQ(queue->stats().busy, 1u);
}

TEST_F(FleetQueue, RingsNobodyElseWhereTheRungOneWasOvertaken) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  one.pull();
  tell(*queue, 1);
  EXPECT_TRUE(one.is_rung());
  EXPECT_EQ(two.pull(), 1);
  EXPECT_EQ(two.pull(), -1);
  EXPECT_EQ(one.pull(), -1);
  EXPECT_FALSE(two.is_rung());
  tell(*queue, 2);
  EXPECT_TRUE(one.is_rung());
}

TEST_F(FleetQueue, RingsAnotherOneWhenTheRungOneLeaves) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  two.pull();
  one.pull();
  tell(*queue, 1);
  EXPECT_TRUE(one.is_rung());
  EXPECT_FALSE(two.is_rung());
  one.leave();
  EXPECT_TRUE(two.is_rung());
  two.leave();
  EXPECT_FALSE(one.is_rung()) << "it is not idle";
  EXPECT_EQ(one.pull(), 1) << "its next incarnation";
}

TEST_F(FleetQueue, RingsAnotherOneWhenTheRungOneIsRemoved) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  two.pull();
  one.pull();
  tell(*queue, 1);
  EXPECT_TRUE(one.is_rung());
  queue->remove_member(0);
  EXPECT_TRUE(two.is_rung());
  EXPECT_EQ(one.pull(), -1) << "no member any more";
  EXPECT_EQ(two.pull(), 1);
}

TEST_F(FleetQueue, RingsNobodyWhoHasLeft) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  one.pull();
  one.leave();
  tell(*queue, 1);
  EXPECT_FALSE(one.is_rung());
  EXPECT_EQ(one.pull(), 1);
}

// -- once more ---------------------------------------------------------------------------------------------------

TEST_F(FleetQueue, DeliversAgainFirstWhatWasPutBack) {
  auto queue = make_queue({.limits = {.messages = 3, .bytes = 0}, .attempts = 2});
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  for (int i = 1; i <= 3; ++i)
    ask(*queue, i);
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(two.pull(), 2);
  ask(*queue, 4);
  ask(*queue, 5);
  EXPECT_EQ(queue->stats().waiting, 3u);
  two.die("two");
  one.die("one");
  EXPECT_EQ(queue->stats().waiting, 5u) << "beyond the limit, as they had been let in";
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(one.now.deaths.size(), 1u);
  EXPECT_EQ(one.now.deaths[0]->text, "one");
  for (int i = 2; i <= 5; ++i)
    EXPECT_EQ(one.pull(), i);
  EXPECT_EQ(queue->stats().waiting, 0u);
  EXPECT_EQ(queue->stats().redelivered, 2u);
  EXPECT_EQ(queue->stats().accepted, 5u);
  EXPECT_EQ(queue->stats().delivered, 7u);
  EXPECT_TRUE(me().answers().empty());
}

TEST_F(FleetQueue, RingsAnIdleMemberForWhatWasPutBack) {
  auto queue = make_queue({.attempts = 2});
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  tell(*queue, 1);
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(two.pull(), -1);
  one.die("of it");
  EXPECT_TRUE(two.is_rung());
  EXPECT_EQ(two.pull(), 1);
}

TEST_F(FleetQueue, KeepsTheDeadlineOfWhatWasPutBack) {
  auto queue = make_queue({.attempts = 2});
  fake_member one{*queue, 0};
  auto soon = ia::time_after(1h);
  ask(*queue, 1, soon);
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(queue->expire(soon), ia::no_deadline) << "it is the member's now";
  one.die("of it");
  EXPECT_EQ(queue->expire(soon - 1s), soon);
  EXPECT_EQ(queue->expire(soon), ia::no_deadline);
  EXPECT_EQ(error_at(0), ia::errc::deadline_exceeded);
  EXPECT_EQ(one.pull(), -1);
}

TEST_F(FleetQueue, GivesADeadlineToEachAttemptWhereItCountsFromThen) {
  auto until = ia::time_after(1h);
  auto queue = make_queue({.attempts = 2, .deadline_when_taken = [&](auto&) { return until; }});
  fake_member one{*queue, 0};
  ask(*queue, 1);
  EXPECT_EQ(queue->expire(until + 1h), ia::no_deadline) << "what waits has none";
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(one.now.element->enqueue_time, until);
  one.die("of it");
  EXPECT_EQ(queue->expire(until + 1h), ia::no_deadline);
  until += 1h;
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(one.now.element->enqueue_time, until);
  EXPECT_EQ(queue->broadcast(caf::make_message(2), ia::no_deadline), 1u);
  EXPECT_EQ(one.pull(), 2);
  EXPECT_EQ(one.now.element->enqueue_time, until) << "a broadcast has one, too";
}

TEST_F(FleetQueue, AsksForTheTimerAlsoForWhatWasPutBack) {
  std::vector<ia::time_point> armed;
  auto office = std::make_shared<ia::dead_letter_office>(nullptr);
  auto queue = std::make_shared<ia::fleet_queue>(ia::fleet_queue_options{.attempts = 2}, office,
                                                 [&](auto&, auto when) { armed.push_back(when); });
  fake_member one{*queue, 0};
  auto soon = ia::time_after(1h);
  tell(*queue, 1, soon);
  EXPECT_EQ(one.pull(), 1);
  one.die("of it");
  tell(*queue, 2);
  EXPECT_EQ(queue->broadcast(caf::make_message(3), soon + 1s), 1u);
  EXPECT_EQ(armed, (std::vector{soon, soon, soon + 1s}));
}

TEST_F(FleetQueue, PutsAMessageAsideThatHasHadItsAttempts) {
  auto queue = make_queue({.name = "hens", .attempts = 3});
  fake_member one{*queue, 0};
  ask(*queue, 1);
  for (auto* name : {"first", "second", "third"}) {
    EXPECT_TRUE(me().answers().empty());
    EXPECT_EQ(one.pull(), 1);
    one.die(name);
  }
  EXPECT_EQ(one.pull(), -1);
  ASSERT_EQ(me().answers().size(), 1u);
  EXPECT_EQ(text_of(error_at(0)), "crashed: third");
  ASSERT_EQ(letters().size(), 1u);
  auto letter = letters()[0];
  EXPECT_EQ(letter.receiver, "hens");
  EXPECT_EQ(letter.request, "work(int)");
  EXPECT_EQ(letter.why, "crashed: third");
  ASSERT_EQ(letter.deaths.size(), 3u);
  EXPECT_EQ(letter.deaths[0]->text, "first");
  EXPECT_EQ(letter.deaths[2]->text, "third");
  EXPECT_EQ(queue->stats().redelivered, 2u);
  EXPECT_EQ(queue->stats().dead_letters, 1u);
}

TEST_F(FleetQueue, DeliversOnceWhereNothingElseIsAsked) {
  for (std::size_t attempts : {0, 1}) { // one attempt, too, is one delivery; but it leaves a letter
    auto queue = make_queue({.attempts = attempts});
    fake_member one{*queue, 0};
    auto answers = me().answers().size();
    auto lost = letters().size();
    ask(*queue, 1);
    EXPECT_EQ(one.pull(), 1);
    one.die("of it");
    EXPECT_EQ(one.pull(), -1);
    EXPECT_EQ(text_of(error_at(answers)), "crashed: of it");
    EXPECT_EQ(letters().size(), lost += attempts);
    tell(*queue, 2);
    EXPECT_EQ(one.pull(), 2);
    one.die("of it");
    EXPECT_EQ(letters().size(), lost + 1) << "nobody else does";
  }
}

TEST_F(FleetQueue, DeliversAgainWhatNobodyDiedOf) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  ask(*queue, 1);
  EXPECT_EQ(one.pull(), 1);
  one.put_back();
  EXPECT_EQ(one.pull(), 1);
  queue->close(ia::make_error(ia::errc::stopped, std::string{"enough"}));
  one.put_back();
  EXPECT_EQ(text_of(error_at(0)), "stopped: enough");
}

TEST_F(FleetQueue, AnswersWhatIsPutBackAfterItsClosing) {
  auto queue = make_queue({.attempts = 5});
  fake_member one{*queue, 0};
  ask(*queue, 1);
  EXPECT_EQ(one.pull(), 1);
  queue->close({});
  one.die("of it");
  EXPECT_EQ(text_of(error_at(0)), "crashed: of it");
  EXPECT_TRUE(letters().empty()) << "it has not had its attempts, and its sender knows";
}

TEST_F(FleetQueue, TellsSendersHowTheHandlingEnded) {
  ia::death_report death{.text = "why"};
  auto code_for = [&](ia::death_reason reason) {
    death.reason = reason;
    return ia::error_for(death);
  };
  using reason = ia::death_reason;
  for (auto each : {reason::exception, reason::interrupted})
    EXPECT_EQ(code_for(each), ia::errc::crashed);
  for (auto each : {reason::normal, reason::exit_code})
    EXPECT_EQ(code_for(each), ia::errc::exited);
  for (auto each : {reason::shutdown, reason::killed})
    EXPECT_EQ(code_for(each), ia::errc::stopped);
  EXPECT_EQ(code_for(reason::deadline), ia::errc::deadline_exceeded);
  EXPECT_EQ(code_for(reason::abandoned), ia::errc::abandoned);
  EXPECT_EQ(code_for(reason::start_failed), ia::errc::start_failed);
  death.error = ia::python_error{{{.type = "ValueError", .message = "no"}}, {}, 0};
  EXPECT_EQ(ia::python_error_of(ia::error_for(death)), death.error);
}

// -- keys and broadcasts -----------------------------------------------------------------------------------------

/// The last digit; messages with 9 have none.
std::optional<std::size_t> last_digit(const caf::message& content) {
  auto digit = static_cast<std::size_t>(content.get_as<int>(0) % 10);
  return digit == 9 ? std::nullopt : std::optional{digit};
}

TEST_F(FleetQueue, GivesMessagesWithOneKeyToOneMember) {
  auto queue = make_queue({.key = last_digit});
  fake_member one{*queue, 7}; // of the slots, only the order counts
  fake_member zero{*queue, 3};
  for (int i : {10, 11, 19, 21, 20, 12, 29})
    tell(*queue, i);
  for (int i : {11, 19, 21, 29})
    EXPECT_EQ(one.pull(), i);
  EXPECT_EQ(one.pull(), -1);
  for (int i : {10, 20, 12})
    EXPECT_EQ(zero.pull(), i);
  EXPECT_EQ(zero.pull(), -1);
  tell(*queue, 13);
  EXPECT_TRUE(one.is_rung());
  EXPECT_FALSE(zero.is_rung()) << "it was the last to come, but this is not for it";
  tell(*queue, 39);
  EXPECT_TRUE(zero.is_rung());
}

TEST_F(FleetQueue, LetsUrgentMessagesOvertakeAcrossLanes) {
  auto queue = make_queue({.key = last_digit});
  fake_member zero{*queue, 0};
  tell(*queue, 10);
  tell(*queue, 19, ia::no_deadline, high);
  tell(*queue, 29);
  tell(*queue, 20, ia::no_deadline, high);
  for (int i : {19, 20, 10, 29})
    EXPECT_EQ(zero.pull(), i);
}

TEST_F(FleetQueue, RingsAnotherOneWhenTheRungOneTakesWhatIsForItAlone) {
  auto queue = make_queue({.key = last_digit});
  fake_member zero{*queue, 0};
  fake_member one{*queue, 1};
  EXPECT_EQ(zero.pull(), -1);
  EXPECT_EQ(one.pull(), -1);
  tell(*queue, 19);
  EXPECT_TRUE(one.is_rung());
  tell(*queue, 11, ia::no_deadline, high);
  EXPECT_FALSE(zero.is_rung());
  EXPECT_EQ(one.pull(), 11);
  EXPECT_TRUE(zero.is_rung());
  EXPECT_EQ(zero.pull(), 19);
}

TEST_F(FleetQueue, DealsTheKeysOutAnewWithTheirMessagesInOrder) {
  auto queue = make_queue({.attempts = 2, .key = last_digit});
  for (int i : {10, 11, 13, 20, 21})
    tell(*queue, i);
  EXPECT_EQ(queue->stats().waiting, 5u) << "for want of members";
  fake_member zero{*queue, 0};
  auto one = std::make_unique<fake_member>(*queue, 1);
  EXPECT_EQ(one->pull(), 11);
  one->die("of it");
  EXPECT_EQ(one->pull(), 11);
  EXPECT_EQ(one->pull(), 13);
  one->now.deaths.clear();
  one->put_back();
  EXPECT_EQ(zero.pull(), 10);
  EXPECT_EQ(zero.pull(), 20);
  EXPECT_EQ(zero.pull(), -1);
  one->leave();
  queue->remove_member(1);
  EXPECT_TRUE(zero.is_rung());
  EXPECT_EQ(zero.pull(), 13);
  EXPECT_EQ(zero.pull(), 21);
  EXPECT_EQ(zero.pull(), -1);
  EXPECT_EQ(queue->stats().waiting, 0u);
}

TEST_F(FleetQueue, LetsARemovedMemberFinishOrPutBackWhatItHas) {
  auto queue = make_queue({.key = last_digit});
  fake_member zero{*queue, 0};
  fake_member one{*queue, 1};
  tell(*queue, 11);
  EXPECT_EQ(one.pull(), 11);
  tell(*queue, 21);
  queue->remove_member(1);
  EXPECT_EQ(queue->stats().members, 1u);
  EXPECT_EQ(queue->stats().busy, 1u) << "still";
  one.put_back();
  EXPECT_EQ(one.pull(), -1);
  EXPECT_EQ(queue->stats().busy, 0u);
  tell(*queue, 31);
  EXPECT_FALSE(one.is_rung());
  EXPECT_EQ(zero.pull(), 11);
  EXPECT_EQ(zero.pull(), 21);
  EXPECT_EQ(zero.pull(), 31);
}

TEST_F(FleetQueue, KeepsTheOrderOfWhatWasPutBackWhenTheKeysAreDealtOut) {
  auto queue = make_queue({.key = last_digit});
  fake_member zero{*queue, 0};
  fake_member one{*queue, 1};
  tell(*queue, 11);
  EXPECT_EQ(one.pull(), 11);
  queue->remove_member(1);
  for (int i : {21, 31})
    tell(*queue, i);
  EXPECT_EQ(zero.pull(), 21);
  zero.put_back();
  one.put_back();
  zero.leave();
  one.leave();
  queue->add_member(1, one.box);
  for (int i : {11, 21, 31})
    EXPECT_EQ(one.pull(), i);
}

TEST_F(FleetQueue, BroadcastsToEachMemberOnce) {
  auto queue = make_queue({.attempts = 2});
  EXPECT_EQ(queue->broadcast(caf::make_message(0), ia::no_deadline), 0u);
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  fake_member three{*queue, 2};
  two.pull();
  tell(*queue, 5);
  EXPECT_EQ(queue->broadcast(caf::make_message(1), ia::no_deadline), 3u);
  EXPECT_TRUE(two.is_rung());
  EXPECT_EQ(queue->stats().accepted, 4u);
  EXPECT_EQ(one.pull(), 5);
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(one.pull(), -1);
  EXPECT_EQ(two.pull(), 1);
  two.die("of it");
  EXPECT_EQ(one.pull(), -1);
  EXPECT_EQ(two.pull(), 1) << "the next incarnation";
  queue->remove_member(1);
  two.die("of it again");
  EXPECT_EQ(letters().size(), 1u);
  EXPECT_EQ(one.pull(), -1);
  queue->remove_member(2);
  EXPECT_EQ(queue->stats().waiting, 0u) << "its copy has gone with it";
}

TEST_F(FleetQueue, DropsCopiesOfABroadcastAtTheirDeadline) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  auto soon = ia::time_after(1h);
  EXPECT_EQ(queue->broadcast(caf::make_message(1), soon), 1u);
  EXPECT_EQ(queue->broadcast(caf::make_message(2), ia::no_deadline - 1ns), 1u);
  EXPECT_EQ(queue->expire(soon), ia::no_deadline);
  EXPECT_EQ(queue->stats().expired, 1u);
  EXPECT_EQ(one.pull(), 2);
  EXPECT_EQ(one.now.element->enqueue_time, ia::no_deadline);
}

// -- the end -----------------------------------------------------------------------------------------------------

TEST_F(FleetQueue, DrainsOnceNothingWaitsAndNobodyIsBusy) {
  auto queue = make_queue({.name = "hens", .attempts = 2});
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  bool drained = false;
  ask(*queue, 1);
  ask(*queue, 2);
  EXPECT_EQ(one.pull(), 1);
  queue->drain([&] { drained = true; });
  ask(*queue, 3);
  EXPECT_EQ(error_at(0), ia::errc::stopped);
  EXPECT_EQ(text_of(error_at(0)), "stopped: 'hens' takes no more messages: it drains");
  tell(*queue, 4);
  EXPECT_EQ(letters().size(), 1u);
  EXPECT_EQ(queue->broadcast(caf::make_message(5), ia::no_deadline), 0u);
  EXPECT_EQ(two.pull(), 2);
  EXPECT_EQ(two.pull(), -1);
  EXPECT_FALSE(drained) << "one is busy";
  one.die("of it");
  EXPECT_FALSE(drained) << "it waits once more";
  EXPECT_EQ(two.pull(), 1);
  EXPECT_FALSE(drained);
  EXPECT_EQ(two.pull(), -1);
  EXPECT_TRUE(drained);
}

TEST_F(FleetQueue, TellsAllWhoWantToKnowThatItHasDrained) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  tell(*queue, 1);
  EXPECT_EQ(one.pull(), 1);
  int drained = 0;
  for (int i = 0; i < 3; ++i)
    queue->drain([&] { ++drained; });
  EXPECT_EQ(drained, 0);
  one.leave();
  EXPECT_EQ(drained, 3);
}

TEST_F(FleetQueue, DrainsAlsoWhereTheLastMemberLeavesOrIsRemovedOrTheDeadlineComes) {
  int drained = 0;
  auto count = [&] { ++drained; };
  auto queue = make_queue();
  fake_member one{*queue, 0};
  tell(*queue, 1);
  EXPECT_EQ(one.pull(), 1);
  queue->drain(count);
  queue->remove_member(0);
  EXPECT_EQ(drained, 0) << "it is busy still";
  one.leave();
  EXPECT_EQ(drained, 1);
  queue->drain(count);
  EXPECT_EQ(drained, 2) << "at once";

  queue = make_queue();
  auto soon = ia::time_after(1h);
  ask(*queue, 1, soon);
  queue->drain(count);
  EXPECT_EQ(drained, 2);
  queue->expire(soon);
  EXPECT_EQ(drained, 3);

  queue = make_queue();
  ask(*queue, 1);
  queue->drain(count);
  queue->close({});
  EXPECT_EQ(drained, 4);
  queue->drain(count);
  EXPECT_EQ(drained, 5);
}

TEST_F(FleetQueue, CountsWhatHappens) {
  auto queue = make_queue();
  fake_member one{*queue, 0};
  fake_member two{*queue, 1};
  EXPECT_EQ(queue->stats().oldest_wait, 0ns);
  tell(*queue, 1);
  tell(*queue, 2);
  EXPECT_EQ(one.pull(), 1);
  auto stats = queue->stats();
  EXPECT_EQ(stats.members, 2u);
  EXPECT_EQ(stats.idle, 0u);
  EXPECT_EQ(stats.busy, 1u);
  EXPECT_EQ(stats.waiting, 1u);
  EXPECT_GT(stats.oldest_wait, 0ns);
  EXPECT_EQ(stats.accepted, 2u);
  EXPECT_EQ(stats.delivered, 1u);
  one.leave();
  two.pull();
  two.pull();
  stats = queue->stats();
  EXPECT_EQ(stats.idle, 1u);
  EXPECT_EQ(stats.busy, 0u);
  EXPECT_EQ(stats.waiting, 0u);
  EXPECT_EQ(stats.oldest_wait, 0ns);
}

} // namespace
