#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/method.hpp"

#include "interp_actors/python/module/answer.hpp"
#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/events.hpp"
#include "interp_actors/python/module/future.hpp"
#include "interp_actors/python/module/state.hpp"
#include "interp_actors/python/object_source.hpp"

#include <new>
#include <string>

namespace interp_actors::python {

namespace {

struct method_part {
  actor_reference_ptr actor;
  std::string name;
};

struct method {
  PyObject_HEAD method_part part;
};

method_part& part_of(PyObject* self) {
  return reinterpret_cast<method*>(self)->part;
}

void method_dealloc(PyObject* self) {
  auto gil = gil_held::entered();
  auto* type = Py_TYPE(self);
  destroy(gil, part_of(self).actor);
  part_of(self).name.~basic_string();
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* method_repr(PyObject* self) {
  return at_boundary([&]() -> PyObject* {
    return to_str(gil_held::entered(), "<interp_actors.Method '" + shortened(part_of(self).name) + "' of "
                                           + part_of(self).actor->to_string() + ">")
        .release();
  });
}

/// Makes the message. The argument is a tuple.
/// Errors: `value_error`, `raised`.
host::letter_ptr write(const gil_held& gil, module_state& state, host& out, PyObject* self,
                       PyObject* arguments) {
  try {
    object_source source{gil, state.context->values, arguments};
    return out.write(part_of(self).actor, part_of(self).name, source);
  } catch (value_error& problem) {
    throw value_error(shortened(part_of(self).name) + "() cannot be given " + problem.what());
  }
}

/// Takes `timeout` out of the keywords, which may hold nothing else. Returns false with an exception set.
bool read_keywords(const gil_held& gil, PyObject* self, PyObject* keywords, object& timeout) {
  Py_ssize_t place = 0;
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  while (keywords && PyDict_Next(keywords, &place, &key, &value)) {
    if (!PyUnicode_Check(key) || PyUnicode_CompareWithASCIIString(key, "timeout") != 0) {
      PyErr_Format(PyExc_TypeError,
                   "'%.100s' of another actor takes positional arguments alone, and no keyword '%.100S'",
                   part_of(self).name.c_str(), key);
      return false;
    }
    timeout = borrow(gil, value);
  }
  return true;
}

bool is_self(const host& out, const method_part& part) {
  auto self = out.self();
  return self && self->equals(*part.actor);
}

/// Reads how long a request may take. Returns null with an exception set.
host* host_for_request(const gil_held& gil, PyObject* self, PyObject* keywords,
                       host::clock::time_point& until) {
  auto* out = host_of(gil, *state_of(self));
  object timeout;
  bool done = out && read_keywords(gil, self, keywords, timeout)
              && read_call_timeout(gil, *out, timeout.get(), until);
  return done ? out : nullptr;
}

/// A request whose caller waits, and asks for nothing any more once it goes.
class waiting_request {
public:
  waiting_request(const gil_held& gil, host& out, host::letter_ptr what)
      : gil_{gil},
        out_{out},
        answer_{gil.release([&] { return out.ask(std::move(what), host::clock::time_point::max()); })} {}
  waiting_request(const waiting_request&) = delete;
  waiting_request& operator=(const waiting_request&) = delete;
  ~waiting_request() {
    gil_.release([this] { // an answer may hold the last handle of an actor
      out_.forget(*answer_);
      answer_.reset();
    });
  }

  awaited& answer() { return *answer_; }

private:
  const gil_held& gil_;
  host& out_;
  std::shared_ptr<awaited> answer_;
};

PyObject* method_call(PyObject* self, PyObject* arguments, PyObject* keywords) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = *state_of(self);
    auto until = host::clock::time_point::max();
    auto* out = host_for_request(gil, self, keywords, until);
    if (!out)
      return nullptr;
    if (in_own_thread(state) && is_self(*out, part_of(self))) {
      PyErr_Format(
          PyExc_RuntimeError,
          "'%.100s' is a function of this interpreter itself, which cannot handle a message while it "
          "waits; call the function, or send() the message",
          part_of(self).name.c_str());
      return nullptr;
    }
    auto name = "'" + shortened(part_of(self).name, 100) + "'";
    waiting_request request{gil, *out, write(gil, state, *out, self, arguments)};
    if (!wait_for(gil, state, request.answer(), until, name.c_str()))
      return nullptr;
    return result_of(gil, state, request.answer()).release();
  });
}

PyObject* method_send(PyObject* self, PyObject* arguments) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = *state_of(self);
    auto* out = host_of(gil, state);
    if (!out)
      return nullptr;
    auto letter = write(gil, state, *out, self, arguments);
    gil.release([&] { out->send(std::move(letter)); });
    Py_RETURN_NONE;
  });
}

PyObject* method_future(PyObject* self, PyObject* arguments, PyObject* keywords) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = *state_of(self);
    auto until = host::clock::time_point::max();
    auto* out = host_for_request(gil, self, keywords, until);
    if (!out)
      return nullptr;
    auto letter = write(gil, state, *out, self, arguments);
    auto answer = gil.release([&] { return out->ask(std::move(letter), until); });
    return to_python(gil, state, std::move(answer), is_self(*out, part_of(self))).release();
  });
}

/// The first of the arguments is the delay.
PyObject* after(const gil_held& gil, PyObject* self, PyObject* seconds, PyObject* arguments) {
  auto& state = *state_of(self);
  auto* out = host_of(gil, state);
  if (!out)
    return nullptr;
  return start_timer(gil, state, *out, seconds, write(gil, state, *out, self, arguments)).release();
}

PyObject* method_send_after(PyObject* self, PyObject* arguments) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto count = PyTuple_GET_SIZE(arguments);
    if (count == 0) {
      PyErr_SetString(PyExc_TypeError, "send_after() is missing its argument 'seconds'");
      return nullptr;
    }
    auto rest = checked(steal(gil, PyTuple_GetSlice(arguments, 1, count)));
    return after(gil, self, PyTuple_GET_ITEM(arguments, 0), rest.get());
  });
}

} // namespace

PyObject* send_after(PyObject* module, PyObject* const* values, std::ptrdiff_t count) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = state_of_module(module);
    if (count < 2 || Py_TYPE(values[1]) != reinterpret_cast<PyTypeObject*>(state.method)) {
      PyErr_SetString(
          PyExc_TypeError,
          "send_after() takes the seconds, a function of a Reference (ref.name), and its arguments");
      return nullptr;
    }
    auto rest = checked(steal(gil, PyTuple_New(count - 2)));
    for (std::ptrdiff_t i = 2; i < count; ++i)
      PyTuple_SET_ITEM(rest.get(), i - 2, Py_NewRef(values[i]));
    return after(gil, values[1], values[0], rest.get());
  });
}

object make_method_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"send", method_send, METH_VARARGS,
       "send($self, /, *args)\n--\n\nSend the message and do not wait for an answer.\n\nWhat the receiver "
       "does "
       "not understand becomes a dead letter there.\n\nRaises:\n"
       "    TypeError: an argument cannot be sent."},
      {"future", as_function(method_future), METH_VARARGS | METH_KEYWORDS,
       "future($self, /, *args, timeout=None)\n--\n\nSend a request and return the Future of its answer.\n\n"
       "Args:\n"
       "    timeout: seconds after which the Future fails; None is the runtime's call timeout.\n\n"
       "Raises:\n    TypeError: an argument cannot be sent."},
      {"send_after", method_send_after, METH_VARARGS,
       "send_after($self, seconds, /, *args)\n--\n\nSend the message after a delay and return its Timer.\n\n"
       "It is not sent where this interpreter has ended by then.\n\nRaises:\n"
       "    TypeError: an argument cannot be sent.\n    ValueError: the delay is negative or endless."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(method_dealloc)},
      {Py_tp_repr, reinterpret_cast<void*>(method_repr)},
      {Py_tp_call, reinterpret_cast<void*>(method_call)},
      {Py_tp_methods, methods},
      {Py_tp_doc,
       const_cast<char*>(
           "A function of another actor.\n\nmethod(*args, timeout=None) calls it and waits for the "
           "result.\n\n"
           "Args:\n"
           "    timeout: seconds to wait; None is the runtime's call timeout.\n\n"
           "Raises:\n"
           "    RemoteError: the function raised.\n"
           "    ActorError: the actor could not answer.\n"
           "    TimeoutError: no answer came in time.\n"
           "    TypeError: an argument cannot be sent.\n"
           "    RuntimeError: the actor is this interpreter itself.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "interp_actors.Method", static_cast<int>(sizeof(method)), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

object make_method(const gil_held& gil, module_state& state, actor_reference_ptr actor, PyObject* name) {
  auto text = utf8_of(name);
  if (!text)
    return {};
  std::string function{*text};
  auto* type = reinterpret_cast<PyTypeObject*>(state.method);
  auto* made = type->tp_alloc(type, 0);
  if (!made)
    return {};
  new (&part_of(made)) method_part{std::move(actor), std::move(function)};
  return steal(gil, made);
}

} // namespace interp_actors::python
