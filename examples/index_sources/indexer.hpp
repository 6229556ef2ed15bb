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
    indexed,
    refused,     // the file does not parse; `problem` holds Python's exception
    failed,      // the handler raised another exception, which `problem` holds
    stopped,     // the deadline passed; `problem` says where
    dead_letter, // it ended its interpreter in each of its attempts; `problem` says how the last time
    unanswered,  // the fleet has ended; `problem` says why
  };

  state what = state::unanswered;
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

/// The files, by their numbers, whose handlers misbehave on purpose.
struct chaos_files {
  /// Its handler loops for ever.
  std::optional<std::size_t> loop;
  /// Its handler ends the interpreter.
  std::optional<std::size_t> poison;
};

/// The interpreters, and the work that is given to them.
class indexer {
public:
  /// Told when work on file `file` begins that loops for ever, and when any has ended. Called in any thread.
  struct observer {
    std::function<void(std::size_t file)> on_loop;
    std::function<void(std::size_t file, const file_result&)> on_result;
  };

  /// How many interpreters may die of one file.
  static constexpr unsigned attempts = 3;
  static constexpr std::chrono::seconds deadline{20};
  static constexpr std::chrono::seconds chaos_deadline{1};

  /// Starts a fleet of `count` interpreters that run `code`. Errors: as `ia::throw_error`.
  indexer(ia::runtime& rt, const std::filesystem::path& code, std::size_t count);
  indexer(const indexer&) = delete;
  indexer& operator=(const indexer&) = delete;
  ~indexer() { fleet_.stop(); }

  std::size_t size() const noexcept { return size_; }

  /// Its interpreters with their restarts, for people.
  std::string to_text() const { return fleet_.to_text(); }

  /// The version of Python.
  const std::string& version() const noexcept { return version_; }

  /// The folder of Python's standard library.
  const std::filesystem::path& library() const noexcept { return library_; }

  /// Indexes `files` with all interpreters.
  pass run(const std::vector<source_file>& files, const chaos_files& chaos, const observer& watch);

private:
  ia::runtime& runtime_;
  const std::size_t size_;
  const ia::fleet<ia::interpreter_actor> fleet_;
  std::string version_;
  std::filesystem::path library_;
};
