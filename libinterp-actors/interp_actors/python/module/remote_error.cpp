#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/remote_error.hpp"

#include "interp_actors/python/conversion.hpp"
#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/state.hpp"

#include <charconv>

namespace interp_actors::python {

namespace {

object value_of(const gil_held& gil, const python_argument& argument) {
  auto& text = argument.text;
  switch (argument.type) {
  case python_argument::kind::none:
    return borrow(gil, Py_None);
  case python_argument::kind::boolean:
    return borrow(gil, text == "True" ? Py_True : Py_False);
  case python_argument::kind::integer:
    return steal(gil, PyLong_FromString(text.c_str(), nullptr, 10));
  case python_argument::kind::real: {
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return steal(gil, PyFloat_FromDouble(value));
  }
  case python_argument::kind::text:
    return steal(gil,
                 PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogatepass"));
  case python_argument::kind::bytes:
    return steal(gil, PyBytes_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
  }
  return {};
}

/// Clears an Exception of code that ran for this, if one is set; an interrupt goes on.
/// Errors: `raised`.
void clear_any_exception() {
  if (PyErr_Occurred())
    clear_exception();
}

/// The class of the name "module.Outer.Inner", or of a builtin; null without an exception where there is none.
/// Errors: `raised`.
object find_class(const gil_held& gil, const std::string& name) {
  for (auto dot = name.rfind('.');; dot = dot == 0 ? std::string::npos : name.rfind('.', dot - 1)) {
    bool is_builtin = dot == std::string::npos;
    auto module = to_str(gil, is_builtin ? "builtins" : name.substr(0, dot));
    auto found = module ? steal(gil, PyImport_Import(module.get())) : object{};
    // `import a.b` gives a; the module itself is in sys.modules.
    if (found)
      found = steal(gil, PyImport_GetModule(module.get()));
    for (auto begin = is_builtin ? 0 : dot + 1; found && begin <= name.size();) {
      auto end = std::min(name.find('.', begin), name.size());
      auto part = to_str(gil, name.substr(begin, end - begin));
      found = part ? steal(gil, PyObject_GetAttr(found.get(), part.get())) : object{};
      begin = end + 1;
    }
    clear_any_exception();
    if (found || is_builtin)
      return found;
  }
}

/// The original exception, or null without an exception set where it cannot be built.
/// Errors: `raised`.
object rebuilt(const gil_held& gil, const python_exception_data& data) {
  if (!data.args)
    return {};
  auto type = find_class(gil, data.type);
  // Only what an `except Exception` catches: SystemExit there must not end the code here.
  if (!type || !PyType_Check(type.get())
      || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type.get()),
                           reinterpret_cast<PyTypeObject*>(PyExc_Exception)))
    return {};
  auto arguments = steal(gil, PyTuple_New(static_cast<Py_ssize_t>(data.args->size())));
  for (std::size_t i = 0; arguments && i < data.args->size(); ++i) {
    auto value = value_of(gil, (*data.args)[i]);
    if (!value)
      arguments = {};
    else
      PyTuple_SET_ITEM(arguments.get(), static_cast<Py_ssize_t>(i), value.release());
  }
  auto made = arguments ? steal(gil, PyObject_Call(type.get(), arguments.get(), nullptr)) : object{};
  if (made && !PyObject_TypeCheck(made.get(), reinterpret_cast<PyTypeObject*>(type.get())))
    made = {};
  for (auto& note : data.notes) {
    auto text = made ? to_str(gil, note) : object{};
    if (text)
      steal(gil, PyObject_CallMethod(made.get(), "add_note", "O", text.get()));
    clear_any_exception();
  }
  clear_any_exception();
  return made;
}

} // namespace

object make_remote_error_type(const gil_held& gil) {
  auto attributes = steal(gil, Py_BuildValue("{s:s,s:s,s:s}", "type", "", "message", "", "traceback", ""));
  if (!attributes)
    return {};
  return steal(gil, PyErr_NewExceptionWithDoc(
                        "interp_actors.RemoteError",
                        "Raised for an exception in another interpreter, as its traceback there.\n\nIts "
                        "attributes `type`, `message` and `traceback` are texts.",
                        nullptr, attributes.get()));
}

void raise_remote(const gil_held& gil, module_state& state, const python_error* error,
                  const std::string& text, bool reraise) {
  auto traceback = to_str(gil, error ? error->traceback() : text);
  auto type = to_str(gil, error ? error->type() : "");
  auto message = to_str(gil, error ? error->message() : text);
  auto* base = state.remote_error ? state.remote_error : PyExc_RuntimeError;
  auto remote = traceback ? steal(gil, PyObject_CallOneArg(base, traceback.get())) : object{};
  if (!remote || !type || !message || PyObject_SetAttrString(remote.get(), "type", type.get()) < 0
      || PyObject_SetAttrString(remote.get(), "message", message.get()) < 0
      || PyObject_SetAttrString(remote.get(), "traceback", traceback.get()) < 0)
    return;
  if (reraise && error && !error->exceptions.empty()) {
    if (auto original = rebuilt(gil, error->exceptions.front())) {
      PyException_SetCause(original.get(), remote.release());
      PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(original.get())), original.get());
      return;
    }
  }
  PyErr_SetObject(base, remote.get());
}

} // namespace interp_actors::python
