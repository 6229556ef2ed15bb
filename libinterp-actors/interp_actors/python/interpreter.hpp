#pragma once

#include "interp_actors/base/channel_holdings.hpp"
#include "interp_actors/base/shared_bytes.hpp"
#include "interp_actors/base/source.hpp"
#include "interp_actors/python/conversion.hpp"
#include "interp_actors/python/engine.hpp"
#include "interp_actors/python/error.hpp"
#include "interp_actors/python/hook.hpp"
#include "interp_actors/python/interrupt.hpp"
#include "interp_actors/python/memory_view.hpp"
#include "interp_actors/python/module/host.hpp"
#include "interp_actors/python/pin.hpp"
#include "interp_actors/python/teardown.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>

struct _ts;

namespace interp_actors::python {

class handler_call;
class handler_table;
struct implementation;

/// A name that leads to no function. The text says what was looked for, and where.
class no_such_function : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// A call with any values: gives the arguments, and takes the result.
class invocation {
public:
  invocation() = default;
  invocation(const invocation&) = delete;
  invocation& operator=(const invocation&) = delete;
  virtual ~invocation() = default;

  /// Gives a tuple.
  virtual void write_arguments(value_sink& sink) = 0;
  /// Not called where nobody waits for the result.
  virtual void read_result(value_source& source) = 0;
  virtual bool wants_result() const = 0;
};

/// What an interpreter shares with other threads: made before it, held by them for as long as they need it.
struct interpreter_link {
  explicit interpreter_link(std::shared_ptr<bell> wake,
                            std::shared_ptr<interp_actors::python::host> host = nullptr)
      : control{std::make_shared<interrupter>()},
        pins{std::make_shared<pin_owner>(std::move(wake))},
        host{std::move(host)} {}

  std::shared_ptr<interrupter> control;
  std::shared_ptr<pin_owner> pins;
  std::shared_ptr<channel_holdings> holdings = std::make_shared<channel_holdings>();
  std::shared_ptr<interp_actors::python::host> host; // null where Python code reaches nobody
};

/// One CPython subinterpreter with its own GIL. Born, used and ended on one thread; between two `with_gil`
/// its GIL is free.
/// Owner: the incarnation's thread function, as a local.
class interpreter {
public:
  /// Creates the interpreter with an empty `__main__`.
  /// Errors: `error` or std::runtime_error with CPython's words.
  interpreter(engine& engine, const interpreter_link& link, std::size_t pin_threshold);
  interpreter(const interpreter&) = delete;
  interpreter& operator=(const interpreter&) = delete;

  /// Ends the interpreter, which may run finalisers of its code; abandons it where `let_go` has not returned
  /// true.
  ~interpreter();

  /// CPython's number of the interpreter, which it never uses again.
  std::int64_t id() const noexcept { return id_; }

  /// Calls `f(const gil_held&)` with the GIL held.
  template <class F>
  decltype(auto) with_gil(F&& f) {
    attached scope{*this};
    return std::forward<F>(f)(scope.gil);
  }

  // -- running code; all of these throw `error` where Python raises
  // -----------------------------------------------

  /// Puts folders and zip files in front of `sys.path`.
  void prepend_path(const gil_held& gil, const std::vector<std::string>& entries);

  /// Runs `source` and keeps its module as the place where `call` looks functions up.
  void load(const gil_held& gil, const source& source);

  /// Runs `code` in the namespace of the loaded source.
  void execute(const gil_held& gil, const std::string& code);

  /// Calls a function of the loaded source, or `module:function` of any module, with one memoryview (or None)
  /// for each argument, and returns its result as a payload; a handle that holds nothing stands for None.
  /// Errors: also `no_such_function`; `error` of the kind `refused_call` where the arguments do not fit.
  shared_bytes call(const gil_held& gil, std::string_view function, std::span<const shared_bytes> arguments);

  /// The same with ends of channels.
  shared_bytes call(const gil_held& gil, std::string_view function, std::vector<held_end> ends);

  /// Checks that `name` can be a global.
  /// Errors: a ValueError.
  void check_name(const gil_held& gil, const std::string& name);

  /// Makes `end` a global of the loaded source, or of `__main__` before one is loaded.
  void bind(const gil_held& gil, const std::string& name, held_end end);

  /// Calls a function of the loaded source, or `module:function`, with any values.
  /// Errors: as above; also `wrong_argument`, `wrong_result`.
  void invoke(const gil_held& gil, std::string_view function, invocation& call);

  /// Runs what Python code wants to run for `event`, if it still does.
  void run_event(const gil_held& gil, event_number event);

  /// Makes the loaded source implement an interface; see handler_table.
  /// Errors: also `interface_mismatch` and `wrong_argument`.
  void implement(const gil_held& gil, const implementation& what);

  /// Calls one of its handlers.
  /// Errors: as those of `invoke`; `interface_mismatch`.
  void call_handler(const gil_held& gil, std::size_t index, handler_call& call);

  /// Checks the hooks that are there: functions of the loaded source, or, where a class implements its interface,
  /// methods of the instance. What is a handler is no hook. `source_name` is for messages.
  /// Errors: also `interface_mismatch`.
  void check_hooks(const gil_held& gil, const std::string& source_name);

  /// Each calls a hook, or does nothing where that is missing. Hooks are looked up each time, so that redefining them takes
  /// effect. Without a hook, a snapshot holds nothing, as for None; it is copied, and keeps none of the interpreter's
  /// memory. `state` becomes a read-only view that stays valid while it is kept.
  void call_started(const gil_held& gil);
  shared_bytes call_snapshot(const gil_held& gil);
  void call_restore(const gil_held& gil, shared_bytes state);

  /// Checks that `function` can be called.
  /// Errors: `no_such_function`, `error`.
  void check_function(const gil_held& gil, std::string_view function);

  /// Drops pins that were given back, and lets the interpreter's other Python threads run if it is their
  /// turn.
  void between_messages(const gil_held& gil);

  /// What converts values to Python objects and back in this interpreter.
  conversion& values() noexcept { return context_->values; }

  // -- what it holds; not after `let_go`
  // -----------------------------------------------------------------------

  /// Payloads that its code sees as memoryviews.
  std::size_t views_held(const gil_held&) const noexcept { return context_->views; }

  /// Objects that its garbage collector knows: containers, instances, functions. Takes about as long as a collection.
  std::size_t tracked_objects(const gil_held& gil) const;

  // -- the end
  // ----------------------------------------------------------------------------------------------------

  /// Ends what the code left behind (`end_python_threads`). Returns false where the interpreter must be
  /// abandoned: it is fenced then.
  bool wind_down(const gil_held& gil, std::chrono::nanoseconds limit);

  /// Clears the source's modules and collects, so that payloads of other interpreters are let go; for one
  /// that lingers.
  void clear_modules(const gil_held& gil);

  /// Drops all references of the library's own, and ends the threads that finalisers started meanwhile. Nothing
  /// but the destructor may follow. Returns false as `wind_down` does.
  bool let_go(const gil_held& gil, std::chrono::nanoseconds limit);

private:
  struct attached {
    explicit attached(interpreter& self);
    ~attached();
    attached(const attached&) = delete;
    attached& operator=(const attached&) = delete;

    interpreter& self;
    gil_held gil;
  };

  /// Where a function is looked up, each time it is called, so that redefining it takes effect.
  struct function_place {
    object owner; // a dict for the loaded source, else a module
    object name;
    bool owner_is_dict = false;
  };

  [[noreturn]] void throw_raised(const gil_held& gil);
  [[noreturn]] void throw_refused(const gil_held& gil);
  object result_of(const gil_held& gil, PyObject* result);
  shared_bytes payload_of(const gil_held& gil, object result);
  void set_up(const gil_held& gil, engine& engine);
  void run(const gil_held& gil, const std::string& code, const std::string& name);
  /// Leaves the interpreter as it is, for good, fenced, with all that its threads may still use.
  void abandon() noexcept;
  object find(const gil_held& gil, std::string_view function);
  object find(const gil_held& gil, hook which);
  object call_hook(const gil_held& gil, hook which, PyObject* argument);
  function_place& place_of(const gil_held& gil, std::string_view function);

  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  _ts* thread_state_ = nullptr;
  std::int64_t id_ = -1;
  std::shared_ptr<interrupter> control_;
  std::shared_ptr<pin_owner> pins_;
  std::unique_ptr<module_context> context_ = std::make_unique<module_context>();
  module_types types_;
  object module_;    // interp_actors
  object namespace_; // dict of the loaded source
  spare_view spare_view_;
  std::unique_ptr<handler_table> handlers_;
  source_texts texts_;
  std::uint64_t executed_ = 0;
  std::uint32_t messages_ = 0;
  std::unordered_map<std::string, function_place, text_hash, std::equal_to<>> functions_;
  const std::pair<const std::string, function_place>* last_function_ = nullptr;
  bool may_end_ = false;
};

} // namespace interp_actors::python
