#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/actor_error.hpp"

#include "interp_actors/base/errc.hpp"
#include "interp_actors/python/conversion.hpp"
#include "interp_actors/python/error.hpp"
#include "interp_actors/python/module/arguments.hpp"

#include <memory>

namespace interp_actors::python {

namespace {

/// Names the capsule with the whole error, which an instance keeps besides what Python code reads of it.
constexpr const char* capsule_name = "interp_actors.ActorError.data";
constexpr const char* capsule_attribute = "_data";

bool set(const gil_held&, PyObject* owner, const char* name, const object& value) {
  return value && PyObject_SetAttrString(owner, name, value.get()) == 0;
}

} // namespace

object make_actor_error_type(const gil_held& gil) {
  // What an instance has that Python code makes itself.
  auto attributes = steal(gil, Py_BuildValue("{s:s,s:i,s:O,s:O}", "category", "", "code", 0, "text", Py_None,
                                             "traceback", Py_None));
  if (!attributes)
    return {};
  return steal(gil,
               PyErr_NewExceptionWithDoc(
                   "interp_actors.ActorError",
                   "An error between actors.\n\ncategory and code name it as CAF does, text is what came "
                   "with the code, and traceback is that of a Python exception in another interpreter; "
                   "text and traceback may be None.",
                   PyExc_Exception, attributes.get()));
}

object to_python(const gil_held& gil, PyObject* error_type, const error_value& value) {
  if (value.code == 0)
    return borrow(gil, Py_None);
  auto description = to_str(gil, value.description);
  if (!description)
    return {};
  auto made = steal(gil, PyObject_CallOneArg(error_type, description.get()));
  if (!made)
    return {};
  auto data = std::make_unique<error_value>(value);
  auto capsule = steal(gil, PyCapsule_New(data.get(), capsule_name, [](PyObject* self) {
                         delete static_cast<error_value*>(PyCapsule_GetPointer(self, capsule_name));
                       }));
  if (!capsule)
    return {};
  data.release(); // to the capsule
  auto none = [&gil] { return borrow(gil, Py_None); };
  bool done =
      set(gil, made.get(), capsule_attribute, capsule)
      && set(gil, made.get(), "category", to_str(gil, value.category))
      && set(gil, made.get(), "code", steal(gil, PyLong_FromLong(value.code)))
      && set(gil, made.get(), "text", value.text ? to_str(gil, *value.text) : none())
      && set(gil, made.get(), "traceback", value.python ? to_str(gil, value.python->traceback()) : none());
  return done ? std::move(made) : object{};
}

std::optional<error_value> error_of(const gil_held& gil, PyObject* error_type, PyObject* value) {
  if (!PyExceptionInstance_Check(value))
    return std::nullopt;
  if (PyErr_GivenExceptionMatches(value, error_type)) {
    PyObject* found = nullptr;
    if (PyObject_GetOptionalAttrString(value, capsule_attribute, &found) < 0)
      clear_exception();
    auto capsule = steal(gil, found);
    if (capsule && PyCapsule_IsValid(capsule.get(), capsule_name))
      return *static_cast<error_value*>(PyCapsule_GetPointer(capsule.get(), capsule_name));
  }
  error_value result;
  result.category = "interp_actors::errc";
  result.code = static_cast<std::uint8_t>(errc::python_exception);
  result.python = capture(gil, value, {});
  result.description = result.python->summary();
  return result;
}

} // namespace interp_actors::python
