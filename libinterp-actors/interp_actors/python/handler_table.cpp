#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/handler_table.hpp"

#include "interp_actors/python/error.hpp"
#include "interp_actors/python/object_source.hpp"

#include <algorithm>
#include <array>

namespace interp_actors::python {

namespace {

/// Arguments of a call, in the place that CPython wants them in, without an allocation for the usual few.
class argument_list {
public:
  explicit argument_list(std::size_t size) : size_{size} {
    if (size > few) {
      more_.resize(size);
      more_pointers_.resize(size + 1);
    }
  }

  /// Keeps the next argument.
  void set(std::size_t index, object argument) {
    pointers()[index + 1] = argument.get();
    (size_ > few ? more_.data() : few_.data())[index] = std::move(argument);
  }

  /// With a free place in front, for CPython's own use.
  PyObject** pointers() { return size_ > few ? more_pointers_.data() : few_pointers_.data(); }

private:
  static constexpr std::size_t few = 7;

  std::size_t size_;
  std::array<object, few> few_;
  std::array<PyObject*, few + 1> few_pointers_{};
  std::vector<object> more_;
  std::vector<PyObject*> more_pointers_;
};

/// Converts the arguments from `first` on. Where Python code refuses to make one (the class of a structure, or a
/// hash), the argument is a wrong one.
void convert_arguments(const gil_held& gil, conversion& values, handler_call& call,
                       const checked_handler& checked, const std::string& full_name, argument_list& arguments,
                       std::size_t first) {
  for (std::size_t i = 0; i < checked.plans.size(); ++i) {
    object_sink sink{gil, values, checked.plans[i]};
    auto is_wrong = [&](const std::string& how) {
      auto name = i < checked.parameters.size() ? "'" + checked.parameters[i] + "'" : std::to_string(i + 1);
      return wrong_argument("argument " + name + " of " + full_name + " " + how);
    };
    try {
      call.write_argument(i, sink);
    } catch (const value_error& problem) {
      throw is_wrong(std::string{"is "} + problem.what());
    } catch (const raised&) {
      throw is_wrong("cannot be made: " + take_summary(gil));
    }
    arguments.set(first + i, sink.take());
  }
}

} // namespace

handler_table::handler_table(const gil_held& gil, conversion& values, PyObject* source_names,
                             const implementation& what)
    : names_{borrow(gil, source_names)} {
  auto of_source = what.class_name.empty()
                       ? " of '" + what.source_name + "'"
                       : " of class " + what.class_name + " of '" + what.source_name + "'";
  if (!what.class_name.empty()) {
    auto name = values.name(gil, what.class_name);
    PyObject* found = nullptr;
    if (PyDict_GetItemRef(names_.get(), name.get(), &found) < 0)
      throw raised{};
    auto type = steal(gil, found);
    if (!type)
      throw interface_mismatch("'" + what.source_name + "' has no class '" + what.class_name + "'");
    if (!PyType_Check(type.get()))
      throw interface_mismatch("'" + what.class_name + "' of '" + what.source_name + "' is no class but a "
                               + Py_TYPE(type.get())->tp_name);
    instance_ = make_instance(gil, values, type.get(), what);
  }
  for (auto* signature : what.handlers) {
    handler next;
    next.name = values.name(gil, signature->name);
    next.signature = signature;
    next.full_name = "handler '" + signature->name + "'" + of_source;
    auto callable = find(gil, next);
    next.checked = check_handler(gil, values, plans_, callable.get(), *signature, next.full_name);
    handlers_.push_back(std::move(next));
  }
}

object handler_table::make_instance(const gil_held& gil, conversion& values, PyObject* type,
                                    const implementation& what) {
  auto full_name = "the constructor of class " + what.class_name + " of '" + what.source_name + "'";
  auto name = values.name(gil, "__init__");
  auto constructor = checked(steal(gil, PyObject_GetAttr(type, name.get())));
  checked_handler known;
  known.plans.resize(what.constructor->arguments.size());
  if (PyFunction_Check(constructor.get())) {
    // As a method of some instance, which it is called for.
    auto bound = checked(steal(gil, PyMethod_New(constructor.get(), Py_None)));
    known = check_handler(gil, values, plans_, bound.get(), *what.constructor, full_name);
  }
  argument_list arguments{known.plans.size()};
  convert_arguments(gil, values, *what.construction, known, full_name, arguments, 0);
  return checked(
      steal(gil, PyObject_Vectorcall(type, arguments.pointers() + 1,
                                     known.plans.size() | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr)));
}

object handler_table::find(const gil_held& gil, const handler& wanted) {
  PyObject* found = nullptr;
  auto status = instance_ ? PyObject_GetOptionalAttr(instance_.get(), wanted.name.get(), &found)
                          : PyDict_GetItemRef(names_.get(), wanted.name.get(), &found);
  if (status < 0)
    throw raised{};
  if (!found) {
    std::string parameters;
    for (auto shape : wanted.signature->arguments)
      parameters += (parameters.empty() ? "" : ", ") + python_name(shape());
    throw interface_mismatch("there is no " + wanted.full_name + "; the interface asks for "
                             + wanted.signature->name + "(" + parameters + ") -> "
                             + python_name(wanted.signature->result()));
  }
  return steal(gil, found);
}

void handler_table::call(const gil_held& gil, conversion& values, std::size_t index, handler_call& call) {
  auto& handler = handlers_[index];
  auto count = handler.checked.plans.size();
  object result;
  if (instance_) {
    argument_list arguments{count + 1};
    arguments.set(0, borrow(gil, instance_.get()));
    convert_arguments(gil, values, call, handler.checked, handler.full_name, arguments, 1);
    result = called(
        gil, steal(gil, PyObject_VectorcallMethod(handler.name.get(), arguments.pointers() + 1,
                                                  (count + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr)));
  } else {
    argument_list arguments{count};
    convert_arguments(gil, values, call, handler.checked, handler.full_name, arguments, 0);
    auto callable = find(gil, handler);
    result = called(gil, steal(gil, PyObject_Vectorcall(callable.get(), arguments.pointers() + 1,
                                                        count | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr)));
  }
  if (!call.wants_result())
    return;
  object_source source{gil, values, result.get()};
  try {
    call.read_result(source);
  } catch (const value_error& problem) {
    throw wrong_result(handler.full_name + " returned " + problem.what());
  }
}

bool handler_table::has(std::string_view name) const noexcept {
  return std::any_of(handlers_.begin(), handlers_.end(),
                     [name](const handler& one) { return one.signature->name == name; });
}

void handler_table::abandon() noexcept {
  names_.release();
  instance_.release();
  for (auto& handler : handlers_)
    handler.name.release();
  plans_.abandon();
}

} // namespace interp_actors::python
