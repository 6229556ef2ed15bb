#pragma once

#include "interp_actors/base/payload_stats.hpp"
#include "interp_actors/python/engine.hpp"
#include "interp_actors/python/interpreter.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ia = interp_actors;

namespace ia_test {

/// CPython with one interpreter, without actors, on the test's own thread. At the end it must be possible to end it, and
/// every payload must have been dropped.
class with_interpreter : public ::testing::Test {
protected:
  explicit with_interpreter(std::shared_ptr<ia::python::host> host = nullptr)
      : link{std::make_shared<ia::bell>(), std::move(host)} {
    engine_.emplace(ia::python::engine_options{});
    interpreter_.emplace(*engine_, link, 4096);
  }

  /// Calls `f` with the GIL and the interpreter.
  template <class F>
  decltype(auto) with_gil(F f) {
    return interpreter_->with_gil([&](const ia::python::gil_held& gil) { return f(gil, *interpreter_); });
  }

  void TearDown() override {
    end();
    EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
  }

  void end() {
    if (!interpreter_)
      return;
    bool may_end = with_gil([](auto& gil, auto& self) {
      return self.wind_down(gil, std::chrono::seconds{10}) && self.let_go(gil, std::chrono::seconds{10});
    });
    EXPECT_TRUE(may_end);
    interpreter_.reset();
    engine_.reset();
  }

  void load(const std::string& code) {
    with_gil([&](auto& gil, auto& self) { self.load(gil, ia::text(code, "test.py")); });
  }

  void execute(const std::string& code) {
    with_gil([&](auto& gil, auto& self) { self.execute(gil, code); });
  }

  /// Calls a function that returns bytes or None.
  ia::shared_bytes call(std::string_view function, ia::shared_bytes argument = {}) {
    return with_gil([&](auto& gil, auto& self) { return self.call(gil, function, {&argument, 1}); });
  }

  /// What Python raises in `f`, which gets the same as that of `with_gil`.
  template <class F>
  std::optional<ia::python::error> raised_by(F f) {
    try {
      with_gil(f);
    } catch (const ia::python::error& error) {
      return error;
    }
    ADD_FAILURE() << "nothing was raised";
    return std::nullopt;
  }

  ia::python::interpreter_link link;

private:
  std::optional<ia::python::engine> engine_;
  std::optional<ia::python::interpreter> interpreter_;
};

} // namespace ia_test
