#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <string_view>

#include "module_archive.hpp"

namespace ia_program {

/// A Python file of the user's as it was when the program began.
struct user_code {
  /// Absolute.
  std::filesystem::path path;
  std::string text;
  /// What it can import from its folder, where that is to travel to nodes; else empty.
  module_files modules = {};

  /// Errors: std::runtime_error where it cannot be read, or is no UTF-8.
  static user_code read(const std::filesystem::path& path);

  /// Reads `modules`, too. Errors: as `read`, and those of `modules_beside`.
  void read_modules();

  /// What interpreters run: the user's file behind one of the program's, with what that wants to know in `settings`.
  std::string source(std::string_view program, nlohmann::json settings = nlohmann::json::object()) const;

  /// The name of `source` in tracebacks.
  static constexpr const char* source_name = "<interp-actors>";
};

/// The bytes of a file. Errors: std::runtime_error that names it.
std::string read_file(const std::filesystem::path& path);

} // namespace ia_program
