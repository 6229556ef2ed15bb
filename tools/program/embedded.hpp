#pragma once

#include <string_view>

namespace ia_program {

// The Python code that interpreters run, embedded by CMake so that the program is one file.
extern const std::string_view user_code_py;
extern const std::string_view output_py;
extern const std::string_view trial_py;
extern const std::string_view item_py;
extern const std::string_view pack_py;

} // namespace ia_program
