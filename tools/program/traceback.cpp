#include "traceback.hpp"

#include <sstream>

namespace ia_program {

namespace {

/// Its name among the modules; empty for others.
std::string module_of(const std::string& file, const user_code& code) {
  if (file == code.path.string())
    return code.path.filename().string();
  auto archive = std::string{"/"} + module_archive::name + '/';
  auto place = file.rfind(archive);
  return place == std::string::npos ? std::string{} : file.substr(place + archive.size());
}

/// Without its indentation.
std::string line_of(const std::string& text, int number) {
  std::istringstream in{text};
  std::string result;
  for (int i = 0; i < number; ++i)
    if (!std::getline(in, result))
      return {};
  result.erase(0, result.find_first_not_of(" \t\f"));
  return result.substr(0, result.find_last_not_of(" \t\f\r") + 1);
}

} // namespace

ia::python_error users_part(ia::python_error error, const user_code& code) {
  for (auto& one : error.exceptions) {
    std::erase_if(one.frames, [](auto& frame) { return frame.file == user_code::source_name; });
    if (code.modules.empty())
      continue;
    auto folder = code.path.parent_path();
    for (auto& frame : one.frames) {
      auto found = code.modules.find(module_of(frame.file, code));
      if (found == code.modules.end())
        continue;
      frame.file = (folder / found->first).string();
      frame.source_line = line_of(found->second, frame.line);
    }
    if (one.syntax)
      if (auto found = code.modules.find(module_of(one.syntax->file, code)); found != code.modules.end())
        one.syntax->file = (folder / found->first).string();
  }
  return error;
}

} // namespace ia_program
