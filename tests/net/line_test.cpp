#include "interp_actors/net/front.hpp"
#include "interp_actors/net/inspect.hpp"
#include "interp_actors/net/line.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <deque>
#include <limits>
#include <memory>
#include <numeric>

#include "net/resident.hpp"
#include "support.hpp"

using namespace ia_test;

namespace {

/// Two lines without a network: what one sends waits until the test lets the other have it.
class Line : public ::testing::Test {
protected:
  Line() {
    ia::detail::init_types();
    config_.set("caf.scheduler.max-threads", 1);
    system_.emplace(config_);
    left_inbox_ =
        ia::make_front(*system_, [this](auto element) { to_left_.push_back(std::move(element->payload)); });
    right_inbox_ =
        ia::make_front(*system_, [this](auto element) { to_right_.push_back(std::move(element->payload)); });
    left.emplace(right_inbox_, limit, limit);
    right.emplace(left_inbox_, limit, limit);
  }

  ~Line() override {
    left.reset();
    right.reset();
    ia::end_front(left_inbox_);
    ia::end_front(right_inbox_);
  }

  static ia::shared_bytes bytes(std::size_t size, unsigned seed = 0) {
    std::vector<std::byte> result(size);
    for (std::size_t i = 0; i < size; ++i)
      result[i] = static_cast<std::byte>(i * 7 + i / 255 + seed);
    return ia::shared_bytes::adopt(std::move(result));
  }

  static ia::node_answer answer(std::uint64_t number, std::vector<ia::shared_bytes> payloads) {
    ia::node_answer result{.child = 1, .number = number};
    result.content.payloads = std::move(payloads);
    return result;
  }

  /// Lets one side have the next message, which it understands as an answer where it is one.
  bool deliver(std::deque<caf::message>& from, ia::line& to, std::vector<ia::node_answer>& got) {
    if (from.empty())
      return false;
    auto next = std::move(from.front());
    from.pop_front();
    if (!to.receive(next) && next.match_elements<ia::node_answer>())
      got.push_back(to.complete<ia::node_answer>(next));
    return true;
  }

  void deliver_all() {
    while (deliver(to_right_, *right, at_right) || deliver(to_left_, *left, at_left)) {
    }
  }

  std::vector<std::uint64_t> numbers(const std::vector<ia::node_answer>& of) {
    std::vector<std::uint64_t> result;
    for (auto& each : of)
      result.push_back(each.number);
    return result;
  }

  static constexpr std::size_t limit = 8 << 20;
  static constexpr std::size_t chunk = ia::line::chunk_bytes;

  std::deque<caf::message> to_left_;
  std::deque<caf::message> to_right_;
  std::vector<ia::node_answer> at_left;
  std::vector<ia::node_answer> at_right;

private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  caf::strong_actor_ptr left_inbox_;
  caf::strong_actor_ptr right_inbox_;

protected:
  std::optional<ia::line> left;
  std::optional<ia::line> right;
};

TEST_F(Line, PayloadsOfAllSizesArriveWhole) {
  std::uint64_t number = 0;
  for (std::size_t size :
       {std::size_t{0}, std::size_t{1}, chunk - 1, chunk, chunk + 1, 3 * chunk, 10 * chunk + 5}) {
    at_right.clear();
    std::vector<ia::shared_bytes> sent{
        bytes(size, 1), {}, bytes(3, 2), bytes(size, 3), ia::shared_bytes::copy("")};
    left->send_cargo(answer(++number, sent), 1);
    deliver_all();
    ASSERT_EQ(at_right.size(), 1u) << size;
    ASSERT_EQ(at_right[0].content.payloads.size(), sent.size());
    for (std::size_t i = 0; i < sent.size(); ++i) {
      EXPECT_TRUE(static_cast<bool>(at_right[0].content.payloads[i]) == static_cast<bool>(sent[i]))
          << size << ' ' << i;
      EXPECT_TRUE(at_right[0].content.payloads[i].as_string_view() == sent[i].as_string_view())
          << size << ' ' << i;
    }
  }
}

TEST_F(Line, FormatsTravelWithTheirPayloads) {
  ia::array<double> numbers{std::vector<double>(100'000, 1.5)};
  left->send_cargo(answer(1, {numbers.bytes()}));
  deliver_all();
  ASSERT_EQ(at_right.size(), 1u);
  EXPECT_TRUE(at_right[0].content.payloads[0] == numbers.bytes());
}

TEST_F(Line, OnlyAFewChunksAreUnderWayAtATime) {
  left->send_cargo(answer(1, {bytes(20 * chunk)}), 1);
  left->send_cargo(answer(2, {bytes(20 * chunk)}), 2);
  std::size_t chunks = 0;
  for (auto& each : to_right_)
    chunks += each.match_elements<ia::node_chunk>();
  EXPECT_EQ(chunks, ia::line::window);
  left->send(answer(3, {bytes(64)}), 3); // and a small one is behind those alone
  EXPECT_EQ(to_right_.back().get_as<ia::node_answer>(0).number, 3u);
  deliver_all();
  EXPECT_EQ(numbers(at_right), (std::vector<std::uint64_t>{3, 1, 2}));
}

TEST_F(Line, AStreamKeepsItsOrderAndOthersOvertakeIt) {
  left->send_cargo(answer(1, {bytes(5 * chunk)}), 7);
  left->send(answer(2, {}), 7);
  left->send_cargo(answer(3, {bytes(2 * chunk)}), 7);
  left->send_cargo(answer(4, {bytes(10)}), 7);
  left->send(answer(5, {}), 8);
  left->send(answer(6, {}));
  deliver_all();
  EXPECT_EQ(numbers(at_right), (std::vector<std::uint64_t>{5, 6, 1, 2, 3, 4}));
}

TEST_F(Line, BothDirectionsGoAtOnce) {
  left->send_cargo(answer(1, {bytes(9 * chunk, 1)}), 1);
  right->send_cargo(answer(2, {bytes(9 * chunk, 2)}), 1);
  deliver_all();
  ASSERT_EQ(at_right.size(), 1u);
  ASSERT_EQ(at_left.size(), 1u);
  EXPECT_TRUE(at_left[0].content.payloads[0] == bytes(9 * chunk, 2));
}

TEST_F(Line, WhatIsDroppedHalfWayLeavesNothing) {
  left->send_cargo(answer(1, {bytes(12 * chunk)}), 1);
  left->send_cargo(answer(2, {bytes(6 * chunk)}), 2);
  for (int i = 0; i < 5; ++i)
    deliver(to_right_, *right, at_right);
  left->drop(1);
  deliver_all();
  EXPECT_EQ(numbers(at_right), std::vector<std::uint64_t>{2});
  at_right.clear();
  EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
}

TEST_F(Line, NothingIsKeptOrSentAfterItsEnd) {
  left->send_cargo(answer(1, {bytes(12 * chunk)}), 1);
  for (int i = 0; i < 3; ++i)
    deliver(to_right_, *right, at_right);
  left->close();
  right->close();
  to_left_.clear();
  to_right_.clear();
  EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
  left->send_cargo(answer(2, {bytes(chunk * 2)}), 2);
  left->send(answer(3, {}));
  EXPECT_TRUE(to_right_.empty());
}

TEST_F(Line, MoreThanTheLimitIsRefusedBeforeItIsSent) {
  ia::packed_message content;
  content.payloads = {bytes(limit / 2), bytes(limit / 2)};
  EXPECT_FALSE(left->check_size(content));
  content.bytes = bytes(1);
  auto problem = left->check_size(content);
  EXPECT_EQ(problem, ia::errc::too_large);
  EXPECT_NE(ia::describe(problem).find(std::to_string(limit + 1) + " bytes"), std::string::npos)
      << ia::describe(problem);
}

// -- strangers -------------------------------------------------------------------------------------------------------------

class LineStranger : public Line {
protected:
  template <class T>
  std::string said_of(T message) {
    try {
      auto content = caf::make_message(std::move(message));
      if (!right->receive(content))
        (void)right->complete<ia::node_answer>(content);
    } catch (const ia::protocol_violation& problem) {
      return problem.what();
    }
    return "accepted";
  }

  static ia::node_parcel parcel(std::uint64_t number, std::vector<std::uint64_t> sizes) {
    ia::node_parcel result{.number = number};
    for (auto size : sizes)
      result.parts.push_back({.size = size, .exists = true});
    return result;
  }
};

TEST_F(LineStranger, WhoAnnouncesTooMuchIsRefusedBeforeMemoryIsTaken) {
  EXPECT_NE(said_of(parcel(1, {limit, 1})).find("were agreed on"), std::string::npos);
  EXPECT_NE(said_of(parcel(2, {std::uint64_t{1} << 63, std::uint64_t{1} << 63, 5})).find("were agreed on"),
            std::string::npos);
  EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
}

TEST_F(LineStranger, WhoAnnouncesMoreThanThereIsEndsNothingButHisSession) {
  ia::line greedy{nullptr, std::numeric_limits<std::size_t>::max(), 0};
  EXPECT_THROW(greedy.receive(caf::make_message(parcel(1, {std::uint64_t{1} << 63}))),
               ia::protocol_violation);
}

TEST_F(LineStranger, WhatIsAnnouncedTakesNoMemoryBeforeItComes) {
  auto before = resident_kib();
  ia::line patient{nullptr, std::size_t{1} << 40, 0};
  for (std::uint64_t number = 1; number <= 8; ++number)
    EXPECT_TRUE(patient.receive(caf::make_message(parcel(number, {std::uint64_t{1} << 28}))));
  EXPECT_LT(resident_kib(), before + 64 * 1024);
}

TEST_F(LineStranger, MistakesAreViolations) {
  EXPECT_EQ(said_of(parcel(1, {10})), "accepted");
  EXPECT_NE(said_of(parcel(1, {10})), "accepted");
  EXPECT_NE(said_of(ia::node_chunk{1, bytes(11)}), "accepted");
  EXPECT_EQ(said_of(parcel(2, {10})), "accepted");
  EXPECT_EQ(said_of(ia::node_chunk{2, bytes(10)}), "accepted");
  EXPECT_NE(said_of(ia::node_chunk{2, bytes(1)}), "accepted"); // it is whole
  auto early = answer(1, {{}});
  early.parcel = 3;
  EXPECT_EQ(said_of(parcel(3, {10, 10})), "accepted");
  EXPECT_NE(said_of(early), "accepted"); // before its payload
  ia::node_parcel wrong_format{.number = 4};
  wrong_format.parts.push_back(
      {.size = 8, .exists = true, .format = ia::buffer_format{.format = "d", .itemsize = 8, .shape = {2}}});
  EXPECT_EQ(said_of(wrong_format), "accepted");
  EXPECT_NE(said_of(ia::node_chunk{4, bytes(8)}), "accepted");
  EXPECT_EQ(said_of(ia::node_chunk{99, bytes(8)}), "accepted"); // of one that was dropped
  EXPECT_EQ(said_of(ia::node_credit{1'000'000}), "accepted");
  EXPECT_EQ(said_of(ia::node_drop{99}), "accepted");
}

TEST_F(LineStranger, TransfersThatNobodyEndsAreLimited) {
  std::uint64_t begun = 0;
  while (begun < 100'000 && said_of(parcel(++begun, {1})) == "accepted") {
  }
  EXPECT_LT(begun, 10'000u);
}

} // namespace
