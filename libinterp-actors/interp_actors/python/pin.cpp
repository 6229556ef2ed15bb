#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/pin.hpp"

#include "interp_actors/base/payload_stats.hpp"

namespace interp_actors::python {

struct pin_owner::pinned : interp_actors::detail::block {
  PyObject* bytes = nullptr;
  std::shared_ptr<pin_owner> owner;
  pinned* next = nullptr;
};

namespace {

auto& counters() {
  return interp_actors::detail::payload_counters;
}

void count_pin(std::size_t size) {
  counters().live_blocks.fetch_add(1, std::memory_order_relaxed);
  counters().live_bytes.fetch_add(size, std::memory_order_relaxed);
  counters().pinned_blocks.fetch_add(1, std::memory_order_relaxed);
  counters().pinned_bytes.fetch_add(size, std::memory_order_relaxed);
}

void count_unpin(std::size_t size) {
  counters().live_blocks.fetch_sub(1, std::memory_order_relaxed);
  counters().live_bytes.fetch_sub(size, std::memory_order_relaxed);
  counters().pinned_blocks.fetch_sub(1, std::memory_order_relaxed);
  counters().pinned_bytes.fetch_sub(size, std::memory_order_relaxed);
}

} // namespace

shared_bytes pin_owner::pin(const gil_held&, PyObject* bytes, const std::byte* data, std::size_t size) {
  auto* made = new pinned;
  made->data = data;
  made->size = size;
  made->dispose = give_back;
  made->bytes = Py_NewRef(bytes);
  made->owner = shared_from_this();
  ++live_;
  count_pin(size);
  return shared_bytes::from_block(made);
}

void pin_owner::give_back(interp_actors::detail::block* block) noexcept {
  auto* self = static_cast<pinned*>(block);
  // Once on the list, the pin may be gone at any moment: keep what is needed afterwards.
  auto owner = self->owner;
  auto size = self->size;
  auto* head = owner->released_.load(std::memory_order_acquire);
  do {
    if (head == closed()) {
      count_unpin(size);
      delete self; // the bytes object belongs to an interpreter that is gone: its memory stays as it is
      return;
    }
    self->next = head;
    // Sequentially consistent with the load of `wake_always_` below: the owner sees the pin, or is woken.
  } while (!owner->released_.compare_exchange_weak(head, self, std::memory_order_seq_cst,
                                                   std::memory_order_acquire));
  auto waiting = owner->released_bytes_.fetch_add(size, std::memory_order_relaxed);
  if (owner->wake_always_.load() || waiting + size >= wake_bytes)
    owner->wake_->ring();
}

void pin_owner::drop_released(const gil_held&) {
  released_bytes_.store(0, std::memory_order_relaxed);
  auto* next = released_.exchange(nullptr, std::memory_order_acquire);
  while (next) {
    auto* current = std::exchange(next, next->next);
    Py_DECREF(current->bytes);
    count_unpin(current->size);
    delete current;
    --live_;
  }
}

void pin_owner::close(const gil_held& gil) {
  drain(gil);
  auto* late = released_.exchange(closed(), std::memory_order_acq_rel);
  while (late) {
    auto* current = std::exchange(late, late->next);
    Py_DECREF(current->bytes);
    count_unpin(current->size);
    delete current;
    --live_;
  }
  counters().orphaned_pins.fetch_add(live_, std::memory_order_relaxed);
}

} // namespace interp_actors::python
