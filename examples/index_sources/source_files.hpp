#pragma once

#include "interp_actors/all.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

/// One Python source file, mapped.
struct source_file {
  std::filesystem::path path;
  /// The path as people see it: from the folder that they named on, fit to be printed.
  std::string name;
  /// The file's bytes as long as nobody writes to it (see `shared_bytes::map_file`).
  ia::shared_bytes bytes;
  std::size_t lines = 0;
};

/// What there is to index, the largest file first: an early end of the longest works keeps all cores busy to
/// the end.
struct source_files {
  std::vector<source_file> files;
  std::size_t bytes = 0;
  std::size_t lines = 0;
  /// One line for each file or folder that cannot be read.
  std::vector<std::string> unreadable;
};

/// Maps `paths`: files, and the *.py files of folders and their subfolders, each once. Reads them once, which
/// counts the lines and leaves no file to be fetched from disk later. Installed packages (site-packages,
/// dist-packages) below a folder are not part of it.
source_files map_sources(const std::vector<std::filesystem::path>& paths);
