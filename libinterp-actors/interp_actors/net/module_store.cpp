#include "interp_actors/net/module_store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace interp_actors {

module_store::~module_store() {
  std::error_code ignored; // the folder is a temporary one
  if (!folder_.empty())
    std::filesystem::remove_all(folder_, ignored);
}

std::optional<shared_bytes> module_store::find(const std::string& hash) const {
  std::lock_guard guard{mutex_};
  auto place = code_.find(hash);
  return place == code_.end() ? std::nullopt : std::optional{place->second};
}

void module_store::keep(const std::string& hash, shared_bytes code) {
  std::lock_guard guard{mutex_};
  auto size = code.size();
  if (!code_.try_emplace(hash, std::move(code)).second)
    return;
  bytes_ += size;
  order_.push_back(hash);
  while (bytes_ > most_bytes_ && order_.size() > 1) {
    auto oldest = code_.find(order_.front());
    order_.pop_front();
    bytes_ -= oldest->second.size();
    code_.erase(oldest);
  }
}

std::string module_store::path_of(const std::string& hash, const std::string& name,
                                  const shared_bytes& code) {
  auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (name.empty() || name.front() == '.'
      || name.find_first_of(std::string_view{"/\0", 2}) != std::string::npos || hash.empty()
      || !std::ranges::all_of(hash, is_hex))
    throw std::runtime_error("'" + name + "' is no name for a file of modules");
  std::lock_guard guard{mutex_};
  if (folder_.empty()) {
    auto pattern = (std::filesystem::temp_directory_path() / "interp-actors-XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
      throw std::runtime_error("no folder for modules can be made like '" + pattern
                               + "': " + std::strerror(errno));
    folder_ = pattern;
  }
  auto path = folder_ / hash / name;
  if (std::filesystem::exists(path))
    return path.string();
  std::filesystem::create_directories(path.parent_path()); // also where somebody has tidied up
  auto bytes = code.as_string_view();
  auto part = path;
  part += ".part"; // a file of that name is whole
  std::ofstream out{part, std::ios::binary};
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out)
    throw std::runtime_error("'" + part.string() + "' cannot be written");
  std::filesystem::rename(part, path);
  return path.string();
}

} // namespace interp_actors
