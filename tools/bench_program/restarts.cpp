#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <thread>

#include "calls.hpp"
#include "cases.hpp"

namespace ia_bench {

namespace {

/// The monotonic clock that Python's `perf_counter_ns` reads, too.
std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1};
}

/// Lets what goes to stderr go nowhere: each death is reported there, which a terminal makes slow.
class no_reports {
public:
  no_reports() : kept_{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)} {
    auto nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (kept_ < 0 || nowhere < 0)
      throw std::system_error(errno, std::generic_category(), "stderr");
    ::dup2(nowhere, STDERR_FILENO);
    ::close(nowhere);
  }
  no_reports(const no_reports&) = delete;
  no_reports& operator=(const no_reports&) = delete;
  ~no_reports() {
    ::dup2(kept_, STDERR_FILENO);
    ::close(kept_);
  }

private:
  int kept_;
};

/// Sleeps before it dies, so that the request behind waits in the mailbox by then. The exception's text brings the time.
std::string mortal_code(int loaded) {
  return R"(
import posix, time
now = time.perf_counter_ns
def echo(view): return view
def die(view):
    time.sleep(0.001)
    raise RuntimeError(now())
posix.write()"
         + std::to_string(loaded) + ", b'x')\n";
}

/// When a supervisor started a child's incarnation, and when that was ready for its first message.
struct start_times {
  std::atomic<std::int64_t> asked{0}, ready{0};
};

/// What a child tells, with the time.
class timed_events final : public ia::child_events {
public:
  timed_events(std::shared_ptr<ia::child_events> to, std::shared_ptr<start_times> times)
      : to_{std::move(to)}, times_{std::move(times)} {}

  void started(std::uint64_t number) override {
    times_->ready = now_ns();
    to_->started(number);
  }
  void died(std::uint64_t number, std::shared_ptr<const ia::death_report> report, caf::error reason,
            bool can_be_followed) override {
    to_->died(number, std::move(report), std::move(reason), can_be_followed);
  }
  void gone(std::uint64_t number) override { to_->gone(number); }
  void due(std::uint64_t number) override { to_->due(number); }

private:
  const std::shared_ptr<ia::child_events> to_;
  const std::shared_ptr<start_times> times_;
};

/// A child whose supervisor's starts are timed.
class timed_process final : public ia::child_process {
public:
  timed_process(std::unique_ptr<ia::child_process> of, std::shared_ptr<start_times> times)
      : of_{std::move(of)}, times_{std::move(times)} {}

  caf::strong_actor_ptr address() const override { return of_->address(); }
  void start(std::uint64_t number, std::shared_ptr<const ia::death_report> previous) override {
    times_->asked = now_ns();
    of_->start(number, std::move(previous));
  }
  void stop(std::uint64_t number, const caf::error& reason, std::chrono::nanoseconds limit) override {
    of_->stop(number, reason, limit);
  }
  void tend() override { of_->tend(); }
  void close(const caf::error& reason, bool for_good) override { of_->close(reason, for_good); }

private:
  const std::unique_ptr<ia::child_process> of_;
  const std::shared_ptr<start_times> times_;
};

class timed_body final : public ia::child_body {
public:
  timed_body(std::shared_ptr<const ia::child_body> of, std::shared_ptr<start_times> times)
      : of_{std::move(of)}, times_{std::move(times)} {}

  std::unique_ptr<ia::child_process> make(const std::shared_ptr<ia::roster>& home, const std::string& name,
                                          std::shared_ptr<ia::child_events> events) const override {
    auto timed = std::make_shared<timed_events>(std::move(events), times_);
    return std::make_unique<timed_process>(of_->make(home, name, std::move(timed)), times_);
  }

private:
  const std::shared_ptr<const ia::child_body> of_;
  const std::shared_ptr<start_times> times_;
};

/// One supervised child that is made to die, and what is known of the times.
/// Thread: one; deaths are told by the supervisor's.
class mortal {
public:
  struct times {
    double takeover = 0;    // from its supervisor's start of the successor to its being ready for a message
    double first_reply = 0; // from the exception to the answer of a request that waited
  };

  mortal(ia::runtime& rt, std::size_t spares) : rt_{rt}, me_{rt.system()} {
    auto live = rt.counts().live + 1 + spares;
    if (::pipe(loaded_.data()) != 0)
      throw std::system_error(errno, std::generic_category(), "pipe");
    ia::supervisor_spec spec{
        .intensity = 1'000'000'000,
        .children = {{.name = "mortal",
                      .body = std::make_shared<timed_body>(
                          ia::python_child(ia::text(mortal_code(loaded_[1]), "bench.py"), {.spares = spares}),
                          times_)}},
        .on_death = [this](const ia::death_report& report) {
          died_ = report.error ? number_in(report.error->message()) : 0;
        }};
    tree_.emplace(checked(rt.supervise(std::move(spec))));
    child_ = checked(tree_->child("mortal"));
    wait_until_ready(1 + spares, live);
  }
  mortal(const mortal&) = delete;
  mortal& operator=(const mortal&) = delete;
  ~mortal() {
    tree_->stop();
    ::close(loaded_[0]);
    ::close(loaded_[1]);
  }

  times die_once() {
    auto live = rt_.counts().live;
    ia::compat::anonymous_send(child_, ia::call_atom_v, std::string{"die"}, ia::shared_bytes{});
    if (checked(me_.call(child_, "echo", ia::shared_bytes{})).size() != 0)
      throw std::runtime_error("an echo has another size than the request");
    auto answered = now_ns();
    wait_until_ready(1, live);
    return {static_cast<double>(times_->ready - times_->asked), static_cast<double>(answered - died_)};
  }

private:
  static std::int64_t number_in(std::string_view text) {
    std::int64_t result = 0;
    std::from_chars(text.data(), text.data() + text.size(), result);
    return result;
  }

  /// Waits until `count` interpreters more have loaded the source, and those before them are gone.
  void wait_until_ready(std::size_t count, std::size_t live) {
    for (char mark = 0; count > 0; --count)
      if (::read(loaded_[0], &mark, 1) != 1)
        throw std::system_error(errno, std::generic_category(), "read");
    while (rt_.counts().live != live)
      std::this_thread::yield();
    // What is left to be done is to wait, which nothing announces.
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }

  ia::runtime& rt_;
  ia::caller me_;
  std::array<int, 2> loaded_{};
  std::atomic<std::int64_t> died_{0};
  const std::shared_ptr<start_times> times_ = std::make_shared<start_times>();
  std::optional<ia::tree> tree_;
  ia::interpreter_actor child_;
};

/// Returns a `bench_case::measure` of one of the times, in nanoseconds divided by `unit`.
auto mean_of(std::shared_ptr<std::unique_ptr<mortal>> whose, ia::runtime& rt, std::size_t spares,
             double mortal::times::* which, double unit) {
  return [whose = std::move(whose), &rt, spares, which, unit](std::size_t n) {
    if (!*whose) // only where a row is wanted
      *whose = std::make_unique<mortal>(rt, spares);
    no_reports quiet;
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i)
      sum += (*whose)->die_once().*which;
    return sum / static_cast<double>(n) / unit;
  };
}

constexpr const char* echo_code = "def echo(view): return view\n";

} // namespace

void add_restarts(session& s, ia::runtime& rt) {
  auto with_spare = std::make_shared<std::unique_ptr<mortal>>();
  auto without = std::make_shared<std::unique_ptr<mortal>>();
  auto limit = [&s](const char* name, double value) {
    return s.add({name, "us", [value](std::size_t) { return value; }, true});
  };
  auto takeover = s.add({"takeover", "us", mean_of(with_spare, rt, 1, &mortal::times::takeover, 1e3)});
  auto reply = s.add({"first reply", "us", mean_of(with_spare, rt, 1, &mortal::times::first_reply, 1e3)});
  auto cold =
      s.add({"restart without a spare", "us", mean_of(without, rt, 0, &mortal::times::first_reply, 1e3)});
  s.compare("restart from a spare, its takeover", takeover, limit("10 us", 10), at_most(1));
  s.compare("restart from a spare, from death to first reply", reply, limit("100 us", 100), at_most(1));
  s.compare("restart from a spare, from death to first reply", reply, cold);
}

void add_fleets(session& s, ia::runtime& rt) {
  auto call_time = [&rt](const ia::interpreter_actor& to) {
    return nanoseconds_of([me = std::make_shared<ia::caller>(rt.system()), to,
                           payload = ia::shared_bytes::adopt(std::string(64, 'x'))] {
      if (checked(me->call(to, "echo", payload)).size() != payload.size())
        throw std::runtime_error("an echo has another size than the request");
    });
  };
  auto fleet_of = [&rt](std::size_t size) {
    return checked(rt.fleet({.source = ia::text(echo_code, "bench.py"), .size = size})).handle();
  };
  auto tree = checked(rt.supervise(
      {.children = {{.name = "echo", .body = ia::python_child(ia::text(echo_code, "bench.py"))}}}));
  auto alone = s.add({"interpreter", "ns", call_time(spawn(rt, echo_code))});
  auto child = s.add({"supervised child", "ns", call_time(checked(tree.child("echo")))});
  auto one = s.add({"fleet of 1", "ns", call_time(fleet_of(1))});
  auto two = s.add({"fleet of 2", "ns", call_time(fleet_of(2))});
  s.compare("request to a supervised child", child, alone);
  s.compare("request through a fleet of 1", one, child);
  s.compare("request through a fleet of 2", two, child);
}

} // namespace ia_bench
