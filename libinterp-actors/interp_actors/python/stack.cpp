#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/stack.hpp"

#include "interp_actors/base/value.hpp"
#include "interp_actors/python/object.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

namespace interp_actors::python {

namespace {

constexpr std::size_t max_text = 400;

/// From the outermost call to the innermost.
std::string joined(const std::vector<std::string>& innermost_first, bool is_cut) {
  std::string result{is_cut ? "  ..." : ""};
  for (auto line = innermost_first.rbegin(); line != innermost_first.rend(); ++line)
    result += (result.empty() ? "" : "\n") + *line;
  return result;
}

std::string to_text(const gil_held& gil, PyObject* text) {
  auto bytes = text && PyUnicode_Check(text)
                   ? steal(gil, PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"))
                   : object{};
  if (!bytes) {
    PyErr_Clear();
    return "?";
  }
  return shortened({PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))},
                   max_text);
}

object as_object(const gil_held& gil, PyFrameObject* frame) {
  return steal(gil, reinterpret_cast<PyObject*>(frame));
}

} // namespace

std::string stack_of(const gil_held& gil, PyThreadState* thread_state) {
  std::vector<std::string> lines;
  auto next = as_object(gil, PyThreadState_GetFrame(thread_state));
  while (next && lines.size() < max_stack_depth) {
    auto* frame = reinterpret_cast<PyFrameObject*>(next.get());
    auto held = steal(gil, reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
    auto* code = reinterpret_cast<PyCodeObject*>(held.get());
    lines.push_back("  File \"" + to_text(gil, code->co_filename) + "\", line "
                    + std::to_string(PyFrame_GetLineNumber(frame)) + ", in " + to_text(gil, code->co_name));
    next = as_object(gil, PyFrame_GetBack(frame));
  }
  if (PyErr_Occurred()) // no memory for a frame object
    PyErr_Clear();
  return joined(lines, static_cast<bool>(next));
}

#if PY_VERSION_HEX >= 0x030F0000

namespace {

/// What `write` writes to the file that it is given, which lies in memory: no reader need keep up with it.
template <class F>
std::string written(F write) {
  int file = ::memfd_create("stack", MFD_CLOEXEC);
  if (file < 0)
    return {};
  write(file);
  std::string result;
  if (auto size = ::lseek(file, 0, SEEK_END); size > 0) {
    result.resize(static_cast<std::size_t>(size));
    auto got = ::pread(file, result.data(), result.size(), 0);
    result.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  ::close(file);
  return result;
}

} // namespace

std::string stack_from_outside(PyThreadState* thread_state) {
  auto text = written([thread_state](int file) { PyUnstable_DumpTraceback(file, thread_state); });
  // A head line, then one for each call, the innermost first, without the comma of a traceback: a line number has no
  // space, and only printable characters are written as they are.
  constexpr std::string_view beginning = "  File ";
  constexpr std::string_view before_function = " in ";
  std::vector<std::string> lines;
  bool is_cut = false;
  for (std::size_t begin = 0; begin < text.size();) {
    auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!line.starts_with(beginning))
      continue;
    if (lines.size() == max_stack_depth) {
      is_cut = true;
      break;
    }
    auto number = line.find("\", line ");
    auto function = number == std::string::npos ? number : line.find(before_function, number + 8);
    if (function != std::string::npos)
      line.insert(function, ",");
    lines.push_back(std::move(line));
  }
  return joined(lines, is_cut);
}

#else

std::string stack_from_outside(PyThreadState*) {
  return {};
}

#endif

} // namespace interp_actors::python
