#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/lines.hpp"

#include "interp_actors/python/interrupt.hpp"
#include "interp_actors/python/module/module.hpp"
#include "interp_actors/python/module/state.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <map>
#include <new>
#include <string>
#include <string_view>

namespace interp_actors::python {

namespace {

/// A line of this many bytes without an end is written all the same.
constexpr std::size_t longest_line = 16 * 1024 * 1024;

struct lines {
  PyObject_HEAD int descriptor;
  line_gate* gate;
  std::map<unsigned long, std::string> unfinished; // by thread
};

lines* as_lines(PyObject* self) {
  return reinterpret_cast<lines*>(self);
}

/// Between two looks whether the writer is to stop, where the reader of the stream does not read.
constexpr std::chrono::milliseconds stalled_slice{20};

/// Writes what can be written now and takes it off `text`; returns 0 or an errno value. Returns soon, also where
/// nothing can be written. Called without the GIL, with the stream's gate.
int write_some(int descriptor, std::string_view& text) {
  struct ::stat what{};
  bool may_stall = ::fstat(descriptor, &what) == 0 && !S_ISREG(what.st_mode);
  while (!text.empty()) {
    ::pollfd ready{descriptor, POLLOUT, 0};
    if (may_stall && ::poll(&ready, 1, stalled_slice.count()) == 0)
      return 0;
    // What is ready takes as much as this without waiting.
    auto count = ::write(descriptor, text.data(),
                         may_stall ? std::min<std::size_t>(text.size(), PIPE_BUF) : text.size());
    if (count >= 0)
      text.remove_prefix(static_cast<std::size_t>(count));
    else if (errno != EINTR && errno != EAGAIN)
      return errno;
  }
  return 0;
}

/// Writes all of `text`, which comes out in one piece, unless the thread is interrupted meanwhile. The stream's
/// gate is never kept over a wait for the GIL, which may never end.
bool emit(const gil_held& gil, lines* self, std::string text) {
  std::string_view left{text};
  auto* state = state_of(reinterpret_cast<PyObject*>(self));
  if (!state)
    PyErr_Clear(); // the module is gone already
  auto* control = state && state->context ? state->context->control.get() : nullptr;
  auto& gate = self->descriptor == STDOUT_FILENO ? self->gate->out : self->gate->err;
  int problem = 0;
  while (!left.empty() && problem == 0) {
    gil.release([&] {
      bool held = false;
      do {
        held = held || gate.try_lock_for(stalled_slice);
        if (held)
          problem = write_some(self->descriptor, left);
      } while (!left.empty() && problem == 0 && !(control && control->may_interrupt()));
      if (held)
        gate.unlock();
    });
    if (!left.empty() && problem == 0 && !control->check(gil))
      return false;
  }
  if (problem == 0)
    return true;
  errno = problem;
  PyErr_SetFromErrno(PyExc_OSError);
  return false;
}

PyObject* lines_write(PyObject* self, PyObject* data) {
  auto gil = gil_held::entered();
  if (!check_entry(gil, self))
    return nullptr;
  Py_buffer buffer;
  if (PyObject_GetBuffer(data, &buffer, PyBUF_SIMPLE) < 0)
    return nullptr;
  auto size = buffer.len;
  std::string whole;
  try {
    auto& unfinished = as_lines(self)->unfinished[PyThread_get_thread_ident()];
    unfinished.append(static_cast<const char*>(buffer.buf), static_cast<std::size_t>(size));
    auto end = unfinished.rfind('\n');
    if (end != std::string::npos) {
      whole = unfinished.substr(0, end + 1);
      unfinished.erase(0, end + 1);
    } else if (unfinished.size() > longest_line) {
      whole.swap(unfinished);
    }
    if (unfinished.empty())
      as_lines(self)->unfinished.erase(PyThread_get_thread_ident());
  } catch (const std::bad_alloc&) {
    PyBuffer_Release(&buffer);
    return PyErr_NoMemory();
  }
  PyBuffer_Release(&buffer);
  return emit(gil, as_lines(self), std::move(whole)) ? PyLong_FromSsize_t(size) : nullptr;
}

PyObject* lines_flush(PyObject* self, PyObject*) {
  auto gil = gil_held::entered();
  if (!check_entry(gil, self))
    return nullptr;
  auto node = as_lines(self)->unfinished.extract(PyThread_get_thread_ident());
  if (node && !emit(gil, as_lines(self), std::move(node.mapped())))
    return nullptr;
  Py_RETURN_NONE;
}

PyObject* lines_fileno(PyObject* self, PyObject*) {
  return PyLong_FromLong(as_lines(self)->descriptor);
}

PyObject* lines_isatty(PyObject* self, PyObject*) {
  return PyBool_FromLong(::isatty(as_lines(self)->descriptor));
}

PyObject* lines_true(PyObject*, PyObject*) {
  Py_RETURN_TRUE;
}

PyObject* lines_false(PyObject*, PyObject*) {
  Py_RETURN_FALSE;
}

PyObject* lines_none(PyObject*, PyObject*) {
  Py_RETURN_NONE;
}

PyObject* lines_closed(PyObject*, void*) {
  Py_RETURN_FALSE;
}

void lines_dealloc(PyObject* self) {
  auto gil = gil_held::entered();
  auto* type = Py_TYPE(self);
  auto pending = steal(gil, PyErr_GetRaisedException());
  for (auto& entry : as_lines(self)->unfinished)
    if (!emit(gil, as_lines(self), std::move(entry.second)))
      PyErr_Clear();
  using unfinished_lines = std::map<unsigned long, std::string>;
  as_lines(self)->unfinished.~unfinished_lines();
  PyErr_SetRaisedException(pending.release());
  type->tp_free(self);
  Py_DECREF(type);
}

} // namespace

object make_lines_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"write", lines_write, METH_O,
       "write($self, data, /)\n--\n\nWrite bytes; what follows the last newline waits for the rest of its "
       "line."},
      {"flush", lines_flush, METH_NOARGS,
       "flush($self, /)\n--\n\nWrite the calling thread's incomplete line."},
      {"close", lines_none, METH_NOARGS,
       "close($self, /)\n--\n\nDo nothing: the stream belongs to the process."},
      {"fileno", lines_fileno, METH_NOARGS, "fileno($self, /)\n--\n\nReturn the file descriptor."},
      {"isatty", lines_isatty, METH_NOARGS,
       "isatty($self, /)\n--\n\nReturn whether the stream is a terminal."},
      {"writable", lines_true, METH_NOARGS, "writable($self, /)\n--\n\nReturn True."},
      {"readable", lines_false, METH_NOARGS, "readable($self, /)\n--\n\nReturn False."},
      {"seekable", lines_false, METH_NOARGS, "seekable($self, /)\n--\n\nReturn False."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyGetSetDef properties[] = {
      {"closed", lines_closed, nullptr, "Always False.", nullptr},
      {nullptr, nullptr, nullptr, nullptr, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {Py_tp_dealloc, reinterpret_cast<void*>(lines_dealloc)},
      {Py_tp_doc, const_cast<char*>("A standard stream that writes whole lines.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "interp_actors.Lines", static_cast<int>(sizeof(lines)), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

void flush_standard_streams(const gil_held& gil) {
  for (auto* name : {"stdout", "stderr"}) {
    auto stream = borrow(gil, PySys_GetObject(name));
    if (stream && stream.get() != Py_None)
      steal(gil, PyObject_CallMethod(stream.get(), "flush", nullptr));
    PyErr_Clear();
  }
}

bool replace_standard_streams(const gil_held& gil, PyObject* lines_type, line_gate* gate) {
  // Not `io`, which an interpreter without `site` has not loaded: with what it imports, it costs 1.5 ms and 0.33 MiB
  // (2-core virtual machine, CPython 3.14.8, November 2026).
  auto io = steal(gil, PyImport_ImportModule("_io"));
  auto wrapper = io ? steal(gil, PyObject_GetAttrString(io.get(), "TextIOWrapper")) : object{};
  if (!wrapper)
    return false;
  struct stream {
    const char* name;
    int descriptor;
  };
  for (auto [name, descriptor] : {stream{"stdout", STDOUT_FILENO}, stream{"stderr", STDERR_FILENO}}) {
    auto* made = PyObject_New(lines, reinterpret_cast<PyTypeObject*>(lines_type));
    if (!made)
      return false;
    made->descriptor = descriptor;
    made->gate = gate;
    new (&made->unfinished) std::map<unsigned long, std::string>;
    auto raw = steal(gil, reinterpret_cast<PyObject*>(made));
    auto arguments = steal(gil, Py_BuildValue("(O)", raw.get()));
    auto options = steal(gil, Py_BuildValue("{s:s,s:s,s:s,s:O}", "encoding", "utf-8", "errors",
                                            "backslashreplace", "newline", "\n", "write_through", Py_True));
    if (!arguments || !options)
      return false;
    auto text = steal(gil, PyObject_Call(wrapper.get(), arguments.get(), options.get()));
    if (!text || PySys_SetObject(name, text.get()) < 0)
      return false;
    if (PySys_SetObject(descriptor == STDOUT_FILENO ? "__stdout__" : "__stderr__", text.get()) < 0)
      return false;
  }
  return true;
}

} // namespace interp_actors::python
