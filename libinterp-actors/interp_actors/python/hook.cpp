#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/hook.hpp"

#include "interp_actors/python/annotation.hpp"

#include <new>

namespace interp_actors::python {

std::string_view name_of(hook which) noexcept {
  switch (which) {
  case hook::started:
    return "started";
  case hook::snapshot:
    return "snapshot";
  case hook::restore:
    break;
  }
  return "restore";
}

void check_hook(const gil_held& gil, PyObject* callable, hook which, const std::string& source_name) {
  auto name = "hook '" + std::string{name_of(which)} + "' of '" + source_name + "'";
  std::size_t given = which == hook::restore ? 1 : 0;
  check_parameters(gil, callable, given, name, given == 1 ? "it is given 1: the snapshot" : "it is given 0");
}

std::optional<shared_bytes> copy_of_snapshot(const gil_held&, PyObject* result) {
  if (result == Py_None)
    return shared_bytes{};
  auto refuse = [result](const char* what) {
    PyErr_Format(PyExc_TypeError,
                 "snapshot() returned a %.200s%s; it must return None, bytes or another C-contiguous buffer, "
                 "whose bytes are copied",
                 Py_TYPE(result)->tp_name, what);
    return std::nullopt;
  };
  if (!PyObject_CheckBuffer(result))
    return refuse("");
  Py_buffer buffer{};
  if (PyObject_GetBuffer(result, &buffer, PyBUF_SIMPLE) < 0) {
    if (PyErr_ExceptionMatches(PyExc_BufferError))
      return refuse(", whose memory is not C-contiguous");
    return std::nullopt;
  }
  std::optional<shared_bytes> copied;
  try {
    copied =
        shared_bytes::copy({static_cast<const std::byte*>(buffer.buf), static_cast<std::size_t>(buffer.len)});
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  PyBuffer_Release(&buffer);
  return copied;
}

} // namespace interp_actors::python
