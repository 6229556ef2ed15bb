#pragma once

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>

namespace ia_test {

using namespace std::chrono_literals;

/// How long a test waits for what must come: far longer than it takes, and shorter than CTest's limit.
inline constexpr std::chrono::seconds patience{20};

/// Tells a test that Python code runs, and keeps that code until the test lets it go on: two pipes, whose
/// descriptors the code is given.
class python_gate {
public:
  python_gate() {
    if (::pipe2(arrivals_.data(), O_CLOEXEC) != 0 || ::pipe2(passage_.data(), O_CLOEXEC) != 0)
      throw std::system_error(errno, std::generic_category(), "pipe2");
  }
  python_gate(const python_gate&) = delete;
  python_gate& operator=(const python_gate&) = delete;
  ~python_gate() {
    open();
    for (auto descriptor : {arrivals_[0], arrivals_[1], passage_[0]})
      ::close(descriptor);
  }

  /// Python code to append to a source: `arrive()` tells the test, `wait_at_gate()` waits in C, with the GIL
  /// released, until the gate is open; a byte written to `arrival_descriptor()` and one read from
  /// `gate_descriptor()` do the same.
  std::string python() const {
    return "\nimport posix\ndef arrival_descriptor(): return " + std::to_string(arrivals_[1])
           + "\ndef gate_descriptor(): return " + std::to_string(passage_[0])
           + "\ndef arrive(): posix.write(arrival_descriptor(), b'x')\n"
             "def wait_at_gate(): posix.read(gate_descriptor(), 1)\n";
  }

  /// Waits until code has arrived once more than was waited for, and returns whether it has.
  bool arrived(std::chrono::milliseconds limit = patience) {
    ::pollfd arrival{arrivals_[0], POLLIN, 0};
    char mark = 0;
    return ::poll(&arrival, 1, static_cast<int>(limit.count())) == 1 && ::read(arrivals_[0], &mark, 1) == 1;
  }

  /// Lets go on what waits now or will wait later.
  void open() {
    if (auto end = std::exchange(passage_[1], -1); end != -1)
      ::close(end);
  }

private:
  std::array<int, 2> arrivals_{-1, -1};
  std::array<int, 2> passage_{-1, -1};
};

/// Drops a handle. (CAF's typed handles do not take `{}`.)
template <class Handle>
void drop(Handle& handle) {
  handle = Handle{};
}

/// Returns a handle and keeps none.
template <class Handle>
Handle given_away(Handle& handle) {
  return std::exchange(handle, Handle{});
}

} // namespace ia_test
