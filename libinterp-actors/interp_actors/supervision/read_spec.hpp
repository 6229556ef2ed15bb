#pragma once

#include "interp_actors/supervision/python_child.hpp"
#include "interp_actors/supervision/supervisor_spec.hpp"

#include <caf/expected.hpp>
#include <caf/settings.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace interp_actors {

/// What a program offers to its configuration files besides Python behind the generic interface: a child with
/// `kind = "NAME"` is what was added under that name. A value.
class child_registry {
public:
  /// Makes a child of its dictionary `options`, empty where there is none; an error is a mistake of the file.
  using maker = std::function<caf::expected<std::shared_ptr<const child_body>>(const caf::settings& options)>;
  /// Makes a child of the source and the options of Python that stand in the file.
  using python_maker = std::function<std::shared_ptr<const child_body>(source code, python_options options)>;
  using entry = std::variant<std::shared_ptr<const child_body>, maker, python_maker>;

  /// Children that consist of `body`.
  child_registry& add(std::string kind, std::shared_ptr<const child_body> body) {
    entries_.insert_or_assign(std::move(kind), std::move(body));
    return *this;
  }

  /// Children that `make` makes, each by itself.
  child_registry& add(std::string kind, maker make) {
    entries_.insert_or_assign(std::move(kind), std::move(make));
    return *this;
  }

  /// Children that run Python, to whose options the program adds something, such as channels.
  child_registry& add_python(std::string kind, python_maker make) {
    entries_.insert_or_assign(std::move(kind), std::move(make));
    return *this;
  }

  /// Python behind the interface `Handle`, with `args` for the constructor of its `class-name`.
  /// Errors: `value_error` for arguments that cannot be given to Python.
  template <class Handle, class... Args>
  child_registry& add_interface(std::string kind, const Args&... args) {
    return add_python(std::move(kind), [start = detail::make_typed_start<Handle>(args...)](
                                           source code, python_options options) {
      return detail::make_python_child(std::move(code), std::move(options), start);
    });
  }

  const std::map<std::string, entry>& entries() const noexcept { return entries_; }

private:
  std::map<std::string, entry> entries_;
};

/// Reads the description of a supervisor at `key` of `settings`, a program's configuration: "my-app.tree". The keys are the
/// names of the fields of `supervisor_spec`, `child_spec`, `backoff`, `python_options` and what is in it, with dashes; the words
/// are the same:
///
///     tree {
///       strategy = "rest_for_one", intensity = 3, period = 10s
///       children = [
///         { name = "index", source-file = "index.py", restart = "transient", shutdown = 2s },
///         { name = "scorers", children = [ { name = "one", module = "scorer", attempts = 3 } ] },
///       ]
///     }
///
/// Children are a list, since dictionaries of CAF have no order. One that has `children` is a supervisor; one with
/// `kind` is what `known` says, also of its other keys; others are Python behind the generic interface: `source-file`,
/// relative to the working folder, `source-text` or `module`. `on` is "here", "any_node" or a node as "HOST:PORT". `shutdown` is a time, "wait_for_ever" or "abandon_at_once"; the limits of the mailbox are `mailbox-messages` and
/// `mailbox-bytes`. What is left away has its default.
/// Errors: `errc::invalid_spec` with all mistakes, each with its full key, where children have their place in the list:
/// "my-app.tree.children[0].restart".
caf::expected<supervisor_spec> read_supervisor_spec(const caf::settings& settings, const std::string& key,
                                                    const child_registry& known = {});

} // namespace interp_actors
