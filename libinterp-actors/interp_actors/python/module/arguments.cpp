#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/arguments.hpp"

namespace interp_actors::python {

bool take_arguments(const char* function, std::span<const char* const> names, std::size_t required,
                    std::size_t positional, PyObject* const* values, std::ptrdiff_t count, PyObject* keywords,
                    std::span<PyObject*> out) {
  for (auto& one : out)
    one = nullptr;
  if (static_cast<std::size_t>(count) > positional) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %zu positional arguments (%zd given)", function,
                 positional, count);
    return false;
  }
  for (std::ptrdiff_t i = 0; i < count; ++i)
    out[static_cast<std::size_t>(i)] = values[i];
  auto named = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t i = 0; i < named; ++i) {
    auto* key = PyTuple_GET_ITEM(keywords, i);
    std::size_t place = 0;
    while (place < names.size() && PyUnicode_CompareWithASCIIString(key, names[place]) != 0)
      ++place;
    if (place == names.size() || out[place]) {
      PyErr_Format(PyExc_TypeError,
                   place == names.size() ? "%s() got an unexpected keyword argument '%U'"
                                         : "%s() got multiple values for argument '%U'",
                   function, key);
      return false;
    }
    out[place] = values[count + i];
  }
  for (std::size_t i = 0; i < required; ++i)
    if (!out[i]) {
      PyErr_Format(PyExc_TypeError, "%s() is missing its argument '%s'", function, names[i]);
      return false;
    }
  return true;
}

bool read_timeout(const gil_held&, PyObject* value, std::chrono::steady_clock::time_point& until) {
  using clock = std::chrono::steady_clock;
  until = clock::time_point::max();
  if (!is_given(value))
    return true;
  auto seconds = PyFloat_AsDouble(value);
  if (seconds == -1 && PyErr_Occurred())
    return false;
  if (!(seconds >= 0)) {
    PyErr_SetString(PyExc_ValueError, "a timeout is None or a number of seconds, at least 0");
    return false;
  }
  auto now = clock::now();
  if (seconds < std::chrono::duration<double>(until - now).count() / 2)
    until = now + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
  return true;
}

std::optional<std::string_view> utf8_of(PyObject* text) {
  Py_ssize_t size = 0;
  auto* data = PyUnicode_AsUTF8AndSize(text, &size);
  return data ? std::optional{std::string_view{data, static_cast<std::size_t>(size)}} : std::nullopt;
}

object to_str(const gil_held& gil, std::string_view text) {
  return steal(gil,
               PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace"));
}

bool check_callback(PyObject* callback, const char* argument) {
  if (PyCallable_Check(callback))
    return true;
  PyErr_Format(PyExc_TypeError, "a callback is called with %s; a %.200s cannot be", argument,
               Py_TYPE(callback)->tp_name);
  return false;
}

bool read_size(const gil_held&, const char* what, PyObject* value, std::size_t& size) {
  if (!value)
    return true;
  auto number = PyNumber_AsSsize_t(value, PyExc_OverflowError);
  if (number == -1 && PyErr_Occurred())
    return false;
  if (number < 0) {
    PyErr_Format(PyExc_ValueError, "%s=%zd: give 0 for no limit, or a positive number", what, number);
    return false;
  }
  size = static_cast<std::size_t>(number);
  return true;
}

bool is_given(PyObject* value) noexcept {
  return value && value != Py_None;
}

std::optional<std::string> read_text(const gil_held&, PyObject* value, const char* what) {
  if (!PyUnicode_Check(value)) {
    PyErr_Format(PyExc_TypeError, "%s is a %.200s, not a str", what, Py_TYPE(value)->tp_name);
    return std::nullopt;
  }
  auto text = utf8_of(value);
  if (!text)
    return std::nullopt;
  if (text->find('\0') != std::string_view::npos) {
    PyErr_Format(PyExc_ValueError, "%s holds a null character", what);
    return std::nullopt;
  }
  return std::string{*text};
}

bool read_format(const gil_held&, PyObject* value, buffer_format& how) {
  Py_ssize_t size = 0;
  auto* text = PyUnicode_AsUTF8AndSize(value, &size);
  if (!text)
    return false;
  how.format.assign(text, static_cast<std::size_t>(size));
  how.itemsize = size_of_code(how.format);
  return true;
}

bool read_shape(const gil_held& gil, PyObject* value, std::vector<std::ptrdiff_t>& lengths) {
  auto found = steal(gil, PyLong_Check(value) ? PyTuple_Pack(1, value) : PySequence_Tuple(value));
  if (!found)
    return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(found.get()); ++i) {
    auto length = PyNumber_AsSsize_t(PyTuple_GET_ITEM(found.get(), i), PyExc_OverflowError);
    if (length == -1 && PyErr_Occurred())
      return false;
    lengths.push_back(length);
  }
  return true;
}

} // namespace interp_actors::python
