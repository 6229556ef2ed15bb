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

} // namespace
