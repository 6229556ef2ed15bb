#pragma once

#include "interp_actors/actor/interface.hpp"
#include "interp_actors/actor/settings.hpp"
#include "interp_actors/base/source.hpp"
#include "interp_actors/supervision/child_body.hpp"
#include "interp_actors/supervision/placement.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace interp_actors {

class shared_queue;

/// What a child that runs Python is besides its source.
struct python_options {
  /// How each of its incarnations is spawned; the child's name stands in for an empty one.
  spawn_options spawn = {.name = {}};
  succession_options succession = {};
  /// Interpreters that have loaded the source beforehand and wait to take over. A restart then takes a fraction of the time, and does
  /// not wait for the old interpreter's end: what only one of them may have, such as a port, is for `started()`.
  std::size_t spares = 0;
  /// Zip files of modules, in front of `sys.path`. They travel to nodes with the source; here they may be folders, too.
  std::vector<std::string> modules = {};
  /// Root of a virtual environment whose packages its interpreters find behind `modules`; where they run on a node, it is the node's,
  /// which must allow it. Packages must support interpreters with their own GIL.
  std::string virtual_env = {};
  /// Where its interpreters run. Its address, its mailbox and its deadlines are here in any case. On nodes there are no spares.
  placement on = {};
};

namespace detail {

/// `typed` is null for the generic interface; `queue` is what a member of a fleet shares with others.
std::shared_ptr<const child_body> make_python_child(source code, python_options options,
                                                    std::shared_ptr<const typed_start> typed,
                                                    std::shared_ptr<shared_queue> queue = nullptr);

template <class Handle, class... Args>
std::shared_ptr<const typed_start> make_typed_start(const Args&... args) {
  auto start = std::make_shared<typed_start>();
  start->type = &interface_of<Handle>();
  pack_arguments(*start, as_argument(args)...);
  return start;
}

} // namespace detail

/// A child that runs `code` behind the interface `Handle`, with `args` for the constructor of `options.spawn.class_name`.
/// Errors: `value_error` for arguments that cannot be given to Python.
template <class Handle, class... Args>
std::shared_ptr<const child_body> python_child(source code, python_options options = {},
                                               const Args&... args) {
  return detail::make_python_child(std::move(code), std::move(options),
                                   detail::make_typed_start<Handle>(args...));
}

/// The same behind the generic interface.
inline std::shared_ptr<const child_body> python_child(source code, python_options options = {}) {
  return detail::make_python_child(std::move(code), std::move(options), nullptr);
}

} // namespace interp_actors
