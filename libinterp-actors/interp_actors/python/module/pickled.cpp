#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/channel_object.hpp"

#include <stdexcept>

namespace interp_actors::python {

namespace {

/// A copy of what can change under its readers, in its own order of elements.
std::optional<shared_bytes> copied(const gil_held& gil, PyObject* buffer) {
  auto view = steal(gil, PyMemoryView_GetContiguous(buffer, PyBUF_READ, 'C'));
  if (!view)
    return std::nullopt;
  auto* held = PyMemoryView_GET_BUFFER(view.get());
  auto bytes =
      shared_bytes::copy({static_cast<const std::byte*>(held->buf), static_cast<std::size_t>(held->len)});
  buffer_format format{held->format ? held->format : "B", static_cast<std::size_t>(held->itemsize), {}, {}};
  if (format.format == "B" && held->ndim == 1)
    return bytes;
  format.shape.assign(held->shape, held->shape + held->ndim);
  return bytes.with_format(std::move(format));
}

/// The payload behind a buffer that the pickle leaves out.
std::optional<shared_bytes> buffer_of(const gil_held& gil, module_state& state, PyObject* value) {
  if (!PyPickleBuffer_Check(value)) {
    PyErr_Format(PyExc_TypeError, "send_object(): a buffer is a %.200s, not a pickle.PickleBuffer",
                 Py_TYPE(value)->tp_name);
    return std::nullopt;
  }
  auto* buffer = PyPickleBuffer_GetBuffer(value);
  if (!buffer)
    return std::nullopt;
  // A PickleBuffer is all of its owner. What nobody can change travels as it is.
  auto owner = borrow(gil, buffer->obj);
  if (owner && PyBytes_CheckExact(owner.get()))
    return from_python(gil, state.context->rules, owner.get(), "send_object(): a buffer");
  if (owner && PyMemoryView_Check(owner.get()) && PyBuffer_IsContiguous(buffer, 'C')) {
    auto* base = PyMemoryView_GET_BASE(owner.get());
    if (base && (Py_TYPE(base) == state.types.exporter || PyBytes_CheckExact(base)))
      return from_python(gil, state.context->rules, owner.get(), "send_object(): a buffer");
  }
  return copied(gil, value);
}

} // namespace

std::unique_ptr<channel_item> pickled(const gil_held& gil, module_state& state, PyObject* value) {
  auto module = steal(gil, PyImport_ImportModule("pickle"));
  auto dumps = module ? steal(gil, PyObject_GetAttrString(module.get(), "dumps")) : object{};
  auto buffers = steal(gil, PyList_New(0));
  auto append = buffers ? steal(gil, PyObject_GetAttrString(buffers.get(), "append")) : object{};
  if (!dumps || !append)
    return nullptr;
  auto arguments = steal(gil, PyTuple_Pack(1, value));
  auto options = steal(gil, Py_BuildValue("{s:i,s:O}", "protocol", 5, "buffer_callback", append.get()));
  if (!arguments || !options)
    return nullptr;
  auto text = steal(gil, PyObject_Call(dumps.get(), arguments.get(), options.get()));
  auto found = text ? steal(gil, PySequence_Tuple(buffers.get())) : object{}; // the list may change under us
  if (!found)
    return nullptr;
  try {
    auto payload = from_python(gil, state.context->rules, text.get(), "send_object(): the pickle");
    if (!payload)
      return nullptr;
    auto cargo = std::make_unique<channel_cargo>();
    cargo->is_object = true;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(found.get()); ++i) {
      auto buffer = buffer_of(gil, state, PyTuple_GET_ITEM(found.get(), i));
      if (!buffer)
        return nullptr;
      cargo->buffers.push_back(std::move(*buffer));
    }
    return std::make_unique<channel_item>(channel_item{std::move(*payload), std::move(cargo)});
  } catch (const std::invalid_argument& problem) {
    PyErr_Format(PyExc_ValueError, "send_object(): %s", problem.what());
    return nullptr;
  }
}

object unpickled(const gil_held& gil, module_state& state, channel_item item) {
  auto module = steal(gil, PyImport_ImportModule("pickle"));
  auto loads = module ? steal(gil, PyObject_GetAttrString(module.get(), "loads")) : object{};
  auto text = loads ? to_python(gil, state.types.exporter, std::move(item.payload)) : object{};
  auto buffers = steal(gil, PyList_New(0));
  if (!text || !buffers)
    return {};
  for (auto& bytes : item.cargo->buffers) {
    auto view = to_python(gil, state.types.exporter, std::move(bytes));
    if (!view || PyList_Append(buffers.get(), view.get()) < 0)
      return {};
  }
  auto arguments = steal(gil, PyTuple_Pack(1, text.get()));
  auto options = steal(gil, Py_BuildValue("{s:O}", "buffers", buffers.get()));
  return arguments && options ? steal(gil, PyObject_Call(loads.get(), arguments.get(), options.get()))
                              : object{};
}

} // namespace interp_actors::python
