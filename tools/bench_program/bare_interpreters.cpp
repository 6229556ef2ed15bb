/// Interpreters with a GIL of their own and with `site`, as a program makes them with CPython's C API alone. Reads lines
/// "NAME N" from stdin: "create" makes N one after the other and prints the nanoseconds of one, "idle" makes N that
/// stay and prints the bytes of one that are resident. Ends when stdin does.

#include <Python.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <semaphore>
#include <string>
#include <thread>

#include "resident.hpp"

namespace {

[[noreturn]] void fail(const PyStatus& status) {
  std::fprintf(stderr, "CPython failed: %s\n", status.err_msg ? status.err_msg : "no reason given");
  std::exit(1);
}

/// With what the library sets, too, except for `site`.
void start_python() {
  PyPreConfig before;
  PyPreConfig_InitIsolatedConfig(&before);
  before.utf8_mode = 1;
  if (auto status = Py_PreInitialize(&before); PyStatus_Exception(status))
    fail(status);
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.install_signal_handlers = 0;
  if (auto status = Py_InitializeFromConfig(&config); PyStatus_Exception(status))
    fail(status);
  PyConfig_Clear(&config);
  PyEval_SaveThread(); // imports in other interpreters take this GIL
}

/// An interpreter in a thread of its own.
class interpreter {
public:
  interpreter() { ready_.acquire(); }
  interpreter(const interpreter&) = delete;
  interpreter& operator=(const interpreter&) = delete;
  ~interpreter() {
    end_.release();
    thread_.join();
  }

private:
  void run() {
    PyInterpreterConfig config{};
    config.allow_threads = 1;
    config.check_multi_interp_extensions = 1;
    config.gil = PyInterpreterConfig_OWN_GIL;
    PyThreadState* state = nullptr;
    if (auto status = Py_NewInterpreterFromConfig(&state, &config); PyStatus_Exception(status))
      fail(status);
    PyEval_SaveThread();
    ready_.release();
    end_.acquire();
    PyEval_RestoreThread(state);
    Py_EndInterpreter(state);
  }

  std::binary_semaphore ready_{0};
  std::binary_semaphore end_{0};
  std::thread thread_{[this] { run(); }};
};

double create(std::size_t n) {
  using clock = std::chrono::steady_clock;
  clock::duration taken{};
  for (std::size_t i = 0; i < n; ++i) {
    auto begin = clock::now();
    interpreter one;
    taken += clock::now() - begin;
  }
  return std::chrono::duration<double, std::nano>(taken).count() / static_cast<double>(n);
}

double idle(std::size_t n) {
  auto before = ia_bench::resident_bytes();
  std::deque<interpreter> all;
  for (std::size_t i = 0; i < n; ++i)
    all.emplace_back();
  return (ia_bench::resident_bytes() - before) / static_cast<double>(n);
}

} // namespace

int main() {
  start_python();
  std::string name;
  std::size_t n = 0;
  while (std::cin >> name >> n)
    std::cout << std::fixed << (name == "create" ? create(n) : idle(n)) << std::endl;
  std::cout.flush();
  ::_exit(0);
}
