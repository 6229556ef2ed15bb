#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/object_sink.hpp"

#include "interp_actors/python/module/actor_error.hpp"
#include "interp_actors/python/module/reference.hpp"

namespace interp_actors::python {

bool object_sink::part_must_be_hashable() const {
  if (levels_.empty())
    return false;
  auto& top = levels_.back();
  return top.hashable || top.what == container::set || (top.what == container::map && !top.key);
}

const class_plan* object_sink::plan_of_part(std::string_view type) const {
  auto* plan = plan_in_container();
  if (plan)
    for (auto& choice : plan->choices)
      if (choice.first == type)
        return choice.second;
  return plan;
}

const class_plan* object_sink::plan_in_container() const {
  if (levels_.empty())
    return plan_;
  auto& top = levels_.back();
  if (!top.plan)
    return nullptr;
  if (top.what == container::structure)
    return top.field_plan;
  auto& parts = top.plan->parts;
  // A tuple has a plan for each part, a map two; the rest have one for all.
  std::size_t index = top.what == container::map ? (top.key ? 1 : 0) : parts.size() > 1 ? top.done : 0;
  return index < parts.size() ? parts[index] : nullptr;
}

void object_sink::give(object made) {
  if (!made)
    throw raised{};
  if (levels_.empty()) {
    result_ = std::move(made);
    return;
  }
  auto& top = levels_.back();
  switch (top.what) {
  case container::list:
    PyList_SET_ITEM(top.made.get(), static_cast<Py_ssize_t>(top.done++), made.release());
    return;
  case container::tuple:
    PyTuple_SET_ITEM(top.made.get(), static_cast<Py_ssize_t>(top.done++), made.release());
    return;
  case container::set:
    if (PySet_Add(top.made.get(), made.get()) < 0)
      throw raised{};
    return;
  case container::map:
    if (!top.key) {
      top.key = std::move(made);
      return;
    }
    [[fallthrough]];
  case container::structure:
    if (PyDict_SetItem(top.made.get(), top.key.get(), made.get()) < 0)
      throw raised{};
    top.key = {};
    return;
  }
}

void object_sink::nil() {
  give(borrow(gil_, Py_None));
}

void object_sink::boolean(bool value) {
  give(borrow(gil_, value ? Py_True : Py_False));
}

void object_sink::integer(std::int64_t value) {
  give(steal(gil_, PyLong_FromLongLong(value)));
}

void object_sink::unsigned_integer(std::uint64_t value) {
  give(steal(gil_, PyLong_FromUnsignedLongLong(value)));
}

void object_sink::real(double value) {
  give(steal(gil_, PyFloat_FromDouble(value)));
}

void object_sink::text(std::string_view value) {
  auto made =
      steal(gil_, PyUnicode_DecodeUTF8(value.data(), static_cast<Py_ssize_t>(value.size()), "strict"));
  if (!made && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError)) {
    PyErr_Clear();
    throw value_error("a text that is not UTF-8", "str");
  }
  give(std::move(made));
}

void object_sink::enumeration(const enumeration_value& value) {
  if (value.name.empty() && value.number)
    integer(*value.number);
  else
    text(value.name);
}

void object_sink::payload(const shared_bytes& value) {
  give(to_python(gil_, with_.rules().exporter_type, value));
}

object object_sink::timedelta(std::chrono::nanoseconds value) {
  using namespace std::chrono;
  auto whole = floor<microseconds>(value);
  auto days = floor<std::chrono::days>(whole);
  whole -= days;
  auto seconds = floor<std::chrono::seconds>(whole);
  whole -= seconds;
  return steal(gil_, PyObject_CallFunction(
                         with_.datetime(gil_).timedelta.get(), "LLL", static_cast<long long>(days.count()),
                         static_cast<long long>(seconds.count()), static_cast<long long>(whole.count())));
}

void object_sink::duration(std::chrono::nanoseconds value) {
  give(timedelta(value));
}

void object_sink::time(std::chrono::nanoseconds value) {
  auto since_epoch = checked(timedelta(value));
  give(steal(gil_, PyNumber_Add(with_.datetime(gil_).epoch.get(), since_epoch.get())));
}

void object_sink::error(const error_value& value) {
  give(to_python(gil_, with_.error_type(), value));
}

void object_sink::actor(const actor_reference_ptr& value) {
  give(to_python(gil_, with_.reference_type(), value));
}

void object_sink::begin(container what, object made, std::size_t size, const class_plan* plan) {
  if (!made)
    throw raised{};
  check_levels(levels_.size());
  // Nobody may see it while it has empty places; the garbage collector hands objects to Python code.
  if ((what == container::list || what == container::tuple) && size > 0)
    PyObject_GC_UnTrack(made.get());
  auto hashable = part_must_be_hashable();
  levels_.push_back({what, hashable, std::move(made), {}, 0, size, plan, nullptr});
}

void object_sink::begin_list(std::size_t size) {
  if (part_must_be_hashable())
    begin_tuple(size);
  else
    begin(container::list, steal(gil_, PyList_New(static_cast<Py_ssize_t>(size))), size, plan_of_part());
}

void object_sink::begin_tuple(std::size_t size) {
  begin(container::tuple, steal(gil_, PyTuple_New(static_cast<Py_ssize_t>(size))), size, plan_of_part());
}

void object_sink::begin_set(std::size_t size) {
  bool frozen = part_must_be_hashable();
  // A frozenset that nobody else has seen may be filled.
  begin(container::set, steal(gil_, frozen ? PyFrozenSet_New(nullptr) : PySet_New(nullptr)), size,
        plan_of_part());
}

void object_sink::begin_map(std::size_t size) {
  if (part_must_be_hashable())
    throw value_error("a map in a set or as a key, which Python cannot hash");
  begin(container::map, steal(gil_, PyDict_New()), size, plan_of_part());
}

void object_sink::begin_struct(std::string_view type, std::size_t fields) {
  auto* plan = plan_of_part(type);
  if (part_must_be_hashable() && !(plan && plan->made_of))
    throw value_error(
        "a structure in a set or as a key, which Python cannot hash; annotate a frozen dataclass");
  begin(container::structure, steal(gil_, PyDict_New()), fields, plan);
}

void object_sink::field(std::string_view name) {
  auto& top = levels_.back();
  top.key = with_.name(gil_, name);
  top.field_plan = nullptr;
  if (top.plan)
    for (auto& known : top.plan->fields)
      if (known.first == name)
        top.field_plan = known.second;
}

void object_sink::end() {
  auto top = std::move(levels_.back());
  levels_.pop_back();
  if ((top.what == container::list || top.what == container::tuple) && top.size > 0)
    PyObject_GC_Track(top.made.get());
  if (top.what == container::structure && top.plan && top.plan->made_of)
    give(steal(gil_, PyObject_VectorcallDict(top.plan->made_of.get(), nullptr, 0, top.made.get())));
  else
    give(std::move(top.made));
}

} // namespace interp_actors::python
