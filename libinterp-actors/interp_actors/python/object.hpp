#pragma once

#include "interp_actors/python/gil.hpp"

#include <utility>

struct _is;
struct _object;
using PyObject = _object;

namespace interp_actors::python {

/// One owned reference to a Python object, or none. Made by `steal` and `borrow` alone.
/// Thread: any that holds the GIL of the object's own interpreter, also where it is destroyed.
class object {
public:
  object() noexcept = default;
  object(object&& other) noexcept
      : pointer_{std::exchange(other.pointer_, nullptr)}, interpreter_{other.interpreter_} {}
  object& operator=(object&& other) noexcept {
    std::swap(pointer_, other.pointer_);
    std::swap(interpreter_, other.interpreter_);
    return *this;
  }
  ~object() {
    if (pointer_)
      drop();
  }

  explicit operator bool() const noexcept { return pointer_ != nullptr; }
  PyObject* get() const noexcept { return pointer_; }

  /// Gives the reference away, for calls that steal one.
  PyObject* release() noexcept { return std::exchange(pointer_, nullptr); }

private:
  friend object steal(const gil_held&, PyObject*) noexcept;
  friend object borrow(const gil_held&, PyObject*) noexcept;

  explicit object(PyObject* pointer) noexcept;

  void drop() noexcept;

  PyObject* pointer_ = nullptr;
  _is* interpreter_ = nullptr; // the only one in which it may be dropped
};

/// Takes over the reference that `pointer` stands for; null stays null.
object steal(const gil_held&, PyObject* pointer) noexcept;

/// Adds a reference to `pointer`; null stays null.
object borrow(const gil_held&, PyObject* pointer) noexcept;

} // namespace interp_actors::python
