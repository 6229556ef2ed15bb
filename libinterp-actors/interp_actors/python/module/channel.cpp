#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/channel.hpp"

#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/channel_object.hpp"
#include "interp_actors/python/module/host.hpp"

#include <algorithm>
#include <vector>

namespace interp_actors::python {

namespace {

/// Reads the options of a channel. Returns false with an exception set.
bool read_options(const gil_held& gil, const std::array<PyObject*, 6>& given, channel_options& options,
                  std::optional<buffer_format>& element) {
  auto [messages, bytes, when, format, shape, objects] = given;
  if (!read_size(gil, "messages", messages, options.messages)
      || !read_size(gil, "bytes", bytes, options.bytes))
    return false;
  if (when) {
    if (PyUnicode_Check(when) && PyUnicode_CompareWithASCIIString(when, "wait") == 0) {
      options.when_full = when_full::wait;
    } else if (PyUnicode_Check(when) && PyUnicode_CompareWithASCIIString(when, "fail") == 0) {
      options.when_full = when_full::fail;
    } else if (PyUnicode_Check(when) && PyUnicode_CompareWithASCIIString(when, "drop_oldest") == 0) {
      options.when_full = when_full::drop_oldest;
    } else {
      PyErr_SetString(PyExc_ValueError, "when_full is 'wait', 'fail' or 'drop_oldest'");
      return false;
    }
  }
  if (objects) {
    auto truth = PyObject_IsTrue(objects);
    if (truth < 0)
      return false;
    options.objects = truth == 1;
  }
  if (!is_given(format) && !is_given(shape))
    return true;
  element.emplace();
  if (is_given(format)) {
    if (!read_format(gil, format, *element))
      return false;
    if (element->itemsize == 0) {
      PyErr_SetString(PyExc_ValueError,
                      "channel(): format is a single code of the module struct, such as 'd'; give others "
                      "with each send()");
      return false;
    }
  }
  if (is_given(shape))
    return read_shape(gil, shape, element->shape);
  element->shape.push_back(-1);
  return true;
}

PyObject* make(PyObject* module, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  auto& state = state_of_module(module);
  static constexpr std::array names{"messages", "bytes", "when_full", "format", "shape", "objects"};
  std::array<PyObject*, 6> given{};
  channel_options options;
  std::optional<buffer_format> element;
  return at_boundary([&]() -> PyObject* {
    if (!take_arguments("channel", names, 0, 3, values, count, keywords, given)
        || !read_options(gil, given, options, element) || !check_holder(gil, state))
      return nullptr;
    auto made = gil.release(
        [&] { return state.context->host->make_channel(std::move(options), std::move(element)); });
    auto sender = make_sender(gil, state, std::move(made.first));
    auto receiver = sender ? make_receiver(gil, state, std::move(made.second)) : object{};
    return receiver ? PyTuple_Pack(2, sender.get(), receiver.get()) : nullptr;
  });
}

/// Receiving ends that one thread waits at, for the time of the wait.
class waiting_set {
public:
  void add(receiver_part& part) {
    part.busy = true;
    parts.push_back(&part);
    queues.push_back(part.queue);
  }
  waiting_set() = default;
  waiting_set(const waiting_set&) = delete;
  waiting_set& operator=(const waiting_set&) = delete;
  ~waiting_set() {
    for (auto* part : parts)
      part->busy = false;
  }

  std::vector<receiver_part*> parts; // borrowed from the tuple of the caller
  std::vector<std::shared_ptr<channel_queue>> queues;
};

object ready_ones(const gil_held& gil, const waiting_set& set, PyObject* channels) {
  auto list = steal(gil, PyList_New(0));
  for (std::size_t i = 0; list && i < set.queues.size(); ++i)
    if (set.queues[i]->ready()
        && PyList_Append(list.get(), PyTuple_GET_ITEM(channels, static_cast<Py_ssize_t>(i))) < 0)
      return {};
  return list;
}

PyObject* select_from(const gil_held& gil, module_state& state, PyObject* channels,
                      wait_clock::time_point until) {
  waiting_set set;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(channels); ++i) {
    auto* part = as_receiver(state, PyTuple_GET_ITEM(channels, i));
    if (!part) {
      PyErr_Format(PyExc_TypeError, "select(): item %zd is a %.200s, not a ReceiveChannel", i,
                   Py_TYPE(PyTuple_GET_ITEM(channels, i))->tp_name);
      return nullptr;
    }
    if (std::ranges::find(set.parts, part) != set.parts.end()) {
      PyErr_Format(PyExc_ValueError, "select(): item %zd is there twice", i);
      return nullptr;
    }
    if (!check_receiver(gil, *part))
      return nullptr;
    set.add(*part);
  }
  if (set.parts.empty()) {
    PyErr_SetString(PyExc_ValueError, "select(): no channels, so nothing could ever come");
    return nullptr;
  }
  auto found = ready_ones(gil, set, channels);
  while (found && PyList_GET_SIZE(found.get()) == 0) {
    auto waited = wait_for_any(gil, state, set.queues, std::make_shared<bell>(), until);
    if (waited == 0)
      PyErr_SetString(PyExc_TimeoutError, "no message came in time");
    if (waited != 1)
      return nullptr;
    found = ready_ones(gil, set, channels);
  }
  return found.release();
}

PyObject* select(PyObject* module, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  auto& state = state_of_module(module);
  static constexpr std::array names{"channels", "timeout"};
  std::array<PyObject*, 2> given{};
  auto until = wait_clock::time_point::max();
  if (!take_arguments("select", names, 1, 2, values, count, keywords, given)
      || !read_timeout(gil, given[1], until) || !check_holder(gil, state))
    return nullptr;
  auto channels = steal(gil, PySequence_Tuple(given[0]));
  if (!channels)
    return nullptr;
  return at_boundary([&] { return select_from(gil, state, channels.get(), until); });
}

} // namespace

bool check_holder(const gil_held& gil, module_state& state) {
  if (!host_of(gil, state))
    return false;
  if (!state.context->holdings->given_up())
    return true;
  raise_closed(gil, state, "this interpreter has ended");
  return false;
}

void raise_closed(const gil_held& gil, module_state& state, const std::string& reason) {
  auto text = steal(
      gil, PyUnicode_DecodeUTF8(reason.data(), static_cast<Py_ssize_t>(reason.size()), "backslashreplace"));
  auto* type = state.channel_closed ? state.channel_closed : PyExc_RuntimeError;
  auto raised = text ? steal(gil, PyObject_CallOneArg(type, text.get())) : object{};
  if (raised && PyObject_SetAttrString(raised.get(), "reason", text.get()) == 0)
    PyErr_SetObject(type, raised.get());
}

int wait_for_any(const gil_held& gil, module_state& state,
                 std::span<const std::shared_ptr<channel_queue>> queues, const std::shared_ptr<bell>& wake,
                 wait_clock::time_point until) {
  auto& control = *state.context->control;
  interrupter::waiting here{control, *wake};
  while (control.check(gil)) {
    bool ready = false;
    bool late = gil.release([&] {
      bool all = std::ranges::all_of(queues, [&](auto& queue) { return queue->arm(wake); });
      bool rung = !all || wake->wait_until(until);
      for (auto& queue : queues)
        queue->disarm();
      ready = std::ranges::any_of(queues, [](auto& queue) { return queue->ready(); });
      return !rung;
    });
    if (ready || late)
      return ready ? 1 : 0;
  }
  return -1;
}

object to_python(const gil_held& gil, module_state& state, held_end end) {
  if (auto* sender = std::get_if<sending_end>(&end))
    return make_sender(gil, state, std::move(*sender));
  if (auto* lease = std::get_if<channel_lease>(&end))
    return make_receiver(gil, state, std::move(*lease));
  return borrow(gil, Py_None);
}

held_end end_from_python(const gil_held& gil, module_state& state, PyObject* value) {
  if (auto* sender = as_sender(state, value)) {
    auto end = state.context->holdings->share(sender->number);
    if (end.entry)
      return end;
    raise_closed(gil, state, "this sending end was closed");
    return {};
  }
  auto* receiver = as_receiver(state, value);
  if (!receiver) {
    PyErr_Format(PyExc_TypeError, "a %.200s is no end of a channel", Py_TYPE(value)->tp_name);
    return {};
  }
  if (!check_receiver(gil, *receiver))
    return {};
  auto end = state.context->holdings->release(receiver->number);
  if (!std::holds_alternative<channel_lease>(end)) {
    raise_closed(gil, state, "this interpreter has ended");
    return {};
  }
  for (auto& view : receiver->given)
    view = {};
  receiver->number = 0;
  receiver->where = receiver_part::place::moved;
  return end;
}

void give_back(const gil_held&, module_state& state, PyObject* value, held_end end) {
  if (auto* receiver = as_receiver(state, value)) {
    receiver->number = state.context->holdings->hold(std::move(end));
    receiver->where = receiver_part::place::here;
  }
}

bool add_channels(const gil_held& gil, PyObject* module, module_state& state) {
  static PyMethodDef functions[] = {
      {"channel", as_function(make), METH_FASTCALL | METH_KEYWORDS,
       "channel($module, messages=64, bytes=0, when_full='wait', *, format=None, shape=None, objects=False)\n"
       "--\n\n"
       "Make a channel; return its SendChannel and its ReceiveChannel.\n\n"
       "Args:\n"
       "    messages: how many may wait; 0 is no limit.\n"
       "    bytes: how many may wait; 0 is no limit. One message is always let in.\n"
       "    when_full: 'wait' lets senders wait, 'fail' refuses, 'drop_oldest' makes room.\n"
       "    format: format of the elements of each message, as in the module struct.\n"
       "    shape: lengths of each message along each dimension; -1 as the first one is any.\n"
       "    objects: let senders send pickled objects; unpickling runs whatever they want.\n\n"
       "Raises:\n"
       "    ValueError: an option makes no sense."},
      {"select", as_function(select), METH_FASTCALL | METH_KEYWORDS,
       "select($module, channels, timeout=None)\n--\n\n"
       "Wait until recv() would return at once, or raise ChannelClosed, for one of several channels; return "
       "the list of those.\n\n"
       "Args:\n"
       "    channels: ReceiveChannels, each once.\n"
       "    timeout: seconds to wait; None waits as long as it takes.\n\n"
       "Raises:\n"
       "    TimeoutError: no message in time."},
      {nullptr, nullptr, 0, nullptr},
  };
  state.send_channel = make_send_channel_type(gil, module).release();
  state.receive_channel = make_receive_channel_type(gil, module).release();
  auto attributes = steal(gil, Py_BuildValue("{s:s}", "reason", ""));
  if (!attributes)
    return false;
  state.channel_closed = PyErr_NewExceptionWithDoc(
      "interp_actors.ChannelClosed",
      "Raised where nobody will receive, or nothing will come any more.\n\nIts attribute `reason` says why.",
      nullptr, attributes.get());
  state.channel_full =
      PyErr_NewExceptionWithDoc("interp_actors.ChannelFull",
                                "Raised where a channel has no room and lets nobody wait.", nullptr, nullptr);
  struct entry {
    const char* name;
    PyObject* value;
  };
  for (auto [name, value] :
       {entry{"SendChannel", state.send_channel}, entry{"ReceiveChannel", state.receive_channel},
        entry{"ChannelClosed", state.channel_closed}, entry{"ChannelFull", state.channel_full}})
    if (!value || PyModule_AddObjectRef(module, name, value) < 0)
      return false;
  return PyModule_AddFunctions(module, functions) == 0;
}

} // namespace interp_actors::python
