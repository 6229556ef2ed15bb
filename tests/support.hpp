#pragma once

#include "interp_actors/all.hpp"

#include <caf/scoped_actor.hpp>
#include <caf/system_messages.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace ia_test {

using namespace std::chrono_literals;

/// Limits short enough for tests of what does not end, and long enough for a loaded machine.
inline ia::runtime_options quick_options() {
  ia::runtime_options options;
  options.interpreters.grace = 200ms;
  options.interpreters.shutdown_timeout = 2s;
  options.interpreters.teardown_timeout = 1s;
  options.interpreters.linger_timeout = 10s;
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
    system_.emplace(config_);
    runtime_.emplace(*system_, options);
    caller_.emplace(*system_);
  }

  void TearDown() override {
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
      std::fflush(nullptr);
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

  std::size_t expected_abandoned_ = 0;
  std::size_t expected_orphans_ = 0;

private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::optional<ia::runtime> runtime_;
  std::optional<ia::caller> caller_;
};

} // namespace ia_test
