#include <chrono>
#include <memory>
#include <thread>

#include "calls.hpp"
#include "cases.hpp"
#include "peer_process.hpp"

namespace ia_bench {

namespace {

/// Returns a `bench_case::measure` that gives the milliseconds from a spawn of nothing to the end of
/// `first_use`. The interpreters' ends are waited for, but not counted.
template <class F>
std::function<double(std::size_t)> milliseconds_to(ia::runtime& rt, F first_use) {
  return [&rt, first_use = std::move(first_use)](std::size_t n) {
    using clock = std::chrono::steady_clock;
    clock::duration taken{};
    for (std::size_t i = 0; i < n; ++i) {
      auto others = rt.counts().live;
      {
        auto begin = clock::now();
        auto actor = spawn(rt, "");
        first_use(actor);
        taken += clock::now() - begin;
      }
      while (rt.counts().live > others)
        std::this_thread::yield();
    }
    return std::chrono::duration<double, std::milli>(taken).count() / static_cast<double>(n);
  };
}

} // namespace

void add_creation(session& s, ia::runtime& rt) {
  auto answering = milliseconds_to(
      rt, [me = std::make_shared<ia::caller>(rt.system())](const ia::interpreter_actor& actor) {
        if (auto done = me->execute(actor, ""); !done)
          throw std::runtime_error(ia::describe(done.error()));
      });
  auto alone = milliseconds_to(rt, [](const ia::interpreter_actor&) {});
  auto theirs = [peer = std::make_shared<peer_process>(python_peers())](std::size_t n) {
    return peer->measure("create", n) / 1e6;
  };
  auto by_hand = [peer = std::make_shared<peer_process>(bare_interpreters())](std::size_t n) {
    return peer->measure("create", n) / 1e6;
  };
  auto first_answer = s.add({"spawn and first answer", "ms", std::move(answering)});
  auto spawned = s.add({"spawn", "ms", std::move(alone)});
  auto created = s.add({"concurrent.interpreters.create()", "ms", std::move(theirs)});
  auto bare = s.add({"Py_NewInterpreterFromConfig with site", "ms", std::move(by_hand)});
  s.compare("creation of an empty interpreter until it answers", first_answer, created, at_most(0.75));
  s.compare("creation alone", spawned, created);
  s.compare("spawn of an empty interpreter", spawned, bare, at_most(0.55));
}

} // namespace ia_bench
