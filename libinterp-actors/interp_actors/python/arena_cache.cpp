#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/arena_cache.hpp"

namespace interp_actors::python {

namespace {

/// CPython's blocks for objects; what else it takes from its allocator is smaller.
/// Source: CPython 3.14, "Memory Management", The pymalloc allocator.
constexpr std::size_t arena_size = std::size_t{1} << 20;

} // namespace

arena_cache::arena_cache() {
  PyObjectArenaAllocator theirs;
  PyObject_GetArenaAllocator(&theirs);
  context_ = theirs.ctx;
  allocate_ = theirs.alloc;
  free_ = theirs.free;
  PyObjectArenaAllocator ours{this, take, give_back};
  PyObject_SetArenaAllocator(&ours);
}

arena_cache::~arena_cache() {
  PyObjectArenaAllocator theirs{context_, allocate_, free_};
  PyObject_SetArenaAllocator(&theirs);
  for (auto& each : kept_)
    if (auto* arena = each.exchange(nullptr))
      free_(context_, arena, arena_size);
}

void* arena_cache::take(void* self, std::size_t size) {
  auto& cache = *static_cast<arena_cache*>(self);
  if (size == arena_size)
    for (auto& each : cache.kept_)
      if (each.load(std::memory_order_relaxed))
        if (auto* arena = each.exchange(nullptr, std::memory_order_acquire))
          return arena;
  return cache.allocate_(cache.context_, size);
}

void arena_cache::give_back(void* self, void* arena, std::size_t size) {
  auto& cache = *static_cast<arena_cache*>(self);
  if (size == arena_size)
    for (auto& each : cache.kept_)
      if (void* none = nullptr; each.compare_exchange_strong(none, arena, std::memory_order_release))
        return;
  cache.free_(cache.context_, arena, size);
}

} // namespace interp_actors::python
