#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/remote_error.hpp"

#include "interp_actors/python/module/state.hpp"

namespace interp_actors::python {

namespace {

object text_of(const gil_held& gil, const std::string& text) {
  return steal(gil,
               PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

} // namespace

object make_remote_error_type(const gil_held& gil) {
  return steal(gil, PyErr_NewExceptionWithDoc(
                        "interp_actors.RemoteError",
                        "Raised for an exception in another interpreter, as its traceback there.\n\nIts "
                        "attributes `type`, `message` and `traceback` are texts.",
                        nullptr, nullptr));
}

void raise_remote(const gil_held& gil, module_state& state, const python_error* error,
                  const std::string& text, bool) {
  auto traceback = text_of(gil, error ? error->traceback() : text);
  auto type = text_of(gil, error ? error->type() : "");
  auto message = text_of(gil, error ? error->message() : text);
  auto* base = state.remote_error ? state.remote_error : PyExc_RuntimeError;
  auto remote = traceback ? steal(gil, PyObject_CallOneArg(base, traceback.get())) : object{};
  if (!remote || !type || !message || PyObject_SetAttrString(remote.get(), "type", type.get()) < 0
      || PyObject_SetAttrString(remote.get(), "message", message.get()) < 0
      || PyObject_SetAttrString(remote.get(), "traceback", traceback.get()) < 0)
    return;
  PyErr_SetObject(base, remote.get());
}

} // namespace interp_actors::python
