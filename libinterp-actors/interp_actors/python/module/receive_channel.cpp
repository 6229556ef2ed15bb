#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/channel.hpp"
#include "interp_actors/python/module/channel_object.hpp"

#include <new>

namespace interp_actors::python {

namespace {

/// Views of payloads up to this size are made again from those that nobody sees any more; larger payloads
/// are let go as soon as Python lets them go.
constexpr std::size_t small_payload = 4096;

struct receive_channel {
  PyObject_HEAD receiver_part part;
};

receiver_part& part_of(PyObject* self) {
  return reinterpret_cast<receive_channel*>(self)->part;
}

/// Lets go of payloads that nobody but this object sees.
void let_go(const gil_held& gil, receiver_part& self) {
  for (auto& view : self.given)
    if (view)
      self.spare.give_back(gil, self.state->types.exporter, std::move(view));
}

/// The next message, a payload or an end, as a Python object.
PyObject* convert_next(const gil_held& gil, receiver_part& self) {
  auto& state = *self.state;
  auto* next = self.queue->front();
  if (next->cargo) {
    if (next->cargo->is_object) {
      PyErr_SetString(PyExc_TypeError, "the next message is a pickled object; take it with recv_object()");
      return nullptr;
    }
    auto item = self.queue->pop();
    return to_python(gil, state, std::move(item.cargo->end)).release();
  }
  auto bytes = self.queue->pop().payload;
  auto* exporter = state.types.exporter;
  auto& last = self.given[++self.turn % self.given.size()];
  if (last)
    self.spare.give_back(gil, exporter, std::move(last));
  last = {};
  bool small = bytes && bytes.size() <= small_payload && !bytes.format();
  auto view = small ? self.spare.make(gil, exporter, bytes) : to_python(gil, exporter, std::move(bytes));
  if (small && view)
    last = borrow(gil, view.get());
  return view.release();
}

/// Raises why nothing comes any more.
void raise_end(const gil_held& gil, receiver_part& self) {
  auto reason = self.queue->reason();
  raise_closed(gil, *self.state, reason.empty() ? "all sending ends are gone" : reason);
}

/// Waits for the next message. Returns false with an exception set, a TimeoutError at `until`, or without one
/// at the end of the channel.
bool next_is_there(const gil_held& gil, receiver_part& self, wait_clock::time_point until) {
  if (self.queue->front())
    return true;
  auto found = wait_for_message(gil, self, until);
  if (found == 0)
    PyErr_SetString(PyExc_TimeoutError, "no message came in time");
  return found == 1 && self.where == receiver_part::place::here && self.queue->front();
}

PyObject* iterate(PyObject* self) {
  return Py_NewRef(self);
}

PyObject* next(PyObject* object_self) {
  auto gil = gil_held::entered();
  auto& self = part_of(object_self);
  try {
    if (self.where != receiver_part::place::closed && !check_receiver(gil, self))
      return nullptr;
    if (self.where == receiver_part::place::closed)
      return nullptr; // as at the end of what all senders sent
    if (next_is_there(gil, self, wait_clock::time_point::max()))
      return convert_next(gil, self);
    if (!PyErr_Occurred() && self.where == receiver_part::place::here && !self.queue->reason().empty())
      raise_end(gil, self);
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  return nullptr;
}

PyObject* recv(PyObject* object_self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  auto& self = part_of(object_self);
  static constexpr std::array names{"timeout"};
  std::array<PyObject*, 1> given{};
  auto until = wait_clock::time_point::max();
  if (!take_arguments("recv", names, 0, 1, values, count, keywords, given)
      || !read_timeout(gil, given[0], until) || !check_receiver(gil, self))
    return nullptr;
  try {
    if (next_is_there(gil, self, until))
      return convert_next(gil, self);
    if (!PyErr_Occurred())
      raise_end(gil, self);
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  return nullptr;
}

PyObject* recv_object(PyObject* object_self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  auto& self = part_of(object_self);
  static constexpr std::array names{"timeout"};
  std::array<PyObject*, 1> given{};
  auto until = wait_clock::time_point::max();
  if (!take_arguments("recv_object", names, 0, 1, values, count, keywords, given)
      || !read_timeout(gil, given[0], until) || !check_receiver(gil, self))
    return nullptr;
  if (!self.queue->options.objects) {
    PyErr_SetString(PyExc_TypeError, "recv_object(): this channel was made without objects=True");
    return nullptr;
  }
  try {
    if (!next_is_there(gil, self, until)) {
      if (!PyErr_Occurred())
        raise_end(gil, self);
      return nullptr;
    }
    auto* first = self.queue->front();
    if (!first->cargo || !first->cargo->is_object) {
      PyErr_SetString(PyExc_TypeError, "the next message is no pickled object; take it with recv()");
      return nullptr;
    }
    return unpickled(gil, *self.state, self.queue->pop()).release();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  return nullptr;
}

void drop(const gil_held& gil, receiver_part& self, const char* reason) {
  auto number = std::exchange(self.number, 0);
  if (self.where == receiver_part::place::here)
    self.where = receiver_part::place::closed;
  if (number == 0)
    return;
  auto* holdings = self.state->context->holdings.get();
  bool busy = self.busy;
  // Closing tells senders.
  gil.release([&] {
    auto end = holdings->release(number);
    if (auto* lease = std::get_if<channel_lease>(&end)) {
      if (busy)
        lease->revoke(reason); // another thread waits here, and has the receiver's side
      else
        lease->close(reason);
    } else if (!busy) { // given up with all that the interpreter held; what it had taken is still here
      self.queue->take_rest();
    }
  });
}

PyObject* close(PyObject* self, PyObject*) {
  auto gil = gil_held::entered();
  let_go(gil, part_of(self));
  drop(gil, part_of(self), "its receiver closed it");
  Py_RETURN_NONE;
}

PyObject* enter(PyObject* self, PyObject*) {
  return Py_NewRef(self);
}

PyObject* leave(PyObject* self, PyObject* const*, Py_ssize_t) {
  return close(self, nullptr);
}

Py_ssize_t length(PyObject* self) {
  return static_cast<Py_ssize_t>(part_of(self).queue->size());
}

int truth(PyObject*) {
  return 1;
}

void dealloc(PyObject* self) {
  auto gil = gil_held::entered();
  auto* type = Py_TYPE(self);
  drop(gil, part_of(self), "its receiving end was dropped");
  part_of(self).~receiver_part();
  type->tp_free(self);
  Py_DECREF(type);
}

template <class F>
PyCFunction function(F f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

} // namespace

bool check_receiver(const gil_held& gil, receiver_part& self) {
  auto& state = *self.state;
  if (!check_holder(gil, state))
    return false;
  if (self.where == receiver_part::place::here && !self.busy)
    return true;
  if (self.where == receiver_part::place::closed || self.queue->closed()) {
    raise_end(gil, self);
  } else if (self.where == receiver_part::place::moved) {
    PyErr_SetString(PyExc_RuntimeError,
                    "this receiving end was moved to another owner, and only that one can receive");
  } else {
    PyErr_SetString(PyExc_RuntimeError, "another thread waits at this receiving end at the moment");
  }
  return false;
}

int wait_for_message(const gil_held& gil, receiver_part& self, wait_clock::time_point until) {
  auto queue = self.queue;
  auto wake = self.wake;
  if (queue->ready())
    return 1;
  let_go(gil, self);
  auto& control = *self.state->context->control;
  interrupter::waiting here{control, *wake};
  self.busy = true;
  int result = -1;
  while (control.check(gil)) {
    bool late = gil.release([&] {
      if (!queue->arm(wake))
        return false;
      bool rung = wake->wait_until(until);
      queue->disarm();
      return !rung;
    });
    if (queue->ready() || late) {
      result = queue->ready() ? 1 : 0;
      break;
    }
  }
  self.busy = false;
  return result;
}

object make_receiver(const gil_held& gil, module_state& state, channel_lease lease) {
  auto* type = reinterpret_cast<PyTypeObject*>(state.receive_channel);
  auto made = steal(gil, type ? type->tp_alloc(type, 0) : nullptr);
  if (!made)
    return {};
  auto& part = *new (&part_of(made.get())) receiver_part;
  part.state = &state;
  part.queue = lease.queue();
  part.number = state.context->holdings->hold(std::move(lease));
  return made;
}

receiver_part* as_receiver(const module_state& state, PyObject* value) {
  return reinterpret_cast<PyObject*>(Py_TYPE(value)) == state.receive_channel ? &part_of(value) : nullptr;
}

object make_receive_channel_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"recv", function(recv), METH_FASTCALL | METH_KEYWORDS,
       "recv($self, timeout=None)\n--\n\n"
       "Return the next message: a read-only memoryview, None, or an end of a channel.\n\n"
       "A view stays valid until it is dropped, also when its sender or the channel is gone.\n\n"
       "Args:\n"
       "    timeout: seconds to wait; None waits as long as it takes.\n\n"
       "Raises:\n"
       "    ChannelClosed: nothing will come any more.\n"
       "    TimeoutError: no message in time.\n"
       "    RuntimeError: this end was moved to another owner."},
      {"recv_object", function(recv_object), METH_FASTCALL | METH_KEYWORDS,
       "recv_object($self, timeout=None)\n--\n\n"
       "Return the next object that was sent with send_object().\n\n"
       "Args:\n"
       "    timeout: seconds to wait; None waits as long as it takes.\n\n"
       "Raises:\n"
       "    TypeError: the channel was made without objects=True, or the next message is no object.\n"
       "    ChannelClosed, TimeoutError, RuntimeError: as recv()."},
      {"close", close, METH_NOARGS,
       "close($self, /)\n--\n\nClose the channel for good: its senders get ChannelClosed."},
      {"__enter__", enter, METH_NOARGS, "__enter__($self, /)\n--\n\nReturn this end."},
      {"__exit__", function(leave), METH_FASTCALL,
       "__exit__($self, /, *exception)\n--\n\nClose the channel."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_methods, methods},
      {Py_tp_iter, reinterpret_cast<void*>(iterate)},
      {Py_tp_iternext, reinterpret_cast<void*>(next)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_sq_length, reinterpret_cast<void*>(length)},
      {Py_nb_bool, reinterpret_cast<void*>(truth)},
      {Py_tp_doc,
       const_cast<char*>("The receiving end of a channel; iterating over it receives until the last "
                         "sending end is gone.\n\nlen() is the number of messages that wait.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "interp_actors.ReceiveChannel", static_cast<int>(sizeof(receive_channel)), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

} // namespace interp_actors::python
