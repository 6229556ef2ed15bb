#include "interp_actors/all.hpp"

#include <caf/actor_system_config.hpp>

#include <Python.h>
#include <gtest/gtest.h>

#include <thread>

namespace {

// What another thread does with the main interpreter would wait for ever if the runtime kept its GIL.
TEST(Runtime, LeavesMainsGilFree) {
  ia::detail::init_types();
  caf::actor_system_config config;
  caf::actor_system system{config};
  ia::runtime rt{system};
  EXPECT_EQ(PyThreadState_GetUnchecked(), nullptr);
  std::thread other{[] {
    PyEval_RestoreThread(PyThreadState_New(PyInterpreterState_Main()));
    EXPECT_EQ(PyRun_SimpleString("import sys\nassert sys.version"), 0);
    PyThreadState_Clear(PyThreadState_Get());
    PyThreadState_DeleteCurrent();
  }};
  other.join();
  EXPECT_EQ(PyThreadState_GetUnchecked(), nullptr);
}

TEST(Runtime, WaitsForAStopUntilItIsRequestedOrStops) {
  ia::detail::init_types();
  caf::actor_system_config config;
  caf::actor_system system{config};
  ia::runtime rt{system};
  EXPECT_FALSE(rt.stop_requested());
  std::thread asking{[&] { rt.request_stop(); }};
  rt.wait_for_stop();
  asking.join();
  EXPECT_TRUE(rt.stop_requested());
  EXPECT_TRUE(rt.spawn(ia::text(""))) << "a request alone stops nothing";
}

TEST(Runtime, AStopIsNoticedByWhoWaitsForOne) {
  ia::detail::init_types();
  caf::actor_system_config config;
  caf::actor_system system{config};
  ia::runtime rt{system};
  std::thread waiting{[&] { rt.wait_for_stop(); }};
  rt.stop();
  waiting.join();
  EXPECT_TRUE(rt.stop_requested());
}

} // namespace
