#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <caf/system_messages.hpp>

#include <memory>

#include "calls.hpp"
#include "cases.hpp"
#include "peer_process.hpp"
#include "scoring.hpp"

namespace ia_bench {

namespace {

/// CAF's own blocking actor: the same messages, answered in C++.
class caf_echo {
public:
  explicit caf_echo(caf::actor_system& system)
      : actor_{system.spawn<caf::detached>([](caf::blocking_actor* self) {
          bool running = true;
          self->receive_while(running)(
              [](ia::call_atom, const std::string&, const ia::shared_bytes& payload) { return payload; },
              [&running](const caf::exit_msg&) { running = false; });
        })} {}
  caf_echo(const caf_echo&) = delete;
  caf_echo& operator=(const caf_echo&) = delete;
  ~caf_echo() { caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown); }

  const caf::actor& handle() const { return actor_; }

private:
  caf::actor actor_;
};

ia::shared_bytes payload_of(std::size_t size) {
  return ia::shared_bytes::adopt(std::string(size, 'x'));
}

} // namespace

void add_round_trip(session& s, ia::runtime& rt) {
  auto& system = rt.system();
  auto echo = spawn(rt, "def echo(view): return view\n");
  auto from_scoped_actor = [&system](auto to) {
    return nanoseconds_of(
        [self = std::make_shared<caf::scoped_actor>(system), to = std::move(to), payload = payload_of(64)] {
          receive_answer(request_call(*self, to, "echo", payload), payload.size());
        });
  };
  auto from_caller = [&system](const ia::interpreter_actor& echo, std::size_t size) {
    return nanoseconds_of([me = std::make_shared<ia::caller>(system), echo, payload = payload_of(size)] {
      if (checked(me->call(echo, "echo", payload)).size() != payload.size())
        throw std::runtime_error("an echo has another size than the request");
    });
  };
  auto from_python = [peers = std::make_shared<peer_process>(python_peers())](std::string name) {
    return [peers, name = std::move(name)](std::size_t n) { return peers->measure(name, n); };
  };

  auto own_echo = std::make_shared<caf_echo>(system);
  auto caf_time = nanoseconds_of(
      [self = std::make_shared<caf::scoped_actor>(system), own_echo, payload = payload_of(64)] {
        receive_answer(request_call(*self, own_echo->handle(), "echo", payload), payload.size());
      });
  auto caf = s.add({"CAF blocking actor, C++ echo", "ns", std::move(caf_time)});
  auto scoped = s.add({"scoped_actor", "ns", from_scoped_actor(echo)});
  auto caller = s.add({"own caller, 64 B", "ns", from_caller(echo, 64)});
  auto tree = checked(rt.supervise(
      {.children = {{.name = "echo",
                     .body = ia::python_child(ia::text("def echo(view): return view\n", "bench.py"))}}}));
  auto child = s.add({"supervised, own caller, 64 B", "ns", from_caller(checked(tree.child("echo")), 64)});
  auto scoring = checked(rt.spawn<scorer>(
      ia::text("def score(weight: float, text: str) -> float: return weight\n", "bench.py")));
  auto typed = s.add({"typed call, own caller", "ns",
                      nanoseconds_of([me = std::make_shared<ia::caller>(system),
                                      to = caf::actor_cast<caf::strong_actor_ptr>(scoring)] {
                        auto answer = checked(me->request(
                            to, caf::make_message(score_atom_v, 0.5, std::string{"a short text"})));
                        if (!answer.match_elements<double>() || answer.get_as<double>(0) != 0.5)
                          throw std::runtime_error("a typed call has another result than its handler");
                      })});
  auto large = s.add({"own caller, 64 MiB", "ns", from_caller(echo, std::size_t{64} << 20)});
  auto pipe = s.add({"multiprocessing.Pipe", "ns", from_python("pipe")});
  auto pool = s.add({"InterpreterPoolExecutor", "ns", from_python("pool")});

  s.compare("64 B round trip, scoped_actor", scoped, caf, at_most(0.75));
  s.compare("64 B round trip, own caller", caller, caf, at_most(0.52));
  s.compare("64 B round trip, own caller", caller, pipe);
  s.compare("64 B round trip, own caller", caller, pool);
  s.compare("64 B round trip, supervised child", child, caller, at_most(1.05));
  s.compare("(double, string) -> double, own caller", typed, caller);
  s.compare("64 MiB over 64 B round trip, own caller", large, caller, at_most(1.05));
}

} // namespace ia_bench
