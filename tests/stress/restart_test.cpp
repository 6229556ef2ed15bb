#include <cstdlib>
#include <string>
#include <vector>

#include "stress/slope.hpp"
#include "support.hpp"

using namespace ia_test;

namespace {

/// Supervised children that die again and again leave nothing behind.
class Restart : public with_runtime {
protected:
  Restart() : with_runtime{quiet_options()} {}

  /// Without a line for each death.
  static ia::runtime_options quiet_options() {
    auto options = patient_options();
    options.deaths = [](const ia::death_report&) {};
    return options;
  }

  /// Lets a child with `imports` die `times` times, and expects a slope of the memory below 1 KiB for each.
  void restart(int times, const std::string& imports, std::size_t spares = 0) {
#ifdef INTERP_ACTORS_SANITIZED
    times /= 20;
#endif
    auto code = imports
                + "\nimport sys\ndef f(v): return v\ndef crash(v): raise RuntimeError('it broke')\n"
                  "def leave(v): sys.exit(3)\n";
    auto tree = rt().supervise(
        {.intensity = 1'000'000'000,
         .children = {
             {.name = "child", .body = ia::python_child(ia::text(code, "test.py"), {.spares = spares})}}});
    ASSERT_TRUE(tree) << ia::describe(tree.error());
    auto found = tree->child("child");
    ASSERT_TRUE(found) << ia::describe(found.error());
    auto child = std::move(*found);
    std::vector<double> resident;
    int distance = std::max(times / 200, 1);
    for (int i = 0; i < times; ++i) {
      ia::compat::anonymous_send(child, ia::call_atom_v, std::string{i % 2 == 0 ? "crash" : "leave"},
                                 ia::shared_bytes{});
      ASSERT_EQ(call(child, "f", "x"), "x") << "after restart " << i;
      if (i % distance != 0 || i < times / 5)
        continue;
      // Each figure is that of the same number of interpreters.
      ASSERT_TRUE(wait_until([&] { return rt().counts().live == 1 + spares; }, "the end of the predecessor"));
      resident.push_back(resident_kib());
    }
    auto per_restart = slope(resident) / distance;
    RecordProperty("kib_per_restart", std::to_string(per_restart));
    std::printf("RSS slope: %.3f KiB per restart (%.0f -> %.0f KiB)\n", per_restart, resident.front(),
                resident.back());
    EXPECT_EQ(tree->list_children().value().at(0).restarts, static_cast<unsigned>(times));
#ifndef INTERP_ACTORS_SANITIZED // sanitizers keep what was freed
    EXPECT_LT(per_restart, 1.0);
#endif
    drop(child);
    tree->stop();
  }
};

TEST_F(Restart, TenThousandRestartsKeepTheMemoryFlat) {
  restart(10'000, "");
}

TEST_F(Restart, RestartsFromSparesKeepTheMemoryFlat) {
  restart(2'000, "", 1);
}

constexpr const char* imports = "import json, threading, asyncio";

/// 10,000 take ten minutes on an idle machine: the environment's RESTARTS_WITH_IMPORTS says how many there are.
TEST_F(Restart, RestartsWithImportsKeepTheMemoryFlat) {
  auto* given = std::getenv("RESTARTS_WITH_IMPORTS");
  restart(given ? std::atoi(given) : 1'000, imports);
}

} // namespace
