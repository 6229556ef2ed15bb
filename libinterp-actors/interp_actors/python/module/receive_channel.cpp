#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/channel.hpp"
#include "interp_actors/python/module/channel_object.hpp"

#include <thread>

namespace interp_actors::python {

namespace {

/// Views of payloads up to this size are made again from those that nobody sees any more; larger payloads
/// are let go as soon as Python lets them go.
constexpr std::size_t small_payload = 4096;

/// Lets go of payloads that nobody but this object sees, and of views that somebody else sees.
void let_go(const gil_held& gil, receiver_part& self) {
  for (auto& view : self.given) {
    shared_bytes nothing;
    if (view && !reuse_view(gil, self.state->types.exporter, view.get(), nothing))
      view = {};
  }
}

/// Returns `bytes` as a view; that of a small payload is made from the last but one, which a loop has let go by
/// now.
PyObject* view_of(const gil_held& gil, receiver_part& self, shared_bytes bytes) {
  auto* exporter = self.state->types.exporter;
  auto& last = self.given[++self.turn % self.given.size()];
  bool small = bytes && bytes.size() <= small_payload && !bytes.format();
  if (small && last && reuse_view(gil, exporter, last.get(), bytes))
    return Py_NewRef(last.get());
  last = {};
  auto view = to_python(gil, exporter, std::move(bytes));
  if (small && view)
    last = borrow(gil, view.get());
  return view.release();
}

/// The next message, a payload or an end, as a Python object.
PyObject* convert_next(const gil_held& gil, receiver_part& self) {
  auto* next = self.queue->front();
  if (!next->cargo)
    return view_of(gil, self, self.queue->pop().payload);
  if (next->cargo->is_object) {
    PyErr_SetString(PyExc_TypeError, "the next message is a pickled object; take it with recv_object()");
    return nullptr;
  }
  auto item = self.queue->pop();
  return to_python(gil, *self.state, std::move(item.cargo->end)).release();
}

/// Raises why nothing comes any more.
void raise_end(const gil_held& gil, receiver_part& self) {
  auto reason = self.queue->reason();
  raise_closed(gil, *self.state, reason.empty() ? "all sending ends are gone" : reason);
}

/// Waits until there is a message, or none will come any more. Returns 1 then, 0 at `until`, -1 with an
/// exception set.
int wait_for_message(const gil_held& gil, receiver_part& self, wait_clock::time_point until) {
  auto queue = self.queue;
  auto wake = self.wake;
  if (queue->ready())
    return 1;
  let_go(gil, self);
  self.busy = true;
  bool found = false;
  if (self.yields.begin()) {
    self.yields.end(gil.release([&] {
      std::this_thread::yield();
      found = queue->ready();
      return queue->size();
    }));
  }
  auto result = found ? 1 : wait_for_any(gil, *self.state, {&queue, 1}, wake, until);
  self.busy = false;
  return result;
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

PyObject* next(PyObject* object_self) {
  auto gil = gil_held::entered();
  auto& self = part_of<receiver_part>(object_self);
  return at_boundary([&]() -> PyObject* {
    // A closed one is as one at the end of what all senders sent.
    if (self.where == receiver_part::place::closed || !check_receiver(gil, self))
      return nullptr;
    if (next_is_there(gil, self, wait_clock::time_point::max()))
      return convert_next(gil, self);
    if (!PyErr_Occurred() && self.where == receiver_part::place::here && !self.queue->reason().empty())
      raise_end(gil, self);
    return nullptr;
  });
}

/// What `recv` and `recv_object` have in common: `convert` makes a Python object of the next message, once it is
/// there.
template <class F>
PyObject* receive(const char* name, PyObject* object_self, PyObject* const* values, Py_ssize_t count,
                  PyObject* keywords, F convert) {
  auto gil = gil_held::entered();
  auto& self = part_of<receiver_part>(object_self);
  static constexpr std::array names{"timeout"};
  std::array<PyObject*, 1> given{};
  auto until = wait_clock::time_point::max();
  return at_boundary([&]() -> PyObject* {
    if (!take_arguments(name, names, 0, 1, values, count, keywords, given)
        || !read_timeout(gil, given[0], until) || !check_receiver(gil, self))
      return nullptr;
    return convert(gil, self, [&] {
      bool there = next_is_there(gil, self, until);
      if (!there && !PyErr_Occurred())
        raise_end(gil, self);
      return there;
    });
  });
}

PyObject* recv(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  return receive("recv", self, values, count, keywords,
                 [](const gil_held& gil, receiver_part& part, auto await_next) -> PyObject* {
                   return await_next() ? convert_next(gil, part) : nullptr;
                 });
}

PyObject* recv_object(PyObject* self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  return receive(
      "recv_object", self, values, count, keywords,
      [](const gil_held& gil, receiver_part& part, auto await_next) -> PyObject* {
        if (!part.queue->options.objects) {
          PyErr_SetString(PyExc_TypeError, "recv_object(): this channel was made without objects=True");
          return nullptr;
        }
        if (!await_next())
          return nullptr;
        auto* first = part.queue->front();
        if (!first->cargo || !first->cargo->is_object) {
          PyErr_SetString(PyExc_TypeError, "the next message is no pickled object; take it with recv()");
          return nullptr;
        }
        return unpickled(gil, *part.state, part.queue->pop()).release();
      });
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

void drop(const gil_held& gil, receiver_part& self) {
  drop(gil, self, "its receiving end was dropped");
}

PyObject* close(PyObject* object_self, PyObject*) {
  auto gil = gil_held::entered();
  auto& self = part_of<receiver_part>(object_self);
  let_go(gil, self);
  drop(gil, self, "its receiver closed it");
  Py_RETURN_NONE;
}

Py_ssize_t length(PyObject* self) {
  return static_cast<Py_ssize_t>(part_of<receiver_part>(self).queue->size());
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

object make_receiver(const gil_held& gil, module_state& state, channel_lease lease) {
  auto made = make_end<receiver_part>(gil, state, state.receive_channel);
  if (!made)
    return {};
  auto& part = part_of<receiver_part>(made.get());
  part.queue = lease.queue();
  part.number = state.context->holdings->hold(std::move(lease));
  return made;
}

receiver_part* as_receiver(const module_state& state, PyObject* value) {
  return part_of<receiver_part>(state.receive_channel, value);
}

object make_receive_channel_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"recv", as_function(recv), METH_FASTCALL | METH_KEYWORDS,
       "recv($self, timeout=None)\n--\n\n"
       "Return the next message: a read-only memoryview, None, or an end of a channel.\n\n"
       "A view stays valid until it is dropped, also when its sender or the channel is gone.\n\n"
       "Args:\n"
       "    timeout: seconds to wait; None waits as long as it takes.\n\n"
       "Raises:\n"
       "    ChannelClosed: nothing will come any more.\n"
       "    TimeoutError: no message in time.\n"
       "    RuntimeError: this end was moved to another owner."},
      {"recv_object", as_function(recv_object), METH_FASTCALL | METH_KEYWORDS,
       "recv_object($self, timeout=None)\n--\n\n"
       "Return the next object that was sent with send_object().\n\n"
       "Args:\n"
       "    timeout: seconds to wait; None waits as long as it takes.\n\n"
       "Raises:\n"
       "    TypeError: the channel was made without objects=True, or the next message is no object.\n"
       "    ChannelClosed, TimeoutError, RuntimeError: as recv()."},
      {"close", close, METH_NOARGS,
       "close($self, /)\n--\n\nClose the channel for good: its senders get ChannelClosed."},
      {"__enter__", return_self, METH_NOARGS, "__enter__($self, /)\n--\n\nReturn this end."},
      {"__exit__", close, METH_VARARGS, "__exit__($self, /, *exception)\n--\n\nClose the channel."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_methods, methods},
      {Py_tp_iter, reinterpret_cast<void*>(PyObject_SelfIter)},
      {Py_tp_iternext, reinterpret_cast<void*>(next)},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc_end<receiver_part, drop>)},
      {Py_sq_length, reinterpret_cast<void*>(length)},
      {Py_nb_bool, reinterpret_cast<void*>(always_true)},
      {Py_tp_doc,
       const_cast<char*>("The receiving end of a channel; iterating over it receives until the last "
                         "sending end is gone.\n\nlen() is the number of messages that wait.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "interp_actors.ReceiveChannel", static_cast<int>(sizeof(end_object<receiver_part>)), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

} // namespace interp_actors::python
