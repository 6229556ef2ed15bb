#pragma once

#include "interp_actors/actor/deadline.hpp"
#include "interp_actors/actor/settings.hpp"

#include <caf/message.hpp>
#include <caf/timespan.hpp>

#include <map>
#include <string>

namespace interp_actors {

class interface;

/// By when the messages of an address are to be done. A plain value.
class deadline_rules {
public:
  /// `type` is null for the generic interface.
  deadline_rules(const spawn_options& options, const interface* type);

  /// The deadline of a message whose time begins now: what it says itself, else what holds for its handler, else what
  /// holds for all.
  time_point deadline_of(const caf::message& content) const;

private:
  caf::timespan all_;
  std::map<std::string, caf::timespan, std::less<>> handlers_;
  const interface* type_;
};

} // namespace interp_actors
