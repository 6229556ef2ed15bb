#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <array>
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "questioner.hpp"
#include "support.hpp"

using namespace ia_test;

namespace {

class Load : public with_runtime {
protected:
  Load() : with_runtime{patient_options()} {}

  static constexpr const char* code = R"(
import sys
def echo(v): return v
def copy(v): return bytes(v)
def join(*views): return b'-'.join(views)
def large(v): return bytes(v) * 20_000
def fail(v): raise ValueError(bytes(v).decode())
def leave(v): sys.exit(3)
def loop(v):
    while True: pass
kept = []
def keep(v):
    kept.append(v)
    if len(kept) > 100: kept.clear()
)";

  static constexpr std::size_t interpreters = 8;
  static constexpr std::size_t callers = 16;
  static constexpr std::size_t in_flight = 24;

  ia::interpreter_actor at(std::size_t place) {
    std::lock_guard guard{locks_[place]};
    return actors_[place];
  }

  void put(std::size_t place, ia::interpreter_actor actor) {
    std::lock_guard guard{locks_[place]};
    actors_[place] = std::move(actor);
  }

  /// What may be answered because another thread has ended the interpreter: nothing but the reason for that.
  bool ended(const caf::error& problem) {
    auto code = code_of(problem);
    bool so = problem == caf::exit_reason::kill || code == ia::errc::exited || code == ia::errc::abandoned;
    refused_ += so;
    return so;
  }

  /// A judge for results that `is_right` accepts.
  questioner::judge result_that(std::function<bool(std::string_view)> is_right) {
    return [this, is_right = std::move(is_right)](const caf::message& answer) {
      if (answer.match_elements<ia::shared_bytes>()) {
        ++results_;
        return is_right(answer.get_as<ia::shared_bytes>(0).as_string_view());
      }
      return answer.match_elements<caf::error>() && ended(answer.get_as<caf::error>(0));
    };
  }

  /// A judge for errors that `is_right` accepts.
  questioner::judge error_that(std::function<bool(const caf::error&)> is_right) {
    return [this, is_right = std::move(is_right)](const caf::message& answer) {
      if (!answer.match_elements<caf::error>())
        return false;
      auto& problem = answer.get_as<caf::error>(0);
      if (is_right(problem)) {
        ++errors_;
        return true;
      }
      return ended(problem);
    };
  }

  /// Sends one request to an interpreter in `place`, of a kind that `random` chooses.
  void ask_something(questioner& me, ia::caller& waiting, std::mt19937& random, std::size_t place) {
    auto actor = at(place);
    auto text = std::to_string(random());
    auto payload = ia::shared_bytes::copy(text);
    auto is_text = [text](std::string_view result) { return result == text; };
    auto request = [&](const char* function, auto... rest) {
      return caf::make_message(ia::call_atom_v, std::string{function}, payload, rest...);
    };
    auto dice = random() % 1000;
    if (dice < 400) {
      me.ask(actor, request("echo"), result_that(is_text),
             dice < 50 ? caf::message_priority::high : caf::message_priority::normal);
    } else if (dice < 550) {
      me.ask(actor, request("copy", caf::timespan{patience}), result_that(is_text));
    } else if (dice < 650) {
      me.ask(
          actor,
          caf::make_message(ia::call_atom_v, std::string{"join"}, std::vector{payload, payload, payload}),
          result_that([text](std::string_view result) { return result == text + '-' + text + '-' + text; }));
    } else if (dice < 750) {
      // The blocking caller's one answer is the one it returns.
      auto result = waiting.call(actor, "echo", payload);
      ++blocking_;
      if (result ? !is_text(result->as_string_view()) : !ended(result.error()))
        ++blocking_wrong_;
    } else if (dice < 800) {
      // Another interpreter keeps what this one owns.
      auto other = at((place + 1) % interpreters);
      me.ask(actor, request("large"), [this, other, text](const caf::message& answer) {
        if (!answer.match_elements<ia::shared_bytes>())
          return answer.match_elements<caf::error>() && ended(answer.get_as<caf::error>(0));
        auto& bytes = answer.get_as<ia::shared_bytes>(0);
        auto view = bytes.as_string_view();
        ++results_;
        ia::compat::anonymous_send(other, ia::call_atom_v, std::string{"keep"}, bytes);
        return view.size() == text.size() * 20'000 && view.starts_with(text) && view.ends_with(text);
      });
    } else if (dice < 985) {
      me.ask(actor, request("fail"), error_that([text](const caf::error& problem) {
               auto said = ia::python_error_of(problem);
               return code_of(problem) == ia::errc::python_exception && said
                      && said->summary() == "ValueError: " + text;
             }));
    } else if (dice < 992) {
      me.ask(actor, request("loop", caf::timespan{2ms}), error_that([](const caf::error& problem) {
               return code_of(problem) == ia::errc::deadline_exceeded;
             }));
    } else {
      // Its successor comes first, so that what fails are requests that wait or are under way.
      auto fresh = rt().spawn(ia::text(code, "test.py"));
      ASSERT_TRUE(fresh) << ia::describe(fresh.error());
      ++respawned_;
      put(place, *fresh);
      if (dice < 996)
        me.ask(actor, request("leave"),
               error_that([](const caf::error& problem) { return code_of(problem) == ia::errc::exited; }));
      else
        caf::anon_send_exit(actor, caf::exit_reason::kill);
    }
  }

  std::array<std::mutex, interpreters> locks_;
  std::array<ia::interpreter_actor, interpreters> actors_;
  std::atomic<std::size_t> results_{0}, errors_{0}, refused_{0}, blocking_{0}, blocking_wrong_{0},
      respawned_{0};
};

/// Every request gets one answer and one alone, with what it asked for or why its interpreter has ended, while
/// interpreters come and go.
TEST_F(Load, SixteenThreadsCallEightInterpretersForAMinute) {
#ifdef INTERP_ACTORS_SANITIZED
  constexpr auto duration = 20s;
#else
  constexpr auto duration = 60s;
#endif
  for (auto& actor : actors_)
    actor = spawn(code);
  auto until = std::chrono::steady_clock::now() + duration;
  std::vector<questioner::account> accounts(callers);
  auto work = [&](std::size_t number) {
    std::mt19937 random{static_cast<std::mt19937::result_type>(number + 1)};
    questioner mine{system()};
    ia::caller waiting{system()};
    while (std::chrono::steady_clock::now() < until && !HasFatalFailure()) {
      ask_something(mine, waiting, random, random() % interpreters);
      ASSERT_TRUE(mine.wait_for_answers(in_flight)) << mine.read();
    }
    EXPECT_TRUE(mine.wait_for_answers()) << mine.read();
    accounts[number] = mine.read();
  };
  std::vector<std::thread> threads;
  for (std::size_t number = 0; number < callers; ++number)
    threads.emplace_back(work, number);
  for (auto& thread : threads)
    thread.join();
  questioner::account sum;
  for (auto& one : accounts) {
    EXPECT_GT(one.asked, 0u) << "a thread did nothing";
    sum.asked += one.asked;
    sum.answered += one.answered;
    sum.surplus += one.surplus;
    sum.wrong += one.wrong;
  }
  std::printf(
      "%zu asked, %zu more by blocking callers; %zu results, %zu errors as expected, %zu refused by ended "
      "interpreters, %zu spawned anew\n",
      sum.asked, blocking_.load(), results_.load(), errors_.load(), refused_.load(), respawned_.load());
  EXPECT_EQ(sum, (questioner::account{sum.asked, sum.asked, 0, 0}));
  EXPECT_EQ(blocking_wrong_, 0u);
  EXPECT_GT(results_, refused_) << "most requests reach an interpreter that lives";
  EXPECT_GT(respawned_, 0u);
  for (auto& actor : actors_)
    actor = ia::interpreter_actor{};
  rt().stop();
  expected_abandoned_ = rt().counts().abandoned;
}

} // namespace
