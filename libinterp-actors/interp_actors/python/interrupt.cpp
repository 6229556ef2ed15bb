#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/interrupt.hpp"

#include "interp_actors/python/stack.hpp"

#include <new>

// The one private call of CPython in this library: it alone interrupts a subinterpreter without its GIL, in
// 0.03 ms. `PyThreadState_SetAsyncExc`, the public way, blocks its caller in `attach` while C code holds the
// GIL.
extern "C" int _PyEval_AddPendingCall(PyInterpreterState* interpreter, int (*function)(void*), void* argument,
                                      int flags);

namespace interp_actors::python {

void interrupter::attach(const gil_held&, PyObject* exception) {
  std::lock_guard guard{mutex_};
  interpreter_ = PyInterpreterState_Get();
  thread_ = PyThread_get_thread_ident();
  thread_state_ = PyThreadState_Get();
  exception_ = exception;
}

bool interrupter::is_target() const noexcept {
  return PyThread_get_thread_ident() == thread_;
}

void interrupter::detach(const gil_held& gil) {
  end(gil);
  end_waits();
  std::lock_guard guard{mutex_};
  interpreter_ = nullptr;
  exception_ = nullptr;
}

bool interrupter::interrupt(std::uint64_t activity, bool insist) noexcept {
  std::lock_guard guard{mutex_};
  if (!interpreter_)
    return false;
  if (activity
      > target_.load(std::memory_order_relaxed)) // numbers grow: a late call for an earlier one is void
    target_.store(activity, std::memory_order_seq_cst);
  if (insist)
    insisting_.store(true, std::memory_order_seq_cst);
  due_.store(true, std::memory_order_seq_cst);
  queue_call();
  ring_all();
  return true;
}

void interrupter::make_way() noexcept {
  std::lock_guard guard{mutex_};
  if (!interpreter_)
    return;
  making_way_.store(true, std::memory_order_seq_cst);
  queue_call();
}

void interrupter::queue_call() noexcept {
  // One call in CPython's queue is enough, if it looks at what is due after this: it clears the flag first.
  if (!queued_.exchange(true, std::memory_order_seq_cst)
      && _PyEval_AddPendingCall(interpreter_, on_pending_call, this, 0) != 0)
    queued_.store(
        false, std::memory_order_release); // CPython's queue is full: the next step of the ladder tries again
}

interrupter::waiting::waiting(interrupter& control, bell& bell) : control_{control}, bell_{bell} {
  std::lock_guard guard{control.waits_mutex_};
  next_ = std::exchange(control.waits_, this);
}

interrupter::waiting::~waiting() {
  std::lock_guard guard{control_.waits_mutex_};
  auto** place = &control_.waits_;
  while (*place != this)
    place = &(*place)->next_;
  *place = next_;
}

void interrupter::ring_all() noexcept {
  std::lock_guard guard{waits_mutex_};
  for (auto* each = waits_; each; each = each->next_)
    each->bell_.ring();
}

bool interrupter::take_due(const gil_held& gil) noexcept {
  if (!due_.exchange(false, std::memory_order_seq_cst))
    return false;
  auto running = running_.load(std::memory_order_relaxed);
  if (running == 0 || running != target_.load(std::memory_order_seq_cst) || !exception_)
    return false;
  note_stack(gil);
  return true;
}

void interrupter::note_stack(const gil_held& gil) noexcept {
  try {
    auto stack = stack_of(gil, thread_state_);
    std::lock_guard guard{stack_mutex_};
    stack_ = std::move(stack);
    stack_activity_ = running_.load(std::memory_order_relaxed);
  } catch (const std::bad_alloc&) { // then the one before it stays
  }
}

std::string interrupter::where_it_hangs() {
  std::lock_guard guard{mutex_};
  std::lock_guard stack_guard{stack_mutex_};
  auto running = running_.load(std::memory_order_relaxed);
  if (!interpreter_ || running == 0)
    return {};
  // As long as the call waits in CPython's queue, the target has gone no further in its Python code, nor has another
  // thread.
  bool got_through = !queued_.load(std::memory_order_seq_cst);
  if (auto stack = got_through ? std::string{} : stack_from_outside(thread_state_); !stack.empty())
    return "Stack, where no interrupt gets through (most recent call last):\n" + stack;
  if (stack_activity_ != running || stack_.empty())
    return {};
  return "Stack at the last interrupt that got through (most recent call last):\n" + stack_;
}

bool interrupter::check(const gil_held& gil) {
  // CPython makes pending calls between instructions alone (`Py_MakePendingCalls` does nothing here); one that is made
  // later finds that nothing is due. Another thread may have made it already: then the exception waits for this
  // thread's next instruction.
  if (is_target()) {
    bool elsewhere = raised_from_elsewhere_.load(std::memory_order_relaxed);
    if (elsewhere && !thread_state_->async_exc) { // it has come
      raised_from_elsewhere_.store(false, std::memory_order_relaxed);
      elsewhere = false;
    }
    if (take_due(gil) || elsewhere) {
      forget_raised(gil);
      PyErr_SetString(exception_, "interrupted from outside");
      return false;
    }
  }
  if (fenced() || waits_ended_.load(std::memory_order_acquire)) {
    PyErr_SetString(exception_ ? exception_ : PyExc_KeyboardInterrupt,
                    "this interpreter has ended; nothing in it can wait any more");
    return false;
  }
  return true;
}

bool interrupter::may_interrupt() const noexcept {
  bool interrupted =
      due_.load(std::memory_order_acquire) || raised_from_elsewhere_.load(std::memory_order_relaxed);
  return (interrupted && is_target()) || fenced() || waits_ended_.load(std::memory_order_acquire);
}

void interrupter::end_waits() noexcept {
  waits_ended_.store(true, std::memory_order_release);
  ring_all();
}

void interrupter::fence() noexcept {
  fenced_.store(true, std::memory_order_release);
  ring_all();
}

// Runs with the GIL, in whichever Python thread of the interpreter comes first.
int interrupter::on_pending_call(void* self) {
  auto& that = *static_cast<interrupter*>(self);
  auto gil = gil_held::entered();
  {
    // Whoever reads the frames from outside saw it queued, and must be done before they change.
    std::lock_guard guard{that.stack_mutex_};
    that.queued_.exchange(false, std::memory_order_seq_cst);
  }
  bool idle = that.running_.load(std::memory_order_relaxed) == 0;
  bool starved = that.making_way_.exchange(false, std::memory_order_seq_cst) && idle;
  bool insisting = that.insisting_.exchange(false, std::memory_order_seq_cst);
  if (that.take_due(gil)) {
    if (that.is_target()) {
      PyErr_SetString(that.exception_, "interrupted from outside");
      return -1;
    }
    starved = insisting && that.thread_state_->async_exc;
    that.raised_from_elsewhere_.store(true, std::memory_order_relaxed);
    PyThreadState_SetAsyncExc(that.thread_, that.exception_);
  }
  if (starved)
    that.end_other_threads(gil);
  return 0;
}

// Thread states come and go under the GIL, but for those of the end's watchdog, which come at the head of the list and
// have no thread yet; it may be kept from the GIL like the target.
void interrupter::end_other_threads(const gil_held&) noexcept {
  auto* first = PyInterpreterState_ThreadHead(PyThreadState_GetInterpreter(thread_state_));
  for (auto* state = first; state; state = PyThreadState_Next(state))
    if (state != thread_state_ && state->thread_id != 0)
      PyThreadState_SetAsyncExc(state->thread_id, PyExc_SystemExit);
}

void interrupter::forget_raised(const gil_held&) noexcept {
  raised_from_elsewhere_.store(false, std::memory_order_relaxed);
  PyThreadState_SetAsyncExc(thread_, nullptr);
}

} // namespace interp_actors::python
