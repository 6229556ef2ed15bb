#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/death.hpp"

#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"

#include <chrono>
#include <new>

namespace interp_actors::python {

namespace {

/// Values are made when they are asked for: most of them never are.
struct death {
  PyObject_HEAD std::shared_ptr<const death_report> report;
};

const death_report& report_of(PyObject* self) {
  return *reinterpret_cast<death*>(self)->report;
}

object none(const gil_held& gil) {
  return borrow(gil, Py_None);
}

object real(const gil_held& gil, std::chrono::duration<double> time) {
  return steal(gil, PyFloat_FromDouble(time.count()));
}

object number(const gil_held& gil, std::uint64_t value) {
  return steal(gil, PyLong_FromUnsignedLongLong(value));
}

object integer(const gil_held& gil, int value) {
  return steal(gil, PyLong_FromLong(value));
}

/// An attribute, as a function of the report.
template <object (*Read)(const gil_held&, const death_report&)>
PyObject* get(PyObject* self, void*) {
  auto gil = gil_held::entered();
  return at_boundary([&] { return Read(gil, report_of(self)).release(); });
}

PyObject* death_str(PyObject* self) {
  auto gil = gil_held::entered();
  return at_boundary([&] { return to_str(gil, describe(report_of(self))).release(); });
}

void death_dealloc(PyObject* self) {
  auto* type = Py_TYPE(self);
  reinterpret_cast<death*>(self)->report.~shared_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

PyGetSetDef attributes[] = {
    {"child", get<[](auto& gil, auto& of) { return to_str(gil, of.child); }>, nullptr, "name of the child",
     nullptr},
    {"incarnation", get<[](auto& gil, auto& of) { return number(gil, of.incarnation); }>, nullptr,
     "which life of its address it was, from 1 on", nullptr},
    {"reason", get<[](auto& gil, auto& of) { return to_str(gil, to_string(of.reason)); }>, nullptr,
     "'normal', 'shutdown', 'exception', 'exit_code', 'deadline', 'interrupted', 'abandoned', "
     "'start_failed', "
     "'killed' or 'node_lost'",
     nullptr},
    {"node", get<[](auto& gil, auto& of) { return of.node.empty() ? none(gil) : to_str(gil, of.node); }>,
     nullptr, "the node that it ran on, or None for the controller's own process", nullptr},
    {"text", get<[](auto& gil, auto& of) { return to_str(gil, of.text); }>, nullptr, "the reason in words",
     nullptr},
    {"error_type",
     get<[](auto& gil, auto& of) { return of.error ? to_str(gil, of.error->type()) : none(gil); }>, nullptr,
     "class of the exception that ended it, or None", nullptr},
    {"error_message",
     get<[](auto& gil, auto& of) { return of.error ? to_str(gil, of.error->message()) : none(gil); }>,
     nullptr, "what that exception said, or None", nullptr},
    {"traceback",
     get<[](auto& gil, auto& of) { return of.error ? to_str(gil, of.error->traceback()) : none(gil); }>,
     nullptr, "the exception's traceback as text, or None", nullptr},
    {"exit_code",
     get<[](auto& gil, auto& of) { return of.exit_code ? integer(gil, *of.exit_code) : none(gil); }>, nullptr,
     "what sys.exit() was given, or None", nullptr},
    {"request",
     get<[](auto& gil, auto& of) { return of.request.empty() ? none(gil) : to_str(gil, of.request); }>,
     nullptr, "the request that was being handled, or None", nullptr},
    {"uptime", get<[](auto& gil, auto& of) { return real(gil, of.uptime); }>, nullptr,
     "how long it lived, in seconds", nullptr},
    {"requests_served", get<[](auto& gil, auto& of) { return number(gil, of.requests_served); }>, nullptr,
     "messages that its handlers were given", nullptr},
    {"tracked_objects", get<[](auto& gil, auto& of) { return number(gil, of.tracked_objects); }>, nullptr,
     "objects that its garbage collector knew; 0 where that is not known", nullptr},
    {"views_held", get<[](auto& gil, auto& of) { return number(gil, of.views_held); }>, nullptr,
     "payloads that it still saw as memoryviews", nullptr},
    {"restarts_left", get<[](auto& gil, auto& of) {
       return of.restarts_left < 0 ? none(gil) : integer(gil, of.restarts_left);
     }>,
     nullptr, "restarts that its supervisor would still make within the period, or None where nobody counts",
     nullptr},
    {"when", get<[](auto& gil, auto& of) { return real(gil, of.when.time_since_epoch()); }>, nullptr,
     "when it ended, as of time.time()", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

} // namespace

object make_death_type(const gil_held& gil, PyObject* module) {
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(death_dealloc)},
      {Py_tp_getset, attributes},
      {Py_tp_str, reinterpret_cast<void*>(death_str)},
      {Py_tp_doc,
       const_cast<char*>("What is known of the end of an interpreter, as previous_death() tells it.\n\n"
                         "str() gives all of it as a block of lines.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "interp_actors.Death", static_cast<int>(sizeof(death)), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

object to_python(const gil_held& gil, PyObject* death_type, std::shared_ptr<const death_report> report) {
  if (!report)
    return none(gil);
  auto* made = PyObject_New(death, reinterpret_cast<PyTypeObject*>(death_type));
  if (!made)
    return {};
  new (&made->report) std::shared_ptr<const death_report>(std::move(report));
  return steal(gil, reinterpret_cast<PyObject*>(made));
}

} // namespace interp_actors::python
