#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/module/reference.hpp"

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
  {
    // The last handle of an actor ends it, and what then runs is not ours.
    auto actor = std::move(self_of(self)->actor);
    self_of(self)->actor.~shared_ptr();
    if (actor.use_count() == 1)
      gil.release([&actor] { actor.reset(); });
  }
  type->tp_free(self);
  Py_DECREF(type);
}

PyObject* reference_repr(PyObject* self) {
  try {
    auto text = "<interp_actors.Reference to " + self_of(self)->actor->to_string() + ">";
    return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
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

} // namespace

object make_reference_type(const gil_held& gil, PyObject* module) {
  static PyType_Slot slots[] = {
      {Py_tp_dealloc, reinterpret_cast<void*>(reference_dealloc)},
      {Py_tp_repr, reinterpret_cast<void*>(reference_repr)},
      {Py_tp_hash, reinterpret_cast<void*>(reference_hash)},
      {Py_tp_richcompare, reinterpret_cast<void*>(reference_compare)},
      {Py_tp_doc, const_cast<char*>("An actor's address.\n\nIt keeps the actor alive; two are equal where "
                                    "their actors are the same.")},
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
