#include <caf/scoped_actor.hpp>

#include <memory>
#include <string>

#include "affinity.hpp"
#include "calls.hpp"
#include "cases.hpp"
#include "peer_process.hpp"

namespace ia_bench {

namespace {

/// About 50 ms of Python that shares nothing with anybody.
constexpr const char* work_code = R"(
def work(view):
    total = 0
    for i in range(2_000_000):
        total += i & 7
    return b"done"
)";

/// Returns the calls per second of `workers` that work at the same time.
auto throughput_of(caf::actor_system& system, std::vector<ia::interpreter_actor> workers) {
  return [self = std::make_shared<caf::scoped_actor>(system), workers = std::move(workers),
          nothing = ia::shared_bytes::copy("")](std::size_t n) {
    using clock = std::chrono::steady_clock;
    using request = decltype(request_call(*self, workers.front(), "work", nothing));
    auto work_once = [&] {
      std::vector<request> requests;
      for (auto& worker : workers)
        requests.push_back(request_call(*self, worker, "work", nothing));
      for (auto& one : requests)
        receive_answer(std::move(one), 4);
    };
    work_once(); // nothing else runs on the second core, which has to wake up and gain speed
    auto begin = clock::now();
    for (std::size_t i = 0; i < n; ++i)
      work_once();
    auto seconds = std::chrono::duration<double>(clock::now() - begin).count();
    return static_cast<double>(n * workers.size()) / seconds;
  };
}

} // namespace

void add_two_cores(session& s, ia::runtime& rt, const std::vector<int>& allowed) {
  const char* name = "two interpreters on two cores";
  auto cores = without_siblings(allowed);
  if (cores.size() < 2) {
    s.leave_out(name, "only one core is available to this process; hyperthreads of one do not count");
    return;
  }
  // An interpreter's thread inherits the cores of its spawner. Each gets a core of its own: left alone, the
  // kernel at times wakes both on the caller's core and lets them share it for all of the 50 ms.
  auto spawn_on = [&rt](int core) {
    bound_to its_core{{core}};
    return spawn(rt, work_code);
  };
  auto first = spawn_on(cores[0]);
  auto second = spawn_on(cores[1]);
  auto one = s.add({"one interpreter", "calls/s", throughput_of(rt.system(), {first})});
  auto two = s.add({"two interpreters", "calls/s", throughput_of(rt.system(), {first, second})});
  s.compare(name, two, one, at_least(1.95));
  // What the machine gives to whoever shares nothing.
  auto of_processes = [peers = std::make_shared<peer_process>(python_peers())](const std::string& on) {
    return [peers, command = "processes:" + on](std::size_t n) { return 1e9 / peers->measure(command, n); };
  };
  auto core = [&cores](std::size_t i) { return std::to_string(cores[i]); };
  auto one_process = s.add({"one process", "calls/s", of_processes(core(0))});
  auto two_processes = s.add({"two processes", "calls/s", of_processes(core(0) + "," + core(1))});
  s.compare("two processes on two cores", two_processes, one_process);
}

} // namespace ia_bench
