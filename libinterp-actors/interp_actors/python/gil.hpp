#pragma once

#include <utility>

namespace interp_actors::python {

namespace detail {

/// Releases the calling thread's GIL for its lifetime.
class gil_released {
public:
  gil_released() noexcept;
  ~gil_released();
  gil_released(const gil_released&) = delete;
  gil_released& operator=(const gil_released&) = delete;

private:
  void* thread_state_;
};

} // namespace detail

/// Proof that the calling thread holds the GIL of its interpreter. A function that touches Python takes one
/// first. Made by `interpreter::with_gil` for one call, and by `entered` at the entry points of our module.
/// Never stored.
class gil_held {
public:
  gil_held(const gil_held&) = delete;
  gil_held& operator=(const gil_held&) = delete;

  /// For functions and deallocators that Python calls, in whatever thread of the interpreter.
  static gil_held entered() noexcept { return {}; }

  /// Runs `f` with the GIL released; `f` touches no Python. The only way to wait.
  template <class F>
  decltype(auto) release(F&& f) const {
    detail::gil_released released;
    return std::forward<F>(f)();
  }

private:
  friend class interpreter;

  gil_held() noexcept = default;
};

} // namespace interp_actors::python
