#pragma once

#include "interp_actors/all.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "source_files.hpp"

/// What Python counted in one file.
struct counts {
  std::size_t functions = 0;
  std::size_t classes = 0;

  friend bool operator==(const counts&, const counts&) = default;
};

/// What became of one file.
struct file_result {
  enum class state {
    waiting, // no interpreter was left to take it
    indexed,
    refused,          // the file does not parse; `problem` holds Python's exception
    failed,           // the handler raised another exception, which `problem` holds
    stopped,          // the deadline passed; `problem` says where
    interpreter_lost, // `problem` says why; its interpreter takes no more files
  };

  state what = state::waiting;
  counts found;
  caf::error problem;
};

/// All files, once.
struct pass {
  /// In the order of the files.
  std::vector<file_result> results;
  std::chrono::duration<double> time{};
  /// Time on a core that Python had for it, all interpreters together.
  std::chrono::duration<double> cpu_time{};
};

/// The interpreters, and the work that is given to them.
class indexer {
public:
  /// Told when work on file `file` begins or has ended, by interpreter `interpreter` (from 0). Called in any
  /// thread.
  struct observer {
    std::function<void(std::size_t interpreter, std::size_t file)> on_chaos;
    std::function<void(std::size_t interpreter, std::size_t file, const file_result&)> on_result;
  };

  static constexpr std::chrono::seconds deadline{20};
  static constexpr std::chrono::seconds chaos_deadline{1};

  /// Spawns `count` interpreters that run `code`. Errors: as `ia::throw_error`.
  indexer(ia::runtime& rt, const std::filesystem::path& code, std::size_t count);

  std::size_t size() const noexcept { return interpreters_.size(); }

  /// The version of Python.
  const std::string& version() const noexcept { return version_; }

  /// The folder of Python's standard library.
  const std::filesystem::path& library() const noexcept { return library_; }

  /// Indexes `files` with the first `count` interpreters. The handler of the file `chaos` loops for ever.
  pass run(const std::vector<source_file>& files, std::size_t count, std::optional<std::size_t> chaos,
           const observer& watch);

private:
  ia::runtime& runtime_;
  std::vector<ia::interpreter_actor> interpreters_;
  std::string version_;
  std::filesystem::path library_;
};
