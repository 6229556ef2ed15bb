#pragma once

#include <filesystem>
#include <string>

namespace interp_actors {

/// The Python code that an interpreter runs when it starts. A plain value; made by `text`, `file` and
/// `module`.
struct source {
  enum class kind { text, file, module };

  kind from = kind::text;
  /// File name for tracebacks, path of the file, or name of the module.
  std::string name;
  /// The code, for `kind::text` alone.
  std::string code;
};

/// Code in memory, run in `__main__`; `name` stands for it in tracebacks.
inline source text(std::string code, std::string name = "<text>") {
  return {source::kind::text, std::move(name), std::move(code)};
}

/// A file, read when the interpreter starts and run in `__main__` with `__file__` set; its folder is not put
/// on `sys.path`.
inline source file(const std::filesystem::path& path) {
  return {source::kind::file, path.string(), {}};
}

/// A module found on `sys.path`, imported under its own name.
inline source module(std::string name) {
  return {source::kind::module, std::move(name), {}};
}

} // namespace interp_actors
