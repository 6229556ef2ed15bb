#pragma once

#include <caf/typed_actor.hpp>

#include <interp_actors/all.hpp>

#include <cstdint>
#include <map>
#include <string>

// What the program and its interpreters say to each other; output.py, trial.py and item.py have the other side. Everything that is of any shape travels as JSON.
namespace ia_program {

struct about_atom;
struct run_atom;
struct begin_atom;
struct report_atom;
struct output_atom;
struct apply_atom;
struct apply_there_atom;

/// Numbers by their names.
using metrics = std::map<std::string, double>;

/// Is told by a trial that it begins (with the name of the call, and the name and the incarnation of the interpreter), what it reports (and answers
/// whether it should stop), and what it prints.
using trial_recorder =
    caf::typed_actor<caf::result<void>(begin_atom, std::string, std::string, std::uint64_t),
                     caf::result<bool>(report_atom, std::string, std::int64_t, metrics),
                     caf::result<void>(output_atom, std::string, std::string)>;

/// Runs trials: `{"call", "parameters", "random"}` gives `{"result"}` or `{"pruned"}`.
using trial_worker = caf::typed_actor<caf::result<std::string>(about_atom),
                                      caf::result<std::string>(run_atom, std::string, trial_recorder)>;

/// Is told by an item on a node what it prints, with its text.
using item_screen = caf::typed_actor<caf::result<void>(output_atom, std::string, std::string)>;

/// Calls a function for an item, a path or a line, with the file's bytes where the function wants them; here or on a node.
using item_worker =
    caf::typed_actor<caf::result<std::string>(about_atom),
                     caf::result<std::string>(apply_atom, std::string, interp_actors::shared_bytes),
                     caf::result<std::string>(apply_there_atom, std::string, interp_actors::shared_bytes,
                                              item_screen)>;

} // namespace ia_program

CAF_BEGIN_TYPE_ID_BLOCK(program_types, caf::first_custom_type_id)
CAF_ADD_ATOM(program_types, ia_program, about_atom)
CAF_ADD_ATOM(program_types, ia_program, run_atom)
CAF_ADD_ATOM(program_types, ia_program, begin_atom)
CAF_ADD_ATOM(program_types, ia_program, report_atom)
CAF_ADD_ATOM(program_types, ia_program, output_atom)
CAF_ADD_ATOM(program_types, ia_program, apply_atom)
CAF_ADD_TYPE_ID(program_types, (ia_program::metrics))
CAF_ADD_TYPE_ID(program_types, (ia_program::trial_recorder))
CAF_ADD_TYPE_ID(program_types, (ia_program::trial_worker))
CAF_ADD_TYPE_ID(program_types, (ia_program::item_worker))
CAF_ADD_ATOM(program_types, ia_program, apply_there_atom)
CAF_ADD_TYPE_ID(program_types, (ia_program::item_screen))
CAF_END_TYPE_ID_BLOCK(program_types)
