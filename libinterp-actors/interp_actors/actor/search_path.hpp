#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace interp_actors {

/// The entries for `sys.path` that stand for zip files or folders of modules, and for the packages of a virtual environment
/// (`bin`'s neighbour `lib/pythonX.Y/site-packages`), which may be empty for none.
/// Errors: std::runtime_error for what is not there.
std::vector<std::string> search_path(const std::vector<std::string>& modules,
                                     const std::filesystem::path& virtual_env);

} // namespace interp_actors
