#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/annotation.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace interp_actors::python {

namespace {

using kind = type_shape::kind;

/// Annotations nested deeper are taken for right.
constexpr int max_annotation_levels = 32;

const type_shape nil_shape{.what = kind::nil, .name = "caf::unit_t"};

/// An attribute, or null where there is none or it raises.
object attribute(const gil_held& gil, PyObject* owner, const char* name) {
  PyObject* found = nullptr;
  if (PyObject_GetOptionalAttrString(owner, name, &found) < 0)
    clear_exception();
  return steal(gil, found);
}

std::string to_utf8(const gil_held& gil, PyObject* text) {
  auto bytes = steal(gil, PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"));
  if (!bytes) {
    clear_exception();
    return "?";
  }
  return {PyBytes_AS_STRING(bytes.get()), static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get()))};
}

std::string text_of(const gil_held& gil, PyObject* owner, const char* name) {
  auto value = attribute(gil, owner, name);
  return value && PyUnicode_Check(value.get()) ? to_utf8(gil, value.get()) : std::string{};
}

long number_of(const gil_held& gil, PyObject* owner, const char* name) {
  auto value = attribute(gil, owner, name);
  if (!value || !PyLong_Check(value.get()))
    return 0;
  int overflow = 0;
  auto number = PyLong_AsLongAndOverflow(value.get(), &overflow);
  return overflow == 0 ? number : 0;
}

bool is_type(PyObject* value, PyTypeObject& type) {
  return value == reinterpret_cast<PyObject*>(&type);
}

/// Compares annotations with shapes. An object for each check of a handler.
class annotation_reader {
public:
  annotation_reader(const gil_held& gil, conversion& values, class_plans& plans)
      : gil_{gil}, values_{values}, plans_{plans}, union_type_{made_union_type()} {}

  /// Whether a parameter of this annotation may be given what `shape` converts to. Texts are evaluated with
  /// `names`. `plan` becomes the plan for the value, if one is needed.
  bool takes(PyObject* annotation, const type_shape& shape, PyObject* names, const class_plan*& plan,
             int level = 0);

  /// Whether what this annotation promises converts to `shape`.
  bool gives(PyObject* annotation, const type_shape& shape, PyObject* names, int level = 0);

  /// The annotation for messages.
  std::string name_of(PyObject* annotation);

  /// What is wrong in a class that an annotation names, if that is it.
  const std::string& detail() const noexcept { return detail_; }

private:
  object made_union_type();
  object resolved(PyObject* annotation, PyObject* names);
  object evaluated(PyObject* annotation, PyObject* names);
  object arguments_of(PyObject* annotation);
  bool is_union(PyObject* annotation) {
    return union_type_.get() == reinterpret_cast<PyObject*>(Py_TYPE(annotation));
  }
  bool takes_one(PyObject* annotation, const type_shape& shape, PyObject* names, const class_plan*& plan,
                 int level);
  bool takes_class(PyObject* type, const type_shape& shape, const class_plan*& plan, int level);
  bool takes_dataclass(PyObject* type, PyObject* fields, const type_shape& shape, const class_plan*& plan,
                       int level);
  bool gives_class(PyObject* type, const type_shape& shape, int level);
  bool gives_dataclass(PyObject* type, PyObject* fields, const type_shape& shape, int level);
  bool parts_match(PyObject* arguments, const type_shape& shape, PyObject* names, class_plan* plan,
                   int level);
  const class_plan* merged(std::vector<std::pair<const type_shape*, const class_plan*>> found);
  PyTypeObject* produced(const type_shape& shape);
  std::optional<value_kind> kind_of(PyObject* type);
  object names_of_class(PyObject* type);
  bool has_default(PyObject* field);

  const gil_held& gil_;
  conversion& values_;
  class_plans& plans_;
  object union_type_;
  std::string detail_;
  bool hashable_ = false; // what is looked at lies in a set or in a key
};

object annotation_reader::made_union_type() {
  auto made = steal(gil_, PyNumber_Or(reinterpret_cast<PyObject*>(&PyLong_Type), Py_None));
  if (!made)
    throw raised{};
  return borrow(gil_, reinterpret_cast<PyObject*>(Py_TYPE(made.get())));
}

/// The annotation itself without what `Annotated` adds to it, or what its text stands for; null where that cannot
/// be found out.
object annotation_reader::resolved(PyObject* annotation, PyObject* names) {
  auto value = evaluated(annotation, names);
  for (int level = 0; value && level < max_annotation_levels; ++level) {
    auto metadata = attribute(gil_, value.get(), "__metadata__");
    auto origin =
        metadata && PyTuple_Check(metadata.get()) ? attribute(gil_, value.get(), "__origin__") : object{};
    if (!origin)
      break;
    // Annotated["list", ...] keeps the text in a ForwardRef.
    auto text = attribute(gil_, origin.get(), "__forward_arg__");
    value = evaluated(text && PyUnicode_Check(text.get()) ? text.get() : origin.get(), names);
  }
  return value;
}

/// What a text stands for; null where that cannot be found out.
object annotation_reader::evaluated(PyObject* annotation, PyObject* names) {
  if (!PyUnicode_Check(annotation))
    return borrow(gil_, annotation);
  if (!names || !PyDict_Check(names))
    return {};
  auto text = to_utf8(gil_, annotation);
  if (text.find('\0') != std::string::npos)
    return {};
  auto code = steal(gil_, Py_CompileString(text.c_str(), "<annotation>", Py_eval_input));
  auto value = code ? steal(gil_, PyEval_EvalCode(code.get(), names, names)) : object{};
  if (!value)
    clear_exception();
  return value;
}

std::string annotation_reader::name_of(PyObject* annotation) {
  if (PyUnicode_Check(annotation))
    return shortened("'" + to_utf8(gil_, annotation) + "'", 200);
  if (PyType_Check(annotation)) {
    auto name = text_of(gil_, annotation, "__qualname__");
    // list[float] is no class, but says it is one.
    if (!name.empty() && !attribute(gil_, annotation, "__origin__"))
      return shortened(name, 200);
  }
  auto text = steal(gil_, PyObject_Repr(annotation));
  if (!text) {
    clear_exception();
    return Py_TYPE(annotation)->tp_name;
  }
  return shortened(to_utf8(gil_, text.get()), 200);
}

/// A tuple, or null.
object annotation_reader::arguments_of(PyObject* annotation) {
  auto found = attribute(gil_, annotation, "__args__");
  return found && PyTuple_Check(found.get()) ? std::move(found) : object{};
}

/// The type of the Python object that the conversion makes; null where that is not one type.
PyTypeObject* annotation_reader::produced(const type_shape& shape) {
  switch (shape.what) {
  case kind::nil:
    return Py_TYPE(Py_None);
  case kind::boolean:
    return &PyBool_Type;
  case kind::integer:
    return &PyLong_Type;
  case kind::real:
    return &PyFloat_Type;
  case kind::text:
    return &PyUnicode_Type;
  case kind::enumeration:
    return shape.has_names ? &PyUnicode_Type : &PyLong_Type;
  case kind::payload:
    return &PyMemoryView_Type;
  case kind::error:
    return reinterpret_cast<PyTypeObject*>(values_.error_type());
  case kind::actor:
    return values_.reference_type();
  case kind::list:
    return hashable_ ? &PyTuple_Type : &PyList_Type;
  case kind::array:
  case kind::tuple:
    return &PyTuple_Type;
  case kind::set:
    return hashable_ ? &PyFrozenSet_Type : &PySet_Type;
  case kind::map:
  case kind::structure:
    return &PyDict_Type;
  case kind::duration:
  case kind::time:
    if (auto* types = values_.known_datetime(gil_))
      return reinterpret_cast<PyTypeObject*>(
          (shape.what == kind::time ? types->datetime : types->timedelta).get());
    return nullptr;
  case kind::optional:
  case kind::variant:
    return nullptr;
  }
  return nullptr;
}

/// What instances of a class convert to; nothing for classes that say nothing about it.
std::optional<value_kind> annotation_reader::kind_of(PyObject* value) {
  auto* type = reinterpret_cast<PyTypeObject*>(value);
  const std::pair<PyTypeObject*, value_kind> known[] = {
      {Py_TYPE(Py_None), value_kind::nil},
      {&PyBool_Type, value_kind::boolean},
      {&PyLong_Type, value_kind::integer},
      {&PyFloat_Type, value_kind::real},
      {&PyUnicode_Type, value_kind::text},
      {&PyList_Type, value_kind::list},
      {&PyDict_Type, value_kind::map},
      {&PyTuple_Type, value_kind::tuple},
      {&PyBytes_Type, value_kind::payload},
      {&PyMemoryView_Type, value_kind::payload},
      {&PySet_Type, value_kind::set},
      {&PyFrozenSet_Type, value_kind::set},
      {values_.reference_type(), value_kind::actor},
      {reinterpret_cast<PyTypeObject*>(PyExc_BaseException), value_kind::error},
  };
  for (auto& [base, result] : known)
    if (PyType_IsSubtype(type, base))
      return result;
  if (auto* types = values_.known_datetime(gil_)) {
    if (PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(types->timedelta.get())))
      return value_kind::duration;
    if (PyType_IsSubtype(type, reinterpret_cast<PyTypeObject*>(types->datetime.get())))
      return value_kind::time;
  }
  return std::nullopt;
}

/// The global names of the module that a class is from, for the texts of its annotations.
object annotation_reader::names_of_class(PyObject* type) {
  auto name = attribute(gil_, type, "__module__");
  if (!name || !PyUnicode_Check(name.get()))
    return {};
  auto module = steal(gil_, PyImport_GetModule(name.get()));
  if (!module && PyErr_Occurred())
    clear_exception();
  return module && PyModule_Check(module.get()) ? borrow(gil_, PyModule_GetDict(module.get())) : object{};
}

/// Whether a dataclass can be made without this field.
bool annotation_reader::has_default(PyObject* field) {
  auto mark = attribute(gil_, field, "_field_type");
  if (mark && text_of(gil_, mark.get(), "name") == "_FIELD_CLASSVAR")
    return true;
  auto init = attribute(gil_, field, "init");
  if (init && init.get() == Py_False)
    return true;
  auto module_name = values_.name(gil_, "dataclasses");
  auto module = steal(gil_, PyImport_GetModule(module_name.get()));
  if (!module && PyErr_Occurred())
    clear_exception();
  auto missing = module ? attribute(gil_, module.get(), "MISSING") : object{};
  auto value = attribute(gil_, field, "default");
  auto factory = attribute(gil_, field, "default_factory");
  return !missing || (value && value.get() != missing.get()) || (factory && factory.get() != missing.get());
}

/// One plan that serves several alternatives: structures by their names, containers by what is in them.
const class_plan*
annotation_reader::merged(std::vector<std::pair<const type_shape*, const class_plan*>> found) {
  std::erase_if(found, [](auto& one) { return !one.second; });
  if (found.empty())
    return nullptr;
  if (found.size() == 1 && found.front().first->what != kind::structure)
    return found.front().second;
  auto& plan = plans_.make();
  for (auto& [shape, part] : found) {
    if (shape->what == kind::structure)
      plan.choices.emplace_back(shape->name, part);
    else if (plan.parts.empty())
      plan.parts = part->parts;
  }
  return &plan;
}

// -- what a parameter takes
// -------------------------------------------------------------------------------------------------

bool annotation_reader::takes(PyObject* annotation, const type_shape& shape, PyObject* names,
                              const class_plan*& plan, int level) {
  if (level > max_annotation_levels)
    return true;
  auto value = resolved(annotation, names);
  if (!value)
    return true;
  if (shape.what == kind::optional)
    return takes(value.get(), nil_shape, names, plan, level + 1)
           && takes(value.get(), shape.parts.front()(), names, plan, level + 1);
  if (shape.what == kind::variant) {
    std::vector<std::pair<const type_shape*, const class_plan*>> found;
    for (auto part : shape.parts) {
      const class_plan* part_plan = nullptr;
      if (!takes(value.get(), part(), names, part_plan, level + 1))
        return false;
      found.emplace_back(&part(), part_plan);
    }
    plan = merged(std::move(found));
    return true;
  }
  if (!is_union(value.get()))
    return takes_one(value.get(), shape, names, plan, level);
  auto members = arguments_of(value.get());
  if (!members)
    return true;
  auto is_its_class = [&shape](PyObject* member) {
    return shape.what == kind::structure && PyType_Check(member)
           && is_named(shape, reinterpret_cast<PyTypeObject*>(member)->tp_name);
  };
  // The class that is named after a structure comes first: others may have the same fields.
  for (bool own : {true, false})
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(members.get()); ++i) {
      auto* member = PyTuple_GET_ITEM(members.get(), i);
      const class_plan* candidate = nullptr;
      if (is_its_class(member) == own && takes(member, shape, names, candidate, level + 1)) {
        plan = candidate;
        return true;
      }
    }
  return false;
}

bool annotation_reader::takes_one(PyObject* annotation, const type_shape& shape, PyObject* names,
                                  const class_plan*& plan, int level) {
  if (annotation == Py_None)
    return shape.what == kind::nil;
  auto origin = attribute(gil_, annotation, "__origin__");
  if (!origin)
    return !PyType_Check(annotation) || takes_class(annotation, shape, plan, level);
  if (!PyType_Check(origin.get()))
    return attribute(gil_, origin.get(), "__origin__") ? takes(origin.get(), shape, names, plan, level + 1)
                                                       : true;
  if (!takes_class(origin.get(), shape, plan, level))
    return false;
  auto arguments = arguments_of(annotation);
  if (!arguments || shape.parts.empty())
    return true;
  auto& made = plans_.make();
  if (!parts_match(arguments.get(), shape, names, &made, level + 1))
    return false;
  if (std::ranges::any_of(made.parts, [](auto* part) { return part != nullptr; }))
    plan = &made;
  return true;
}

/// Compares the arguments of list[...] and its like with the parts of a container. Where there is a plan to
/// make, as a parameter's; else as a result's.
bool annotation_reader::parts_match(PyObject* arguments, const type_shape& shape, PyObject* names,
                                    class_plan* plan, int level) {
  auto count = static_cast<std::size_t>(PyTuple_GET_SIZE(arguments));
  if (count == 0) // tuple[()]
    return shape.what != kind::tuple && shape.what != kind::array;
  auto at = [arguments](std::size_t i) { return PyTuple_GET_ITEM(arguments, static_cast<Py_ssize_t>(i)); };
  bool one_for_all = count == 2 && at(1) == Py_Ellipsis;
  if (one_for_all)
    count = 1;
  auto wanted = shape.what == kind::array && !one_for_all && count > 1 ? shape.size : shape.parts.size();
  if (shape.what == kind::tuple && !one_for_all && count != wanted)
    return false;
  if (shape.what == kind::array && !one_for_all && count > 1 && count != wanted)
    return false;
  if (shape.what != kind::tuple && shape.what != kind::array && count != wanted)
    return true; // of a class that we do not know
  for (std::size_t i = 0; i < wanted; ++i) {
    auto& part = shape.parts[std::min(i, shape.parts.size() - 1)]();
    auto* annotation = at(one_for_all ? 0 : std::min(i, count - 1));
    if (plan) {
      const class_plan* part_plan = nullptr;
      bool is_key = shape.what == kind::set || (shape.what == kind::map && i == 0);
      bool was_hashable = std::exchange(hashable_, hashable_ || is_key);
      bool taken = takes(annotation, part, names, part_plan, level);
      hashable_ = was_hashable;
      if (!taken)
        return false;
      if (plan->parts.size() < shape.parts.size())
        plan->parts.push_back(part_plan);
    } else if (!gives(annotation, part, names, level)) {
      return false;
    }
  }
  return true;
}

bool annotation_reader::takes_class(PyObject* value, const type_shape& shape, const class_plan*& plan,
                                    int level) {
  auto* type = reinterpret_cast<PyTypeObject*>(value);
  if (auto fields = attribute(gil_, value, "__dataclass_fields__")) {
    bool fits = takes_dataclass(value, fields.get(), shape, plan, level);
    if (!fits)
      plans_.forget(value, shape);
    return fits;
  }
  auto* given = produced(shape);
  if (!given)
    // Only the module datetime makes the types of these shapes.
    return (shape.what != kind::duration && shape.what != kind::time) || !kind_of(value);
  if (PyType_IsSubtype(given, type))
    return true;
  if (type == &PyFloat_Type && given == &PyLong_Type)
    return true; // Python takes an int for a float
  // Classes with a class of their own (abc, Protocol, TypedDict, Enum) decide for themselves what they take.
  return Py_TYPE(value) != &PyType_Type;
}

bool annotation_reader::takes_dataclass(PyObject* value, PyObject* fields, const type_shape& shape,
                                        const class_plan*& plan, int level) {
  if (shape.what != kind::structure || !PyDict_Check(fields))
    return false;
  auto [made, is_new] = plans_.of_class(value, shape);
  plan = made;
  if (!is_new)
    return true; // known, or just being looked at
  made->made_of = borrow(gil_, value);
  auto names = names_of_class(value);
  auto class_name = name_of(value);
  for (auto& field : shape.fields) {
    auto key = values_.name(gil_, field.name);
    PyObject* found = nullptr;
    if (PyDict_GetItemRef(fields, key.get(), &found) < 0)
      throw raised{};
    auto known = steal(gil_, found);
    auto init = known ? attribute(gil_, known.get(), "init") : object{};
    if (!known || !init || init.get() != Py_True) {
      detail_ = class_name + " has no field '" + field.name + "'";
      return false;
    }
    auto type = attribute(gil_, known.get(), "type");
    const class_plan* field_plan = nullptr;
    if (type && !takes(type.get(), field.shape(), names.get(), field_plan, level + 1)) {
      if (detail_.empty())
        detail_ = "field '" + field.name + "' of " + class_name + " is " + name_of(type.get())
                  + ", where the interface has " + cpp_name(field.shape());
      return false;
    }
    if (field_plan)
      made->fields.emplace_back(field.name, field_plan);
  }
  auto all = checked(steal(gil_, PyDict_Copy(fields)));
  PyObject* key = nullptr;
  PyObject* field = nullptr;
  for (Py_ssize_t at = 0; PyDict_Next(all.get(), &at, &key, &field);) {
    auto name = PyUnicode_Check(key) ? to_utf8(gil_, key) : std::string{};
    if (std::ranges::find(shape.fields, name, &type_shape::field::name) == shape.fields.end()
        && !has_default(field)) {
      detail_ = class_name + " needs a field '" + name + "', which the interface does not have";
      return false;
    }
  }
  return true;
}

// -- what a result gives
// ----------------------------------------------------------------------------------------------------

bool annotation_reader::gives(PyObject* annotation, const type_shape& shape, PyObject* names, int level) {
  if (level > max_annotation_levels)
    return true;
  auto value = resolved(annotation, names);
  if (!value)
    return true;
  if (is_union(value.get())) {
    auto members = arguments_of(value.get());
    for (Py_ssize_t i = 0; members && i < PyTuple_GET_SIZE(members.get()); ++i)
      if (!gives(PyTuple_GET_ITEM(members.get(), i), shape, names, level + 1))
        return false;
    return true;
  }
  if (value.get() == Py_None)
    return fit(shape, value_kind::nil) != fitness::none;
  if (shape.what == kind::optional)
    return gives(value.get(), nil_shape, names, level + 1)
           || gives(value.get(), shape.parts.front()(), names, level + 1);
  if (shape.what == kind::variant)
    return std::ranges::any_of(shape.parts,
                               [&](auto part) { return gives(value.get(), part(), names, level + 1); });
  auto origin = attribute(gil_, value.get(), "__origin__");
  if (!origin)
    return !PyType_Check(value.get()) || gives_class(value.get(), shape, level);
  if (!PyType_Check(origin.get()))
    return attribute(gil_, origin.get(), "__origin__") ? gives(origin.get(), shape, names, level + 1) : true;
  if (!gives_class(origin.get(), shape, level))
    return false;
  auto arguments = arguments_of(value.get());
  return !arguments || shape.parts.empty() || parts_match(arguments.get(), shape, names, nullptr, level + 1);
}

bool annotation_reader::gives_class(PyObject* value, const type_shape& shape, int level) {
  if (is_type(value, PyBaseObject_Type))
    return true;
  if (auto fields = attribute(gil_, value, "__dataclass_fields__"))
    return gives_dataclass(value, fields.get(), shape, level);
  if (auto what = kind_of(value))
    return fit(shape, *what) != fitness::none;
  return Py_TYPE(value) != &PyType_Type;
}

bool annotation_reader::gives_dataclass(PyObject* value, PyObject* fields, const type_shape& shape,
                                        int level) {
  if (shape.what != kind::structure || !PyDict_Check(fields))
    return false;
  auto names = names_of_class(value);
  auto class_name = name_of(value);
  for (auto& field : shape.fields) {
    auto key = values_.name(gil_, field.name);
    PyObject* found = nullptr;
    if (PyDict_GetItemRef(fields, key.get(), &found) < 0)
      throw raised{};
    auto known = steal(gil_, found);
    if (!known) {
      if (field.may_be_missing || attribute(gil_, value, field.name.c_str()))
        continue; // or a property
      detail_ = class_name + " has no field '" + field.name + "'";
      return false;
    }
    auto type = attribute(gil_, known.get(), "type");
    if (type && !gives(type.get(), field.shape(), names.get(), level + 4)) {
      if (detail_.empty())
        detail_ = "field '" + field.name + "' of " + class_name + " is " + name_of(type.get())
                  + ", where the interface has " + cpp_name(field.shape());
      return false;
    }
  }
  return true;
}

// -- handlers
// ---------------------------------------------------------------------------------------------------------------

std::string both_names(const type_shape& shape) {
  auto cpp = cpp_name(shape);
  auto python = python_name(shape);
  return cpp == python ? cpp : cpp + " (" + python + " in Python)";
}

std::string parameter_list(const handler_signature& signature) {
  std::string result;
  for (auto shape : signature.arguments)
    result += (result.empty() ? "" : ", ") + python_name(shape());
  return "(" + result + ")";
}

std::string count_of(long number, const char* what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

/// What a function says of its parameters.
struct parameters {
  std::vector<std::string> names; // the positional ones, without self
  long least = 0;
  bool any_number = false;
  std::string required_keyword;
};

parameters parameters_of(const gil_held& gil, PyObject* function, bool is_bound) {
  constexpr long has_varargs = 0x04;
  parameters result;
  auto* code = PyFunction_GetCode(function);
  auto positional = number_of(gil, code, "co_argcount");
  auto keyword_only = number_of(gil, code, "co_kwonlyargcount");
  auto names = attribute(gil, code, "co_varnames");
  auto* defaults = PyFunction_GetDefaults(function);
  auto* keyword_defaults = PyFunction_GetKwDefaults(function);
  auto name_at = [&](long i) -> PyObject* {
    return names && PyTuple_Check(names.get()) && i < PyTuple_GET_SIZE(names.get())
               ? PyTuple_GET_ITEM(names.get(), i)
               : nullptr;
  };
  long skipped = is_bound ? 1 : 0;
  for (auto i = skipped; i < positional; ++i)
    result.names.push_back(name_at(i) ? to_utf8(gil, name_at(i)) : std::string{});
  long optional = defaults && PyTuple_Check(defaults) ? static_cast<long>(PyTuple_GET_SIZE(defaults)) : 0;
  result.least = std::max(0L, positional - optional - skipped);
  result.any_number = (number_of(gil, code, "co_flags") & has_varargs) != 0;
  for (auto i = positional; i < positional + keyword_only; ++i) {
    auto* name = name_at(i);
    int has_default = name && keyword_defaults && PyDict_Check(keyword_defaults)
                          ? PyDict_Contains(keyword_defaults, name)
                          : 0;
    if (name && has_default == 0)
      result.required_keyword = to_utf8(gil, name);
  }
  return result;
}

/// The kind of function that gives its caller something else than its result.
const char* odd_kind(const gil_held& gil, PyObject* function) {
  auto flags = number_of(gil, PyFunction_GetCode(function), "co_flags");
  return (flags & 0x80) != 0    ? "a coroutine"
         : (flags & 0x200) != 0 ? "an asynchronous generator"
         : (flags & 0x20) != 0  ? "a generator"
                                : nullptr;
}

/// A plain function and what it says of its parameters.
struct plain_function {
  object function;
  parameters known;
};

/// As `check_parameters`; returns the function, or nothing where the callable is another one, of which nothing is known.
std::optional<plain_function> check_call(const gil_held& gil, PyObject* callable, std::size_t arguments,
                                         const std::string& name, const std::string& giving) {
  if (!PyCallable_Check(callable))
    throw interface_mismatch(name + " is a " + Py_TYPE(callable)->tp_name + ", which cannot be called");
  bool is_bound = PyMethod_Check(callable);
  auto function = borrow(gil, is_bound ? PyMethod_GET_FUNCTION(callable) : callable);
  if (!PyFunction_Check(function.get()))
    return std::nullopt;
  if (auto* odd = odd_kind(gil, function.get()))
    throw interface_mismatch(name + " is " + odd + "; it must be a plain function that returns its result");
  auto known = parameters_of(gil, function.get(), is_bound);
  auto given = static_cast<long>(arguments);
  auto most = static_cast<long>(known.names.size());
  if (given < known.least || (given > most && !known.any_number)) {
    auto bound = given < known.least ? known.least : most;
    throw interface_mismatch(name + " takes "
                             + (known.least == most && !known.any_number ? ""
                                : given < known.least                    ? "at least "
                                                                         : "at most ")
                             + count_of(bound, "parameter") + ", where " + giving);
  }
  if (!known.required_keyword.empty())
    throw interface_mismatch(name + " needs the keyword '" + known.required_keyword
                             + "', which it cannot be given");
  return plain_function{std::move(function), std::move(known)};
}

} // namespace

void check_parameters(const gil_held& gil, PyObject* callable, std::size_t given, const std::string& name,
                      const std::string& giving) {
  check_call(gil, callable, given, name, giving);
}

checked_handler check_handler(const gil_held& gil, conversion& values, class_plans& plans, PyObject* callable,
                              const handler_signature& signature, const std::string& name) {
  checked_handler result;
  auto given = signature.arguments.size();
  result.plans.resize(given);
  auto plain = check_call(gil, callable, given, name,
                          "the interface gives " + std::to_string(given) + ": " + parameter_list(signature));
  if (!plain)
    return result;
  auto& [function, known] = *plain;
  result.parameters = known.names;
  // Evaluates them; names that are not defined yet make all of them unknown.
  auto annotations = attribute(gil, function.get(), "__annotations__");
  if (!annotations || !PyDict_Check(annotations.get()))
    return result;
  annotation_reader reader{gil, values, plans};
  auto globals = borrow(gil, PyFunction_GetGlobals(function.get()));
  auto annotation_of = [&](const std::string& parameter) {
    auto key = values.name(gil, parameter);
    PyObject* found = nullptr;
    if (PyDict_GetItemRef(annotations.get(), key.get(), &found) < 0)
      throw raised{};
    return steal(gil, found);
  };
  auto detail = [&reader] { return reader.detail().empty() ? std::string{} : " (" + reader.detail() + ")"; };
  for (std::size_t i = 0; i < signature.arguments.size() && i < known.names.size(); ++i) {
    auto annotation = annotation_of(known.names[i]);
    auto& shape = signature.arguments[i]();
    if (annotation && !reader.takes(annotation.get(), shape, globals.get(), result.plans[i]))
      throw interface_mismatch("parameter '" + known.names[i] + "' of " + name + " is annotated "
                               + reader.name_of(annotation.get()) + ", where the interface gives "
                               + both_names(shape) + detail());
  }
  if (!signature.result)
    return result;
  auto annotation = annotation_of("return");
  if (annotation && !reader.gives(annotation.get(), signature.result(), globals.get()))
    throw interface_mismatch(name + " is annotated to return " + reader.name_of(annotation.get())
                             + ", where the interface wants " + both_names(signature.result()) + detail());
  return result;
}

} // namespace interp_actors::python
