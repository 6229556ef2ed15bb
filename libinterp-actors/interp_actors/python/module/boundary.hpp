#pragma once

// For the module's source files alone, which include CPython's headers first.

#include "interp_actors/base/value.hpp"
#include "interp_actors/python/conversion.hpp"
#include "interp_actors/python/gil.hpp"

#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

namespace interp_actors::python {

/// Calls `f`, which Python code has called, and turns C++ exceptions into Python's; returns null for them.
template <class F>
PyObject* at_boundary(F f) noexcept {
  try {
    return f();
  } catch (const raised&) {
    if (!PyErr_Occurred())
      PyErr_SetString(PyExc_SystemError, "interp-actors: an exception was announced and not set");
  } catch (const value_error& problem) {
    PyErr_SetString(PyExc_TypeError, problem.what());
  } catch (const std::invalid_argument& problem) {
    PyErr_SetString(PyExc_ValueError, problem.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& problem) {
    PyErr_Format(PyExc_RuntimeError, "interp-actors: %s", problem.what());
  }
  return nullptr;
}

/// Ends what an object of the module holds, in its deallocator. The last handle of an actor ends that, and what then
/// runs is not ours.
template <class T>
void destroy(const gil_held& gil, std::shared_ptr<T>& held) {
  auto last = std::move(held);
  held.~shared_ptr();
  if (last.use_count() == 1)
    gil.release([&last] { last.reset(); });
}

/// Returns `object` itself, for `__enter__`.
inline PyObject* return_self(PyObject* object, PyObject*) {
  return Py_NewRef(object);
}

/// A function with any signature as CPython's table of methods holds it.
template <class F>
PyCFunction as_function(F f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

} // namespace interp_actors::python
