#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/reference.hpp"

#include "interp_actors/base/errc.hpp"
#include "interp_actors/python/module/actor_error.hpp"
#include "interp_actors/python/module/arguments.hpp"
#include "interp_actors/python/module/boundary.hpp"
#include "interp_actors/python/module/events.hpp"
#include "interp_actors/python/module/method.hpp"
#include "interp_actors/python/module/state.hpp"

#include <new>

namespace interp_actors::python {

namespace {

struct reference {
  PyObject_HEAD actor_reference_ptr actor;
};

reference* self_of(PyObject* self) {
  return reinterpret_cast<reference*>(self);
}

void reference_dealloc(PyObject* self) {
  auto gil = gil_held::entered();
  auto* type = Py_TYPE(self);
  destroy(gil, self_of(self)->actor);
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* reference_repr(PyObject* self) {
  return at_boundary([&]() -> PyObject* {
    return to_str(gil_held::entered(),
                  "<interp_actors.Reference to " + self_of(self)->actor->to_string() + ">")
        .release();
  });
}

Py_hash_t reference_hash(PyObject* self) {
  auto hash = static_cast<Py_hash_t>(self_of(self)->actor->hash());
  return hash == -1 ? -2 : hash;
}

PyObject* reference_compare(PyObject* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || Py_TYPE(other) != Py_TYPE(self))
    Py_RETURN_NOTIMPLEMENTED;
  bool equal = self_of(self)->actor->equals(*self_of(other)->actor);
  return PyBool_FromLong(equal == (operation == Py_EQ));
}

/// Any name that the type itself does not have is a function of the actor, as far as its interface says.
PyObject* reference_getattr(PyObject* self, PyObject* name) {
  auto* found = PyObject_GenericGetAttr(self, name);
  if (found || !PyErr_ExceptionMatches(PyExc_AttributeError))
    return found;
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    // Python asks every object for names such as __array_struct__.
    auto text = utf8_of(name);
    if (!text || (text->size() >= 4 && text->starts_with("__")))
      return nullptr; // with the AttributeError, or why the name cannot be sent
    auto& state = *state_of(self);
    auto* out = state.context ? state.context->host.get() : nullptr;
    if (out && !out->may_know(self_of(self)->actor, *text)) {
      PyErr_Clear();
      PyErr_Format(PyExc_AttributeError, "the interface of this Reference has no '%U'", name);
      return nullptr;
    }
    PyErr_Clear();
    return make_method(gil, state, self_of(self)->actor, name).release();
  });
}

PyObject* reference_item(PyObject* self, PyObject* name) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    if (!PyUnicode_Check(name)) {
      PyErr_Format(PyExc_TypeError, "a Reference is indexed by the name of a function, not by a %.200s",
                   Py_TYPE(name)->tp_name);
      return nullptr;
    }
    return make_method(gil, *state_of(self), self_of(self)->actor, name).release();
  });
}

PyObject* reference_monitor(PyObject* self, PyObject* callback) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto& state = *state_of(self);
    auto* out = host_of(gil, state);
    if (!out || !check_callback(callback, "the reason"))
      return nullptr;
    return start_monitor(gil, state, *out, self_of(self)->actor, callback).release();
  });
}

/// Calls `f(host, actor)` without the GIL.
template <class F>
PyObject* without_gil(PyObject* self, F f) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto* out = host_of(gil, *state_of(self));
    if (!out)
      return nullptr;
    auto actor = self_of(self)->actor;
    gil.release([&] { f(*out, actor); });
    Py_RETURN_NONE;
  });
}

PyObject* reference_link(PyObject* self, PyObject*) {
  return without_gil(self, [](host& out, const actor_reference_ptr& actor) { out.link(actor); });
}

PyObject* reference_unlink(PyObject* self, PyObject*) {
  return without_gil(self, [](host& out, const actor_reference_ptr& actor) { out.unlink(actor); });
}

PyObject* reference_kill(PyObject* self, PyObject*) {
  return without_gil(self, [](host& out, const actor_reference_ptr& actor) { out.kill(actor); });
}

PyObject* reference_exit(PyObject* self, PyObject* const* values, Py_ssize_t count) {
  auto gil = gil_held::entered();
  return at_boundary([&]() -> PyObject* {
    auto* state = state_of(self);
    error_value reason;
    if (count > 1) {
      PyErr_Format(PyExc_TypeError, "exit() takes at most 1 argument (%zd given)", count);
      return nullptr;
    }
    if (count == 1 && PyUnicode_Check(values[0])) {
      auto text = utf8_of(values[0]);
      if (!text)
        return nullptr;
      reason.category = "interp_actors::errc";
      reason.code = static_cast<std::uint8_t>(errc::stopped);
      reason.text.emplace(*text);
    } else if (count == 1 && values[0] != Py_None) {
      auto given = error_of(gil, state->types.actor_error, values[0]);
      if (!given) {
        PyErr_Format(PyExc_TypeError, "a reason is None, a str or an exception, not a %.200s",
                     Py_TYPE(values[0])->tp_name);
        return nullptr;
      }
      reason = std::move(*given);
    }
    return without_gil(self, [&](host& out, const actor_reference_ptr& actor) { out.exit(actor, reason); });
  });
}

} // namespace

object make_reference_type(const gil_held& gil, PyObject* module) {
  static PyMethodDef methods[] = {
      {"monitor", reference_monitor, METH_O,
       "monitor($self, callback, /)\n--\n\nCall callback(reason) once the actor has ended, and return a "
       "Monitor "
       "to take that back.\n\n"
       "The reason is None for a normal end, else an ActorError. The callback runs as a message of this "
       "interpreter, in its own thread between two handlers; at once where the actor has ended already."},
      {"link", reference_link, METH_NOARGS,
       "link($self, /)\n--\n\nEnd this interpreter with the actor and the actor with this interpreter, "
       "unless the "
       "end is a normal one."},
      {"unlink", reference_unlink, METH_NOARGS,
       "unlink($self, /)\n--\n\nTake a link back, that of a child, too."},
      {"exit", as_function(reference_exit), METH_FASTCALL,
       "exit($self, reason=None, /)\n--\n\nAsk the actor to end, after what it runs at the moment.\n\n"
       "Args:\n"
       "    reason: for those who monitor it or are linked to it: a str, an exception, or None for a "
       "shutdown."},
      {"kill", reference_kill, METH_NOARGS,
       "kill($self, /)\n--\n\nEnd the actor, and interrupt what it runs."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(reference_dealloc)},
      {Py_tp_repr, reinterpret_cast<void*>(reference_repr)},
      {Py_tp_hash, reinterpret_cast<void*>(reference_hash)},
      {Py_tp_richcompare, reinterpret_cast<void*>(reference_compare)},
      {Py_tp_getattro, reinterpret_cast<void*>(reference_getattr)},
      {Py_mp_subscript, reinterpret_cast<void*>(reference_item)},
      {Py_tp_methods, methods},
      {Py_tp_doc,
       const_cast<char*>(
           "An actor's address.\n\nIt keeps the actor alive; two are equal where their actors are the "
           "same. Every other attribute is a function of the actor: ref.name(*args) calls it, "
           "ref.name.send(*args) does not wait, ref.name.future(*args) waits later. ref['name'] is the "
           "same, also for names that a Reference has itself.")},
      {0, nullptr},
  };
  static PyType_Spec spec = {
      "interp_actors.Reference", static_cast<int>(sizeof(reference)), 0,
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return steal(gil, PyType_FromModuleAndSpec(module, &spec, nullptr));
}

object to_python(const gil_held& gil, PyTypeObject* reference_type, actor_reference_ptr actor) {
  if (!actor)
    return borrow(gil, Py_None);
  auto* made = PyObject_New(reference, reference_type);
  if (!made)
    return {};
  new (&made->actor) actor_reference_ptr(std::move(actor));
  return steal(gil, reinterpret_cast<PyObject*>(made));
}

actor_reference_ptr reference_of(const gil_held&, PyTypeObject* reference_type, PyObject* value) {
  return Py_TYPE(value) == reference_type ? self_of(value)->actor : actor_reference_ptr{};
}

} // namespace interp_actors::python
