#include "user_code.hpp"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "embedded.hpp"

namespace ia_program {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::string result{std::istreambuf_iterator<char>{in}, {}};
  if (!in.is_open() || in.bad() || fs::is_directory(path))
    throw std::runtime_error(
        "cannot read '" + path.string() + "': "
        + (fs::is_directory(path) ? "it is a folder" : std::generic_category().message(errno ? errno : EIO)));
  return result;
}

user_code user_code::read(const fs::path& path) {
  user_code result{.path = fs::absolute(path).lexically_normal(), .text = read_file(path)};
  try {
    (void)nlohmann::json(result.text).dump();
  } catch (const nlohmann::json::type_error&) {
    throw std::runtime_error("'" + path.string() + "' is no UTF-8 text");
  }
  return result;
}

void user_code::read_modules() {
  modules = modules_beside(path);
  modules[path.filename().string()] =
      text; // also where nobody can import it, so that there is something to send
}

std::string user_code::source(std::string_view program, nlohmann::json settings) const {
  settings["path"] = path.string();
  settings["folder"] = path.parent_path().string();
  settings["name"] = path.stem().string();
  settings["text"] = text;
  if (!modules.empty())
    settings["archive"] = module_archive::name;
  // A Python expression all the same: JSON's own words for true, false and null are defined before.
  return "true, false, null = True, False, None\nUSER_CODE = " + settings.dump() + "\n"
         + std::string{user_code_py} + std::string{program};
}

} // namespace ia_program
