#pragma once

#include "interp_actors/base/shared_bytes.hpp"

#include <cstddef>
#include <deque>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace interp_actors {

/// Code that controllers have sent to a node, by its content's hash: each is sent once. Modules are files in a folder of the
/// process's own, which goes with the store.
/// Thread: any. Owner: the host.
class module_store {
public:
  /// Keeps at most that many bytes in memory, but for the last piece of code.
  explicit module_store(std::size_t most_bytes = std::size_t{256} << 20) : most_bytes_{most_bytes} {}
  module_store(const module_store&) = delete;
  module_store& operator=(const module_store&) = delete;
  ~module_store();

  std::optional<shared_bytes> find(const std::string& hash) const;
  void keep(const std::string& hash, shared_bytes code);

  /// The path of a zip file called `name` with `code` in it, whose hash is that.
  /// Errors: std::runtime_error where it cannot be written, or `name` is none for a file.
  std::string path_of(const std::string& hash, const std::string& name, const shared_bytes& code);

private:
  const std::size_t most_bytes_;
  mutable std::mutex mutex_;
  std::map<std::string, shared_bytes> code_;
  std::deque<std::string> order_; // the oldest first
  std::size_t bytes_ = 0;
  std::filesystem::path folder_; // empty until it is needed
};

} // namespace interp_actors
