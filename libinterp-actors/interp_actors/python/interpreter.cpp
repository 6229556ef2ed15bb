#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/interpreter.hpp"

#include "interp_actors/python/handler_table.hpp"
#include "interp_actors/python/module/channel.hpp"
#include "interp_actors/python/module/events.hpp"
#include "interp_actors/python/module/lines.hpp"
#include "interp_actors/python/module/state.hpp"
#include "interp_actors/python/object_sink.hpp"
#include "interp_actors/python/object_source.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

namespace interp_actors::python {

namespace {

/// Source texts of `execute` that tracebacks can still show.
constexpr std::uint64_t remembered_texts = 64;

/// Messages after which the interpreter's other threads get their turn even if handlers run no bytecode.
constexpr std::uint32_t turn_after_messages = 256;

object string_list(const gil_held& gil, const std::vector<std::string>& texts) {
  auto list = steal(gil, PyList_New(0));
  for (auto& text : texts) {
    auto item =
        steal(gil, PyUnicode_DecodeFSDefaultAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
    if (!list || !item || PyList_Append(list.get(), item.get()) < 0)
      return {};
  }
  return list;
}

} // namespace

interpreter::attached::attached(interpreter& owner) : self{owner} {
  PyEval_RestoreThread(self.thread_state_);
}

interpreter::attached::~attached() {
  self.thread_state_ = PyEval_SaveThread();
}

interpreter::interpreter(engine& engine, const interpreter_link& link, std::size_t pin_threshold)
    : control_{link.control}, pins_{link.pins} {
  PyInterpreterConfig config{};
  config.use_main_obmalloc = 0;
  config.allow_fork = 0;
  config.allow_exec = 0;
  config.allow_threads = 1;
  config.allow_daemon_threads = 0;
  config.check_multi_interp_extensions = 1;
  config.gil = PyInterpreterConfig_OWN_GIL;
  if (auto status = Py_NewInterpreterFromConfig(&thread_state_, &config); PyStatus_Exception(status))
    throw std::runtime_error(std::string{"CPython could not create an interpreter: "}
                             + (status.err_msg ? status.err_msg : "no reason given"));
  if (!thread_state_) // what CPython says where there is no memory for the first step
    throw std::runtime_error("CPython could not create an interpreter: no memory, most likely");
  id_ = PyInterpreterState_GetID(PyThreadState_GetInterpreter(thread_state_));
  context_->control = control_;
  context_->pins = pins_;
  context_->rules.pins = pins_.get();
  context_->rules.pin_threshold = pin_threshold;
  context_->gate = &engine.gate();
  context_->holdings = link.holdings;
  context_->host = link.host;
  try {
    gil_held gil;
    set_up(gil, engine);
  } catch (...) {
    // Nothing but the library's own module has run yet: the interpreter can end at once.
    gil_held gil;
    control_->detach(gil);
    context_->values.clear();
    leave_module(gil, *context_, module_);
    namespace_ = {};
    Py_EndInterpreter(thread_state_);
    throw;
  }
  thread_state_ = PyEval_SaveThread();
}

void interpreter::set_up(const gil_held& gil, engine& engine) {
  auto path = string_list(gil, engine.sys_path());
  auto argv = string_list(gil, engine.argv());
  if (!path || !argv || PySys_SetObject("path", path.get()) < 0 || PySys_SetObject("argv", argv.get()) < 0)
    throw_raised(gil);
  if (!enter_module(gil, *context_, types_, module_))
    throw_raised(gil);
  auto main = steal(gil, PyImport_ImportModule("__main__"));
  if (!main)
    throw_raised(gil);
  namespace_ = borrow(gil, PyModule_GetDict(main.get()));
  control_->attach(gil, types_.interrupted);
}

interpreter::~interpreter() {
  if (!may_end_) {
    abandon();
    return;
  }
  PyEval_RestoreThread(thread_state_);
  PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), nullptr);
  Py_EndInterpreter(thread_state_);
  context_->values.abandon(); // what finalisers have made it look up again
}

void interpreter::throw_raised(const gil_held& gil) {
  python::throw_raised(gil, texts_, types_.interrupted);
}

void interpreter::throw_refused(const gil_held& gil) {
  python::throw_raised(gil, texts_, types_.interrupted, raised_kind::refused_call);
}

/// Owns the result of a call, or throws.
object interpreter::result_of(const gil_held& gil, PyObject* result) {
  if (result)
    return steal(gil, result);
  if (is_refusal(gil))
    throw_refused(gil);
  throw_raised(gil);
}

void interpreter::run(const gil_held& gil, const std::string& code, const std::string& name) {
  if (code.find('\0') != std::string::npos) { // CPython would run what is in front of it, and be content
    PyErr_SetString(PyExc_SyntaxError, "source code cannot contain null bytes");
    throw_raised(gil);
  }
  auto compiled = steal(gil, Py_CompileStringExFlags(code.c_str(), name.c_str(), Py_file_input, nullptr, -1));
  if (!compiled)
    throw_raised(gil);
  auto done = steal(gil, PyEval_EvalCode(compiled.get(), namespace_.get(), namespace_.get()));
  if (!done)
    throw_raised(gil);
}

void interpreter::prepend_path(const gil_held& gil, const std::vector<std::string>& entries) {
  auto* path = PySys_GetObject("path"); // borrowed; the library has put a list there
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto entry = steal(gil, PyUnicode_DecodeFSDefault(entries[i].c_str()));
    if (!entry || !path || PyList_Insert(path, static_cast<Py_ssize_t>(i), entry.get()) < 0)
      throw_raised(gil);
  }
}

void interpreter::load(const gil_held& gil, const source& source) {
  switch (source.from) {
  case source::kind::text:
    texts_[source.name] = source.code;
    run(gil, source.code, source.name);
    return;
  case source::kind::file: {
    shared_bytes code;
    int problem = 0;
    gil.release([&] {
      try {
        code = shared_bytes::read_file(source.name);
      } catch (const std::system_error& error) {
        problem = error.code().value();
      }
    });
    if (problem != 0) {
      errno = problem;
      PyErr_SetFromErrnoWithFilename(PyExc_OSError, source.name.c_str());
      throw_raised(gil);
    }
    auto name = steal(gil, PyUnicode_DecodeFSDefault(source.name.c_str()));
    if (!name || PyDict_SetItemString(namespace_.get(), "__file__", name.get()) < 0)
      throw_raised(gil);
    run(gil, std::string{code.as_string_view()}, source.name);
    return;
  }
  case source::kind::module: {
    auto module = steal(gil, PyImport_ImportModule(source.name.c_str()));
    if (!module)
      throw_raised(gil);
    auto* dict = PyModule_Check(module.get()) ? PyModule_GetDict(module.get()) : nullptr;
    if (!dict) {
      PyErr_Format(PyExc_ImportError, "'%s' is not a module", source.name.c_str());
      throw_raised(gil);
    }
    namespace_ = borrow(gil, dict);
    return;
  }
  }
}

void interpreter::execute(const gil_held& gil, const std::string& code) {
  auto number = ++executed_;
  auto name = "<execute " + std::to_string(number) + ">";
  if (number > remembered_texts)
    texts_.erase("<execute " + std::to_string(number - remembered_texts) + ">");
  texts_[name] = code;
  run(gil, code, name);
}

interpreter::function_place& interpreter::place_of(const gil_held& gil, std::string_view function) {
  if (auto known = functions_.find(function); known != functions_.end()) {
    last_function_ = &*known;
    return known->second;
  }
  function_place place;
  auto colon = function.find(':');
  auto name = colon == std::string_view::npos ? function : function.substr(colon + 1);
  auto* text = PyUnicode_DecodeUTF8(name.data(), static_cast<Py_ssize_t>(name.size()), "strict");
  if (!text)
    throw_raised(gil);
  PyUnicode_InternInPlace(&text);
  place.name = steal(gil, text);
  if (colon == std::string_view::npos) {
    place.owner = borrow(gil, namespace_.get());
    place.owner_is_dict = true;
  } else {
    place.owner = steal(gil, PyImport_ImportModule(std::string{function.substr(0, colon)}.c_str()));
    if (!place.owner)
      throw_raised(gil);
  }
  auto entry = functions_.emplace(function, std::move(place)).first;
  last_function_ = &*entry;
  return entry->second;
}

object interpreter::find(const gil_held& gil, std::string_view function) {
  auto& place =
      last_function_ && last_function_->first == function ? last_function_->second : place_of(gil, function);
  PyObject* found = nullptr;
  auto status = place.owner_is_dict ? PyDict_GetItemRef(place.owner.get(), place.name.get(), &found)
                                    : PyObject_GetOptionalAttr(place.owner.get(), place.name.get(), &found);
  if (status < 0)
    throw_raised(gil);
  auto result = steal(gil, found);
  if (!result) {
    functions_.erase(last_function_->first); // or every wrong name would stay for good
    last_function_ = nullptr;
    throw no_such_function("no function '" + std::string{function}
                           + "'; give the name of a function of the loaded source, or module:function");
  }
  return result;
}

void interpreter::check_function(const gil_held& gil, std::string_view function) {
  auto found = find(gil, function);
  if (!PyCallable_Check(found.get()))
    throw no_such_function("'" + std::string{function} + "' is a " + Py_TYPE(found.get())->tp_name
                           + ", which cannot be called");
}

shared_bytes interpreter::call(const gil_held& gil, std::string_view function,
                               std::span<const shared_bytes> arguments) {
  auto callable = find(gil, function);
  // The usual few arguments need no allocation; the first place is left free for CPython's own use.
  constexpr std::size_t few = 6;
  std::array<object, few> few_views;
  std::array<PyObject*, few + 1> few_pointers{};
  std::vector<object> many_views;
  std::vector<PyObject*> many_pointers;
  object* views = few_views.data();
  PyObject** pointers = few_pointers.data();
  if (arguments.size() > few) {
    many_views.resize(arguments.size());
    many_pointers.resize(arguments.size() + 1);
    views = many_views.data();
    pointers = many_pointers.data();
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    views[i] = spare_view_.make(gil, types_.exporter, arguments[i]);
    if (!views[i])
      throw_raised(gil);
    pointers[i + 1] = views[i].get();
  }
  auto result =
      result_of(gil, PyObject_Vectorcall(callable.get(), pointers + 1,
                                         arguments.size() | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr));
  auto payload = payload_of(gil, std::move(result));
  if (!arguments.empty())
    spare_view_.give_back(gil, types_.exporter, std::move(views[0]));
  return payload;
}

shared_bytes interpreter::payload_of(const gil_held& gil, object result) {
  auto payload = from_python(gil, context_->rules, result.get(), "the result");
  if (!payload)
    throw_raised(gil);
  return std::move(*payload);
}

shared_bytes interpreter::call(const gil_held& gil, std::string_view function, std::vector<held_end> ends) {
  auto callable = find(gil, function);
  std::vector<object> owned;
  std::vector<PyObject*> arguments;
  for (auto& end : ends) {
    owned.push_back(to_python(gil, state_of_module(module_.get()), std::move(end)));
    if (!owned.back())
      throw_raised(gil);
    arguments.push_back(owned.back().get());
  }
  return payload_of(
      gil, result_of(gil, PyObject_Vectorcall(callable.get(), arguments.data(), arguments.size(), nullptr)));
}

void interpreter::check_name(const gil_held& gil, const std::string& name) {
  auto text = steal(gil, PyUnicode_DecodeUTF8(name.data(), static_cast<Py_ssize_t>(name.size()), "strict"));
  if (!text)
    throw_raised(gil);
  if (PyUnicode_IsIdentifier(text.get()) == 1)
    return;
  PyErr_Format(PyExc_ValueError, "a channel cannot be bound to %.200R, which is no identifier", text.get());
  throw_raised(gil);
}

void interpreter::bind(const gil_held& gil, const std::string& name, held_end end) {
  auto value = to_python(gil, state_of_module(module_.get()), std::move(end));
  if (!value || PyDict_SetItemString(namespace_.get(), name.c_str(), value.get()) < 0)
    throw_raised(gil);
}

void interpreter::implement(const gil_held& gil, const implementation& what) {
  try {
    handlers_ = std::make_unique<handler_table>(gil, context_->values, namespace_.get(), what);
  } catch (const raised&) {
    throw_raised(gil);
  }
}

void interpreter::call_handler(const gil_held& gil, std::size_t index, handler_call& call) {
  try {
    handlers_->call(gil, context_->values, index, call);
  } catch (const call_refused&) {
    throw_refused(gil);
  } catch (const raised&) {
    throw_raised(gil);
  }
}

void interpreter::invoke(const gil_held& gil, std::string_view function, invocation& call) {
  try {
    auto callable = find(gil, function);
    object_sink sink{gil, context_->values};
    auto text = [function] { return "'" + std::string{function} + "'"; };
    try {
      call.write_arguments(sink);
    } catch (const value_error& problem) {
      throw wrong_argument(text() + " was to be given " + problem.what());
    } catch (const python::raised&) {
      throw wrong_argument(text() + " was to be given what cannot be made: " + take_summary(gil));
    }
    auto arguments = sink.take();
    auto result = result_of(gil, PyObject_Call(callable.get(), arguments.get(), nullptr));
    if (!call.wants_result())
      return;
    try {
      object_source source{gil, context_->values, result.get()};
      call.read_result(source);
    } catch (const value_error& problem) {
      throw wrong_result(text() + " returned " + problem.what());
    }
  } catch (const python::raised&) {
    throw_raised(gil);
  }
}

object interpreter::find(const gil_held& gil, hook which) {
  auto text = name_of(which);
  if (handlers_ && handlers_->has(text))
    return {};
  try {
    auto name = context_->values.name(gil, text);
    auto* instance = handlers_ ? handlers_->instance() : nullptr;
    PyObject* found = nullptr;
    if (!instance) {
      if (PyDict_GetItemRef(namespace_.get(), name.get(), &found) < 0)
        throw_raised(gil);
      return steal(gil, found);
    }
    // The class decides whether there is one: a `__getattr__` of its own may have an answer to any name.
    auto* type = reinterpret_cast<PyObject*>(Py_TYPE(instance));
    if (PyObject_GetOptionalAttr(type, name.get(), &found) < 0)
      throw_raised(gil);
    return steal(gil, found) ? checked(steal(gil, PyObject_GetAttr(instance, name.get()))) : object{};
  } catch (const raised&) {
    throw_raised(gil);
  }
}

void interpreter::check_hooks(const gil_held& gil, const std::string& source_name) {
  for (auto which : all_hooks)
    if (auto found = find(gil, which))
      check_hook(gil, found.get(), which, source_name);
}

object interpreter::call_hook(const gil_held& gil, hook which, PyObject* argument) {
  auto callable = find(gil, which);
  if (!callable)
    return {};
  auto result = steal(gil, argument ? PyObject_CallOneArg(callable.get(), argument)
                                    : PyObject_CallNoArgs(callable.get()));
  if (!result)
    throw_raised(gil);
  return result;
}

void interpreter::call_started(const gil_held& gil) {
  call_hook(gil, hook::started, nullptr);
}

shared_bytes interpreter::call_snapshot(const gil_held& gil) {
  auto result = call_hook(gil, hook::snapshot, nullptr);
  if (!result)
    return {};
  auto copied = copy_of_snapshot(gil, result.get());
  if (!copied)
    throw_raised(gil);
  return std::move(*copied);
}

void interpreter::call_restore(const gil_held& gil, shared_bytes state) {
  auto view = to_python(gil, types_.exporter, std::move(state));
  if (!view)
    throw_raised(gil);
  call_hook(gil, hook::restore, view.get());
}

std::size_t interpreter::tracked_objects(const gil_held&) const {
  // Not `sys.getallocatedblocks()`: that walks through the memory of all interpreters without their GILs, and crashes
  // where one of them allocates meanwhile (3.14 and 3.15).
  std::size_t count = 0;
  PyUnstable_GC_VisitObjects(
      [](PyObject*, void* counter) {
        ++*static_cast<std::size_t*>(counter);
        return 1;
      },
      &count);
  return count;
}

void interpreter::run_event(const gil_held& gil, event_number event) {
  if (!python::run_event(gil, module_.get(), event))
    throw_raised(gil);
}

void interpreter::between_messages(const gil_held& gil) {
  pins_->drain(gil);
  if (++messages_ % turn_after_messages == 0)
    gil.release([] {});
}

bool interpreter::wind_down(const gil_held& gil, std::chrono::nanoseconds limit) {
  bool done = end_python_threads(gil, *control_, limit);
  flush_standard_streams(gil);
  if (done)
    pins_->drain(gil);
  else
    control_->fence();
  return done;
}

bool interpreter::let_go(const gil_held& gil, std::chrono::nanoseconds limit) {
  control_->detach(gil);
  handlers_.reset();
  functions_.clear();
  last_function_ = nullptr;
  spare_view_.clear();
  drop_events(gil,
              module_.get()); // CPython's end frees what is reachable from the module too late, if at all
  context_->values.clear();
  namespace_ = {};
  leave_module(gil, *context_, module_);
  may_end_ = !has_other_threads(gil) || wind_down(gil, limit);
  if (may_end_)
    pins_->close(gil);
  return may_end_;
}

void interpreter::abandon() noexcept {
  control_->fence();
  [[maybe_unused]] auto* kept = context_.release();
  for (auto& entry : functions_) {
    entry.second.owner.release();
    entry.second.name.release();
  }
  spare_view_.abandon();
  if (handlers_)
    handlers_->abandon();
  namespace_.release();
  module_.release();
}

void interpreter::clear_modules(const gil_held& gil) {
  handlers_.reset();
  functions_.clear();
  last_function_ = nullptr;
  auto main = steal(gil, PyImport_ImportModule("__main__"));
  if (main)
    PyDict_Clear(PyModule_GetDict(main.get()));
  if (namespace_)
    PyDict_Clear(namespace_.get());
  drop_events(gil, module_.get());
  PyErr_Clear();
  PyGC_Collect();
  pins_->drain(gil);
}

} // namespace interp_actors::python
