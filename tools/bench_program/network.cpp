#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/blocking_actor.hpp>
#include <caf/io/all.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/system_messages.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "calls.hpp"
#include "cases.hpp"

/// Calls to an interpreter in another process over this machine's loopback, beside CAF and TCP alone.
namespace ia_bench {

namespace {

constexpr std::size_t large = std::size_t{16} << 20;
constexpr std::size_t huge = std::size_t{1} << 30;

void read_all(int fd, char* to, std::size_t size) {
  while (size > 0) {
    auto count = ::recv(fd, to, size, 0);
    if (count <= 0)
      throw std::runtime_error("the TCP peer has closed the connection");
    to += count;
    size -= static_cast<std::size_t>(count);
  }
}

void write_all(int fd, const char* from, std::size_t size) {
  while (size > 0) {
    auto count = ::send(fd, from, size, MSG_NOSIGNAL);
    if (count <= 0)
      throw std::runtime_error("the TCP peer has closed the connection");
    from += count;
    size -= static_cast<std::size_t>(count);
  }
}

::sockaddr_in loopback(std::uint16_t port) {
  ::sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return result;
}

/// Sends back each message of `large` bytes once it is there.
void echo_over_tcp(int listener) {
  auto fd = ::accept(listener, nullptr, nullptr);
  if (fd < 0)
    return;
  std::vector<char> bytes(large);
  try {
    for (;;) {
      read_all(fd, bytes.data(), bytes.size());
      write_all(fd, bytes.data(), bytes.size());
    }
  } catch (const std::runtime_error&) { // the bench is done
  }
  ::close(fd);
}

/// Another process of this program that is a node, and a peer for CAF and for TCP.
class network_peer {
public:
  network_peer() {
    std::array<int, 2> out{};
    std::array<int, 2> in{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(in.data(), O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "making a pipe to a node");
    std::string program = "/proc/self/exe";
    std::string argument = "--node";
    std::array<char*, 3> arguments{program.data(), argument.data(), nullptr};
    ::posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    auto problem = ::posix_spawn(&process_, program.c_str(), &actions, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(in[0]);
    input_ = in[1];
    if (problem != 0)
      throw std::system_error(problem, std::generic_category(), "starting a node");
    auto* answers = ::fdopen(out[0], "r");
    bool has_ports = std::fscanf(answers, "%hu %hu %hu", &node, &caf, &tcp) == 3;
    std::fclose(answers);
    if (!has_ports)
      throw std::runtime_error("the node did not start; see what it printed above");
  }
  network_peer(const network_peer&) = delete;
  network_peer& operator=(const network_peer&) = delete;
  ~network_peer() {
    ::close(input_); // which ends it
    ::waitpid(process_, nullptr, 0);
  }

  std::uint16_t node = 0;
  std::uint16_t caf = 0;
  std::uint16_t tcp = 0;

private:
  ::pid_t process_ = -1;
  int input_ = -1;
};

ia::shared_bytes payload_of(std::size_t size) {
  return ia::shared_bytes::adopt(std::string(size, 'x'));
}

/// One connection of TCP alone.
class tcp_echo {
public:
  explicit tcp_echo(std::uint16_t port)
      : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}, bytes_(large, 'x') {
    auto where = loopback(port);
    int yes = 1;
    if (::connect(fd_, reinterpret_cast<::sockaddr*>(&where), sizeof where) != 0)
      throw std::system_error(errno, std::generic_category(), "connecting to the TCP peer");
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  tcp_echo(const tcp_echo&) = delete;
  tcp_echo& operator=(const tcp_echo&) = delete;
  ~tcp_echo() { ::close(fd_); }

  void operator()() {
    std::thread sender{[this] { write_all(fd_, bytes_.data(), bytes_.size()); }};
    std::vector<char> back(large);
    read_all(fd_, back.data(), back.size());
    sender.join();
  }

private:
  int fd_;
  std::vector<char> bytes_;
};

/// The 99th percentile of `n` calls of 64 bytes.
double slowest_of(ia::caller& me, const ia::interpreter_actor& echo, std::size_t n) {
  using clock = std::chrono::steady_clock;
  std::vector<double> times;
  auto payload = payload_of(64);
  for (std::size_t i = 0; i < n; ++i) {
    auto begin = clock::now();
    checked(me.call(echo, "echo", payload));
    times.push_back(std::chrono::duration<double, std::milli>(clock::now() - begin).count());
  }
  std::ranges::sort(times);
  return times[times.size() * 99 / 100];
}

} // namespace

int answer_as_node(ia::runtime& rt) {
  auto where = rt.serve({.listen = "127.0.0.1:0", .slots = 4});
  auto& system = rt.system();
  auto echo = system.spawn<caf::detached>([](caf::blocking_actor* self) {
    bool running = true;
    self->receive_while(running)(
        [](ia::call_atom, const std::string&, const ia::shared_bytes& payload) { return payload; },
        [&running](const caf::exit_msg&) { running = false; });
  });
  auto published = system.middleman().publish(echo, 0, "127.0.0.1");
  int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto own = loopback(0);
  ::socklen_t size = sizeof own;
  if (!where || !published || ::bind(listener, reinterpret_cast<::sockaddr*>(&own), size) != 0
      || ::listen(listener, 1) != 0
      || ::getsockname(listener, reinterpret_cast<::sockaddr*>(&own), &size) != 0)
    throw std::runtime_error("no port for a peer");
  std::thread tcp{[listener] { echo_over_tcp(listener); }};
  std::cout << where->at.port << ' ' << *published << ' ' << ntohs(own.sin_port) << std::endl;
  for (char c = 0; ::read(STDIN_FILENO, &c, 1) > 0;) {
  }
  ::shutdown(listener, SHUT_RDWR);
  tcp.join();
  ::close(listener);
  caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
  return 0;
}

void add_network(session& s, ia::runtime& rt) {
  auto& system = rt.system();
  auto peer = std::make_shared<network_peer>();
  checked(rt.connect("127.0.0.1:" + std::to_string(peer->node)));
  auto code = ia::text("def echo(view): return view\n", "bench.py");
  auto tree = checked(
      rt.supervise({.children = {{.name = "one", .body = ia::python_child(code, {.on = ia::any_node})},
                                 {.name = "two", .body = ia::python_child(code, {.on = ia::any_node})}}}));
  auto one = checked(tree.child("one"));
  auto two = checked(tree.child("two"));
  auto raw = checked(system.middleman().remote_actor<caf::actor>("127.0.0.1", peer->caf));
  auto ours = [&](std::size_t size) {
    return nanoseconds_of([peer, me = std::make_shared<ia::caller>(system), one, payload = payload_of(size)] {
      if (checked(me->call(one, "echo", payload)).size() != payload.size())
        throw std::runtime_error("an echo has another size than the request");
    });
  };
  auto theirs = [&](std::size_t size) {
    return nanoseconds_of([peer, me = std::make_shared<ia::caller>(system),
                           to = caf::actor_cast<caf::strong_actor_ptr>(raw), payload = payload_of(size)] {
      auto answer =
          checked(me->request(to, caf::make_message(ia::call_atom_v, std::string{"echo"}, payload)));
      if (answer.get_as<ia::shared_bytes>(0).size() != payload.size())
        throw std::runtime_error("an echo has another size than the request");
    });
  };
  auto tcp = std::make_shared<tcp_echo>(peer->tcp);
  auto small = s.add({"remote call, 64 B", "ns", ours(64)});
  auto caf_small = s.add({"CAF remote echo, 64 B", "ns", theirs(64)});
  auto big = s.add({"remote call, 16 MiB", "ns", ours(large)});
  auto caf_big = s.add({"CAF remote echo, 16 MiB", "ns", theirs(large)});
  auto tcp_big = s.add({"TCP echo, 16 MiB", "ns", nanoseconds_of([peer, tcp] { (*tcp)(); })});
  auto alone = s.add({"99 % of calls, 64 B", "ms",
                      [peer, me = std::make_shared<ia::caller>(system), one](std::size_t) {
                        return slowest_of(*me, one, 2000);
                      },
                      true});
  auto beside = s.add({"99 % of calls beside 1 GiB", "ms",
                       [peer, &system, me = std::make_shared<ia::caller>(system), one, two](std::size_t) {
                         std::atomic<bool> done = false;
                         std::thread transfer{[&] {
                           ia::caller self{system};
                           checked(self.call(two, "echo", payload_of(huge)));
                           done = true;
                         }};
                         double worst = 0;
                         while (!done)
                           worst = std::max(worst, slowest_of(*me, one, 200));
                         transfer.join();
                         return worst;
                       },
                       true});
  s.compare("64 B remote call", small, caf_small, at_most(1.3));
  s.compare("16 MiB remote call", big, caf_big, at_most(1 / 0.95));
  s.compare("16 MiB remote call", big, tcp_big);
  s.compare("64 B calls beside 1 GiB, 99 %", beside, alone);
}

} // namespace ia_bench
