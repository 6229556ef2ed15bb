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
  using with_runtime::with_runtime;

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

  void kill(ia::interpreter_actor& actor) {
    caf::scoped_actor self{system()};
    self->monitor(actor);
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    actor = ia::interpreter_actor{};
    EXPECT_EQ(down_reason(self), caf::exit_reason::kill);
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

TEST_F(Pin, ThresholdIsTheSizeFromWhichBytesArePinned) {
  auto actor = spawn("def make(v): return b'x' * int(bytes(v))\n"
                     "def view(v): return memoryview(make(v))\n"
                     "def part(v): return memoryview(b'x' * 10000)[:int(bytes(v))]\n"
                     "def nothing(v): pass");
  for (auto* function : {"make", "view", "part"}) {
    auto copied = me().call(actor, function, ia::shared_bytes::copy("4095"));
    ASSERT_TRUE(copied) << ia::describe(copied.error());
    EXPECT_EQ(ia::read_payload_stats().pinned_blocks, 0u) << function;
    EXPECT_EQ(ia::read_payload_stats().live_bytes, 4095u) << function;
    auto pinned = me().call(actor, function, ia::shared_bytes::copy("4096"));
    ASSERT_TRUE(pinned) << ia::describe(pinned.error());
    EXPECT_EQ(ia::read_payload_stats().pinned_blocks, 1u) << function;
    EXPECT_EQ(ia::read_payload_stats().pinned_bytes, 4096u) << function;
    pinned = copied = ia::shared_bytes{};
    EXPECT_EQ(call(actor, "nothing"), "None"); // with the next message the owner releases its pin
    wait_until([] { return ia::read_payload_stats().live_blocks == 0; }, "the pin's release");
  }
}

TEST_F(Pin, DroppedPinsAreReleasedByTheirOwnerAtItsNextMessage) {
  auto actor = spawn(code);
  make(actor, 100 * 1024); // dropped at once, by this thread
  EXPECT_EQ(call(actor, "small"), "small");
  wait_until([] { return ia::read_payload_stats().pinned_bytes == 0; }, "the small pin's release");
}

TEST_F(Pin, DroppingOneTakesNobodysGil) {
  // `read` of a PyDLL keeps the GIL while it waits: whoever wanted it would wait until the gate is open.
  auto actor = spawn_at_gate(std::string{code} + R"(
import ctypes
def hold(v):
    arrive()
    ctypes.PyDLL(None).read(gate_descriptor(), ctypes.create_string_buffer(1), 1)
)");
  auto bytes = make(actor, 4 * 1024 * 1024);
  asked held{system(), actor, "hold"};
  ASSERT_TRUE(gate.arrived());
  bytes = ia::shared_bytes{};
  EXPECT_EQ(ia::read_payload_stats().pinned_blocks, 1u) << "its owner, which is busy, lets it go";
  gate.open();
  ASSERT_TRUE(held.answer());
  wait_until([] { return ia::read_payload_stats().pinned_bytes == 0; }, "the pin's release");
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

TEST_F(Pin, RuntimeThatStopsWhileBytesAreHeldOrphansThem) {
  // A drop after CPython's end is in run_main_test.
  ia::shared_bytes held;
  {
    auto actor = spawn(code);
    held = make(actor, 1024 * 1024);
  }
  rt().stop();
  EXPECT_EQ(ia::read_payload_stats().orphaned_pins, 1u);
  EXPECT_EQ(ia::read_payload_stats().pinned_bytes, 1024u * 1024u);
  EXPECT_EQ(std::to_integer<int>(held.data()[513]), 1);
  held = {};
  EXPECT_EQ(ia::read_payload_stats().pinned_bytes, 0u);
  expected_orphans_ = 1;
}

/// Gives up waiting for bytes soon, while the runtime goes on.
class ShortLinger : public Pin {
protected:
  static ia::runtime_options options() {
    auto result = quick_options();
    result.interpreters.linger_timeout = 100ms;
    return result;
  }

  ShortLinger() : Pin{options()} {}
};

TEST_F(ShortLinger, TimeoutExpiresByItselfAndOrphansWhatIsHeld) {
  auto owner = spawn(code);
  auto held = make(owner, 1024 * 1024);
  kill(owner);
  wait_until([this] { return rt().counts().live == 0; }, "the owner's end, with nothing dropped");
  EXPECT_EQ(ia::read_payload_stats().orphaned_pins, 1u);
  EXPECT_EQ(ia::read_payload_stats().lingering_interpreters, 0u);
  EXPECT_EQ(ia::read_payload_stats().pinned_bytes, 1024u * 1024u);
  EXPECT_EQ(std::to_integer<int>(held.data()[513]), 1);
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
