#pragma once

#include <atomic>
#include <functional>
#include <string>

namespace interp_actors {

/// An OS thread with an 8 MiB stack that can be given up: one that hangs in C code can neither be stopped nor
/// joined.
/// Thread: one at a time.
class abandonable_thread {
public:
  abandonable_thread() = default;
  abandonable_thread(const abandonable_thread&) = delete;
  abandonable_thread& operator=(const abandonable_thread&) = delete;

  /// Starts `body` under `name`, of which the kernel keeps 15 bytes. This object must live until `body` begins,
  /// which it does when `start` is about to return.
  /// Errors: std::system_error.
  void start(const std::string& name, std::function<void()> body);

  /// Whether the calling thread is this one.
  bool is_current() const;

  /// Waits for the thread's end. Does nothing where it was not started, joined or abandoned.
  void join();

  /// Lets the thread go on without anybody who waits for it.
  void abandon();

private:
  unsigned long handle_ = 0;
  bool running_ = false;
  std::atomic<bool> known_{false}; // the two above are written; the thread waits for it
};

} // namespace interp_actors
