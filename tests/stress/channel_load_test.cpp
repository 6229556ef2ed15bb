#include <caf/exit_reason.hpp>

#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace ia_test;

namespace {

constexpr std::uint32_t senders = 8;
#ifdef INTERP_ACTORS_SANITIZED
constexpr std::uint32_t messages_each = 12'500;
#else
constexpr std::uint32_t messages_each = 125'000;
#endif
constexpr std::size_t messages = std::size_t{senders} * messages_each;

std::size_t resident_bytes() {
  ::malloc_trim(0);
  std::ifstream in{"/proc/self/statm"};
  std::size_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// A message: who sent it, and the how manieth it is.
struct mark {
  std::uint32_t sender;
  std::uint32_t number;

  std::size_t place() const { return std::size_t{sender} * messages_each + number; }
};

class ChannelLoad : public with_runtime, public ::testing::WithParamInterface<ia::when_full> {
protected:
  ChannelLoad() : with_runtime{options()} {}

  ia::runtime_options options() {
    auto result = quick_options();
    result.dead_letters = [this](const ia::dead_letter& letter) { report(letter.payload); };
    return result;
  }

  /// Notes that a message was not delivered.
  void report(const ia::shared_bytes& payload) {
    mark which;
    std::memcpy(&which, payload.data(), sizeof which);
    ++reported_[which.place()];
  }

  static constexpr const char* code = R"(
import struct
unpack = struct.Struct('=II').unpack
def work(v):
    each, bound = unpack(v)
    seen = bytearray(8 * each)
    last = [-1] * 8
    count = 0
    for view in source:
        sender, number = unpack(view)
        assert number > last[sender], 'out of order'
        last[sender] = number
        seen[sender * each + number] += 1
        count += 1
        if count % 1000 == 0:
            assert len(source) <= bound, 'too many'
    return bytes(seen)
)";

  std::vector<std::uint8_t> reported_ = std::vector<std::uint8_t>(messages); // each place has one writer
};

TEST_P(ChannelLoad, AMillionMessagesFromEightSenders) {
  constexpr std::uint32_t bound = 256;
  auto [made_tx, rx] = rt().channel({.messages = bound, .bytes = 64 * 1024, .when_full = GetParam()});
  auto tx = std::move(made_tx);
  auto actor = spawn(code, {.channels = {{"source", rx}}});
  mark limits{messages_each, bound};
  caf::scoped_actor self{system()};
  auto result = ia::compat::request(self, actor, caf::infinite, ia::call_atom_v, std::string{"work"},
                                    ia::shared_bytes::copy(std::as_bytes(std::span{&limits, 1})));
  auto send_all = [&](std::uint32_t sender) {
    ia::caller mine{system()};
    auto to = caf::actor_cast<caf::strong_actor_ptr>(tx);
    for (std::uint32_t i = 0; i < messages_each; ++i) {
      mark which{sender, i};
      auto payload = ia::shared_bytes::copy(std::as_bytes(std::span{&which, 1}));
      auto answer = mine.request(to, caf::make_message(ia::send_atom_v, payload));
      if (!answer) {
        EXPECT_EQ(code_of(answer.error()), ia::errc::channel_full) << ia::describe(answer.error());
        report(payload);
      }
    }
  };
  [[maybe_unused]] std::size_t before = 0; // resident bytes
  std::vector<std::thread> threads;
  for (std::uint32_t sender = 0; sender < senders; ++sender)
    threads.emplace_back(send_all, sender);
  before = resident_bytes();
  for (auto& thread : threads)
    thread.join();
  auto after = resident_bytes();
  drop(tx);
  caf::expected<ia::shared_bytes> seen{caf::make_error(caf::sec::runtime_error)};
  std::move(result).receive([&](const ia::shared_bytes& bytes) { seen = bytes; },
                            [&](const caf::error& problem) { seen = problem; });
  ASSERT_TRUE(seen) << ia::describe(seen.error());
  ASSERT_EQ(seen->size(), messages);
  std::size_t delivered = 0, undelivered = 0, wrong = 0;
  for (std::size_t i = 0; i < messages; ++i) {
    auto times = std::to_integer<unsigned>(seen->data()[i]);
    delivered += times;
    undelivered += reported_[i];
    wrong += times + reported_[i] != 1;
  }
  EXPECT_EQ(wrong, 0u) << "each message is either delivered once or reported once";
  EXPECT_EQ(delivered + undelivered, messages);
  if (GetParam() == ia::when_full::wait) {
    EXPECT_EQ(undelivered, 0u);
  }
  std::printf("%zu delivered, %zu reported\n", delivered, undelivered);
#ifndef INTERP_ACTORS_SANITIZED
  EXPECT_LT(after, before + 32 * 1024 * 1024) << "memory is flat";
#else
  (void)after;
#endif
}

INSTANTIATE_TEST_SUITE_P(Policies, ChannelLoad,
                         ::testing::Values(ia::when_full::wait, ia::when_full::fail,
                                           ia::when_full::drop_oldest),
                         [](auto& info) -> std::string {
                           return info.param == ia::when_full::wait   ? "Wait"
                                  : info.param == ia::when_full::fail ? "Fail"
                                                                      : "DropOldest";
                         });

class ChannelDeaths : public with_runtime {};

/// Receivers and senders die at every moment; nothing hangs, and nothing is left behind.
TEST_F(ChannelDeaths, EndsDieInTheMiddleOfEverything) {
  for (int round = 0; round < 40; ++round) {
    auto [made_tx, rx] = rt().channel({.messages = 4});
    auto tx = std::move(made_tx);
    auto receiver = spawn("import interp_actors as ia\n"
                          "def work(v):\n"
                          "    inner = None\n"
                          "    for message in source:\n"
                          "        if isinstance(message, ia.ReceiveChannel): inner = message\n",
                          {.channels = {{"source", rx}}});
    auto sender = spawn("import interp_actors as ia\n"
                        "def work(v):\n"
                        "    while True:\n"
                        "        inner_tx, inner_rx = ia.channel(1)\n"
                        "        inner_tx.send(bytes(5000))\n"
                        "        out.send(inner_rx)\n"
                        "        out.send(b'x')\n",
                        {.channels = {{"out", given_away(tx)}}});
    for (auto& actor : {receiver, sender})
      ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"work"}, ia::shared_bytes{});
    auto first = round % 2 == 0 ? receiver : sender;
    for (int i = 0; i < round * 5; ++i)
      std::this_thread::yield();
    caf::anon_send_exit(first, caf::exit_reason::kill);
    drop(first);
    caf::anon_send_exit(receiver, caf::exit_reason::kill);
    caf::anon_send_exit(sender, caf::exit_reason::kill);
  }
  wait_until([this] { return rt().counts().live == 0; }, "the end of all");
}

} // namespace
