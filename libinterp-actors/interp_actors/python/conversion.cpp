#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/conversion.hpp"

#include "interp_actors/base/value.hpp"

#include <cstring>
#include <functional>

namespace interp_actors::python {

object checked(object made) {
  if (!made)
    throw raised{};
  return made;
}

object called(const gil_held& gil, object result) {
  if (!result && is_refusal(gil))
    throw call_refused{};
  return checked(std::move(result));
}

bool is_refusal(const gil_held& gil) {
  if (!PyErr_ExceptionMatches(PyExc_TypeError))
    return false;
  auto exception = steal(gil, PyErr_GetRaisedException());
  bool has_frames = static_cast<bool>(steal(gil, PyException_GetTraceback(exception.get())));
  PyErr_SetRaisedException(exception.release());
  return !has_frames;
}

void clear_exception() {
  if (!PyErr_ExceptionMatches(PyExc_Exception))
    throw raised{};
  PyErr_Clear();
}

object conversion::name(const gil_held& gil, std::string_view name) {
  auto& known = names_[std::hash<std::string_view>{}(name) % names_.size()];
  if (known) {
    Py_ssize_t size = 0;
    auto* text = PyUnicode_AsUTF8AndSize(known.get(), &size);
    if (text && std::string_view{text, static_cast<std::size_t>(size)} == name)
      return borrow(gil, known.get());
  }
  auto* made = PyUnicode_DecodeUTF8(name.data(), static_cast<Py_ssize_t>(name.size()), "strict");
  if (!made)
    throw raised{};
  PyUnicode_InternInPlace(&made);
  known = steal(gil, made);
  return borrow(gil, made);
}

const conversion::datetime_types& conversion::datetime(const gil_held& gil) {
  if (datetime_.epoch)
    return datetime_;
  datetime_types found;
  auto module = checked(steal(gil, PyImport_ImportModule("datetime")));
  found.timedelta = checked(steal(gil, PyObject_GetAttrString(module.get(), "timedelta")));
  found.datetime = checked(steal(gil, PyObject_GetAttrString(module.get(), "datetime")));
  auto timezone = checked(steal(gil, PyObject_GetAttrString(module.get(), "timezone")));
  auto utc = checked(steal(gil, PyObject_GetAttrString(timezone.get(), "utc")));
  if (!PyType_Check(found.timedelta.get()) || !PyType_Check(found.datetime.get())) {
    PyErr_SetString(PyExc_TypeError, "datetime.timedelta or datetime.datetime is no class any more");
    throw raised{};
  }
  found.epoch = checked(
      steal(gil, PyObject_CallFunction(found.datetime.get(), "iiiiiiiO", 1970, 1, 1, 0, 0, 0, 0, utc.get())));
  datetime_ = std::move(found);
  return datetime_;
}

const conversion::datetime_types* conversion::known_datetime(const gil_held& gil) {
  if (datetime_.epoch)
    return &datetime_;
  auto module_name = name(gil, "datetime");
  auto loaded = steal(gil, PyImport_GetModule(module_name.get()));
  if (!loaded) {
    if (PyErr_Occurred())
      throw raised{};
    return nullptr;
  }
  return &datetime(gil);
}

void conversion::clear() noexcept {
  datetime_ = {};
  for (auto& name : names_)
    name = {};
}

void conversion::abandon() noexcept {
  datetime_.timedelta.release();
  datetime_.datetime.release();
  datetime_.epoch.release();
  for (auto& name : names_)
    name.release();
}

namespace {

/// A str for a message; what UTF-8 cannot hold is escaped.
std::string to_message(const gil_held& gil, PyObject* text) {
  constexpr Py_ssize_t shown = 60;
  auto start = steal(gil, PyUnicode_Substring(text, 0, shown));
  auto bytes =
      start ? steal(gil, PyUnicode_AsEncodedString(start.get(), "utf-8", "backslashreplace")) : object{};
  if (!bytes) {
    PyErr_Clear();
    return "?";
  }
  std::string result{PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
  return PyUnicode_GET_LENGTH(text) > shown ? result + "..." : result;
}

} // namespace

std::string describe(const gil_held& gil, PyObject* value) {
  if (value == Py_None)
    return "None";
  if (value == Py_True || value == Py_False)
    return value == Py_True ? "bool True" : "bool False";
  auto type = shortened(Py_TYPE(value)->tp_name, 100);
  if (PyUnicode_Check(value))
    return type + " '" + to_message(gil, value) + "'";
  if (PyLong_Check(value)) {
    // Long numbers take long to print.
    int overflow = 0;
    auto number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow == 0)
      return type + " " + std::to_string(number);
    auto large = PyLong_AsUnsignedLongLong(value);
    if (!PyErr_Occurred())
      return type + " " + std::to_string(large);
    PyErr_Clear();
    return type + (overflow > 0 ? " of more than 64 bits" : " of less than -2**63");
  }
  if (PyFloat_Check(value)) {
    auto number = steal(gil, PyFloat_FromDouble(PyFloat_AS_DOUBLE(value)));
    auto text = number ? steal(gil, PyObject_Repr(number.get())) : object{};
    if (text)
      return type + " " + to_message(gil, text.get());
    PyErr_Clear();
  }
  if (PyList_Check(value))
    return type + " of " + std::to_string(PyList_GET_SIZE(value));
  if (PyTuple_Check(value))
    return type + " of " + std::to_string(PyTuple_GET_SIZE(value));
  return type;
}

} // namespace interp_actors::python
