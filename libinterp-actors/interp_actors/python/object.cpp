#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/object.hpp"

namespace interp_actors::python {

namespace detail {

gil_released::gil_released() noexcept : thread_state_{PyEval_SaveThread()} {}

gil_released::~gil_released() {
  PyEval_RestoreThread(static_cast<PyThreadState*>(thread_state_));
}

} // namespace detail

object::object(PyObject* pointer) noexcept
    : pointer_{pointer}, interpreter_{pointer ? PyInterpreterState_Get() : nullptr} {}

object steal(const gil_held&, PyObject* pointer) noexcept {
  return object{pointer};
}

object borrow(const gil_held&, PyObject* pointer) noexcept {
  return object{Py_XNewRef(pointer)};
}

void object::drop() noexcept {
  // A reference dropped under a foreign GIL, or none, corrupts memory without a word.
  auto* current = PyThreadState_GetUnchecked();
  if (!current || PyThreadState_GetInterpreter(current) != interpreter_)
    Py_FatalError("interp-actors: a reference was dropped without the GIL of its interpreter");
  Py_DECREF(pointer_);
}

} // namespace interp_actors::python
