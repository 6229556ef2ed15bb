#include "interp_actors/all.hpp"

#include <caf/actor_system_config.hpp>

#include <Python.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

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

TEST(Runtime, KeepsSomeBlocksOfEndedInterpretersForTheNext) {
  ia::detail::init_types();
  caf::actor_system_config config;
  caf::actor_system system{config};
  PyObjectArenaAllocator before, ours, after;
  PyObject_GetArenaAllocator(&before);
  {
    ia::runtime rt{system};
    PyObject_GetArenaAllocator(&ours);
    // CPython takes and gives back its blocks with a GIL held; 3.15 asks for its configuration then.
    auto* state = PyThreadState_New(PyInterpreterState_Main());
    PyEval_RestoreThread(state);
    constexpr std::size_t size = std::size_t{1} << 20;
    std::vector<void*> blocks;
    for (int i = 0; i < 10; ++i) // more than are kept
      blocks.push_back(ours.alloc(ours.ctx, size));
    for (auto* block : blocks)
      ours.free(ours.ctx, block, size);
    EXPECT_EQ(ours.alloc(ours.ctx, size), blocks.front());
    EXPECT_NE(ours.alloc(ours.ctx, size), blocks.front());
    auto* small = ours.alloc(ours.ctx, 4096);
    EXPECT_EQ(std::ranges::find(blocks, small), blocks.end());
    ours.free(ours.ctx, small, 4096);
    ours.free(ours.ctx, blocks[0], size);
    ours.free(ours.ctx, blocks[1], size);
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
  }
  PyObject_GetArenaAllocator(&after);
  EXPECT_EQ(after.alloc, before.alloc);
}

} // namespace
