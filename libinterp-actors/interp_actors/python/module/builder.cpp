#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/builder.hpp"

#include "interp_actors/python/interrupt.hpp"
#include "interp_actors/python/module/state.hpp"

#include <new>
#include <optional>

namespace interp_actors::python {

namespace {

struct builder {
  PyObject_HEAD std::optional<bytes_builder> memory; // empty once frozen
  Py_ssize_t size;
  Py_ssize_t views;
};

builder* as_builder(PyObject* self) {
  return reinterpret_cast<builder*>(self);
}

PyObject* builder_new(PyTypeObject* type, PyObject* arguments, PyObject* options) {
  static const char* names[] = {"size", nullptr};
  Py_ssize_t size = 0;
  if (!PyArg_ParseTupleAndKeywords(arguments, options, "n:Builder", const_cast<char**>(names), &size))
    return nullptr;
  if (size < 0) {
    PyErr_Format(PyExc_ValueError, "Builder(size=%zd): the size must not be negative", size);
    return nullptr;
  }
  auto* self = type->tp_alloc(type, 0);
  if (!self)
    return nullptr;
  new (&as_builder(self)->memory) std::optional<bytes_builder>;
  as_builder(self)->size = size;
  try {
    as_builder(self)->memory.emplace(static_cast<std::size_t>(size));
  } catch (const std::bad_alloc&) {
    Py_DECREF(self);
    return PyErr_NoMemory();
  }
  return self;
}

void builder_dealloc(PyObject* self) {
  auto* type = Py_TYPE(self);
  as_builder(self)->memory.reset();
  type->tp_free(self);
  Py_DECREF(type);
}

bool refuse_if_frozen(builder* self) {
  if (self->memory)
    return false;
  PyErr_SetString(PyExc_ValueError, "this Builder is frozen; make a new one to fill more memory");
  return true;
}

int builder_getbuffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  if (refuse_if_frozen(as_builder(self)))
    return -1;
  auto memory = as_builder(self)->memory->memory();
  if (PyBuffer_FillInfo(view, self, memory.data(), static_cast<Py_ssize_t>(memory.size()), 0, flags) < 0)
    return -1;
  ++as_builder(self)->views;
  return 0;
}

void builder_releasebuffer(PyObject* self, Py_buffer*) {
  --as_builder(self)->views;
}

PyObject* builder_freeze(PyObject* self, PyObject*) {
  auto gil = gil_held::entered();
  if (!check_entry(gil, self) || refuse_if_frozen(as_builder(self)))
    return nullptr;
  if (as_builder(self)->views > 0) {
    PyErr_Format(PyExc_BufferError,
                 "%zd writable view(s) of this Builder still exist: release them before freeze()",
                 as_builder(self)->views);
    return nullptr;
  }
  auto bytes = as_builder(self)->memory->freeze();
  as_builder(self)->memory.reset();
  return to_python(gil, state_of(self)->types.exporter, std::move(bytes)).release();
}

Py_ssize_t builder_length(PyObject* self) {
  return as_builder(self)->size;
}

} // namespace

object make_builder_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"freeze", builder_freeze, METH_NOARGS,
       "freeze($self, /)\n--\n\nEnd the filling and return the memory as a read-only memoryview, without a "
       "copy.\n\n"
       "The view stays valid until it is dropped, also in other interpreters.\n\nRaises:\n"
       "    ValueError: it is frozen already.\n    BufferError: a writable view still exists."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(builder_new)},
      {Py_tp_dealloc, reinterpret_cast<void*>(builder_dealloc)},
      {Py_tp_methods, methods},
      {Py_bf_getbuffer, reinterpret_cast<void*>(builder_getbuffer)},
      {Py_bf_releasebuffer, reinterpret_cast<void*>(builder_releasebuffer)},
      {Py_sq_length, reinterpret_cast<void*>(builder_length)},
      {Py_tp_doc,
       const_cast<char*>("Builder(size)\n--\n\nMake a block of memory, all zero, to be filled through "
                         "memoryview(builder) and then frozen into a payload.\n\nArgs:\n"
                         "    size: length in bytes, fixed.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {"interp_actors.Builder", static_cast<int>(sizeof(builder)), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

} // namespace interp_actors::python
