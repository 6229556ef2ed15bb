#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/other_interpreter.hpp"

#include "interp_actors/python/module/answer.hpp"
#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/channel.hpp"
#include "interp_actors/python/module/channel_object.hpp"
#include "interp_actors/python/module/host.hpp"

#include <array>
#include <new>
#include <optional>

namespace interp_actors::python {

namespace {

/// What is behind an `Interpreter`.
struct interpreter_part {
  module_state* state = nullptr;
  std::shared_ptr<host::interpreter> other; // null once closed
  bool running = false;                     // a thread of this interpreter waits for it
};

struct interpreter_object {
  PyObject_HEAD interpreter_part part;
};

interpreter_part& part_of(PyObject* self) {
  return reinterpret_cast<interpreter_object*>(self)->part;
}

/// Ends of channels taken from the objects of a dict, which get them back unless `keep` is called.
class taken_ends {
public:
  taken_ends(const gil_held& gil, module_state& state) : gil_{gil}, state_{state} {}
  taken_ends(const taken_ends&) = delete;
  taken_ends& operator=(const taken_ends&) = delete;
  ~taken_ends() {
    for (std::size_t i = 0; i < bindings_.size(); ++i)
      give_back(gil_, state_, PyTuple_GET_ITEM(PyTuple_GET_ITEM(items_.get(), static_cast<Py_ssize_t>(i)), 1),
                std::move(bindings_[i].second));
  }

  /// Names are checked before anything is taken. Returns false with an exception set.
  bool take(PyObject* channels) {
    if (!channels || channels == Py_None)
      return true;
    if (!PyDict_Check(channels)) {
      PyErr_Format(PyExc_TypeError, "run(): channels is a %.200s, not a dict", Py_TYPE(channels)->tp_name);
      return false;
    }
    auto list = steal(gil_, PyDict_Items(channels));
    items_ = list ? steal(gil_, PySequence_Tuple(list.get())) : object{};
    if (!items_)
      return false;
    std::vector<std::string> names;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items_.get()); ++i) {
      auto* name = PyTuple_GET_ITEM(PyTuple_GET_ITEM(items_.get(), i), 0);
      if (!PyUnicode_Check(name) || PyUnicode_IsIdentifier(name) != 1) {
        if (!PyErr_Occurred())
          PyErr_SetString(PyExc_ValueError, "run(): each name of channels must be an identifier");
        return false;
      }
      auto text = steal(gil_, PyUnicode_AsEncodedString(name, "utf-8", "strict"));
      if (!text)
        return false;
      names.emplace_back(PyBytes_AS_STRING(text.get()),
                         static_cast<std::size_t>(PyBytes_GET_SIZE(text.get())));
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto end = end_from_python(
          gil_, state_, PyTuple_GET_ITEM(PyTuple_GET_ITEM(items_.get(), static_cast<Py_ssize_t>(i)), 1));
      if (std::holds_alternative<std::monostate>(end))
        return false;
      bindings_.emplace_back(std::move(names[i]), std::move(end));
    }
    return true;
  }

  host::bindings keep() { return std::exchange(bindings_, {}); }

private:
  const gil_held& gil_;
  module_state& state_;
  object items_;
  host::bindings bindings_;
};

/// Whether the code left with `sys.exit()`.
bool left(const awaited& answer) {
  return answer.now() == awaited::state::failed && answer.failure().python
         && answer.failure().python->exit_code == 0;
}

PyObject* run(PyObject* object_self, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  auto& self = part_of(object_self);
  auto& state = *self.state;
  static constexpr std::array names{"source", "channels", "reraise", "timeout"};
  std::array<PyObject*, 4> given{};
  auto until = wait_clock::time_point::max();
  if (!take_arguments("run", names, 1, 1, values, count, keywords, given)
      || !read_timeout(gil, given[3], until) || !check_holder(gil, state))
    return nullptr;
  auto reraise = given[2] ? PyObject_IsTrue(given[2]) : 0;
  if (reraise < 0)
    return nullptr;
  if (!PyUnicode_Check(given[0])) {
    PyErr_Format(PyExc_TypeError, "run(): source is a %.200s, not a str", Py_TYPE(given[0])->tp_name);
    return nullptr;
  }
  auto text = utf8_of(given[0]);
  if (!text)
    return nullptr;
  auto other = self.other;
  if (!other || self.running) {
    PyErr_SetString(PyExc_RuntimeError, other ? "this Interpreter runs something else at the moment"
                                              : "this Interpreter was closed");
    return nullptr;
  }
  std::chrono::nanoseconds deadline{0};
  if (until != wait_clock::time_point::max())
    deadline = std::max<std::chrono::nanoseconds>(until - wait_clock::now(), std::chrono::nanoseconds{1});
  return at_boundary([&]() -> PyObject* {
    std::string code{*text};
    taken_ends ends{gil, state};
    if (!ends.take(given[1]))
      return nullptr;
    struct while_running {
      explicit while_running(bool& flag) : flag_{flag} { flag_ = true; }
      ~while_running() { flag_ = false; }
      while_running(const while_running&) = delete;
      while_running& operator=(const while_running&) = delete;

      bool& flag_;
    };
    std::optional<while_running> running{self.running};
    auto found = gil.release([&] { return other->run(std::move(code), ends.keep(), deadline); });
    bool done = wait_for(gil, state, *found, wait_clock::time_point::max(), "the interpreter");
    running.reset();
    if (!done || found->now() == awaited::state::failed) // it may run on where this one has been stopped
      gil.release([&] { other->cancel(*found); });
    if (!done)
      return nullptr;
    if (left(*found))
      Py_RETURN_NONE;
    return result_of(gil, state, *found, reraise == 1).release();
  });
}

PyObject* close(PyObject* object_self, PyObject*) {
  auto gil = gil_held::entered();
  auto& self = part_of(object_self);
  auto other = std::move(self.other);
  self.other = nullptr;
  if (!other)
    Py_RETURN_NONE;
  return at_boundary([&]() -> PyObject* {
    auto ended = gil.release([&] {
      auto result = other->close();
      other.reset();
      return result;
    });
    if (!wait_for(gil, *self.state, *ended, wait_clock::time_point::max(), "the interpreter"))
      return nullptr;
    Py_RETURN_NONE;
  });
}

PyObject* enter(PyObject* self, PyObject*) {
  return Py_NewRef(self);
}

PyObject* leave(PyObject* self, PyObject* const*, Py_ssize_t) {
  return close(self, nullptr);
}

void dealloc(PyObject* self) {
  auto gil = gil_held::entered();
  auto* type = Py_TYPE(self);
  if (auto other = std::move(part_of(self).other))
    gil.release([&] { other.reset(); });
  part_of(self).~interpreter_part();
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* create(PyObject* module, PyObject* const* values, Py_ssize_t count, PyObject* keywords) {
  auto gil = gil_held::entered();
  auto& state = state_of_module(module);
  static constexpr std::array names{"name"};
  std::array<PyObject*, 1> given{};
  if (!take_arguments("create", names, 0, 1, values, count, keywords, given) || !check_holder(gil, state))
    return nullptr;
  std::optional<std::string> name{"interpreter"};
  if (given[0])
    name = read_text(gil, given[0], "create(): name");
  if (!name)
    return nullptr;
  auto* type = reinterpret_cast<PyTypeObject*>(state.interpreter);
  auto made = steal(gil, type ? type->tp_alloc(type, 0) : nullptr);
  if (!made)
    return nullptr;
  auto& part = *new (&part_of(made.get())) interpreter_part;
  part.state = &state;
  return at_boundary([&]() -> PyObject* {
    part.other = gil.release([&] { return state.context->host->create(std::move(*name)); });
    return made.release();
  });
}

object make_interpreter_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"run", as_function(run), METH_FASTCALL | METH_KEYWORDS,
       "run($self, source, *, channels=None, reraise=False, timeout=None)\n--\n\n"
       "Run code in the __main__ of that interpreter and wait until it is done.\n\n"
       "Args:\n"
       "    source: the code.\n"
       "    channels: a dict of channel ends that become globals there; a ReceiveChannel moves.\n"
       "    reraise: raise an exception as its own type where that can be imported and built here.\n"
       "    timeout: seconds after which the code is interrupted; None lets it run.\n\n"
       "Raises:\n"
       "    RemoteError: the code raised; or the exception itself, with the RemoteError as its cause.\n"
       "    ActorError: that interpreter cannot run it.\n"
       "    TimeoutError: it did not end in time.\n"
       "    RuntimeError: this Interpreter was closed, or runs something else."},
      {"close", close, METH_NOARGS,
       "close($self, /)\n--\n\nEnd that interpreter, and wait until it has ended."},
      {"__enter__", enter, METH_NOARGS, "__enter__($self, /)\n--\n\nReturn this Interpreter."},
      {"__exit__", as_function(leave), METH_FASTCALL,
       "__exit__($self, /, *exception)\n--\n\nEnd that interpreter."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_methods, methods},
      {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
      {Py_tp_doc, const_cast<char*>(
                      "Another interpreter, made by create(). It ends with its last reference, or with this "
                      "interpreter.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "interp_actors.Interpreter", static_cast<int>(sizeof(interpreter_object)), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

} // namespace

bool add_interpreters(const gil_held& gil, PyObject* module, module_state& state) {
  static PyMethodDef functions[] = {
      {"create", as_function(create), METH_FASTCALL | METH_KEYWORDS,
       "create($module, name='interpreter')\n--\n\nMake another interpreter, with a GIL and a thread of its "
       "own.\n\nArgs:\n    name: for the thread and for logs.\n\nRaises:\n    RuntimeError: it cannot be "
       "made."},
      {nullptr, nullptr, 0, nullptr},
  };
  state.interpreter = make_interpreter_type(gil, module).release();
  return state.interpreter && PyModule_AddObjectRef(module, "Interpreter", state.interpreter) == 0
         && PyModule_AddFunctions(module, functions) == 0;
}

} // namespace interp_actors::python
