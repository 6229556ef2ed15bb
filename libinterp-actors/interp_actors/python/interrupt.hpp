#pragma once

#include "interp_actors/base/bell.hpp"
#include "interp_actors/python/object.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

struct _is;
struct _ts;

namespace interp_actors::python {

/// Lets other threads interrupt what an interpreter's own thread runs, and fence the interpreter off for
/// good. What runs has a number, so an interrupt that comes late hits nothing else.
/// Thread: `interrupt`, `where_it_hangs`, `fence`, `fenced` and `end_waits` any; `waiting`, `check`, `is_target` and `may_interrupt` any of the
/// interpreter's; the rest its own.
/// Death: an interrupt after `detach` does nothing; `detach` waits for one that is on its way. The object
/// must exist until the interpreter has ended, since CPython may hold its address until then.
class interrupter {
public:
  interrupter() = default;
  interrupter(const interrupter&) = delete;
  interrupter& operator=(const interrupter&) = delete;

  /// Makes the calling thread the target. `exception` is the class to raise; borrowed until `detach`.
  void attach(const gil_held& gil, PyObject* exception);

  /// Whether the calling thread is the target, also once that is no longer interrupted.
  bool is_target() const noexcept;

  /// Ends all interrupting; to be called before the interpreter ends.
  void detach(const gil_held& gil);

  /// Names what runs from now on; 0 is nothing. Costs a plain store.
  void begin(std::uint64_t activity) noexcept { running_.store(activity, std::memory_order_relaxed); }

  /// Nothing runs any more: an interrupt that has not been raised yet never is.
  void end(const gil_held& gil) noexcept {
    running_.store(0, std::memory_order_relaxed);
    if (raised_from_elsewhere_.load(std::memory_order_relaxed))
      forget_raised(gil);
  }

  /// Raises the exception in `activity` soon, if that still runs then. Never blocks, needs no GIL. Returns
  /// false where no interpreter is attached. Python code sees it between two instructions: a blocked C call
  /// must return first. With `insist`, all other threads of the interpreter are made to raise SystemExit where the
  /// interrupt before this one still waits for its turn: so many of them want the GIL that the target gets none.
  /// Source: CPython 3.14, Python/ceval_gil.c, `_PyEval_AddPendingCall`.
  bool interrupt(std::uint64_t activity, bool insist = false) noexcept;

  /// Makes all threads but the target raise SystemExit, unless something runs; for a target that is idle and does
  /// not get its turn.
  void make_way() noexcept;

  /// The target's Python calls, as lines like those of a traceback, the innermost last: at the last interrupt of what
  /// runs now that some Python code came across, or, with CPython 3.15, where it is in C code while none has yet. A first
  /// line says which. Empty where neither is known, and where nothing runs. For a target that does not heed interrupts;
  /// needs no GIL, and blocks for no longer than the reading takes.
  std::string where_it_hangs();

  /// A thread of the interpreter that is about to wait on `bell`, for its lifetime: interrupts, the fence and
  /// `end_waits` ring it. `check` comes after it is made, so that nothing that came before is missed.
  class waiting {
  public:
    waiting(interrupter& control, bell& bell);
    ~waiting();
    waiting(const waiting&) = delete;
    waiting& operator=(const waiting&) = delete;

  private:
    friend class interrupter;

    interrupter& control_;
    bell& bell_;
    waiting* next_;
  };

  /// Raises what was to interrupt the calling thread, as between two instructions of Python code, once; for waits
  /// of our own. Returns false with the exception set.
  bool check(const gil_held& gil);

  /// Whether `check` may raise in the calling thread. Needs no GIL.
  bool may_interrupt() const noexcept;

  /// From now on nothing in the interpreter waits any more, for whatever may come.
  void end_waits() noexcept;

  /// From now on every entry into our module raises.
  void fence() noexcept;
  bool fenced() const noexcept { return fenced_.load(std::memory_order_acquire); }

private:
  static int on_pending_call(void* self);
  void queue_call() noexcept; // needs mutex_
  void end_other_threads(const gil_held& gil) noexcept;
  bool take_due(const gil_held& gil) noexcept;
  void note_stack(const gil_held& gil) noexcept;
  void ring_all() noexcept;
  void forget_raised(const gil_held& gil) noexcept;

  std::mutex mutex_; // guards interpreter_ against its end
  _is* interpreter_ = nullptr;
  unsigned long thread_ = 0;
  _ts* thread_state_ = nullptr;
  PyObject* exception_ = nullptr;
  std::atomic<std::uint64_t> running_{0};
  std::atomic<std::uint64_t> target_{0};
  std::atomic<bool> due_{false}; // an interrupt of the target that has not been raised
  std::atomic<bool> insisting_{false};
  std::atomic<bool> making_way_{false};
  std::atomic<bool> queued_{false};
  std::atomic<bool> raised_from_elsewhere_{false};
  std::atomic<bool> fenced_{false};
  std::atomic<bool> waits_ended_{false};
  // Guards the stack; held for as long as the target's frames are read without its GIL: code that comes back from C
  // waits for it before it goes on. Comes after mutex_.
  std::mutex stack_mutex_;
  std::string stack_;               // at the last interrupt that was taken
  std::uint64_t stack_activity_{0}; // what ran then
  std::mutex waits_mutex_;          // guards the list of those who wait
  waiting* waits_ = nullptr;
};

} // namespace interp_actors::python
