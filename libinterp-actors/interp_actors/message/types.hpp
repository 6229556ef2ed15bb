#pragma once

#include "interp_actors/message/channel_end.hpp"
#include "interp_actors/message/inspect.hpp"
#include "interp_actors/message/packed_message.hpp"
#include "interp_actors/message/remote_call.hpp"

#include <caf/is_error_code_enum.hpp>
#include <caf/result.hpp>
#include <caf/timespan.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include <string>
#include <vector>

namespace interp_actors {

struct execute_atom;
struct call_atom;
struct cancel_atom;
struct send_atom;
struct invoke_atom;
struct event_atom;
struct start_child_atom;
struct terminate_child_atom;
struct restart_child_atom;
struct delete_child_atom;
struct list_children_atom;
struct count_children_atom;
struct find_child_atom;
struct subscribe_atom;
struct wake_atom;

struct node_answer;
struct node_beat;
struct node_bye;
struct node_call;
struct node_cancel;
struct node_chunk;
struct node_code;
struct node_credit;
struct node_drop;
struct node_free;
struct node_channel_end;
struct node_hello;
struct node_item;
struct node_item_done;
struct node_news;
struct node_parcel;
struct node_start;
struct node_stop;
struct node_want_code;
struct node_welcome;

struct child_counts;
struct child_info;
struct child_spec;
struct death_report;

/// Any interpreter, whatever its code: the generic interface.
///
/// `(execute_atom, code)` runs code in the namespace of the spawned source. `(call_atom, function, payload)`
/// and `(call_atom, function, payloads)` call a function of that source, or `module:function`, with one
/// read-only memoryview for each payload, and answer with its result: bytes or a payload, or a handle that
/// holds nothing for None. `function` is UTF-8. A `timespan` at the end is the request's deadline, counted
/// from its acceptance into the mailbox. `(cancel_atom)` interrupts the request that runs at that moment, and
/// answers whether there was one. It never waits.
///
/// `(call_atom, function, ends)` calls a function with ends of channels instead of payloads, and
/// `(execute_atom, code, bindings)` makes ends of channels globals under their names, then runs code. Both
/// claim receiving ends, which belong to the interpreter from then on.
///
/// `(invoke_atom, function, arguments)` calls a function with any values, a packed tuple, and answers with a
/// packed value: what Python code sends to Python code; see actor/packing.hpp.
/// Errors: `errc` codes; see `python_error_of` for what Python said.
using interpreter_actor = caf::typed_actor<
    caf::result<void>(execute_atom, std::string), caf::result<void>(execute_atom, std::string, caf::timespan),
    caf::result<shared_bytes>(call_atom, std::string, shared_bytes),
    caf::result<shared_bytes>(call_atom, std::string, shared_bytes, caf::timespan),
    caf::result<shared_bytes>(call_atom, std::string, std::vector<shared_bytes>),
    caf::result<shared_bytes>(call_atom, std::string, std::vector<shared_bytes>, caf::timespan),
    caf::result<shared_bytes>(call_atom, std::string, std::vector<channel_end>),
    caf::result<shared_bytes>(call_atom, std::string, std::vector<channel_end>, caf::timespan),
    caf::result<void>(execute_atom, std::string, channel_bindings),
    caf::result<void>(execute_atom, std::string, channel_bindings, caf::timespan),
    caf::result<packed_message>(invoke_atom, std::string, packed_message),
    caf::result<packed_message>(invoke_atom, std::string, packed_message, caf::timespan),
    caf::result<bool>(cancel_atom)>;

} // namespace interp_actors

// Users begin their own block at first_custom_type_id; ours leaves them room.
CAF_BEGIN_TYPE_ID_BLOCK(interp_actors, caf::first_custom_type_id + 10'000)

CAF_ADD_ATOM(interp_actors, interp_actors, execute_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, call_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, cancel_atom)

CAF_ADD_TYPE_ID(interp_actors, (interp_actors::errc))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::python_error))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::shared_bytes))
CAF_ADD_TYPE_ID(interp_actors, (std::vector<interp_actors::shared_bytes>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::interpreter_actor))

CAF_ADD_ATOM(interp_actors, interp_actors, send_atom)
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::channel_end))
CAF_ADD_TYPE_ID(interp_actors, (std::vector<interp_actors::channel_end>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::channel_bindings))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<std::int8_t>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<std::int16_t>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<std::int32_t>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<std::int64_t>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<std::uint8_t>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<std::uint16_t>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<std::uint32_t>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<std::uint64_t>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<float>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::array<double>))
CAF_ADD_ATOM(interp_actors, interp_actors, invoke_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, event_atom)
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::packed_message))

// What supervisors understand: see supervision/operations.hpp. A `child_spec` stays in its process.
CAF_ADD_ATOM(interp_actors, interp_actors, start_child_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, terminate_child_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, restart_child_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, delete_child_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, list_children_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, count_children_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, find_child_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, subscribe_atom)
CAF_ADD_ATOM(interp_actors, interp_actors, wake_atom)
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::child_spec))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::child_info))
CAF_ADD_TYPE_ID(interp_actors, (std::vector<interp_actors::child_info>))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::child_counts))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::death_report))

// Between processes.
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::remote_call))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_hello))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_welcome))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_start))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_want_code))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_code))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_call))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_answer))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_cancel))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_stop))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_news))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_free))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_beat))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_bye))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_parcel))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_chunk))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_credit))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_drop))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_item))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_item_done))
CAF_ADD_TYPE_ID(interp_actors, (interp_actors::node_channel_end))

CAF_END_TYPE_ID_BLOCK(interp_actors)

CAF_ERROR_CODE_ENUM(interp_actors::errc)
