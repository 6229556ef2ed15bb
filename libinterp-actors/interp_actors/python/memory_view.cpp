#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/memory_view.hpp"

#include "interp_actors/python/module/state.hpp"
#include "interp_actors/python/pin.hpp"

#include <cstring>
#include <new>
#include <stdexcept>

namespace interp_actors::python {

namespace {

/// The object behind a memoryview; Python code never sees more of it than its address.
struct exporter {
  PyObject_HEAD shared_bytes bytes;
  std::size_t* views; // the interpreter's number of those that have bytes; null where nobody counts
};

/// Gives `self` other bytes.
void set_bytes(exporter* self, shared_bytes bytes) {
  if (self->views)
    *self->views += static_cast<std::size_t>(static_cast<bool>(bytes))
                    - static_cast<std::size_t>(static_cast<bool>(self->bytes));
  self->bytes = std::move(bytes);
}

/// Where the interpreter counts its views. Its context outlives them all, unlike the module and its state.
std::size_t* counter_of(PyTypeObject* exporter_type) {
  auto* state = static_cast<module_state*>(PyType_GetModuleState(exporter_type));
  if (!state)
    PyErr_Clear(); // a finaliser, once the collector has cleared the type
  return state && state->context ? &state->context->views : nullptr;
}

/// The format of plain bytes, in every view of them: comparing addresses is enough for our own.
constexpr char plain_format[] = "B";

/// Where the bytes are; never null, also where there are none.
void* memory_of(const shared_bytes& bytes) {
  static constexpr std::byte nothing{};
  return const_cast<std::byte*>(bytes.data() ? bytes.data() : &nothing);
}

/// Whether the elements lie in memory as a consumer with `flags` will read them.
bool order_fits(const Py_buffer& view, const buffer_format& format, int flags) {
  auto full = view;
  full.shape = const_cast<Py_ssize_t*>(format.shape.data());
  full.strides = const_cast<Py_ssize_t*>(format.strides.data());
  auto asks = [flags](int flag) { return (flags & flag) == flag; };
  if (!asks(PyBUF_STRIDES) || asks(PyBUF_C_CONTIGUOUS))
    return PyBuffer_IsContiguous(&full, 'C') != 0;
  if (asks(PyBUF_F_CONTIGUOUS))
    return PyBuffer_IsContiguous(&full, 'F') != 0;
  return !asks(PyBUF_ANY_CONTIGUOUS) || PyBuffer_IsContiguous(&full, 'A') != 0;
}

int exporter_getbuffer(PyObject* self, Py_buffer* view, int flags) {
  auto& bytes = reinterpret_cast<exporter*>(self)->bytes;
  view->obj = nullptr;
  if ((flags & PyBUF_WRITABLE) == PyBUF_WRITABLE) {
    PyErr_SetString(PyExc_BufferError,
                    "a payload is read-only; copy it to change it, for example with bytearray(view)");
    return -1;
  }
  auto* format = bytes.format();
  view->buf = memory_of(bytes);
  view->len = static_cast<Py_ssize_t>(bytes.size());
  view->readonly = 1;
  view->itemsize = format ? static_cast<Py_ssize_t>(format->itemsize) : 1;
  view->format = nullptr;
  view->shape = nullptr;
  view->strides = nullptr;
  view->suboffsets = nullptr;
  view->internal = nullptr;
  view->ndim = format ? static_cast<int>(format->shape.size()) : 1;
  if ((flags & PyBUF_FORMAT) == PyBUF_FORMAT)
    view->format = const_cast<char*>(format ? format->format.c_str() : plain_format);
  if ((flags & PyBUF_ND) == PyBUF_ND)
    view->shape = format ? const_cast<Py_ssize_t*>(format->shape.data()) : &view->len;
  if ((flags & PyBUF_STRIDES) == PyBUF_STRIDES)
    view->strides = format ? const_cast<Py_ssize_t*>(format->strides.data()) : &view->itemsize;
  if (format) {
    // Gaps between elements: the buffer's own length is that of its elements.
    for (view->len = view->itemsize; auto n : format->shape)
      view->len *= n;
    if (!order_fits(*view, *format, flags)) {
      PyErr_SetString(PyExc_BufferError,
                      "this payload has strides, and its consumer asks for another order in memory");
      return -1;
    }
  }
  view->obj = Py_NewRef(self);
  return 0;
}

void exporter_dealloc(PyObject* self) {
  auto* type = Py_TYPE(self);
  auto* owner = reinterpret_cast<exporter*>(self);
  set_bytes(owner, {});
  owner->bytes.~shared_bytes();
  type->tp_free(self);
  Py_DECREF(type);
}

// What follows reads and writes fields of memoryviews that CPython calls private, so it is compiled for the
// versions whose sources were read: 3.14 and 3.15, Objects/memoryobject.c, with the GIL. Elsewhere the public
// functions do the work.
#if PY_VERSION_HEX >= 0x030E0000 && PY_VERSION_HEX < 0x03100000 && !defined(Py_GIL_DISABLED)
#define INTERP_ACTORS_KNOWN_MEMORYVIEW 1

/// Returns the payload of `value`, a memoryview, where it is a live view of plain bytes as `to_python` made
/// it; else null.
exporter* whole_view(PyTypeObject* exporter_type, PyObject* value) {
  auto* view = reinterpret_cast<PyMemoryViewObject*>(value);
  if (view->flags != (_Py_MEMORYVIEW_C | _Py_MEMORYVIEW_FORTRAN)
      || (view->mbuf->flags & _Py_MANAGED_BUFFER_RELEASED) != 0)
    return nullptr;
  auto& buffer = view->view;
  if (!buffer.obj || Py_TYPE(buffer.obj) != exporter_type || buffer.ndim != 1
      || buffer.format != plain_format)
    return nullptr;
  auto* owner = reinterpret_cast<exporter*>(buffer.obj);
  auto& bytes = owner->bytes;
  bool whole = buffer.buf == memory_of(bytes) && static_cast<std::size_t>(buffer.len) == bytes.size()
               && !bytes.format();
  return whole ? owner : nullptr;
}

/// Whether nobody but the holder of `view`, a whole one, can see it, its buffer or its payload.
bool unseen(PyObject* value, exporter* owner) {
  auto* view = reinterpret_cast<PyMemoryViewObject*>(value);
  return Py_REFCNT(value) == 1 && view->exports == 0 && !view->weakreflist && Py_REFCNT(view->mbuf) == 1
         && view->mbuf->exports == 1 && Py_REFCNT(owner) == 1;
}

/// Makes `view`, a whole one that nobody else sees, the view of `bytes`, which are plain.
void point_at(PyObject* value, exporter* owner, shared_bytes bytes) {
  auto* view = reinterpret_cast<PyMemoryViewObject*>(value);
  set_bytes(owner, std::move(bytes));
  auto* data = memory_of(owner->bytes);
  auto size = static_cast<Py_ssize_t>(owner->bytes.size());
  view->hash = -1;
  view->view.buf = view->mbuf->master.buf = data;
  view->view.len = view->mbuf->master.len = size;
  view->view.shape[0] = size;
}
#endif

std::optional<shared_bytes> refuse(PyObject* value, const char* what) {
  PyErr_Format(
      PyExc_TypeError,
      "%s is a %.200s; a payload must be None, bytes, or a contiguous memoryview of bytes or of a received "
      "payload: copy it with bytes(...)",
      what, Py_TYPE(value)->tp_name);
  return std::nullopt;
}

/// Plain bytes need no format of their own.
shared_bytes with_format_of(const Py_buffer& buffer, shared_bytes bytes) {
  bool plain =
      buffer.ndim == 1 && buffer.itemsize == 1 && (!buffer.format || std::strcmp(buffer.format, "B") == 0);
  if (plain)
    return bytes;
  buffer_format format{
      buffer.format ? buffer.format : "B", static_cast<std::size_t>(buffer.itemsize), {}, {}};
  format.shape.assign(buffer.shape, buffer.shape + buffer.ndim);
  return bytes.with_format(std::move(format));
}

class held_buffer {
public:
  held_buffer() = default;
  held_buffer(const held_buffer&) = delete;
  held_buffer& operator=(const held_buffer&) = delete;
  ~held_buffer() {
    if (held.obj)
      PyBuffer_Release(&held);
  }

  Py_buffer held{};
};

std::optional<shared_bytes> from_view(const gil_held& gil, const payload_rules& rules, PyObject* value,
                                      const char* what) {
#ifdef INTERP_ACTORS_KNOWN_MEMORYVIEW
  if (auto* owner = whole_view(rules.exporter_type, value))
    return owner->bytes;
#endif
  held_buffer buffer;
  // Asks the view itself, so that a released one is refused; this gives the view as owner, not its exporter.
  if (PyObject_GetBuffer(value, &buffer.held, PyBUF_FULL_RO) < 0)
    return std::nullopt;
  auto* owner = PyMemoryView_GET_BASE(value);
  if (!owner)
    return refuse(value, what);
  if (!PyBuffer_IsContiguous(&buffer.held, 'C')) {
    PyErr_Format(PyExc_TypeError, "%s is a memoryview that is not contiguous: copy it with bytes(...)", what);
    return std::nullopt;
  }
  auto* data = static_cast<const std::byte*>(buffer.held.buf);
  auto size = static_cast<std::size_t>(buffer.held.len);
  if (Py_TYPE(owner) == rules.exporter_type) {
    auto& bytes = reinterpret_cast<exporter*>(owner)->bytes;
    if (data == bytes.data() && size == bytes.size() && !bytes.format())
      return with_format_of(buffer.held, bytes);
    auto offset = bytes.empty() ? 0 : static_cast<std::size_t>(data - bytes.data());
    return with_format_of(buffer.held, bytes.sub_range(offset, size));
  }
  if (PyBytes_CheckExact(owner)) {
    auto bytes = size < rules.pin_threshold ? shared_bytes::copy({data, size})
                                            : rules.pins->pin(gil, owner, data, size);
    return with_format_of(buffer.held, std::move(bytes));
  }
  PyErr_Format(PyExc_TypeError,
               "%s is a memoryview of a %.200s, which can change under its readers: copy it with bytes(...)",
               what, Py_TYPE(owner)->tp_name);
  return std::nullopt;
}

} // namespace

object make_exporter_type(const gil_held& gil, PyObject* module) {
  static PyType_Slot slots[] = {
      {Py_bf_getbuffer, reinterpret_cast<void*>(exporter_getbuffer)},
      {Py_tp_dealloc, reinterpret_cast<void*>(exporter_dealloc)},
      {Py_tp_doc, const_cast<char*>("The owner behind the memoryview of a payload.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "interp_actors.Payload", static_cast<int>(sizeof(exporter)), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

object to_python(const gil_held& gil, PyTypeObject* exporter_type, shared_bytes bytes) {
  if (!bytes)
    return borrow(gil, Py_None);
  auto* made = PyObject_New(exporter, exporter_type);
  if (!made)
    return {};
  new (&made->bytes) shared_bytes;
  made->views = counter_of(exporter_type);
  set_bytes(made, std::move(bytes));
  auto owner = steal(gil, reinterpret_cast<PyObject*>(made));
  return steal(gil, PyMemoryView_FromObject(owner.get()));
}

bool reuse_view(const gil_held&, PyTypeObject* exporter_type, PyObject* view, shared_bytes& bytes) {
#ifdef INTERP_ACTORS_KNOWN_MEMORYVIEW
  if (!PyMemoryView_Check(view) || bytes.format())
    return false;
  if (auto* owner = whole_view(exporter_type, view); owner && unseen(view, owner)) {
    point_at(view, owner, std::move(bytes));
    return true;
  }
#endif
  return false;
}

object spare_view::make(const gil_held& gil, PyTypeObject* exporter_type, shared_bytes bytes) {
  // Between the calls the garbage collector may have shown the spare view to Python.
  if (spare_ && bytes) {
    auto view = std::move(spare_);
    if (reuse_view(gil, exporter_type, view.get(), bytes))
      return view;
  }
  return to_python(gil, exporter_type, std::move(bytes));
}

void spare_view::give_back(const gil_held& gil, PyTypeObject* exporter_type, object view) {
  shared_bytes nothing;
  if (!spare_ && view && reuse_view(gil, exporter_type, view.get(), nothing))
    spare_ = std::move(view);
}

std::optional<shared_bytes> from_python(const gil_held& gil, const payload_rules& rules, PyObject* value,
                                        const char* what) {
  try {
    if (value == Py_None)
      return shared_bytes{};
    if (PyMemoryView_Check(value))
      return from_view(gil, rules, value, what);
    if (PyBytes_Check(value)) {
      auto* data = reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(value));
      auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(value));
      // A subclass may run Python code when it is dropped, at a time that nobody chose: copied, whatever its
      // size.
      if (size < rules.pin_threshold || !PyBytes_CheckExact(value))
        return shared_bytes::copy({data, size});
      return rules.pins->pin(gil, value, data, size);
    }
    return refuse(value, what);
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::invalid_argument& problem) {
    PyErr_Format(PyExc_ValueError, "%s: %s", what, problem.what());
  }
  return std::nullopt;
}

} // namespace interp_actors::python
