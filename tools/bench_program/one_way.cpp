#include <caf/actor_system.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>
#include <caf/system_messages.hpp>

#include <array>
#include <memory>

#include "calls.hpp"
#include "cases.hpp"
#include "peer_process.hpp"

namespace ia_bench {

namespace {

/// Messages under way before the sender waits for word that they have arrived.
constexpr std::size_t window = 1024;

constexpr const char* loop_code = R"(
def work(v):
    n = 0
    for view in source:
        n += 1
        if n == 1024:
            n = 0
            done.send(None)
)";

/// Sends `n` messages of 64 B, rounded up to whole windows, calls `wait` after each window, and returns the
/// messages per second.
template <class Handle, class Wait>
double rate_of(const Handle& to, std::size_t n, Wait wait) {
  using clock = std::chrono::steady_clock;
  static constexpr std::array<std::byte, 64> content{};
  auto windows = (n + window - 1) / window;
  auto begin = clock::now();
  for (std::size_t i = 0; i < windows; ++i) {
    for (std::size_t j = 0; j < window; ++j)
      ia::compat::anonymous_send(to, ia::send_atom_v, ia::shared_bytes::copy(content));
    wait();
  }
  auto seconds = std::chrono::duration<double>(clock::now() - begin).count();
  return static_cast<double>(windows * window) / seconds;
}

/// CAF's own blocking actor, which counts what comes.
class caf_sink {
public:
  explicit caf_sink(caf::actor_system& system)
      : actor_{system.spawn<caf::detached>([arrived = arrived_](caf::blocking_actor* self) {
          bool running = true;
          std::size_t count = 0;
          self->receive_while(running)(
              [&](ia::send_atom, const ia::shared_bytes&) {
                if (++count % window == 0)
                  arrived->ring();
              },
              [&running](const caf::exit_msg&) { running = false; });
        })} {}
  caf_sink(const caf_sink&) = delete;
  caf_sink& operator=(const caf_sink&) = delete;
  ~caf_sink() { caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown); }

  double measure(std::size_t n) {
    return rate_of(actor_, n, [this] { arrived_->wait(); });
  }

private:
  std::shared_ptr<ia::bell> arrived_ = std::make_shared<ia::bell>();
  caf::actor actor_;
};

/// A Python loop over a channel.
class python_loop {
public:
  explicit python_loop(ia::runtime& rt) : done_{rt.channel()} {
    auto made = rt.channel({.messages = 2 * window});
    source_ = std::move(made.sender);
    ia::spawn_options how;
    how.channels = {{"source", made.receiver}, {"done", done_.sender}};
    actor_ = checked(rt.spawn(ia::text(loop_code, "bench.py"), std::move(how)));
    ia::compat::anonymous_send(actor_, ia::call_atom_v, std::string{"work"}, ia::shared_bytes{});
  }

  double measure(std::size_t n) {
    return rate_of(source_, n, [this] { checked(done_.receiver.recv()); });
  }

private:
  ia::channel_ends<std::byte> done_;
  ia::channel_sender<> source_;
  ia::interpreter_actor actor_;
};

} // namespace

void add_one_way(session& s, ia::runtime& rt) {
  const char* name = "64 B one way, into a Python loop";
  auto loop = std::make_shared<python_loop>(rt);
  auto sink = std::make_shared<caf_sink>(rt.system());
  auto peers = std::make_shared<peer_process>(python_peers());
  auto ours =
      s.add({"Python loop over a channel", "msg/s", [loop](std::size_t n) { return loop->measure(n); }});
  auto caf =
      s.add({"CAF blocking actor, C++ sink", "msg/s", [sink](std::size_t n) { return sink->measure(n); }});
  auto queue = s.add({"concurrent.interpreters.Queue", "msg/s",
                      [peers](std::size_t n) { return 1e9 / peers->measure("queue", n); }});
  s.compare(name, ours, caf, at_least(0.8));
  s.compare(name, ours, queue, at_least(2));
}

} // namespace ia_bench
