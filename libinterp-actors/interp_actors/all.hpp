#pragma once

/// Everything that users of the library need.

#include "interp_actors/actor/caller.hpp"
#include "interp_actors/actor/channel.hpp"
#include "interp_actors/actor/dead_letter.hpp"
#include "interp_actors/actor/packing.hpp"
#include "interp_actors/actor/protocol.hpp"
#include "interp_actors/actor/run.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/base/array.hpp"
#include "interp_actors/base/channel_queue.hpp"
#include "interp_actors/base/death_report.hpp"
#include "interp_actors/base/errc.hpp"
#include "interp_actors/base/payload_stats.hpp"
#include "interp_actors/base/python_error.hpp"
#include "interp_actors/base/run_result.hpp"
#include "interp_actors/base/shared_bytes.hpp"
#include "interp_actors/base/source.hpp"
#include "interp_actors/compat.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/endpoint.hpp"
#include "interp_actors/net/node.hpp"
#include "interp_actors/net/node_options.hpp"
#include "interp_actors/net/options.hpp"
#include "interp_actors/runtime/options.hpp"
#include "interp_actors/runtime/run_main.hpp"
#include "interp_actors/runtime/runtime.hpp"
#include "interp_actors/supervision/actor_child.hpp"
#include "interp_actors/supervision/fleet.hpp"
#include "interp_actors/supervision/inspect.hpp"
#include "interp_actors/supervision/placement.hpp"
#include "interp_actors/supervision/python_child.hpp"
#include "interp_actors/supervision/supervisor_child.hpp"
#include "interp_actors/supervision/tree.hpp"

/// The short name that the examples and the documentation use.
namespace ia = interp_actors;
