#pragma once

#include <interp_actors/all.hpp>

#include "user_code.hpp"

namespace ia_program {

/// `error` as users know their code: without the program's own frames, and with files and lines as they are in the folder of `code`, wherever
/// it ran.
ia::python_error users_part(ia::python_error error, const user_code& code);

} // namespace ia_program
