#include <caf/exit_reason.hpp>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "stress/slope.hpp"
#include "support.hpp"

using namespace ia_test;

namespace {

class SpawnKill : public with_runtime {
protected:
  SpawnKill() : with_runtime{patient_options()} {}

  static constexpr int cycles = 2000;

  void wait_until_live(std::size_t most) {
    while (rt().counts().live > most)
      std::this_thread::yield();
  }
};

TEST_F(SpawnKill, PlainCyclesKeepTheMemoryFlat) {
  std::vector<double> resident;
  for (int i = 0; i < cycles; ++i) {
    {
      auto actor = spawn("def f(v): return v");
      ASSERT_EQ(call(actor, "f", "x"), "x");
      if (i % 2 == 0)
        caf::anon_send_exit(actor, caf::exit_reason::kill);
    }
    wait_until_live(0);
    if (i >= cycles / 10 && i % 10 == 0)
      resident.push_back(resident_kib());
  }
  auto per_cycle = slope(resident) / 10;
  RecordProperty("kib_per_cycle", std::to_string(per_cycle));
  std::printf("RSS slope: %.3f KiB per cycle (%.0f -> %.0f KiB)\n", per_cycle, resident.front(),
              resident.back());
#ifndef INTERP_ACTORS_SANITIZED // sanitizers keep what was freed
  EXPECT_LT(per_cycle, 1.0);
#endif
}

TEST_F(SpawnKill, CyclesWithTheWorstPythonNeitherHangNorCrash) {
  // Each leaves something behind that must be stopped; none of it blocks in C for longer than the teardown's
  // limits.
  static constexpr std::array<const char*, 8> worst = {
      "def busy(v):\n    while True: pass",
      "import _thread\ndef f():\n    while True: pass\ndef busy(v): _thread.start_new_thread(f, ())",
      "import threading, atexit\ndef f():\n    while True: pass\natexit.register(lambda: "
      "threading.Thread(target=f).start())\n"
      "def busy(v): pass",
      "import concurrent.futures as c\ndef f():\n    while True: pass\npool = c.ThreadPoolExecutor(2)\n"
      "for i in range(5): pool.submit(f)\ndef busy(v): pass",
      "kept = []\ndef busy(v):\n    kept.append(v); kept.append(kept)\n    return bytes(10000)",
      "import interp_actors\nclass A:\n    def __del__(self): interp_actors.Builder(10).freeze()\n"
      "a = A(); a.self = a\ndef busy(v):\n    raise ValueError(a)",
      "import threading\ndef f():\n    while True: pass\nfor i in range(2): "
      "threading.Thread(target=f).start()\n"
      "def busy(v):\n    while True: pass",
      "import sys\ndef busy(v):\n    try:\n        while True: pass\n    finally:\n        sys.exit(3)",
  };
  std::atomic<int> next{0};
  std::atomic<int> spawned{0};
  auto work = [&] {
    ia::caller mine{system()};
    std::vector<ia::shared_bytes> held;
    for (int i = next++; i < cycles; i = next++) {
      auto actor = rt().spawn(ia::text(worst[static_cast<std::size_t>(i) % worst.size()], "worst.py"));
      ASSERT_TRUE(actor) << ia::describe(actor.error());
      ++spawned;
      auto payload = ia::shared_bytes::adopt(std::string(20'000, 'x'));
      auto result = mine.call(*actor, "busy", {payload}, 5ms);
      if (result)
        held.push_back(*result);
      if (held.size() > 3)
        held.clear();
      caf::anon_send_exit(*actor, caf::exit_reason::kill);
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back(work);
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(spawned, cycles);
  rt().stop();
  auto counts = rt().counts();
  std::printf("%d cycles, %zu interpreters could not be ended\n", cycles, counts.abandoned);
  EXPECT_EQ(counts.live, 0u);
  // An interrupt that hits `Thread.start` may leave a thread that nobody ever wakes: nothing can end that
  // one. And a loaded machine may need longer than the limits.
  EXPECT_LT(counts.abandoned, static_cast<std::size_t>(cycles / 20));
  expected_abandoned_ = counts.abandoned;
}

} // namespace
