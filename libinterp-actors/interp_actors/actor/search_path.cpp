#include "interp_actors/actor/search_path.hpp"

#include "interp_actors/python/engine.hpp"

#include <stdexcept>

namespace interp_actors {

std::vector<std::string> search_path(const std::vector<std::string>& modules,
                                     const std::filesystem::path& virtual_env) {
  std::vector<std::string> result;
  std::error_code problem;
  for (auto& each : modules) {
    if (!std::filesystem::exists(each, problem))
      throw std::runtime_error("there are no modules at '" + each + "'");
    result.push_back(std::filesystem::absolute(each, problem).string());
  }
  if (virtual_env.empty())
    return result;
  auto packages = virtual_env / "lib" / ("python" + python::engine::version()) / "site-packages";
  if (!std::filesystem::is_directory(packages, problem))
    throw std::runtime_error("'" + virtual_env.string()
                             + "' is no virtual environment for this Python: there is no '"
                             + packages.string() + "'");
  result.push_back(packages.string());
  return result;
}

} // namespace interp_actors
