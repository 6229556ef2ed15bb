#include "source_files.hpp"

#include <algorithm>
#include <set>
#include <system_error>

#include "screen.hpp"

namespace fs = std::filesystem;

namespace {

class collector {
public:
  collector(source_files& found, bool names_with_root) : found_{found}, names_with_root_{names_with_root} {}

  void add(const fs::path& root) {
    std::error_code problem;
    if (fs::is_directory(root, problem))
      add_folder(root);
    else
      add_file(root, root.filename().string());
  }

private:
  void add_folder(const fs::path& root) {
    std::error_code problem;
    fs::recursive_directory_iterator place{root, fs::directory_options::skip_permission_denied, problem},
        none;
    for (; !problem && place != none; place.increment(problem)) {
      auto name = place->path().filename();
      std::error_code vanished;
      if (place->is_directory(vanished)) {
        if (name == "site-packages" || name == "dist-packages" || name == "__pycache__")
          place.disable_recursion_pending();
      } else if (name.extension() == ".py" && place->is_regular_file(vanished)) {
        auto relative = place->path().lexically_relative(root);
        add_file(place->path(), (names_with_root_ ? root.filename() / relative : relative).string());
      }
    }
    if (problem)
      found_.unreadable.push_back(root.string() + ": " + problem.message());
  }

  void add_file(const fs::path& path, const std::string& name) {
    std::error_code problem;
    auto real = fs::canonical(path, problem);
    if (problem || !seen_.insert(real).second) {
      if (problem)
        found_.unreadable.push_back(path.string() + ": " + problem.message());
      return;
    }
    try {
      source_file file{path, quoted(name, ""), ia::shared_bytes::map_file(path)};
      auto text = file.bytes.as_string_view();
      file.lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
      found_.bytes += text.size();
      found_.lines += file.lines;
      found_.files.push_back(std::move(file));
    } catch (const std::system_error& error) {
      found_.unreadable.push_back(error.what());
    }
  }

  source_files& found_;
  const bool names_with_root_;
  std::set<fs::path> seen_;
};

} // namespace

source_files map_sources(const std::vector<fs::path>& paths) {
  source_files result;
  std::error_code ignored;
  auto folders =
      std::count_if(paths.begin(), paths.end(), [&](auto& path) { return fs::is_directory(path, ignored); });
  collector all{result, folders > 1};
  for (auto& path : paths)
    all.add(path);
  std::sort(result.files.begin(), result.files.end(), [](const source_file& a, const source_file& b) {
    return a.bytes.size() != b.bytes.size() ? a.bytes.size() > b.bytes.size() : a.path < b.path;
  });
  return result;
}
