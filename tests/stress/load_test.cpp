#include <caf/exit_reason.hpp>

#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "support.hpp"

using namespace ia_test;

namespace {

class Load : public with_runtime {
protected:
  static constexpr const char* code = R"(
import sys
def echo(v): return v
def copy(v): return bytes(v)
def large(v): return bytes(100000)
def fail(v): raise ValueError('no')
def leave(v): sys.exit(3)
def loop(v):
    while True: pass
kept = []
def keep(v):
    kept.append(v)
    if len(kept) > 100: kept.clear()
)";
};

/// Every request is answered, with the right bytes or a reason, while interpreters come and go.
TEST_F(Load, SixteenThreadsCallEightInterpretersForAMinute) {
  constexpr std::size_t interpreters = 8;
  constexpr std::size_t callers = 16;
#ifdef INTERP_ACTORS_SANITIZED
  constexpr auto duration = 20s;
#else
  constexpr auto duration = 60s;
#endif
  auto until = std::chrono::steady_clock::now() + duration;

  std::array<std::mutex, interpreters> locks;
  std::array<ia::interpreter_actor, interpreters> actors;
  for (auto& actor : actors)
    actor = spawn(code);
  std::atomic<long> right{0}, refused{0}, wrong{0}, respawned{0};

  auto work = [&](unsigned seed) {
    std::mt19937 random{seed};
    ia::caller mine{system()};
    while (std::chrono::steady_clock::now() < until) {
      auto place = random() % interpreters;
      ia::interpreter_actor actor;
      {
        std::lock_guard guard{locks[place]};
        actor = actors[place];
      }
      auto text = std::to_string(random());
      auto payload = ia::shared_bytes::copy(text);
      auto dice = random() % 1000;
      auto check = [&](const caf::expected<ia::shared_bytes>& result, std::string_view expected) {
        if (!result)
          ++refused;
        else if (result->as_string_view() == expected)
          ++right;
        else
          ++wrong;
      };
      if (dice < 700) {
        check(mine.call(actor, "echo", payload), text);
      } else if (dice < 850) {
        check(mine.call(actor, "copy", {payload}, 10s), text);
      } else if (dice < 900) {
        if (auto result = mine.call(actor, "large", payload); result && result->size() == 100'000) {
          // Another interpreter keeps what this one owns.
          auto other = (place + 1) % interpreters;
          std::unique_lock guard{locks[other]};
          auto target = actors[other];
          guard.unlock();
          ia::compat::anonymous_send(target, ia::call_atom_v, std::string{"keep"}, *result);
          ++right;
        } else {
          result ? ++wrong : ++refused;
        }
      } else if (dice < 990) {
        if (auto result = mine.call(actor, "fail", payload); !result)
          ++right;
        else
          ++wrong;
      } else if (dice < 994) {
        if (auto result = mine.call(actor, "loop", {payload}, 2ms); !result)
          ++right;
        else
          ++wrong;
      } else {
        if (dice < 997)
          mine.call(actor, "leave", payload);
        else
          caf::anon_send_exit(actor, caf::exit_reason::kill);
        auto fresh = rt().spawn(ia::text(code, "test.py"));
        if (!fresh) {
          ++wrong;
          continue;
        }
        ++respawned;
        std::lock_guard guard{locks[place]};
        actors[place] = *fresh;
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < callers; ++t)
    threads.emplace_back(work, t + 1);
  for (auto& thread : threads)
    thread.join();
  std::printf("%ld right, %ld refused by ended interpreters, %ld wrong, %ld spawned anew\n", right.load(),
              refused.load(), wrong.load(), respawned.load());
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(right, 0);
  for (auto& actor : actors)
    actor = ia::interpreter_actor{};
  rt().stop();
  expected_abandoned_ = rt().counts().abandoned;
}

} // namespace
