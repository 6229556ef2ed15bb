#pragma once

#include <string_view>

namespace ia_program {

// The Python code that fleets run, embedded by CMake so that the program is one file.
extern const std::string_view user_code_py;
extern const std::string_view trial_py;
extern const std::string_view item_py;

} // namespace ia_program
