#pragma once

// For the module's source files alone, which include CPython's headers first.

#include "interp_actors/base/channel_holdings.hpp"
#include "interp_actors/base/channel_queue.hpp"
#include "interp_actors/base/yield_policy.hpp"
#include "interp_actors/python/interrupt.hpp"
#include "interp_actors/python/memory_view.hpp"
#include "interp_actors/python/module/state.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <new>
#include <span>
#include <string>

namespace interp_actors::python {

using wait_clock = std::chrono::steady_clock;

/// What is behind a `SendChannel`, but for the Python object's head.
/// Owner: the Python object. The end itself is among the interpreter's holdings, under `number`.
struct sender_part {
  module_state* state = nullptr;
  std::shared_ptr<channel_entry> entry;
  channel_holdings::number number = 0; // 0 once closed
};

/// What is behind a `ReceiveChannel`.
/// Thread: the interpreter's, with its GIL; while `busy`, the one that waits has the receiver's side of the
/// queue, without the GIL.
struct receiver_part {
  enum class place { here, moved, closed };

  module_state* state = nullptr;
  std::shared_ptr<channel_queue> queue;
  channel_holdings::number number = 0;
  place where = place::here;
  bool busy = false;
  std::shared_ptr<bell> wake = std::make_shared<bell>();
  yield_policy yields;
  std::array<object, 2> given; // the last views of small payloads, used again once only this object has them
  unsigned turn = 0;
};

/// The Python object of an end.
template <class Part>
struct end_object {
  PyObject_HEAD Part part;
};

template <class Part>
Part& part_of(PyObject* self) {
  return reinterpret_cast<end_object<Part>*>(self)->part;
}

/// The part of an object of exactly the type `type`, or null.
template <class Part>
Part* part_of(PyObject* type, PyObject* value) {
  return reinterpret_cast<PyObject*>(Py_TYPE(value)) == type ? &part_of<Part>(value) : nullptr;
}

/// A new object of `type` with an empty part; null with an exception set on failure.
template <class Part>
object make_end(const gil_held& gil, module_state& state, PyObject* type) {
  auto* real = reinterpret_cast<PyTypeObject*>(type);
  auto made = steal(gil, real ? real->tp_alloc(real, 0) : nullptr);
  if (made)
    (new (&part_of<Part>(made.get())) Part)->state = &state;
  return made;
}

/// `tp_dealloc`; `Drop` gives the end up.
template <class Part, void (*Drop)(const gil_held&, Part&)>
void dealloc_end(PyObject* self) {
  auto gil = gil_held::entered();
  auto* type = Py_TYPE(self);
  Drop(gil, part_of<Part>(self));
  part_of<Part>(self).~Part();
  type->tp_free(self);
  Py_DECREF(type);
}

/// `nb_bool`: an end is true as long as there is one, whether messages wait or not.
inline int always_true(PyObject*) {
  return 1;
}

/// The parts of an object of the right type, or null.
sender_part* as_sender(const module_state& state, PyObject* value);
receiver_part* as_receiver(const module_state& state, PyObject* value);

/// New objects for ends that the interpreter gets. Null with an exception set on failure.
object make_sender(const gil_held& gil, module_state& state, sending_end end);
object make_receiver(const gil_held& gil, module_state& state, channel_lease lease);

object make_send_channel_type(const gil_held& gil, PyObject* module);
object make_receive_channel_type(const gil_held& gil, PyObject* module);

/// Raises ChannelClosed. `reason` may be any bytes.
void raise_closed(const gil_held& gil, module_state& state, const std::string& reason);

/// Raises unless the interpreter still counts.
bool check_holder(const gil_held& gil, module_state& state);

/// Sends `item`, waiting for room until `until`. Returns false with an exception set; then `item` holds what
/// it held, unless it may have been sent all the same.
bool put(const gil_held& gil, sender_part& self, channel_item& item, wait_clock::time_point until);

/// Returns false with an exception set where nobody can receive here now.
bool check_receiver(const gil_held& gil, receiver_part& self);

/// Waits until one of `queues`, whose receiving ends the caller has, has a message or will have none any more.
/// Interrupts and the queues ring `wake`. Returns 1 then, 0 at `until`, -1 with an exception set.
int wait_for_any(const gil_held& gil, module_state& state,
                 std::span<const std::shared_ptr<channel_queue>> queues, const std::shared_ptr<bell>& wake,
                 wait_clock::time_point until);

/// As a part of `send_object` and `recv_object`: the pickle of `value` with its buffers, nothing with an
/// exception set; and back.
std::unique_ptr<channel_item> pickled(const gil_held& gil, module_state& state, PyObject* value);
object unpickled(const gil_held& gil, module_state& state, channel_item item);

} // namespace interp_actors::python
