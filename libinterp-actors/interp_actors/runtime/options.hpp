#pragma once

#include "interp_actors/actor/dead_letter.hpp"
#include "interp_actors/actor/roster.hpp"
#include "interp_actors/actor/settings.hpp"
#include "interp_actors/net/options.hpp"
#include "interp_actors/python/engine_options.hpp"

#include <caf/actor_system_config.hpp>

namespace interp_actors {

/// How a runtime starts CPython and treats its interpreters.
struct runtime_options {
  python::engine_options python;
  interpreter_settings interpreters;
  network_options network;
  /// Is told of messages that nobody understood, and of those that channels had to drop. They are counted in any case;
  /// without a handler, the first one of each interpreter and channel makes a line on stderr.
  dead_letter_handler dead_letters;
  /// Is told of each death of a supervised child; without a handler, those that are no normal end make a block of lines
  /// on stderr.
  death_handler deaths;
};

/// CAF's configuration with the options of this library, for the command line and CAF's configuration file.
/// All keys are below `interp-actors`; `--long-help` lists them. Derive from it to add options of your own.
class config : public caf::actor_system_config {
public:
  config();

  /// The options as they were parsed. Call it after `parse`.
  /// Errors: std::invalid_argument that names the key whose value makes no sense.
  runtime_options runtime() const;

  /// Loads CAF's network where the options want one: to be called after `parse`, before the actor system is made.
  /// `run_main` does it.
  void load_network();

  /// Nodes and certificates, which the command line may replace; `enabled` is for a program that connects by itself or is a
  /// node.
  network_options network;

  /// Handlers for `runtime_options`, which no command line can give.
  dead_letter_handler dead_letters;
  death_handler deaths;

private:
  std::string virtual_env_;
  std::vector<std::string> sys_path_;
  std::string isolated_ = "true"; // text: a flag of CAF's command line takes no `=false`
  interpreter_settings interpreters_;
};

} // namespace interp_actors
