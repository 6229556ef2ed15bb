#pragma once

#include "interp_actors/all.hpp"
#include "interp_actors/net/transport.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "gate.hpp"

namespace ia_test {

using namespace std::chrono_literals;

/// A request that is sent at once, so that the order of several is that of their construction, and whose answer
/// is taken later.
class asked {
public:
  asked(caf::actor_system& system, const ia::interpreter_actor& actor, std::string function,
        caf::timespan deadline = caf::timespan{0})
      : self_{caf::actor_cast<caf::strong_actor_ptr>(system.spawn<inbox, caf::hidden>())},
        answer_{static_cast<inbox*>(self_->get())->answer.get_future()} {
    std::vector<ia::shared_bytes> none(1);
    auto content = deadline.count() == 0
                       ? caf::make_message(ia::call_atom_v, std::move(function), std::move(none))
                       : caf::make_message(ia::call_atom_v, std::move(function), std::move(none), deadline);
    auto id = static_cast<inbox*>(self_->get())->new_request_id(caf::message_priority::normal);
    caf::actor_cast<caf::strong_actor_ptr>(actor)->enqueue(
        ia::compat::make_element(self_, id, std::move(content)), nullptr);
  }

  /// Waits for the answer, once; an error of CAF's, `sec::request_timeout`, where none comes.
  caf::expected<ia::shared_bytes> answer() {
    if (answer_.wait_for(patience) != std::future_status::ready)
      return caf::make_error(caf::sec::request_timeout);
    auto content = answer_.get();
    if (content.match_elements<caf::error>())
      return content.get_as<caf::error>(0);
    return content.get_as<ia::shared_bytes>(0);
  }

private:
  /// Hands the answer over in code that sanitizers see, unlike CAF's library.
  class inbox final : public caf::actor_companion {
  public:
    using caf::actor_companion::actor_companion;
    using caf::actor_companion::enqueue;

    bool enqueue(caf::mailbox_element_ptr element, ia::compat::execution_context*) override {
      answer.set_value(std::move(element->payload));
      return true;
    }

    std::promise<caf::message> answer;
  };

  caf::strong_actor_ptr self_; // an actor of class `inbox`
  std::future<caf::message> answer_;
};

/// Limits short enough for tests of what does not end, and long enough for a loaded machine.
inline ia::runtime_options quick_options() {
  ia::runtime_options options;
  options.interpreters.grace = 200ms;
  options.interpreters.shutdown_timeout = 2s;
  options.interpreters.teardown_timeout = 1s;
  options.interpreters.linger_timeout = 10s;
  return options;
}

/// As above, but what others hold is waited for however loaded the machine is, so that nothing is orphaned.
inline ia::runtime_options patient_options() {
  auto options = quick_options();
  options.interpreters.linger_timeout = 10min;
  return options;
}

/// A runtime of its own for each test, which runs in a process of its own. At the end every interpreter must
/// have ended and every payload been dropped, but for what the test says it abandoned or orphaned.
class with_runtime : public ::testing::Test {
protected:
  with_runtime() : with_runtime{quick_options()} {}

  explicit with_runtime(const ia::runtime_options& options) {
    ia::detail::init_types();
    config_.set("caf.scheduler.max-threads", 2);
    if (options.network.is_wanted()) {
      ia::add_network_options(config_);
      ia::load_network(config_, options.network.node_timeout);
    }
    system_.emplace(config_);
    runtime_.emplace(*system_, options);
    caller_.emplace(*system_);
  }

  void TearDown() override {
    gate.open();
    caller_.reset();
    runtime_->stop();
    auto counts = runtime_->counts();
    EXPECT_EQ(counts.live, 0u);
    EXPECT_EQ(counts.abandoned, expected_abandoned_);
    auto stats = ia::read_payload_stats();
    EXPECT_EQ(stats.orphaned_pins, expected_orphans_);
    EXPECT_EQ(stats.lingering_interpreters, 0u);
    if (counts.abandoned == 0) {
      EXPECT_EQ(stats.live_blocks, 0u);
      EXPECT_EQ(stats.live_bytes, 0u);
      EXPECT_EQ(stats.pinned_bytes, 0u);
      runtime_.reset();
      system_.reset();
    } else {
      // Abandoned code still hangs in this process: leave it without running static destructors, as run_main
      // does.
      std::fflush(stdout);
      std::fflush(stderr);
      ::_exit(HasFailure() ? 1 : 0);
    }
  }

  ia::runtime& rt() { return *runtime_; }
  ia::caller& me() { return *caller_; }
  caf::actor_system& system() { return *system_; }

  ia::interpreter_actor spawn(const std::string& code, ia::spawn_options options = {}) {
    auto result = rt().spawn(ia::text(code, "test.py"), std::move(options));
    EXPECT_TRUE(result) << ia::describe(result.error());
    return result ? *result : ia::interpreter_actor{};
  }

  /// Spawns `code` with the functions of the gate.
  ia::interpreter_actor spawn_at_gate(const std::string& code, ia::spawn_options options = {}) {
    return spawn(code + gate.python(), std::move(options));
  }

  /// Waits until `done()`, which nothing announces; returns whether it came to that, and fails the test if not.
  template <class Predicate>
  bool wait_until(Predicate done, const char* what) {
    for (auto until = std::chrono::steady_clock::now() + patience; !done(); std::this_thread::yield())
      if (std::chrono::steady_clock::now() >= until) {
        ADD_FAILURE() << "waited in vain for " << what;
        return false;
      }
    return true;
  }

  /// The reason of the first down message.
  static caf::error down_reason(caf::scoped_actor& self) {
    caf::error reason;
    bool came = false;
    self->receive([&](const caf::down_msg& message) { reason = message.reason, came = true; },
                  caf::after(patience) >> [] {});
    EXPECT_TRUE(came) << "no down message";
    return reason;
  }

  /// Calls `function` and returns its result as text, or the error's description behind "error: ".
  std::string call(const ia::interpreter_actor& actor, const std::string& function,
                   const std::string& argument = "") {
    auto result = me().call(actor, function, ia::shared_bytes::copy(argument));
    if (!result)
      return "error: " + ia::describe(result.error());
    return *result ? std::string{result->as_string_view()} : "None";
  }

  /// The error code of a failed call, or 0.
  static ia::errc code_of(const caf::error& error) {
    return error && error.category() == caf::type_id_v<ia::errc> ? static_cast<ia::errc>(error.code())
                                                                 : ia::errc{};
  }

  python_gate gate;
  std::size_t expected_abandoned_ = 0;
  std::size_t expected_orphans_ = 0;

private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::optional<ia::runtime> runtime_;
  std::optional<ia::caller> caller_;
};

} // namespace ia_test
