#include "interp_actors/python/detail/capi.hpp"

#include "interp_actors/python/engine.hpp"

#include "interp_actors/python/error.hpp"

#include <atomic>
#include <csignal>
#include <stdexcept>

namespace interp_actors::python {

/// Modules that every new interpreter imports first, as frozen code: it saves reading and checking their
/// files, 0.6 ms an interpreter (facts measured on a 2-core virtual machine, CPython 3.14.8, November 2026).
/// Source: CPython 3.14, "Importing Modules", PyImport_FrozenModules.
struct engine::frozen_modules {
  std::vector<std::string> names;
  std::vector<std::string> code;
  std::vector<_frozen> table;
  const _frozen* previous = nullptr;
};

namespace {

std::atomic<bool> started{false};

[[noreturn]] void fail(const char* doing, const PyStatus& status) {
  std::string text = "interp-actors: CPython could not ";
  text += doing;
  if (status.err_msg)
    text += std::string{": "} + status.err_msg;
  throw std::runtime_error(text);
}

/// Writing into a closed socket or pipe ends the process unless SIGPIPE is ignored: Python code expects
/// BrokenPipeError. A program's own handler stays.
void ignore_broken_pipes() {
  struct ::sigaction now{};
  if (::sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL)
    ::signal(SIGPIPE, SIG_IGN);
}

class config_guard {
public:
  explicit config_guard(bool isolated) {
    isolated ? PyConfig_InitIsolatedConfig(&config) : PyConfig_InitPythonConfig(&config);
  }
  ~config_guard() { PyConfig_Clear(&config); }
  config_guard(const config_guard&) = delete;
  config_guard& operator=(const config_guard&) = delete;

  PyConfig config;
};

[[noreturn]] void fail_raised(const gil_held& gil, const char* doing) {
  auto exception = steal(gil, PyErr_GetRaisedException());
  std::string text = std::string{"interp-actors: CPython could not "} + doing;
  if (exception)
    text += "\n" + capture(gil, exception.get(), {}).traceback();
  throw std::runtime_error(text);
}

} // namespace

engine::engine(const engine_options& options) {
  if (started.exchange(true))
    throw std::logic_error("interp-actors: CPython can be started once in a process; keep one runtime");
  // UTF-8 whatever the locale says: in the C locale CPython would take ASCII, and import another codec.
  PyPreConfig before;
  options.isolated ? PyPreConfig_InitIsolatedConfig(&before) : PyPreConfig_InitPythonConfig(&before);
  before.utf8_mode = 1;
  if (auto status = Py_PreInitialize(&before); PyStatus_Exception(status))
    fail("be configured", status);
  register_module();
  config_guard guard{options.isolated};
  auto& config = guard.config;
  // `site` runs once, by hand, in the main interpreter; its result is copied into the others (saves 1.9 ms
  // each).
  config.site_import = 0;
  config.install_signal_handlers = 0;
  config.parse_argv = 0;
  if (!options.virtual_env.empty()) {
    auto program = options.virtual_env / "bin" / "python";
    if (!std::filesystem::exists(program))
      throw std::runtime_error("interp-actors: no virtual environment at '" + options.virtual_env.string()
                               + "': it has no bin/python; make one with python3 -m venv");
    if (auto status = PyConfig_SetBytesString(&config, &config.executable, program.c_str());
        PyStatus_Exception(status))
      fail("take the virtual environment", status);
  }
  if (auto status = Py_InitializeFromConfig(&config); PyStatus_Exception(status))
    fail("start", status);
  arenas_ = std::make_unique<arena_cache>();
  ignore_broken_pipes();
  try {
    read_back(options);
    freeze_encodings();
  } catch (...) {
    Py_FinalizeEx();
    throw;
  }
  main_thread_state_ = PyEval_SaveThread();
}

void engine::read_back(const engine_options& options) {
  auto gil = gil_held::entered();
  auto site = steal(gil, PyImport_ImportModule("site"));
  auto done = site ? steal(gil, PyObject_CallMethod(site.get(), "main", nullptr)) : object{};
  if (!done)
    fail_raised(gil, "run site.main()");
  sys_path_ = options.sys_path;
  auto path = borrow(gil, PySys_GetObject("path"));
  for (Py_ssize_t i = 0; path && PyList_Check(path.get()) && i < PyList_GET_SIZE(path.get()); ++i) {
    auto bytes = steal(gil, PyUnicode_EncodeFSDefault(PyList_GET_ITEM(path.get(), i)));
    if (!bytes)
      fail_raised(gil, "read sys.path");
    sys_path_.emplace_back(PyBytes_AS_STRING(bytes.get()));
  }
  argv_ = options.argv;
}

void engine::freeze_encodings() {
  auto gil = gil_held::entered();
  auto frozen = std::make_unique<frozen_modules>();
  for (const char* name : {"encodings", "encodings.aliases", "encodings.utf_8"}) {
    auto module = steal(gil, PyImport_ImportModule(name));
    auto spec = module ? steal(gil, PyObject_GetAttrString(module.get(), "__spec__")) : object{};
    auto loader = spec ? steal(gil, PyObject_GetAttrString(spec.get(), "loader")) : object{};
    auto code = loader ? steal(gil, PyObject_CallMethod(loader.get(), "get_code", "s", name)) : object{};
    auto bytes = code && code.get() != Py_None
                     ? steal(gil, PyMarshal_WriteObjectToString(code.get(), Py_MARSHAL_VERSION))
                     : object{};
    if (!bytes) { // an unusual build: interpreters then read the files
      PyErr_Clear();
      return;
    }
    frozen->names.emplace_back(name);
    frozen->code.emplace_back(PyBytes_AS_STRING(bytes.get()),
                              static_cast<std::size_t>(PyBytes_GET_SIZE(bytes.get())));
  }
  for (std::size_t i = 0; i < frozen->names.size(); ++i)
    frozen->table.push_back({frozen->names[i].c_str(),
                             reinterpret_cast<const unsigned char*>(frozen->code[i].data()),
                             static_cast<int>(frozen->code[i].size()), i == 0});
  frozen->table.push_back({nullptr, nullptr, 0, 0});
  frozen->previous = PyImport_FrozenModules;
  PyImport_FrozenModules = frozen->table.data();
  frozen_ = std::move(frozen);
}

std::string engine::version() {
  return std::to_string(PY_MAJOR_VERSION) + "." + std::to_string(PY_MINOR_VERSION);
}

engine::~engine() {
  PyEval_RestoreThread(static_cast<PyThreadState*>(main_thread_state_));
  Py_FinalizeEx();
  if (frozen_)
    PyImport_FrozenModules = frozen_->previous;
}

} // namespace interp_actors::python
