#pragma once

#include "interp_actors/message/inspect.hpp"
#include "interp_actors/message/remote_call.hpp"
#include "interp_actors/net/interface_record.hpp"
#include "interp_actors/supervision/inspect.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/timespan.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// What a controller and a node send each other. All but the first two go between two actors that the two sides made for
/// one *session*, in the order in which they were sent; `child` numbers the incarnations of a controller over all sessions.
namespace interp_actors {

/// Both sides must have the same one: it counts changes of these messages.
inline constexpr std::uint32_t node_protocol = 1;

/// Request to the gatekeeper of a node, answered by a `node_welcome`.
struct node_hello {
  std::uint32_t protocol = node_protocol;
  /// Version of the library, for people.
  std::string version;
  /// A random name of the controller's process, with the one that it has for the node.
  std::string controller;
  /// Where the node's messages go.
  caf::strong_actor_ptr link;
  /// Bytes of arguments and results that the sender takes at most.
  std::uint64_t most_bytes = 0;
};

struct node_welcome {
  std::string version;
  std::uint64_t slots = 0;
  std::uint64_t free = 0;
  std::uint64_t most_bytes = 0;
  /// The node ends what it runs for the controller after that time without a `node_beat`.
  caf::timespan lease{0};
  /// From an interrupt to giving up, on the node.
  caf::timespan grace{0};
  /// Where the controller's messages go.
  caf::strong_actor_ptr session;
};

/// A zip file of modules.
struct module_record {
  std::string name; // of the file, without a folder
  std::string hash;
};

/// An end of a channel for an interpreter on a node. A sending end is its actor; of a receiving one the node makes another channel,
/// which the controller feeds as `number`.
struct channel_record {
  std::string name; // of the global; empty for an argument
  caf::strong_actor_ptr sender;
  std::uint64_t number = 0;
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  std::string title;
  std::optional<buffer_format> element;
};

/// Controller to node: the next message of a channel.
struct node_item {
  std::uint64_t child = 0;
  std::uint64_t channel = 0;
  packed_message content; // one payload
  std::uint64_t parcel = 0;
};

/// Node to controller: it was let in, or the channel is closed there.
struct node_item_done {
  std::uint64_t child = 0;
  std::uint64_t channel = 0;
  bool is_closed = false;
  std::string reason;
};

/// Controller to node: no more messages come.
struct node_channel_end {
  std::uint64_t child = 0;
  std::uint64_t channel = 0;
  std::string reason;
};

/// Controller to node: start an incarnation. The node asks for code that it does not have.
struct node_start {
  std::uint64_t child = 0;
  std::uint64_t incarnation = 0;
  std::string name;
  /// What its code is told of its own address.
  caf::strong_actor_ptr known_as;
  bool is_module = false;
  std::string source_name;
  std::string code_hash; // of a text
  std::vector<module_record> modules;
  std::string virtual_env; // of the node's; empty for none
  std::vector<std::string> functions;
  std::string class_name;
  std::optional<interface_record> type;
  std::vector<channel_record> channels;
  bool fail_on_exceptions = false;
  caf::timespan start_deadline{0};
  std::uint64_t snapshot_messages = 0;
  caf::timespan snapshot_interval{0};
  std::uint64_t recycle_messages = 0;
  caf::timespan recycle_age{0};
  std::optional<death_report> previous;
  /// A tuple for the constructor, and as the last payload the snapshot.
  packed_message content;
  std::uint64_t parcel = 0;
};

/// Node to controller: send the code with this hash.
struct node_want_code {
  std::string hash;
};

struct node_code {
  std::string hash;
  packed_message content; // one payload
  std::uint64_t parcel = 0;
};

/// Controller to node: a message for a child, one at a time.
struct node_call {
  std::uint64_t child = 0;
  /// Numbers the messages of a controller over all sessions.
  std::uint64_t number = 0;
  bool is_request = false;
  /// Until its deadline; 0 for none.
  caf::timespan left{0};
  remote_call what; // whose arguments are `content`
  std::vector<channel_record> channels;
  packed_message content;
  std::uint64_t parcel = 0;
};

/// Node to controller: the message has been handled.
struct node_answer {
  std::uint64_t child = 0;
  std::uint64_t number = 0;
  caf::error problem;
  packed_message content;
  std::uint64_t parcel = 0;
};

/// Controller to node: interrupt the handling of this message.
struct node_cancel {
  std::uint64_t child = 0;
  std::uint64_t number = 0;
};

/// Controller to node: end it for `reason`, within `limit`; `at_once`, come what may.
struct node_stop {
  std::uint64_t child = 0;
  caf::error reason;
  caf::timespan limit{0};
  bool at_once = false;
};

/// Node to controller: how a child fares.
struct node_news {
  enum class kind : std::uint8_t { started, refused, died, gone, due, snapshot };

  std::uint64_t child = 0;
  kind what = kind::started;
  /// Why it died, or why it was refused.
  caf::error reason;
  std::optional<death_report> report;
  /// The last message that its code was given before it died; 0 for none. Later ones it has not seen.
  std::uint64_t begun = 0;
  packed_message content; // the snapshot
  std::uint64_t parcel = 0;
};

/// Node to controller: slots that are free now.
struct node_free {
  std::uint64_t slots = 0;
};

/// Controller to node, answered in kind: the session lives.
struct node_beat {
  std::uint64_t number = 0;
};

/// Either way: the session is over.
struct node_bye {
  std::string why;
};

/// Either way: what the message with this parcel carries comes ahead of it, in chunks.
struct node_parcel {
  struct part {
    std::uint64_t size = 0;
    bool exists = false;
    std::optional<buffer_format> format;
  };

  std::uint64_t number = 0;
  std::vector<part> parts;
};

struct node_chunk {
  std::uint64_t parcel = 0;
  shared_bytes bytes;
};

/// The receiver has taken in that many chunks; the sender may send as many more.
struct node_credit {
  std::uint64_t chunks = 0;
};

/// The rest of the parcel does not come.
struct node_drop {
  std::uint64_t parcel = 0;
};

} // namespace interp_actors
