#include "interp_actors/base/channel_holdings.hpp"
#include "interp_actors/base/channel_queue.hpp"
#include "interp_actors/base/receiver_slot.hpp"

#include <gtest/gtest.h>

#include <array>
#include <thread>

using namespace interp_actors;

namespace {

channel_item item(std::string text) {
  return {shared_bytes::adopt(std::move(text)), nullptr};
}

std::string text(const channel_item& of) {
  return std::string{of.payload.as_string_view()};
}

/// Offers a message and returns how it fared.
send_result offer(channel_queue& queue, std::string what) {
  std::vector<channel_item> dropped;
  auto one = item(std::move(what));
  return queue.offer(one, dropped);
}

/// Notes its end.
struct noted_send final : waiting_send {
  using waiting_send::waiting_send;
  void finished(send_result found) noexcept override {
    result = found;
    wake.ring();
  }

  std::optional<send_result> result;
  bell wake;
};

std::shared_ptr<noted_send> submit(channel_queue& queue, std::string what) {
  auto sender = std::make_shared<noted_send>(item(std::move(what)));
  queue.submit(sender);
  return sender;
}

std::vector<std::string> all_of(channel_queue& queue) {
  std::vector<std::string> result;
  while (queue.front())
    result.push_back(text(queue.pop()));
  return result;
}

using texts = std::vector<std::string>;

TEST(ChannelQueue, KeepsOrderAndCounts) {
  channel_queue queue{{.messages = 3, .bytes = 100}};
  for (auto* one : {"a", "bb", "ccc"})
    EXPECT_EQ(offer(queue, one), send_result::accepted);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(queue.waiting_bytes(), 6u);
  EXPECT_EQ(offer(queue, "d"), send_result::wait);
  ASSERT_TRUE(queue.front());
  EXPECT_EQ(queue.size(), 3u) << "what the receiver looks at still waits";
  EXPECT_EQ(text(queue.pop()), "a");
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(queue.waiting_bytes(), 5u);
  EXPECT_EQ(offer(queue, "d"), send_result::accepted);
  EXPECT_EQ(all_of(queue), (texts{"bb", "ccc", "d"}));
}

TEST(ChannelQueue, WhatTheReceiverHoldsBackCountsTowardsTheBound) {
  channel_queue queue{{.messages = 2}};
  offer(queue, "a");
  offer(queue, "b");
  queue.front(); // takes both at once
  EXPECT_EQ(offer(queue, "c"), send_result::wait);
}

TEST(ChannelQueue, BytesAreBoundedAndOneMessageIsAlwaysLetIn) {
  channel_queue queue{{.messages = 0, .bytes = 4}};
  EXPECT_EQ(offer(queue, "far too long"), send_result::accepted);
  EXPECT_EQ(offer(queue, ""), send_result::wait);
  queue.front();
  queue.pop();
  EXPECT_EQ(offer(queue, "ab"), send_result::accepted);
  EXPECT_EQ(offer(queue, "cd"), send_result::accepted);
  EXPECT_EQ(offer(queue, "e"), send_result::wait);
}

TEST(ChannelQueue, BuffersOfAnObjectCountAsBytes) {
  channel_queue queue{{.messages = 0, .bytes = 10}};
  auto cargo = std::make_unique<channel_cargo>();
  cargo->is_object = true;
  cargo->buffers.push_back(shared_bytes::copy("12345678"));
  channel_item object{shared_bytes::copy("xx"), std::move(cargo)};
  std::vector<channel_item> dropped;
  EXPECT_EQ(queue.offer(object, dropped), send_result::accepted);
  EXPECT_EQ(queue.waiting_bytes(), 10u);
}

TEST(ChannelQueue, FailRefuses) {
  channel_queue queue{{.messages = 1, .when_full = when_full::fail}};
  EXPECT_EQ(offer(queue, "a"), send_result::accepted);
  EXPECT_EQ(offer(queue, "b"), send_result::full);
  EXPECT_EQ(all_of(queue), (texts{"a"}));
}

TEST(ChannelQueue, DropOldestGivesExactlyTheDroppedOnes) {
  channel_queue queue{{.messages = 2, .when_full = when_full::drop_oldest}};
  std::vector<channel_item> dropped;
  for (auto* one : {"a", "b", "c", "d"}) {
    auto next = item(one);
    EXPECT_EQ(queue.offer(next, dropped), send_result::accepted);
  }
  ASSERT_EQ(dropped.size(), 2u);
  EXPECT_EQ(text(dropped[0]), "a");
  EXPECT_EQ(text(dropped[1]), "b");
  EXPECT_EQ(queue.size(), 2u);
  EXPECT_EQ(all_of(queue), (texts{"c", "d"}));
}

TEST(ChannelQueue, DropOldestKeepsTheBoundInBytes) {
  channel_queue queue{{.messages = 0, .bytes = 4, .when_full = when_full::drop_oldest}};
  std::vector<channel_item> dropped;
  for (auto* one : {"aa", "bb", "cccc"}) {
    auto next = item(one);
    queue.offer(next, dropped);
  }
  EXPECT_EQ(dropped.size(), 2u);
  EXPECT_EQ(queue.waiting_bytes(), 4u);
}

TEST(ChannelQueue, WaitingSendersAreLetInInOrderAsRoomComes) {
  channel_queue queue{{.messages = 1}};
  offer(queue, "a");
  auto b = submit(queue, "b");
  auto c = submit(queue, "c");
  EXPECT_FALSE(b->result);
  EXPECT_EQ(offer(queue, "d"), send_result::wait);
  ASSERT_TRUE(queue.front());
  EXPECT_EQ(text(queue.pop()), "a");
  EXPECT_EQ(b->result, send_result::accepted);
  EXPECT_FALSE(c->result);
  EXPECT_EQ(offer(queue, "d"), send_result::wait) << "nobody overtakes one who waits";
  EXPECT_EQ(all_of(queue), (texts{"b", "c"}));
  EXPECT_EQ(c->result, send_result::accepted);
}

TEST(ChannelQueue, WithdrawnSenderMakesWayForTheNext) {
  channel_queue queue{{.messages = 0, .bytes = 4}};
  offer(queue, "aa");
  auto large = submit(queue, "large");
  auto small = submit(queue, "bb");
  EXPECT_FALSE(small->result) << "it waits behind the large one";
  EXPECT_TRUE(queue.withdraw(*large));
  EXPECT_FALSE(large->result);
  EXPECT_EQ(text(large->item), "large") << "the message is its sender's again";
  EXPECT_EQ(small->result, send_result::accepted);
  EXPECT_FALSE(queue.withdraw(*small)) << "it has been let in";
  EXPECT_EQ(all_of(queue), (texts{"aa", "bb"}));
}

TEST(ChannelQueue, EndLetsTheReceiverSeeTheRestAlsoOfThoseWhoWait) {
  channel_queue queue{{.messages = 1}};
  offer(queue, "a");
  auto waiting = submit(queue, "b");
  queue.end();
  EXPECT_EQ(offer(queue, "c"), send_result::closed);
  EXPECT_FALSE(queue.finished());
  EXPECT_EQ(all_of(queue), (texts{"a", "b"}));
  EXPECT_EQ(waiting->result, send_result::accepted);
  EXPECT_TRUE(queue.finished());
  EXPECT_TRUE(queue.ready());
  EXPECT_EQ(queue.reason(), "");
}

TEST(ChannelQueue, EndWithAReasonRefusesThoseWhoWait) {
  channel_queue queue{{.messages = 1}};
  offer(queue, "a");
  auto waiting = submit(queue, "b");
  queue.end("why not");
  EXPECT_EQ(waiting->result, send_result::closed);
  EXPECT_EQ(all_of(queue), (texts{"a"}));
  EXPECT_TRUE(queue.finished());
  EXPECT_EQ(queue.reason(), "why not");
}

TEST(ChannelQueue, CloseRefusesDropsAndTellsOnce) {
  auto queue = std::make_shared<channel_queue>(channel_options{.messages = 1});
  std::vector<std::string> told;
  queue->set_owner([&](const std::string& reason) { told.push_back(reason); }, {});
  offer(*queue, "a");
  auto waiting = submit(*queue, "b");
  EXPECT_TRUE(queue->close("done"));
  EXPECT_FALSE(queue->close("again"));
  EXPECT_EQ(told, (texts{"done"}));
  EXPECT_EQ(waiting->result, send_result::closed);
  EXPECT_EQ(offer(*queue, "c"), send_result::closed);
  EXPECT_EQ(submit(*queue, "d")->result, send_result::closed);
  EXPECT_EQ(queue->size(), 0u);
  EXPECT_EQ(queue->front(), nullptr);
  EXPECT_EQ(queue->reason(), "done");
}

TEST(ChannelQueue, CallbacksMayUseTheQueue) {
  struct asks_back final : waiting_send {
    asks_back(channel_item item, channel_queue& queue) : waiting_send{std::move(item)}, queue{queue} {}
    void finished(send_result) noexcept override { seen = queue.size() + queue.reason().size(); }
    channel_queue& queue;
    std::optional<std::size_t> seen;
  };
  channel_queue queue{{.messages = 1}};
  offer(queue, "a");
  auto sender = std::make_shared<asks_back>(item("b"), queue);
  queue.submit(sender);
  queue.front();
  queue.pop();
  EXPECT_EQ(sender->seen, 1u);
}

TEST(ChannelQueue, BellRingsForAMessageAnEndAndAClosing) {
  for (auto* what : {"message", "end", "close"}) {
    channel_queue queue{{}};
    auto wake = std::make_shared<bell>();
    ASSERT_TRUE(queue.arm(wake));
    std::thread other{[&] {
      if (std::string_view{what} == "message")
        offer(queue, "a");
      else if (std::string_view{what} == "end")
        queue.end();
      else
        queue.close("x");
    }};
    wake->wait();
    queue.disarm();
    EXPECT_TRUE(queue.ready()) << what;
    EXPECT_FALSE(queue.arm(wake)) << what;
    other.join();
  }
}

TEST(ChannelQueue, OneBellServesSeveralQueues) {
  std::array<channel_queue, 3> queues{channel_queue{{}}, channel_queue{{}}, channel_queue{{}}};
  auto wake = std::make_shared<bell>();
  for (auto& queue : queues)
    ASSERT_TRUE(queue.arm(wake));
  std::thread other{[&] { offer(queues[1], "a"); }};
  wake->wait();
  for (auto& queue : queues)
    queue.disarm();
  EXPECT_FALSE(queues[0].ready());
  EXPECT_TRUE(queues[1].ready());
  other.join();
}

// -- leases
// -----------------------------------------------------------------------------------------------------------

std::shared_ptr<channel_queue> make() {
  return std::make_shared<channel_queue>(channel_options{});
}

/// Sends `lease` through `carrier`; false where it must not.
bool ship(channel_queue& carrier, channel_lease lease) {
  auto cargo = std::make_unique<channel_cargo>();
  bool boards = lease.board(carrier);
  cargo->end = std::move(lease);
  channel_item one{{}, std::move(cargo)};
  std::vector<channel_item> dropped;
  return boards && carrier.offer(one, dropped) == send_result::accepted;
}

TEST(ChannelLease, DroppingItClosesTheChannel) {
  auto queue = make();
  {
    channel_lease lease{queue};
  }
  EXPECT_TRUE(queue->closed());
  EXPECT_EQ(queue->reason(), "its receiving end was dropped");
}

TEST(ChannelLease, TravelsAndIsDroppedWithItsMessage) {
  auto carrier = make();
  auto queue = make();
  EXPECT_TRUE(ship(*carrier, channel_lease{queue}));
  EXPECT_FALSE(queue->closed());
  carrier->close("over");
  EXPECT_TRUE(queue->closed());
}

TEST(ChannelLease, MayNotTravelInsideOfItself) {
  auto first = make();
  auto second = make();
  auto third = make();
  channel_lease own{first};
  EXPECT_FALSE(own.board(*first));
  EXPECT_TRUE(ship(*second, std::move(own)));
  EXPECT_TRUE(ship(*third, channel_lease{second}));
  channel_lease last{third};
  EXPECT_FALSE(last.board(*first)) << "third is in first, first in second, second in third";
  // Once it has arrived, the way is free.
  ASSERT_TRUE(third->front());
  auto arrived = third->pop();
  EXPECT_TRUE(last.board(*first));
  last.land();
}

TEST(ChannelLease, ChainOfAnyLengthIsDropped) {
  auto outermost = make();
  auto first = outermost;
  {
    channel_lease inner{make()};
    for (int i = 0; i < 200'000; ++i) {
      auto next = make();
      ASSERT_TRUE(ship(*next, std::move(inner)));
      inner = channel_lease{next};
    }
    outermost = inner.queue();
  }
  EXPECT_TRUE(outermost->closed());
}

TEST(ChannelHoldings, GiveUpClosesWhatIsHeldAndWhatComesLater) {
  channel_holdings holdings;
  auto held = make();
  auto released = make();
  auto late = make();
  EXPECT_NE(holdings.hold(channel_lease{held}), 0u);
  auto number = holdings.hold(channel_lease{released});
  auto end = holdings.release(number);
  ASSERT_TRUE(std::holds_alternative<channel_lease>(end));
  EXPECT_TRUE(std::holds_alternative<std::monostate>(holdings.release(number))) << "once only";
  holdings.give_up("it ended");
  EXPECT_EQ(held->reason(), "it ended");
  EXPECT_FALSE(released->closed()) << "somebody else has it";
  EXPECT_EQ(holdings.hold(channel_lease{late}), 0u);
  EXPECT_TRUE(late->closed());
}

TEST(ReceiverSlot, FirstClaimHasIt) {
  auto queue = make();
  auto slot = std::make_shared<receiver_slot>(channel_lease{queue});
  {
    auto first = slot->claim();
    EXPECT_TRUE(first);
    EXPECT_FALSE(slot->claim());
    slot->restore(std::move(first));
  }
  EXPECT_FALSE(queue->closed());
  slot.reset();
  EXPECT_TRUE(queue->closed());
}

// -- elements
// ---------------------------------------------------------------------------------------------------------

TEST(ChannelElement, PayloadsGetTheChannelsFormat) {
  channel_queue queue{{}, buffer_format{"d", 8, {-1}, {}}};
  auto bytes = fitted(queue, shared_bytes::copy(std::string_view{"12345678abcdefgh"}));
  ASSERT_TRUE(bytes.format());
  EXPECT_EQ(bytes.format()->format, "d");
  EXPECT_EQ(bytes.format()->shape, (std::vector<std::ptrdiff_t>{2}));
  EXPECT_THROW(fitted(queue, shared_bytes::copy("123")), std::invalid_argument);
  auto floats = shared_bytes::copy("12345678").with_format({"f", 4, {2}, {}});
  EXPECT_THROW(fitted(queue, floats), std::invalid_argument);
  EXPECT_FALSE(fitted(queue, {})) << "nothing stays nothing";
}

TEST(ChannelElement, ShapeHoldsForEachMessage) {
  channel_queue rows{{}, buffer_format{"h", 2, {-1, 3}, {}}};
  EXPECT_EQ(fitted(rows, shared_bytes::copy("123456abcdef")).format()->shape,
            (std::vector<std::ptrdiff_t>{2, 3}));
  EXPECT_THROW(fitted(rows, shared_bytes::copy("12345678")), std::invalid_argument);
  channel_queue fixed{{}, buffer_format{"B", 1, {2, 2}, {}}};
  EXPECT_EQ(fitted(fixed, shared_bytes::copy("1234")).format()->shape, (std::vector<std::ptrdiff_t>{2, 2}));
  EXPECT_THROW(fitted(fixed, shared_bytes::copy("12345")), std::invalid_argument);
  auto other = shared_bytes::copy("1234").with_format({"B", 1, {4}, {}});
  EXPECT_THROW(fitted(fixed, other), std::invalid_argument);
}

} // namespace
