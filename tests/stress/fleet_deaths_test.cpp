#include <caf/exit_reason.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <random>
#include <vector>

#include "questioner.hpp"
#include "support.hpp"

using namespace ia_test;

namespace {

/// A fleet whose members die all the time, of all that an interpreter can die of.
class FleetDeaths : public with_runtime {
protected:
  FleetDeaths() : with_runtime{quiet_options()} {}

  /// Without a line for each of the thousands of deaths.
  static ia::runtime_options quiet_options() {
    auto options = patient_options();
    options.deaths = [](const ia::death_report&) {};
    options.dead_letters = [](const ia::dead_letter&) {};
    return options;
  }

  static constexpr const char* code = R"(
import sys, time
def echo(v): return bytes(v)
def crash(v): raise RuntimeError('it broke')
def leave(v): sys.exit(3)
def loop(v):
    while True: pass
def insist(v):
    while True:
        try:
            while True: pass
        except BaseException: pass
def sleep(v): time.sleep(0.6)
def meet(v):
    arrive()
    wait_at_gate()
)";

  static constexpr std::size_t members = 4;
#ifdef INTERP_ACTORS_SANITIZED
  static constexpr std::size_t requests = 50'000;
#else
  static constexpr std::size_t requests = 1'000'000;
#endif
  static constexpr std::size_t in_flight = 256;
  static constexpr caf::timespan short_deadline = 3ms;

  /// Remembers who has answered.
  class acquaintance final : public caf::actor_companion {
  public:
    using caf::actor_companion::actor_companion;
    using caf::actor_companion::enqueue;

    bool enqueue(caf::mailbox_element_ptr element, ia::compat::execution_context*) override {
      std::lock_guard guard{mutex_};
      if (element->sender && std::ranges::find(known_, element->sender) == known_.end())
        known_.push_back(element->sender);
      return true;
    }

    std::vector<caf::strong_actor_ptr> known() const {
      std::lock_guard guard{mutex_};
      return known_;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<caf::strong_actor_ptr> known_;
  };

  /// The addresses of all members, which stay the same over their restarts.
  std::vector<caf::actor> members_of(const ia::fleet<ia::interpreter_actor>& fleet) {
    auto self = caf::actor_cast<caf::strong_actor_ptr>(system().spawn<acquaintance, caf::hidden>());
    auto& inbox = static_cast<acquaintance&>(*self->get());
    // Each of them is kept busy by one.
    for (std::size_t i = 0; i < members; ++i) {
      auto id = inbox.new_request_id(caf::message_priority::normal);
      auto question = caf::make_message(ia::call_atom_v, std::string{"meet"}, ia::shared_bytes{});
      caf::actor_cast<caf::strong_actor_ptr>(fleet.handle())
          ->enqueue(ia::compat::make_element(self, id, std::move(question)), nullptr);
    }
    for (std::size_t i = 0; i < members; ++i)
      EXPECT_TRUE(gate.arrived());
    gate.open();
    EXPECT_TRUE(wait_until([&] { return inbox.known().size() == members; }, "an answer of each member"));
    std::vector<caf::actor> result;
    for (auto& each : inbox.known())
      result.push_back(caf::actor_cast<caf::actor>(each));
    return result;
  }

  /// Sends all requests while one in `mean_distance` comes with a death, and checks the accounts.
  void ask_a_million(ia::fleet_options options, std::size_t mean_distance) {
    bool again = options.attempts > 0;
    options.source = ia::text(code + gate.python(), "test.py");
    options.size = members;
    options.intensity = 1'000'000'000;
    auto started = rt().fleet(std::move(options));
    ASSERT_TRUE(started) << ia::describe(started.error());
    auto handle = started->handle();
    auto addresses = members_of(*started);
    ASSERT_EQ(addresses.size(), members);

    std::atomic<std::size_t> killed_with_their_member = 0;
    // A member that is killed from outside takes with it what it handles, unless that is delivered again.
    auto ended_from_outside = [&](const caf::error& problem) {
      bool so = !again && problem == caf::exit_reason::kill;
      killed_with_their_member += so;
      return so;
    };
    auto echo_of = [&](std::size_t number) {
      return [&ended_from_outside, number](const caf::message& answer) {
        if (!answer.match_elements<ia::shared_bytes>())
          return answer.match_elements<caf::error>() && ended_from_outside(answer.get_as<caf::error>(0));
        return answer.get_as<ia::shared_bytes>(0).as_string_view() == std::to_string(number);
      };
    };
    auto error = [&](ia::errc code) {
      return [&ended_from_outside, code](const caf::message& answer) {
        return answer.match_elements<caf::error>()
               && (answer.get_as<caf::error>(0) == code || ended_from_outside(answer.get_as<caf::error>(0)));
      };
    };
    auto call_of = [](const char* function, ia::shared_bytes payload = {}) {
      return caf::make_message(ia::call_atom_v, std::string{function}, std::move(payload));
    };
    auto hopeless = [](const char* function) {
      return caf::make_message(ia::call_atom_v, std::string{function}, ia::shared_bytes{}, short_deadline);
    };

    std::mt19937 random{1};
    questioner me{system()};
    std::array<std::size_t, 6> deaths{};
    for (std::size_t i = 0; i < requests; ++i) {
      me.ask(handle, call_of("echo", ia::shared_bytes::copy(std::to_string(i))), echo_of(i));
      if (random() % mean_distance == 0) {
        auto dice = random() % 100;
        auto kind = dice < 30 ? 0u : dice < 60 ? 1u : dice < 75 ? 2u : dice < 98 ? 3u : dice < 99 ? 4u : 5u;
        ++deaths[kind];
        switch (kind) {
        case 0:
          ia::compat::anonymous_send(handle, ia::call_atom_v, std::string{"crash"}, ia::shared_bytes{});
          break;
        case 1:
          me.ask(handle, call_of("leave"), error(ia::errc::exited));
          break;
        case 2:
          me.ask(handle, hopeless("loop"), error(ia::errc::deadline_exceeded));
          break;
        case 3:
          caf::anon_send_exit(addresses[random() % members], caf::exit_reason::kill);
          break;
        case 4:
          me.ask(handle, hopeless("insist"), error(ia::errc::deadline_exceeded));
          break;
        default:
          me.ask(handle, hopeless("sleep"), error(ia::errc::deadline_exceeded));
          break;
        }
      }
      ASSERT_TRUE(me.wait_for_answers(in_flight)) << me.read();
    }
    ASSERT_TRUE(me.wait_for_answers()) << me.read();
    auto account = me.read();
    auto stats = started->stats();
    std::printf(
        "%zu requests, %llu restarts: %zu crashes, %zu exits, %zu loops, %zu kills, %zu loops that insist, "
        "%zu sleeps; %llu delivered again, %zu killed with their member\n",
        account.asked, static_cast<unsigned long long>(stats.restarts), deaths[0], deaths[1], deaths[2],
        deaths[3], deaths[4], deaths[5], static_cast<unsigned long long>(stats.redelivered),
        killed_with_their_member.load());
    EXPECT_GE(account.asked, requests);
    EXPECT_EQ(account, (questioner::account{account.asked, account.asked, 0, 0}));
    EXPECT_GT(stats.restarts, requests / mean_distance / 4) << "members died";
    EXPECT_EQ(stats.waiting, 0u);
    started->stop();
    for (auto& each : addresses)
      each = nullptr;
    drop(handle);
    rt().stop();
    expected_abandoned_ = rt().counts().abandoned; // those that insist, and sleepers that have not come back
    auto given_up = deaths[4] + deaths[5];
    EXPECT_LE(expected_abandoned_, given_up);
  }
};

TEST_F(FleetDeaths, MillionRequestsGetOneAnswerEach) {
  ask_a_million({}, 500);
}

TEST_F(FleetDeaths, MillionRequestsWithAttemptsAreAllServed) {
  ask_a_million({.attempts = 2, .spares = 2}, 1000);
}

} // namespace
