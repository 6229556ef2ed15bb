#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/error.hpp"

#include "interp_actors/python/conversion.hpp"

#include <algorithm>
#include <cctype>
#include <climits>
#include <filesystem>
#include <fstream>
#include <list>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace interp_actors::python {

namespace {

constexpr std::size_t max_exceptions = 256;
constexpr std::size_t max_frames = 200;
constexpr std::size_t max_text = 64 * 1024;
constexpr std::size_t max_frame_text = 4 * 1024; // each of a frame's texts
constexpr Py_ssize_t max_notes = 64;
constexpr std::size_t max_total = 4 * 1024 * 1024; // beyond it, exceptions keep their type alone
constexpr std::size_t max_source_file = 16 * 1024 * 1024;

/// What an ASCII str holds, nearly always: no object is made of it.
std::string_view ascii(PyObject* text) {
  return {reinterpret_cast<const char*>(PyUnicode_1BYTE_DATA(text)),
          static_cast<std::size_t>(PyUnicode_GET_LENGTH(text))};
}

/// UTF-8 of a str; lone surrogates and the like are escaped, very long texts cut.
std::string to_utf8(const gil_held& gil, PyObject* text, std::size_t limit = max_text) {
  if (PyUnicode_IS_ASCII(text) && PyUnicode_GET_LENGTH(text) <= static_cast<Py_ssize_t>(limit))
    return std::string{ascii(text)};
  object start;
  if (PyUnicode_GET_LENGTH(text) > static_cast<Py_ssize_t>(limit)) {
    start = steal(gil, PyUnicode_Substring(text, 0, static_cast<Py_ssize_t>(limit) + 1));
    text = start.get();
  }
  auto bytes = text ? steal(gil, PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace")) : object{};
  if (!bytes) {
    PyErr_Clear();
    return "<text that cannot be encoded>";
  }
  std::string result{PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
  if (result.size() > limit) {
    auto end = limit;
    while ((result[end] & 0xC0) == 0x80)
      --end;
    result.resize(end);
    result += "... (cut)";
  }
  return result;
}

object attribute(const gil_held& gil, PyObject* owner, const char* name) {
  PyObject* value = nullptr;
  if (PyObject_GetOptionalAttrString(owner, name, &value) < 0)
    PyErr_Clear();
  return steal(gil, value);
}

std::string text_attribute(const gil_held& gil, PyObject* owner, const char* name,
                           std::size_t limit = max_text) {
  auto value = attribute(gil, owner, name);
  return value && PyUnicode_Check(value.get()) ? to_utf8(gil, value.get(), limit) : std::string{};
}

int int_attribute(const gil_held& gil, PyObject* owner, const char* name) {
  auto value = attribute(gil, owner, name);
  if (!value || !PyLong_Check(value.get()))
    return 0;
  int overflow = 0;
  auto number = PyLong_AsLongAndOverflow(value.get(), &overflow);
  return overflow != 0 || number < 0 || number > INT_MAX ? 0 : static_cast<int>(number);
}

std::string type_name(const gil_held& gil, PyObject* exception) {
  if (!PyType_HasFeature(Py_TYPE(exception), Py_TPFLAGS_HEAPTYPE))
    return Py_TYPE(exception)->tp_name; // with the module in front, but for builtins
  auto* type = reinterpret_cast<PyObject*>(Py_TYPE(exception));
  auto name = text_attribute(gil, type, "__qualname__");
  auto module = attribute(gil, type, "__module__");
  auto text = module && PyUnicode_Check(module.get()) ? to_utf8(gil, module.get()) : "<unknown>";
  return text == "builtins" || text == "__main__" ? name : text + "." + name;
}

/// str() or repr() of `value`, or what Python prints where that raises.
std::string safe_text(const gil_held& gil, PyObject* value, PyObject* (*function)(PyObject*),
                      const char* instead) {
  auto text = steal(gil, function(value));
  if (text)
    return to_utf8(gil, text.get());
  PyErr_Clear();
  return instead;
}

/// Lines of source texts and files, read once for one capture.
class source_lines {
public:
  explicit source_lines(const source_texts& texts) : texts_{texts} {}

  /// The line without its indentation; empty where it cannot be read. `file` is a str, as of `co_filename`.
  std::string line(const gil_held& gil, PyObject* file, int number) {
    auto result = whole_line(gil, file, number, max_frame_text);
    result.erase(0, result.find_first_not_of(" \t\f"));
    return result;
  }

  std::string whole_line(const gil_held& gil, PyObject* file, int number, std::size_t limit = max_text) {
    if (!file || !PyUnicode_Check(file) || number < 1)
      return {};
    // The name in bytes, as it was given to CPython: not every file name is UTF-8.
    std::string name;
    if (PyUnicode_IS_ASCII(file)) {
      name = ascii(file);
    } else {
      auto bytes = steal(gil, PyUnicode_EncodeFSDefault(file));
      if (!bytes) {
        PyErr_Clear();
        return {};
      }
      name.assign(PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get())));
    }
    auto [entry, is_new] = files_.try_emplace(name);
    if (is_new)
      load(name, entry->second);
    auto text = entry->second.line(static_cast<std::size_t>(number));
    text = text.substr(0, text.find_last_not_of(" \t\f\r") + 1);
    bool is_ascii = std::ranges::all_of(text, [](char c) { return (c & 0x80) == 0; });
    if (is_ascii && text.size() <= limit && entry->second.encoding == "utf-8")
      return std::string{text};
    auto decoded = steal(gil, PyUnicode_Decode(text.data(), static_cast<Py_ssize_t>(text.size()),
                                               entry->second.encoding.c_str(), "strict"));
    if (!decoded) {
      PyErr_Clear();
      return {};
    }
    return to_utf8(gil, decoded.get(), limit);
  }

private:
  /// A text whose lines are looked for as they are wanted.
  struct file {
    std::string read; // where it is not one of the known texts
    std::string_view text;
    std::vector<std::size_t> starts{0}; // of lines, and behind the last one
    std::string encoding = "utf-8";

    /// The line without its newline; empty where there is none. `number` counts from 1.
    std::string_view line(std::size_t number) {
      while (starts.size() <= number && starts.back() < text.size())
        starts.push_back(std::min(text.find('\n', starts.back()), text.size()) + 1);
      if (starts.size() <= number)
        return {};
      return text.substr(starts[number - 1], starts[number] - 1 - starts[number - 1]);
    }
  };

  void load(const std::string& name, file& into) {
    if (auto known = texts_.find(name); known != texts_.end()) {
      into.text = known->second;
    } else if (!name.empty() && name.front() != '<') {
      // Only regular files: opening another kind might block.
      std::error_code problem;
      if (!std::filesystem::is_regular_file(name, problem))
        return;
      std::ifstream in{name, std::ios::binary | std::ios::ate};
      auto size = in ? static_cast<std::streamoff>(in.tellg()) : -1;
      if (size <= 0 || static_cast<std::size_t>(size) > max_source_file)
        return;
      into.read.resize(static_cast<std::size_t>(size));
      in.seekg(0);
      in.read(into.read.data(), size);
      into.text = into.read;
    }
    if (into.text.starts_with("\xEF\xBB\xBF"))
      into.starts.front() = 3;
    find_encoding(into);
  }

  /// Source: CPython 3.14, "Lexical analysis", Encoding declarations.
  static void find_encoding(file& of) {
    for (std::size_t number : {1, 2}) {
      auto line = of.line(number);
      auto comment = line.find_first_not_of(" \t\f");
      if (comment == std::string_view::npos || line[comment] != '#')
        continue;
      auto place = line.find("coding", comment);
      if (place == std::string_view::npos || place + 6 >= line.size()
          || (line[place + 6] != ':' && line[place + 6] != '='))
        continue;
      auto first = line.find_first_not_of(" \t", place + 7);
      if (first == std::string_view::npos)
        continue;
      auto is_part = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
      };
      auto last = first;
      while (last < line.size() && is_part(line[last]))
        ++last;
      of.encoding = line.substr(first, last - first);
      return;
    }
  }

  const source_texts& texts_;
  std::unordered_map<std::string, file> files_;
};

/// Calls in a row at one line of one code object.
struct run_of_calls {
  object code;
  int line = 0;
  std::size_t times = 1;
};

python_frame take_frame(const gil_held& gil, const run_of_calls& run, source_lines& sources) {
  python_frame result;
  result.line = run.line;
  result.times = run.times;
  if (run.code) {
    auto& code = *reinterpret_cast<PyCodeObject*>(run.code.get());
    result.file = to_utf8(gil, code.co_filename, max_frame_text);
    result.function = to_utf8(gil, code.co_name, max_frame_text);
    result.source_line = sources.line(gil, code.co_filename, run.line);
  }
  return result;
}

void take_frames(const gil_held& gil, PyObject* exception, source_lines& sources,
                 python_exception_data& data) {
  constexpr auto half = max_frames / 2;
  std::vector<run_of_calls> first;
  std::list<run_of_calls> last; // the last ones of a very deep traceback
  auto traceback = steal(gil, PyException_GetTraceback(exception));
  auto* next = traceback && PyTraceBack_Check(traceback.get())
                   ? reinterpret_cast<PyTracebackObject*>(traceback.get())
                   : nullptr;
  for (; next; next = next->tb_next) {
    run_of_calls run;
    auto* code = PyFrame_GetCode(next->tb_frame);
    run.code = steal(gil, reinterpret_cast<PyObject*>(code));
    // Where it is not written down yet, CPython looks for it when it is asked.
    run.line = std::max(next->tb_lineno >= 0 ? next->tb_lineno : PyCode_Addr2Line(code, next->tb_lasti), 0);
    auto* before = !last.empty() ? &last.back() : !first.empty() ? &first.back() : nullptr;
    if (before && before->code.get() == run.code.get() && before->line == run.line) {
      ++before->times;
    } else if (first.size() < half) {
      first.push_back(std::move(run));
    } else {
      last.push_back(std::move(run));
      if (last.size() > half) {
        data.frames_left_out += last.front().times;
        last.pop_front();
      }
    }
  }
  data.left_out_at = data.frames_left_out > 0 ? first.size() : 0;
  for (auto& run : first)
    data.frames.push_back(take_frame(gil, run, sources));
  for (auto& run : last)
    data.frames.push_back(take_frame(gil, run, sources));
}

std::vector<std::string> take_notes(const gil_held& gil, PyObject* exception) {
  PyObject* found = nullptr;
  if (PyObject_GetOptionalAttrString(exception, "__notes__", &found) < 0) {
    auto why = steal(gil, PyErr_GetRaisedException());
    return {"Ignored error getting __notes__: "
            + safe_text(gil, why.get(), PyObject_Repr, "<__notes__ repr() failed>")};
  }
  auto notes = steal(gil, found);
  if (!notes || notes.get() == Py_None)
    return {};
  // Python asks for collections.abc.Sequence, which would have to be imported.
  if (!PyList_Check(notes.get()) && !PyTuple_Check(notes.get()))
    return {safe_text(gil, notes.get(), PyObject_Repr, "<__notes__ repr() failed>")};
  auto sequence = steal(gil, PySequence_Tuple(notes.get()));
  if (!sequence) {
    PyErr_Clear();
    return {};
  }
  auto size = PyTuple_GET_SIZE(sequence.get());
  std::vector<std::string> result;
  for (Py_ssize_t i = 0; i < std::min(size, max_notes); ++i)
    result.push_back(
        safe_text(gil, PyTuple_GET_ITEM(sequence.get(), i), PyObject_Str, "<note str() failed>"));
  if (size > max_notes)
    result.push_back("... (" + std::to_string(size - max_notes) + " more notes)");
  return result;
}

/// Characters of a UTF-8 text but for its last newlines.
std::ptrdiff_t count_characters(const std::string& text) {
  auto end = text.begin() + static_cast<std::ptrdiff_t>(text.find_last_not_of('\n') + 1);
  return std::count_if(text.begin(), end, [](char c) { return (c & 0xC0) != 0x80; });
}

python_syntax_location take_syntax(const gil_held& gil, PyObject* exception, source_lines& sources) {
  python_syntax_location result;
  auto line = attribute(gil, exception, "lineno");
  auto end_line = attribute(gil, exception, "end_lineno");
  bool has_line = line && line.get() != Py_None;
  result.file = text_attribute(gil, exception, "filename");
  result.line = has_line ? int_attribute(gil, exception, "lineno") : -1;
  result.column = int_attribute(gil, exception, "offset");
  result.end_column = int_attribute(gil, exception, "end_offset");
  result.text = text_attribute(gil, exception, "text");
  // The compiler finds the text of files alone, not of source texts in memory.
  if (result.text.empty())
    result.text = sources.whole_line(gil, attribute(gil, exception, "filename").get(), result.line);
  bool has_end = end_line && end_line.get() != Py_None;
  bool in_one_line =
      has_line && has_end ? int_attribute(gil, exception, "end_lineno") == result.line : has_line == has_end;
  if (!in_one_line && result.column > 0)
    result.end_column = 1 + static_cast<int>(count_characters(result.text));
  return result;
}

std::size_t text_size(const python_exception_data& data) {
  auto result = data.type.size() + data.message.size();
  if (data.syntax)
    result += data.syntax->text.size() + data.syntax->file.size();
  for (auto& note : data.notes)
    result += note.size();
  for (auto& frame : data.frames)
    result += frame.file.size() + frame.function.size() + frame.source_line.size();
  if (data.args)
    for (auto& argument : *data.args)
      result += argument.text.size();
  return result;
}

/// The exception's arguments, if they are few and simple.
std::optional<std::vector<python_argument>> take_arguments(const gil_held& gil, PyObject* exception) {
  using kind = python_argument::kind;
  auto arguments = attribute(gil, exception, "args");
  if (!arguments || !PyTuple_CheckExact(arguments.get()) || PyTuple_GET_SIZE(arguments.get()) > 16)
    return std::nullopt;
  std::vector<python_argument> result;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(arguments.get()); ++i) {
    auto* value = PyTuple_GET_ITEM(arguments.get(), i);
    if (value == Py_None) {
      result.push_back({kind::none, {}});
    } else if (PyBool_Check(value)) {
      result.push_back({kind::boolean, value == Py_True ? "True" : "False"});
    } else if (PyLong_CheckExact(value)) {
      int overflow = 0;
      auto number = PyLong_AsLongLongAndOverflow(value, &overflow);
      if (overflow != 0)
        return std::nullopt;
      result.push_back({kind::integer, std::to_string(number)});
    } else if (PyFloat_CheckExact(value)) {
      auto text = steal(gil, PyObject_Repr(value));
      if (!text)
        return std::nullopt;
      result.push_back({kind::real, to_utf8(gil, text.get())});
    } else if (PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) <= Py_ssize_t{max_text}) {
      auto bytes = steal(gil, PyUnicode_AsEncodedString(value, "utf-8", "surrogatepass"));
      if (!bytes)
        return std::nullopt;
      result.push_back(
          {kind::text,
           {PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))}});
    } else if (PyBytes_CheckExact(value) && PyBytes_GET_SIZE(value) <= Py_ssize_t{max_text}) {
      result.push_back(
          {kind::bytes, {PyBytes_AS_STRING(value), static_cast<std::size_t>(PyBytes_GET_SIZE(value))}});
    } else {
      return std::nullopt;
    }
  }
  return result;
}

/// The exit code that the `python` program would leave with.
/// Source: CPython 3.14, handling of SystemExit.
int exit_code_of(const gil_held& gil, PyObject* exception) {
  auto code = attribute(gil, exception, "code");
  if (!code || code.get() == Py_None)
    return 0;
  if (!PyLong_Check(code.get()))
    return 1;
  int overflow = 0;
  auto number = PyLong_AsLongAndOverflow(code.get(), &overflow);
  return overflow != 0 || number < INT_MIN || number > INT_MAX ? -1 : static_cast<int>(number);
}

} // namespace

python_error capture(const gil_held& gil, PyObject* exception, const source_texts& texts) {
  python_error result;
  source_lines sources{texts};
  std::unordered_map<PyObject*, int> places; // -1 for what is left out
  std::size_t taken = 0;
  std::size_t total = 0;
  std::vector<object> found; // in the order of their places; all alive, since `places` holds their addresses
  auto place_of = [&](object next) -> int {
    if (!next || next.get() == Py_None || !PyExceptionInstance_Check(next.get()))
      return -1;
    if (auto known = places.find(next.get()); known != places.end())
      return known->second;
    // What is left out is still looked through, to be counted.
    auto place = taken < max_exceptions ? static_cast<int>(taken++) : -1;
    if (place < 0)
      ++result.left_out;
    places.emplace(next.get(), place);
    found.push_back(std::move(next));
    return place;
  };
  auto follow = [&](PyObject* from, python_exception_data& data) {
    data.cause = place_of(steal(gil, PyException_GetCause(from)));
    data.context = place_of(steal(gil, PyException_GetContext(from)));
    if (!PyObject_TypeCheck(from, reinterpret_cast<PyTypeObject*>(PyExc_BaseExceptionGroup)))
      return;
    data.is_group = true;
    auto members = attribute(gil, from, "exceptions");
    for (Py_ssize_t i = 0; members && PyTuple_Check(members.get()) && i < PyTuple_GET_SIZE(members.get());
         ++i)
      if (auto place = place_of(borrow(gil, PyTuple_GET_ITEM(members.get(), i))); place >= 0)
        data.group.push_back(place);
  };
  place_of(borrow(gil, exception));
  for (std::size_t i = 0; i < found.size(); ++i) {
    auto* current = found[i].get();
    python_exception_data data;
    follow(current, data);
    if (places[current] < 0)
      continue;
    data.type = type_name(gil, current);
    if (total > max_total) {
      data.message = "<left out: the exceptions before it are too large>";
      result.exceptions.push_back(std::move(data));
      continue;
    }
    take_frames(gil, current, sources, data);
    data.notes = take_notes(gil, current);
    if (PyErr_GivenExceptionMatches(current, PyExc_SyntaxError)) {
      data.syntax = take_syntax(gil, current, sources);
      // str() of a SyntaxError repeats file and line, which the location already says.
      auto message = attribute(gil, current, "msg");
      if (message && PyObject_IsTrue(message.get()) == 1)
        data.message = safe_text(gil, message.get(), PyObject_Str, "<exception str() failed>");
      else
        data.message = "<no detail available>";
    } else {
      data.message = safe_text(gil, current, PyObject_Str, "<exception str() failed>");
    }
    data.args = take_arguments(gil, current);
    PyErr_Clear();
    data.suppress_context = reinterpret_cast<PyBaseExceptionObject*>(current)->suppress_context != 0;
    total += text_size(data);
    result.exceptions.push_back(std::move(data));
  }
  if (PyErr_GivenExceptionMatches(exception, PyExc_SystemExit))
    result.exit_code = exit_code_of(gil, exception);
  PyErr_Clear();
  return result;
}

void throw_raised(const gil_held& gil, const source_texts& texts, PyObject* interrupted,
                  raised_kind what_exceptions_are) {
  auto exception = steal(gil, PyErr_GetRaisedException());
  if (!exception)
    Py_FatalError("interp-actors: throw_raised without an exception");
  auto kind = raised_kind::base_exception;
  if (interrupted && PyErr_GivenExceptionMatches(exception.get(), interrupted))
    kind = raised_kind::interrupted;
  else if (PyErr_GivenExceptionMatches(exception.get(), PyExc_Exception))
    kind = what_exceptions_are;
  else if (PyErr_GivenExceptionMatches(exception.get(), PyExc_SystemExit))
    kind = raised_kind::exit;
  throw error{kind, capture(gil, exception.get(), texts)};
}

std::string take_summary(const gil_held& gil) {
  if (!PyErr_ExceptionMatches(PyExc_Exception))
    throw raised{};
  auto exception = steal(gil, PyErr_GetRaisedException());
  return capture(gil, exception.get(), {}).summary();
}

} // namespace interp_actors::python
