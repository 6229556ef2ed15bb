#pragma once

#include "interp_actors/python/arena_cache.hpp"
#include "interp_actors/python/engine_options.hpp"
#include "interp_actors/python/module/module.hpp"

#include <memory>
#include <string>
#include <vector>

namespace interp_actors::python {

/// CPython in this process: started by the constructor, finalised by the destructor. The main interpreter
/// runs no user code and its GIL is free, since every import of a C extension in any interpreter takes it for
/// a moment.
/// Thread: constructed and destroyed on the same one. Once in a process.
class engine {
public:
  /// Errors: std::runtime_error with CPython's own words, std::logic_error for a second start.
  explicit engine(const engine_options& options);
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  /// Finalises CPython.
  /// Precondition: every interpreter has ended. While an abandoned one may still run, the engine must stay.
  ~engine();

  /// Version of CPython as its folders are called: "3.14".
  static std::string version();

  const std::vector<std::string>& sys_path() const noexcept { return sys_path_; }
  const std::vector<std::string>& argv() const noexcept { return argv_; }
  line_gate& gate() noexcept { return *gate_; }

private:
  struct frozen_modules;

  void read_back(const engine_options& options);
  void freeze_encodings();

  std::vector<std::string> sys_path_;
  std::vector<std::string> argv_;
  std::unique_ptr<arena_cache> arenas_;
  std::unique_ptr<frozen_modules> frozen_;
  std::unique_ptr<line_gate> gate_ = std::make_unique<line_gate>();
  void* main_thread_state_ = nullptr;
};

} // namespace interp_actors::python
