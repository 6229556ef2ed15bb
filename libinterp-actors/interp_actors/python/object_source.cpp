#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/object_source.hpp"

#include "interp_actors/python/module/actor_error.hpp"
#include "interp_actors/python/module/reference.hpp"

namespace interp_actors::python {

namespace {

constexpr const char* dataclass_mark = "__dataclass_fields__";

bool is_instance(PyObject* value, const object& type) {
  return PyObject_TypeCheck(value, reinterpret_cast<PyTypeObject*>(type.get()));
}

} // namespace

object_source::object_source(const gil_held& gil, conversion& with, PyObject* value)
    : gil_{gil}, with_{with}, root_{borrow(gil, value)} {}

PyObject* object_source::current() {
  if (levels_.empty())
    return root_.get();
  auto& top = levels_.back();
  if (!top.consumed || top.what == container::structure)
    return top.part.get();
  if (top.what == container::list) {
    top.part = steal(gil_, PyList_GetItemRef(top.made_of.get(), top.at));
    if (!top.part) {
      PyErr_Clear();
      throw value_error("a list that was changed while it was read");
    }
  } else {
    if (top.at >= PyTuple_GET_SIZE(top.made_of.get()))
      throw value_error("a container without a further part");
    top.part = borrow(gil_, PyTuple_GET_ITEM(top.made_of.get(), top.at));
  }
  top.consumed = false;
  return top.part.get();
}

void object_source::consume() {
  if (levels_.empty())
    return;
  auto& top = levels_.back();
  if (!top.consumed)
    ++top.at;
  top.consumed = true;
}

void object_source::mismatch(const char* expected) {
  throw value_error(python::describe(gil_, current()), expected);
}

std::string object_source::describe() {
  return python::describe(gil_, current());
}

bool object_source::is_structure(PyObject* value) {
  auto status = PyObject_HasAttrStringWithError(reinterpret_cast<PyObject*>(Py_TYPE(value)), dataclass_mark);
  if (status < 0) // the class of a class decides about attributes
    clear_exception();
  return status > 0;
}

value_kind object_source::next() {
  auto* value = current();
  if (value == Py_None)
    return value_kind::nil;
  if (PyBool_Check(value))
    return value_kind::boolean;
  if (PyLong_Check(value))
    return value_kind::integer;
  if (PyFloat_Check(value))
    return value_kind::real;
  if (PyUnicode_Check(value))
    return value_kind::text;
  if (PyList_Check(value))
    return value_kind::list;
  if (PyDict_Check(value))
    return value_kind::map;
  if (PyTuple_Check(value))
    return value_kind::tuple;
  if (PyBytes_Check(value) || PyMemoryView_Check(value))
    return value_kind::payload;
  if (PyAnySet_Check(value))
    return value_kind::set;
  if (Py_TYPE(value) == with_.reference_type())
    return value_kind::actor;
  if (PyExceptionInstance_Check(value))
    return value_kind::error;
  if (auto* types = with_.known_datetime(gil_)) {
    if (is_instance(value, types->timedelta))
      return value_kind::duration;
    if (is_instance(value, types->datetime))
      return value_kind::time;
  }
  if (is_structure(value))
    return value_kind::structure;
  throw value_error(python::describe(gil_, value) + ", which cannot be converted");
}

void object_source::nil() {
  if (current() != Py_None)
    mismatch("None");
  consume();
}

bool object_source::boolean() {
  auto* value = current();
  if (!PyBool_Check(value))
    mismatch("bool");
  consume();
  return value == Py_True;
}

std::int64_t object_source::integer() {
  auto* value = current();
  if (!PyLong_Check(value))
    mismatch("int");
  int overflow = 0;
  auto number = PyLong_AsLongLongAndOverflow(value, &overflow);
  if (overflow != 0)
    mismatch("int of 64 bits");
  consume();
  return number;
}

std::uint64_t object_source::unsigned_integer() {
  auto* value = current();
  if (!PyLong_Check(value))
    mismatch("int");
  auto number = PyLong_AsUnsignedLongLong(value);
  if (PyErr_Occurred()) {
    PyErr_Clear();
    mismatch("int from 0 to 2**64 - 1");
  }
  consume();
  return number;
}

double object_source::real() {
  auto* value = current();
  double number = 0;
  if (PyFloat_Check(value)) {
    number = PyFloat_AS_DOUBLE(value);
  } else if (PyLong_Check(value)) {
    number = PyLong_AsDouble(value);
    if (PyErr_Occurred()) {
      PyErr_Clear();
      mismatch("float");
    }
  } else {
    mismatch("float");
  }
  consume();
  return number;
}

std::string_view object_source::text() {
  auto* value = current();
  if (!PyUnicode_Check(value))
    mismatch("str");
  Py_ssize_t size = 0;
  auto* data = PyUnicode_AsUTF8AndSize(value, &size);
  if (!data) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
      throw raised{};
    PyErr_Clear();
    mismatch("str without lone surrogates");
  }
  consume();
  return {data, static_cast<std::size_t>(size)};
}

enumeration_value object_source::enumeration() {
  auto* value = current();
  if (PyLong_Check(value) && !PyBool_Check(value))
    return {{}, integer()};
  if (!PyUnicode_Check(value))
    mismatch("str");
  return {text(), std::nullopt};
}

shared_bytes object_source::payload() {
  auto* value = current();
  if (value != Py_None && !PyBytes_Check(value) && !PyMemoryView_Check(value))
    mismatch("bytes or memoryview");
  auto result = from_python(gil_, with_.rules(), value, "it");
  if (!result) {
    auto why = steal(gil_, PyErr_GetRaisedException());
    if (!PyErr_GivenExceptionMatches(why.get(), PyExc_TypeError)
        && !PyErr_GivenExceptionMatches(why.get(), PyExc_ValueError)) {
      PyErr_SetRaisedException(why.release());
      throw raised{};
    }
    auto text = steal(gil_, PyObject_Str(why.get()));
    auto* reason = text ? PyUnicode_AsUTF8(text.get()) : nullptr;
    std::string problem = python::describe(gil_, value) + " that cannot be sent";
    if (reason)
      problem += std::string{": "} + reason;
    else
      clear_exception();
    throw value_error(std::move(problem));
  }
  consume();
  return std::move(*result);
}

std::chrono::nanoseconds object_source::nanoseconds_of(PyObject* timedelta) {
  // A subclass may answer anything.
  auto part = [this, timedelta](const char* name) {
    auto value = checked(steal(gil_, PyObject_GetAttrString(timedelta, name)));
    int overflow = 0;
    auto number = PyLong_Check(value.get()) ? PyLong_AsLongLongAndOverflow(value.get(), &overflow) : -1;
    if (!PyLong_Check(value.get()) || overflow != 0)
      throw value_error(python::describe(gil_, timedelta) + " without proper " + name);
    return number;
  };
  long long total = 0;
  long long seconds = 0;
  long long micros = 0;
  bool overflow = __builtin_mul_overflow(part("days"), 86'400LL, &total)
                  || __builtin_add_overflow(total, part("seconds"), &seconds)
                  || __builtin_mul_overflow(seconds, 1'000'000LL, &total)
                  || __builtin_add_overflow(total, part("microseconds"), &micros)
                  || __builtin_mul_overflow(micros, 1000LL, &total);
  if (overflow)
    throw value_error(python::describe(gil_, timedelta) + " of more than 292 years");
  return std::chrono::nanoseconds{total};
}

std::chrono::nanoseconds object_source::duration() {
  auto* value = current();
  if (!is_instance(value, with_.datetime(gil_).timedelta))
    mismatch("timedelta");
  auto result = nanoseconds_of(value);
  consume();
  return result;
}

std::chrono::nanoseconds object_source::time() {
  auto* value = current();
  auto& types = with_.datetime(gil_);
  if (!is_instance(value, types.datetime))
    mismatch("datetime");
  auto zone = checked(steal(gil_, PyObject_GetAttrString(value, "tzinfo")));
  if (zone.get() == Py_None)
    mismatch("datetime with a time zone (datetime.now(timezone.utc))");
  auto since = checked(steal(gil_, PyNumber_Subtract(value, types.epoch.get())));
  if (!is_instance(since.get(), types.timedelta))
    mismatch("datetime");
  auto result = nanoseconds_of(since.get());
  consume();
  return result;
}

error_value object_source::error() {
  auto* value = current();
  error_value result;
  if (value != Py_None) {
    auto found = error_of(gil_, with_.error_type(), value);
    if (!found)
      mismatch("an exception");
    result = std::move(*found);
  }
  consume();
  return result;
}

actor_reference_ptr object_source::actor() {
  auto* value = current();
  auto result = reference_of(gil_, with_.reference_type(), value);
  if (!result && value != Py_None)
    mismatch("Reference");
  consume();
  return result;
}

std::size_t object_source::begin(container what, object made_of, Py_ssize_t size) {
  check_levels(levels_.size());
  level next;
  next.what = what;
  next.made_of = std::move(made_of);
  levels_.push_back(std::move(next));
  return static_cast<std::size_t>(size);
}

std::size_t object_source::begin_list() {
  auto* value = current();
  if (PyList_Check(value))
    return begin(container::list, borrow(gil_, value), PyList_GET_SIZE(value));
  if (PyTuple_Check(value))
    return begin(container::tuple, borrow(gil_, value), PyTuple_GET_SIZE(value));
  mismatch("list");
}

std::size_t object_source::begin_tuple() {
  auto* value = current();
  if (!PyList_Check(value) && !PyTuple_Check(value))
    mismatch("tuple");
  return begin_list();
}

std::size_t object_source::begin_set() {
  auto* value = current();
  if (!PyAnySet_Check(value))
    mismatch("set");
  auto parts = checked(steal(gil_, PySequence_Tuple(value)));
  auto size = PyTuple_GET_SIZE(parts.get());
  return begin(container::tuple, std::move(parts), size);
}

/// Keys and values in turn, which no Python code can change any more.
object object_source::items_of(PyObject* dict) {
  auto items = checked(steal(gil_, PyDict_Items(dict)));
  auto count = PyList_GET_SIZE(items.get());
  auto result = checked(steal(gil_, PyTuple_New(2 * count)));
  for (Py_ssize_t i = 0; i < count; ++i) {
    auto* pair = PyList_GET_ITEM(items.get(), i);
    PyTuple_SET_ITEM(result.get(), 2 * i, Py_NewRef(PyTuple_GET_ITEM(pair, 0)));
    PyTuple_SET_ITEM(result.get(), 2 * i + 1, Py_NewRef(PyTuple_GET_ITEM(pair, 1)));
  }
  return result;
}

std::size_t object_source::begin_map() {
  auto* value = current();
  if (!PyDict_Check(value))
    mismatch("dict");
  auto items = items_of(value);
  auto size = PyTuple_GET_SIZE(items.get()) / 2;
  return begin(container::map, std::move(items), size);
}

/// The names of a structure's fields, as a tuple of str.
object object_source::field_names(PyObject* structure) {
  object fields;
  if (PyDict_Check(structure)) {
    fields = borrow(gil_, structure);
  } else {
    auto* type = reinterpret_cast<PyObject*>(Py_TYPE(structure));
    fields = checked(steal(gil_, PyObject_GetAttrString(type, dataclass_mark)));
    if (!PyDict_Check(fields.get()))
      throw value_error(python::describe(gil_, structure) + " whose fields are not known");
  }
  auto names = checked(steal(gil_, PyDict_Keys(fields.get())));
  auto result = checked(steal(gil_, PyList_AsTuple(names.get())));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(result.get()); ++i)
    if (!PyUnicode_Check(PyTuple_GET_ITEM(result.get(), i)))
      throw value_error(python::describe(gil_, structure) + " with a field whose name is no str");
  return result;
}

std::size_t object_source::begin_struct() {
  auto* value = current();
  if (!PyDict_Check(value) && !is_structure(value))
    mismatch("a dataclass or dict");
  auto structure = borrow(gil_, value);
  object names;
  Py_ssize_t size = 0;
  if (PyDict_Check(value)) {
    size = PyDict_GET_SIZE(value);
  } else {
    names = field_names(value);
    size = PyTuple_GET_SIZE(names.get());
  }
  auto count = begin(container::structure, std::move(structure), size);
  levels_.back().fields = std::move(names);
  return count;
}

bool object_source::field(std::string_view name) {
  auto& top = levels_.back();
  auto key = with_.name(gil_, name);
  PyObject* found = nullptr;
  auto status = PyDict_Check(top.made_of.get())
                    ? PyDict_GetItemRef(top.made_of.get(), key.get(), &found)
                    : PyObject_GetOptionalAttr(top.made_of.get(), key.get(), &found);
  if (status < 0)
    throw raised{};
  top.part = steal(gil_, found);
  if (!found)
    return false;
  ++top.found;
  return true;
}

std::string_view object_source::next_field() {
  auto& top = levels_.back();
  if (!top.fields)
    top.fields = field_names(top.made_of.get());
  if (top.at >= PyTuple_GET_SIZE(top.fields.get()))
    throw value_error("a structure without a further field");
  auto* name = PyTuple_GET_ITEM(top.fields.get(), top.at++);
  Py_ssize_t size = 0;
  auto* text = PyUnicode_AsUTF8AndSize(name, &size);
  if (!text)
    throw raised{};
  std::string_view result{text, static_cast<std::size_t>(size)};
  if (!field(result))
    throw value_error("a structure without its field '" + std::string{result} + "'");
  return result;
}

void object_source::end() {
  auto& top = levels_.back();
  // A dict of a structure has no more than its fields: what else it holds was written in vain.
  if (top.what == container::structure && PyDict_Check(top.made_of.get())
      && static_cast<std::size_t>(PyDict_GET_SIZE(top.made_of.get())) > top.found)
    throw value_error(python::describe(gil_, top.made_of.get()) + " with "
                      + std::to_string(PyDict_GET_SIZE(top.made_of.get()))
                      + " entries, of which its type knows " + std::to_string(top.found));
  levels_.pop_back();
  consume();
}

std::string object_source::struct_name() {
  auto* value = current();
  return is_structure(value) ? std::string{shortened(Py_TYPE(value)->tp_name, 200)} : std::string{};
}

object_source::position object_source::mark() {
  return {levels_.size(), levels_.empty() ? 0 : static_cast<std::size_t>(levels_.back().at)};
}

void object_source::rewind(position where) {
  while (levels_.size() > where.level)
    levels_.pop_back();
  if (levels_.empty())
    return;
  auto& top = levels_.back();
  if (top.what == container::structure)
    return; // its field is still there
  if (top.at != static_cast<Py_ssize_t>(where.place))
    top.consumed = true; // fetched anew
  top.at = static_cast<Py_ssize_t>(where.place);
}

} // namespace interp_actors::python
