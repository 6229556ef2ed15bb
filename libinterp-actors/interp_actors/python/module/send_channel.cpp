#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/answer.hpp"
#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/channel.hpp"
#include "interp_actors/python/module/channel_object.hpp"

#include <atomic>

namespace interp_actors::python {

namespace {

/// A message whose Python thread waits for room.
/// Owner: that thread and the channel. The thread looks at `item` only after the end, or once it has
/// withdrawn it.
class blocked_send final : public waiting_send {
public:
  using waiting_send::waiting_send;

  void finished(send_result result) noexcept override {
    result_.store(static_cast<int>(result), std::memory_order_release);
    wake->ring();
  }

  bool done() const noexcept { return result_.load(std::memory_order_acquire) >= 0; }
  send_result result() const noexcept { return static_cast<send_result>(result_.load()); }

  const std::shared_ptr<bell> wake = std::make_shared<bell>();

private:
  std::atomic<int> result_{-1};
};

/// Raises why a message was not accepted; `problem` is that of `send_result::failed`.
bool fail(const gil_held& gil, module_state& state, channel_entry& entry, send_result result,
          const std::optional<error_value>& problem = {}) {
  if (result == send_result::closed) {
    auto reason = entry.reason();
    raise_closed(gil, state, reason.empty() ? "no more messages may come" : reason);
  } else if (result == send_result::failed && problem) {
    raise_failure(gil, state, *problem, false);
  } else {
    PyErr_SetString(state.channel_full ? state.channel_full : PyExc_RuntimeError,
                    "the channel holds as much as it may");
  }
  return false;
}

bool wait_for_room(const gil_held& gil, module_state& state, const std::shared_ptr<channel_entry>& entry,
                   channel_item& item, wait_clock::time_point until) {
  auto sender = std::make_shared<blocked_send>(std::move(item));
  auto& control = *state.context->control;
  interrupter::waiting here{control, *sender->wake};
  if (!control.check(gil)) {
    item = std::move(sender->item);
    return false;
  }
  gil.release([&] { entry->submit(sender); });
  auto withdraw = [&] {
    if (!gil.release([&] { return entry->withdraw(*sender); }))
      return false;
    item = std::move(sender->item);
    return true;
  };
  for (;;) {
    bool rung = gil.release([&] { return sender->wake->wait_until(until); });
    if (sender->done())
      break;
    if (!rung) {
      if (withdraw()) {
        PyErr_SetString(PyExc_TimeoutError, "the channel had no room in time");
        return false;
      }
      until = wait_clock::time_point::max(); // it was let in or refused, and the word is on its way
    } else if (!control.check(gil)) {
      if (!withdraw()) { // it was let in or refused, and the word is on its way
        gil.release([&] {
          while (!sender->done())
            sender->wake->wait();
        });
        if (sender->result() != send_result::accepted)
          item = std::move(sender->item);
      }
      return false;
    }
  }
  if (sender->result() == send_result::accepted)
    return true;
  item = std::move(sender->item);
  return fail(gil, state, *entry, sender->result(), sender->problem);
}

/// Whether this end was not closed; else raises.
bool check_open(const gil_held& gil, sender_part& self) {
  if (self.entry)
    return true;
  raise_closed(gil, *self.state, "this sending end was closed");
  return false;
}

/// Finds the size of an element with several codes, which Python's own module knows. Returns false with an
/// exception set.
bool measure_format(const gil_held& gil, PyObject* format, std::size_t& size) {
  auto module = steal(gil, PyImport_ImportModule("_struct"));
  auto length = module ? steal(gil, PyObject_CallMethod(module.get(), "calcsize", "O", format)) : object{};
  auto found = length ? PyLong_AsSsize_t(length.get()) : -1;
  if (found < 0) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_ValueError, "send(): the format has no size");
    return false;
  }
  size = static_cast<std::size_t>(found);
  return true;
}

/// The payload `data`, read as `format` and `shape` say where they are given.
std::optional<shared_bytes> payload_of(const gil_held& gil, module_state& state, PyObject* data,
                                       PyObject* format, PyObject* shape) {
  auto bytes = from_python(gil, state.context->rules, data, "send(): the message");
  if (!bytes || (!is_given(format) && !is_given(shape)))
    return bytes;
  buffer_format how;
  if (is_given(format)
      && (!read_format(gil, format, how)
          || (how.itemsize == 0 && !measure_format(gil, format, how.itemsize))))
    return std::nullopt;
  if (is_given(shape)) {
    if (!read_shape(gil, shape, how.shape))
      return std::nullopt;
  } else if (how.itemsize == 0 || bytes->size() % how.itemsize != 0) {
    PyErr_Format(PyExc_ValueError, "send(): %zu bytes are no whole number of elements of %zu bytes",
                 bytes->size(), how.itemsize);
    return std::nullopt;
  } else {
    how.shape.push_back(static_cast<std::ptrdiff_t>(bytes->size() / how.itemsize));
  }
  return bytes->with_format(std::move(how));
}

/// Sends an end of a channel. The receiving end stays where it is if that fails.
bool put_end(const gil_held& gil, sender_part& self, PyObject* value, wait_clock::time_point until) {
  auto& state = *self.state;
  auto entry = self.entry;
  bool moves = as_receiver(state, value) != nullptr;
  if (moves && !entry->local()) {
    PyErr_SetString(PyExc_TypeError, "a receiving end can be sent to channels of this process alone");
    return false;
  }
  auto cargo = std::make_unique<channel_cargo>();
  cargo->end = end_from_python(gil, state, value);
  if (std::holds_alternative<std::monostate>(cargo->end))
    return false;
  channel_item item{{}, std::move(cargo)};
  auto* lease = std::get_if<channel_lease>(&item.cargo->end);
  bool sent = false;
  if (lease && !lease->board(*entry->local()))
    PyErr_SetString(PyExc_ValueError,
                    "a receiving end cannot travel through its own channel, nor through one "
                    "that travels in it: nobody could ever receive it");
  else
    sent = put(gil, self, item, until);
  if (!sent && item.cargo) {
    lease = std::get_if<channel_lease>(&item.cargo->end);
    if (lease && *lease) {
      lease->land();
      give_back(gil, state, value, std::move(item.cargo->end));
    }
  }
  return sent;
}

bool send_end(const gil_held& gil, sender_part& self, const std::array<PyObject*, 4>& given,
              wait_clock::time_point until) {
  if (is_given(given[1]) || is_given(given[2])) {
    PyErr_SetString(PyExc_TypeError, "send(): an end of a channel has no format and no shape");
    return false;
  }
  return put_end(gil, self, given[0], until);
}

bool send_payload(const gil_held& gil, sender_part& self, const std::array<PyObject*, 4>& given,
                  wait_clock::time_point until) {
  auto bytes = payload_of(gil, *self.state, given[0], given[1], given[2]);
  if (!bytes || !check_open(gil, self)) // code that ran in between may have closed it
    return false;
  channel_item item{std::move(*bytes), nullptr};
  if (auto* queue = self.entry->local(); queue && queue->element)
    item.payload = fitted(*queue, std::move(item.payload));
  return put(gil, self, item, until);
}

PyObject* send(PyObject* object_self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  auto& self = part_of<sender_part>(object_self);
  auto& state = *self.state;
  static constexpr std::array names{"data", "format", "shape", "timeout"};
  std::array<PyObject*, 4> given{};
  auto until = wait_clock::time_point::max();
  if (count == 1 && !keywords)
    given[0] = values[0];
  else if (!take_arguments("send", names, 1, 3, values, count, keywords, given)
           || !read_timeout(gil, given[3], until))
    return nullptr;
  return at_boundary([&]() -> PyObject* {
    if (!check_holder(gil, state) || !check_open(gil, self))
      return nullptr;
    bool is_end = as_sender(state, given[0]) || as_receiver(state, given[0]);
    bool sent = is_end ? send_end(gil, self, given, until) : send_payload(gil, self, given, until);
    return sent ? Py_NewRef(Py_None) : nullptr;
  });
}

PyObject* send_object(PyObject* object_self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  auto& self = part_of<sender_part>(object_self);
  auto& state = *self.state;
  static constexpr std::array names{"value", "timeout"};
  std::array<PyObject*, 2> given{};
  auto until = wait_clock::time_point::max();
  if (!take_arguments("send_object", names, 1, 1, values, count, keywords, given)
      || !read_timeout(gil, given[1], until))
    return nullptr;
  return at_boundary([&]() -> PyObject* {
    if (!check_holder(gil, state) || !check_open(gil, self))
      return nullptr;
    auto* queue = self.entry->local();
    if (!queue || !queue->options.objects) {
      PyErr_SetString(
          PyExc_TypeError,
          queue ? "send_object(): this channel was made without objects=True; unpickling runs whatever its "
                  "sender wants, so the receiver has to allow it"
                : "send_object(): this channel belongs to another actor or node, which pickles must not "
                  "reach; send bytes");
      return nullptr;
    }
    auto item = pickled(gil, state, given[0]);
    if (!item || !check_open(gil, self) || !put(gil, self, *item, until))
      return nullptr;
    return Py_NewRef(Py_None);
  });
}

void drop(const gil_held& gil, sender_part& self) {
  auto number = std::exchange(self.number, 0);
  auto entry = std::move(self.entry);
  if (number == 0 && !entry)
    return;
  auto* holdings = self.state->context->holdings.get();
  // The last handle of a channel tells the receiver, and perhaps others.
  gil.release([&] {
    if (number != 0)
      (void)holdings->release(number);
    entry.reset();
  });
}

PyObject* close(PyObject* self, PyObject*) {
  auto gil = gil_held::entered();
  drop(gil, part_of<sender_part>(self));
  Py_RETURN_NONE;
}

Py_ssize_t length(PyObject* self) {
  auto& entry = part_of<sender_part>(self).entry;
  if (!entry)
    return 0;
  if (auto* queue = entry->local())
    return static_cast<Py_ssize_t>(queue->size());
  PyErr_SetString(PyExc_TypeError, "how many messages wait elsewhere is not known here");
  return -1;
}

} // namespace

bool put(const gil_held& gil, sender_part& self, channel_item& item, wait_clock::time_point until) {
  auto& state = *self.state;
  auto entry = self.entry; // another thread may close this end while the GIL is free
  std::vector<channel_item> dropped;
  auto result = entry->offer(item, dropped);
  if (!dropped.empty())
    gil.release([&] { entry->report(std::move(dropped)); });
  if (result == send_result::accepted)
    return true;
  if (result == send_result::wait)
    return wait_for_room(gil, state, entry, item, until);
  return fail(gil, state, *entry, result);
}

object make_sender(const gil_held& gil, module_state& state, sending_end end) {
  auto made = make_end<sender_part>(gil, state, state.send_channel);
  if (!made)
    return {};
  auto& part = part_of<sender_part>(made.get());
  part.entry = end.entry;
  part.number = state.context->holdings->hold(std::move(end));
  return made;
}

sender_part* as_sender(const module_state& state, PyObject* value) {
  return part_of<sender_part>(state.send_channel, value);
}

object make_send_channel_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"send", as_function(send), METH_FASTCALL | METH_KEYWORDS,
       "send($self, data, format=None, shape=None, *, timeout=None)\n--\n\n"
       "Send a payload, or an end of a channel.\n\n"
       "Args:\n"
       "    data: None, bytes, a memoryview of bytes or of a received payload (not copied where large), a\n"
       "        SendChannel, which stays usable, or a ReceiveChannel, which moves to whoever receives it.\n"
       "    format: format of its elements, as in the module struct.\n"
       "    shape: lengths along each dimension.\n"
       "    timeout: seconds to wait for room; None waits as long as it takes.\n\n"
       "Raises:\n"
       "    ChannelClosed: nobody will receive it.\n"
       "    ChannelFull: there is no room, and the channel lets nobody wait.\n"
       "    TimeoutError: no room in time.\n"
       "    TypeError, ValueError: it is no payload, or not what the channel carries.\n"
       "    ActorError, RemoteError: the actor behind this end refused it."},
      {"send_object", as_function(send_object), METH_FASTCALL | METH_KEYWORDS,
       "send_object($self, value, *, timeout=None)\n--\n\n"
       "Pickle an object and send it; what it holds as pickle.PickleBuffer of bytes or of payloads is not "
       "copied.\n\n"
       "Args:\n"
       "    value: whatever the module pickle takes.\n"
       "    timeout: seconds to wait for room; None waits as long as it takes.\n\n"
       "Raises:\n"
       "    TypeError: the channel was made without objects=True, or leads to another node.\n"
       "    ChannelClosed, ChannelFull, TimeoutError: as send()."},
      {"close", close, METH_NOARGS,
       "close($self, /)\n--\n\nGive this end up. Once all sending ends are gone, the receiver gets what is "
       "there and sees the end."},
      {"__enter__", return_self, METH_NOARGS, "__enter__($self, /)\n--\n\nReturn this end."},
      {"__exit__", close, METH_VARARGS, "__exit__($self, /, *exception)\n--\n\nClose this end."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_methods, methods},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc_end<sender_part, drop>)},
      {Py_sq_length, reinterpret_cast<void*>(length)},
      {Py_nb_bool, reinterpret_cast<void*>(always_true)},
      {Py_tp_doc,
       const_cast<char*>("A sending end of a channel.\n\nlen() is the number of messages that wait.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "interp_actors.SendChannel", static_cast<int>(sizeof(end_object<sender_part>)), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

} // namespace interp_actors::python
