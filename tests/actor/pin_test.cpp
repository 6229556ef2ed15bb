#include <caf/exit_reason.hpp>

#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

std::size_t resident_bytes() {
  ::malloc_trim(0);
  std::ifstream in{"/proc/self/statm"};
  std::size_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

class Pin : public with_runtime {
protected:
  static constexpr std::size_t large = 64 * 1024 * 1024;

  static constexpr const char* code = R"(
kept = []
def make(v): return bytes(range(256)) * (int(bytes(v)) // 256)
def part(v): return memoryview(make(v))[1:-1]
def small(v): return b'small'
def keep(v): kept.append(v)
def check(v): return b'%d' % all(k[i] == (i & 255) for k in kept for i in range(0, len(k), 4097))
def drop(v): kept.clear()
class Sub(bytes): pass
def subclass(v): return Sub(b'x' * 100000)
def again(v): return v
)";

  ia::shared_bytes make(const ia::interpreter_actor& actor, std::size_t size) {
    auto result = me().call(actor, "make", ia::shared_bytes::copy(std::to_string(size)));
    EXPECT_TRUE(result) << ia::describe(result.error());
    return result ? *result : ia::shared_bytes{};
  }

  template <class Predicate>
  void wait_until(Predicate done, const char* what) {
    for (auto until = std::chrono::steady_clock::now() + 20s; !done();) {
      ASSERT_LT(std::chrono::steady_clock::now(), until) << "waited in vain: " << what;
      std::this_thread::yield();
    }
  }

  void kill(ia::interpreter_actor& actor) {
    caf::scoped_actor self{system()};
    self->monitor(actor);
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    actor = ia::interpreter_actor{};
    self->receive([](const caf::down_msg&) {});
  }
};

TEST_F(Pin, LargeBytesArePinnedSmallOnesCopied) {
  auto actor = spawn(code);
  auto small = *me().call(actor, "small", ia::shared_bytes{});
  EXPECT_EQ(ia::read_payload_stats().pinned_bytes, 0u);
  auto bytes = make(actor, 1024 * 1024);
  EXPECT_EQ(ia::read_payload_stats().pinned_blocks, 1u);
  EXPECT_EQ(ia::read_payload_stats().pinned_bytes, 1024u * 1024u);
  auto part = *me().call(actor, "part", ia::shared_bytes::copy("1048576"));
  EXPECT_EQ(ia::read_payload_stats().pinned_blocks, 2u);
  EXPECT_EQ(part.size(), 1024u * 1024u - 2);
  EXPECT_EQ(std::to_integer<int>(part.data()[0]), 1);
  auto subclass = *me().call(actor, "subclass", ia::shared_bytes{});
  EXPECT_EQ(subclass.size(), 100'000u);
  EXPECT_EQ(ia::read_payload_stats().pinned_blocks, 2u) << "subclasses of bytes are copied";
}

TEST_F(Pin, DroppedPinsAreReleasedByTheirOwnerAtItsNextMessage) {
  auto actor = spawn(code);
  make(actor, 100 * 1024); // dropped at once, by this thread
  EXPECT_EQ(call(actor, "small"), "small");
  wait_until([] { return ia::read_payload_stats().pinned_bytes == 0; }, "the small pin's release");
}

TEST_F(Pin, LargePinsWakeAnIdleOwner) {
  auto actor = spawn(code);
  make(actor, 4 * 1024 * 1024);
  wait_until([] { return ia::read_payload_stats().pinned_bytes == 0; }, "the idle owner's release");
}

TEST_F(Pin, OwnBytesComeBackAsTheSameMemory) {
  auto actor = spawn(code);
  auto bytes = make(actor, 1024 * 1024);
  auto back = *me().call(actor, "again", bytes);
  EXPECT_EQ(back.data(), bytes.data());
  auto other = spawn(code);
  back = *me().call(other, "again", bytes);
  EXPECT_EQ(back.data(), bytes.data());
}

TEST_F(Pin, KilledOwnerLingersWhileAnotherHoldsItsBytesAndThenEverythingIsFreed) {
  auto holder = spawn(code);
  auto warm = spawn(code);
  kill(warm);
  wait_until([this] { return rt().counts().live == 1; }, "the first one's end");
  auto before = resident_bytes();
  auto owner = spawn(code);
  {
    auto bytes = make(owner, large);
    ASSERT_TRUE(me().call(holder, "keep", bytes));
  }
  kill(owner);
  wait_until([] { return ia::read_payload_stats().lingering_interpreters == 1; }, "the lingering");
  EXPECT_EQ(ia::read_payload_stats().pinned_bytes, large);
  EXPECT_EQ(call(holder, "check"), "1");
  EXPECT_GT(resident_bytes(), before + large / 2);
  EXPECT_EQ(call(holder, "drop"), "None");
  wait_until([this] { return rt().counts().live == 1; }, "the owner's end");
  EXPECT_EQ(ia::read_payload_stats().pinned_bytes, 0u);
  EXPECT_EQ(ia::read_payload_stats().lingering_interpreters, 0u);
#ifndef INTERP_ACTORS_SANITIZED // sanitizers keep what was freed
  EXPECT_LT(resident_bytes(), before + 8 * 1024 * 1024);
#endif
}

TEST_F(Pin, TwoThatHoldEachOthersBytesBothEnd) {
  auto first = spawn(code);
  auto second = spawn(code);
  ASSERT_TRUE(me().call(second, "keep", make(first, large / 8)));
  ASSERT_TRUE(me().call(first, "keep", make(second, large / 8)));
  kill(first);
  kill(second);
  wait_until([this] { return rt().counts().live == 0; }, "the end of both");
  EXPECT_EQ(ia::read_payload_stats().orphaned_pins, 0u);
}

TEST_F(Pin, RuntimeThatEndsWhileBytesAreHeldOrphansThem) {
  // Static, so that it is dropped after the runtime is gone, when the process ends.
  static ia::shared_bytes held;
  {
    auto actor = spawn(code);
    held = make(actor, 1024 * 1024);
  }
  rt().stop();
  EXPECT_EQ(ia::read_payload_stats().orphaned_pins, 1u);
  EXPECT_EQ(std::to_integer<int>(held.data()[513]), 1);
  held = {};
  EXPECT_EQ(ia::read_payload_stats().pinned_bytes, 0u);
  expected_orphans_ = 1;
}

TEST_F(Pin, ManyThreadsDropWhileTheOwnerEnds) {
  for (int round = 0; round < 20; ++round) {
    std::vector<ia::shared_bytes> held;
    {
      auto actor = spawn(code);
      for (int i = 0; i < 64; ++i)
        held.push_back(make(actor, 8192));
    }
    std::vector<std::thread> droppers;
    for (std::size_t t = 0; t < 4; ++t)
      droppers.emplace_back([&held, t] {
        for (std::size_t i = t; i < held.size(); i += 4)
          held[i] = {};
      });
    for (auto& dropper : droppers)
      dropper.join();
  }
  wait_until([this] { return rt().counts().live == 0; }, "the owners' end");
}

} // namespace
