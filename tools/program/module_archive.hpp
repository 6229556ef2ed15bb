#pragma once

#include <interp_actors/all.hpp>

#include <filesystem>
#include <map>
#include <string>

namespace ia_program {

/// Python files by their names relative to a folder.
using module_files = std::map<std::string, std::string>;

/// The modules that a Python file can import from its folder: the .py files in the folder itself, and those in folders below it whose names can be part of an import.
/// Hidden folders, virtual environments and links to folders are left out.
/// Errors: std::runtime_error for what cannot be read, and for more than anybody would want to send.
module_files modules_beside(const std::filesystem::path& file);

/// A zip file of modules, which nodes are sent.
/// Owner: the command; the file goes with it. A process that is killed leaves it in the system's folder for temporary files.
class module_archive {
public:
  /// Errors: std::runtime_error.
  module_archive(ia::runtime& rt, const module_files& files);
  module_archive(const module_archive&) = delete;
  module_archive& operator=(const module_archive&) = delete;
  ~module_archive();

  std::string path() const { return (folder_ / name).string(); }

  /// Its name here and on nodes.
  static constexpr const char* name = "interp-actors-modules.zip";

private:
  std::filesystem::path folder_;
};

} // namespace ia_program
