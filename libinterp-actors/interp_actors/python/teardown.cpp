#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/teardown.hpp"

#include "interp_actors/python/object.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace interp_actors::python {

namespace {

using clock = std::chrono::steady_clock;

/// Between two looks at the threads that are left: CPython tells nobody when a thread state goes.
constexpr std::chrono::milliseconds between_looks{1};
constexpr std::chrono::milliseconds between_kills{5};

/// For threads and pools to end by themselves.
constexpr std::chrono::milliseconds grace{100};

/// Thread states of the interpreter besides the calling thread's. CPython changes their list under the GIL,
/// but for the watchdog's new one: `making` is held while that is made.
std::vector<unsigned long> other_threads(const gil_held&, std::mutex& making) {
  std::vector<unsigned long> result;
  std::lock_guard guard{making};
  auto* self = PyThreadState_Get();
  auto* interpreter = PyThreadState_GetInterpreter(self);
  for (auto* state = PyInterpreterState_ThreadHead(interpreter); state; state = PyThreadState_Next(state))
    if (state != self)
      result.push_back(state->thread_id);
  return result;
}

/// Once the grace is over, raises SystemExit in the interpreter's threads, again and again until told to stop; in
/// the watched one only late.
/// Thread: `stop` by the interpreter's own thread with the GIL released, the rest its own thread's.
/// Death: ends with `stop`; should the GIL never become free, so does the interpreter's thread never come
/// here. Where the process may have no more threads, nobody raises anything: what does not end by itself is
/// abandoned at the limit.
class watchdog {
public:
  watchdog(PyThreadState* watched, interrupter& control, std::mutex& making, clock::time_point begin,
           std::chrono::nanoseconds limit)
      : watched_{watched},
        control_{control},
        making_{making},
        from_{begin + std::min<std::chrono::nanoseconds>(grace, limit)},
        spared_until_{begin + limit / 2},
        until_{begin + limit} {
    try {
      thread_ = std::thread{[this] { run(); }};
    } catch (const std::system_error&) {
    }
  }

  void stop() {
    if (!thread_.joinable())
      return;
    {
      std::lock_guard guard{mutex_};
      stopped_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

private:
  void run() {
    std::unique_lock guard{mutex_};
    if (changed_.wait_until(guard, from_, [this] { return stopped_; }))
      return;
    control_.end_waits();
    while (!stopped_ && clock::now() < until_) {
      guard.unlock();
      raise_everywhere();
      guard.lock();
      changed_.wait_for(guard, between_kills, [this] { return stopped_; });
    }
  }

  void raise_everywhere() {
    PyThreadState* mine = nullptr;
    {
      std::lock_guard guard{making_};
      mine = PyThreadState_New(PyThreadState_GetInterpreter(watched_));
    }
    if (!mine)
      return;
    PyEval_RestoreThread(mine);
    auto gil = gil_held::entered();
    // The watched thread may be in an atexit function that never ends.
    auto spared = clock::now() < spared_until_ ? watched_->thread_id : 0;
    for (auto thread : other_threads(gil, making_))
      if (thread != 0 && thread != spared)
        PyThreadState_SetAsyncExc(thread, PyExc_SystemExit);
    PyThreadState_Clear(mine);
    PyThreadState_DeleteCurrent();
  }

  PyThreadState* watched_;
  interrupter& control_;
  std::mutex& making_;
  clock::time_point from_;
  clock::time_point spared_until_;
  clock::time_point until_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::thread thread_;
};

void call(const gil_held& gil, const char* module_name, const char* function) {
  auto name = steal(gil, PyUnicode_FromString(module_name));
  auto module = name ? steal(gil, PyImport_GetModule(name.get())) : object{};
  if (module) {
    auto done = steal(gil, PyObject_CallMethod(module.get(), function, nullptr));
    if (!done && !PyErr_ExceptionMatches(PyExc_SystemExit))
      PyErr_WriteUnraisable(module.get());
  }
  PyErr_Clear();
}

} // namespace

bool has_other_threads(const gil_held& gil) {
  std::mutex making;
  return !other_threads(gil, making).empty();
}

bool end_python_threads(const gil_held& gil, interrupter& control, std::chrono::nanoseconds limit) {
  auto own = PyThread_get_thread_ident();
  PyThreadState_SetAsyncExc(own, nullptr); // an interrupt that comes late would end the steps below instead
  auto begin = clock::now();
  auto until = begin + limit;
  std::mutex making;
  watchdog dog{PyThreadState_Get(), control, making, begin, limit};
  call(gil, "threading", "_shutdown");
  call(gil, "atexit", "_run_exitfuncs"); // 3.14 does not join threads that are started here: count afterwards
  while (!other_threads(gil, making).empty() && clock::now() < until)
    gil.release([] { std::this_thread::sleep_for(between_looks); });
  gil.release([&] { dog.stop(); });
  PyThreadState_SetAsyncExc(own, nullptr);
  return other_threads(gil, making).empty();
}

} // namespace interp_actors::python
