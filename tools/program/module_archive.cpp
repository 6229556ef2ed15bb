#include "module_archive.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "embedded.hpp"
#include "user_code.hpp"

namespace ia_program {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_bytes = std::size_t{64} << 20;
constexpr std::size_t most_files = 10'000;
/// Looked at, whatever they are.
constexpr std::size_t most_entries = 200'000;

/// Whether it can stand in an import. Names beyond ASCII may.
bool is_identifier(const std::string& name) {
  auto is_part = [](char c) {
    return (c & 0x80) != 0 || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
  };
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, is_part);
}

class collector {
public:
  explicit collector(fs::path folder) : folder_{std::move(folder)} {}

  module_files collect() {
    look_into(folder_);
    return std::move(found_);
  }

private:
  void look_into(const fs::path& folder) {
    for (auto& entry : fs::directory_iterator{folder, fs::directory_options::skip_permission_denied}) {
      if (++entries_ > most_entries)
        refuse("more than " + std::to_string(most_entries) + " files and folders");
      std::error_code problem; // what disappears meanwhile is not there
      if (entry.is_directory(problem)) {
        auto name = entry.path().filename().string();
        if (is_identifier(name) && name != "__pycache__" && !entry.is_symlink(problem)
            && !fs::exists(entry.path() / "pyvenv.cfg", problem))
          look_into(entry.path());
      } else if (entry.path().extension() == ".py" && is_identifier(entry.path().stem().string())
                 && entry.is_regular_file(problem)) {
        add(entry.path());
      }
    }
  }

  void add(const fs::path& path) {
    auto& text = found_[path.lexically_relative(folder_).generic_string()];
    text = read_file(path);
    bytes_ += text.size();
    if (found_.size() > most_files || bytes_ > most_bytes)
      refuse("more than " + std::to_string(most_files) + " Python files, or "
             + std::to_string(most_bytes >> 20) + " MiB of them");
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw std::runtime_error(
        "'" + folder_.string() + "' holds " + what
        + ", and nodes are sent all that can be imported from there; put the file into a "
          "folder of its own, with what it imports");
  }

  const fs::path folder_;
  module_files found_;
  std::size_t bytes_ = 0;
  std::size_t entries_ = 0;
};

ia::shared_bytes pack(ia::runtime& rt, const module_files& files) {
  auto packer =
      ia::value_or_throw(rt.spawn(ia::text(std::string{pack_py}, user_code::source_name), {.name = "pack"}));
  auto names = nlohmann::json::array();
  std::string contents;
  for (auto& [name, text] : files) {
    names.push_back({name, text.size()});
    contents += text;
  }
  ia::caller me{rt.system()};
  return ia::value_or_throw(me.call(packer, "pack", ia::shared_bytes::copy(names.dump() + '\n' + contents)));
}

} // namespace

module_files modules_beside(const fs::path& file) {
  return collector{fs::absolute(file).lexically_normal().parent_path()}.collect();
}

module_archive::module_archive(ia::runtime& rt, const module_files& files) {
  auto content = pack(rt, files);
  auto pattern = (fs::temp_directory_path() / "interp-actors-XXXXXX").string();
  if (!::mkdtemp(pattern.data()))
    throw std::runtime_error("no folder for modules can be made like '" + pattern
                             + "': " + std::generic_category().message(errno));
  folder_ = pattern;
  auto text = content.as_string_view();
  std::ofstream out{path(), std::ios::binary};
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (out)
    return;
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
  throw std::runtime_error("'" + path() + "' cannot be written");
}

module_archive::~module_archive() {
  std::error_code ignored; // the folder is a temporary one
  fs::remove_all(folder_, ignored);
}

} // namespace ia_program
