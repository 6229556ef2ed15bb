#pragma once

#include "interp_actors/actor/roster.hpp"
#include "interp_actors/actor/settings.hpp"
#include "interp_actors/base/run_result.hpp"
#include "interp_actors/base/source.hpp"

#include <caf/error.hpp>

#include <memory>

namespace interp_actors {

/// How a source is run to its end.
struct run_options {
  /// Ends of channels that become globals of that name; nothing else is passed. Receiving ends belong to the
  /// interpreter then. A name that is no identifier fails the run, and every end stays where it was.
  channel_bindings channels;
  /// Time for all of it; 0 is no deadline.
  caf::timespan deadline{0};
  /// Throws what Python raised as `python_exception` instead of returning it.
  bool reraise = false;
  /// For logs, and for the name of the thread.
  std::string name = "run";
};

/// Runs `code` in an interpreter of its own, and waits until that has ended but for its teardown.
run_result run_source(const std::shared_ptr<roster>& home, source code, run_options options);

/// What became of code that ended with `problem`, or well where that is no error.
run_result run_result_of(const caf::error& problem);

} // namespace interp_actors
