#pragma once

#include "interp_actors/net/node_messages.hpp"

/// How the messages between controllers and nodes travel.
namespace interp_actors {

template <class Inspector>
bool inspect(Inspector& f, node_hello& x) {
  return f.object(x).fields(f.field("protocol", x.protocol), f.field("version", x.version),
                            f.field("controller", x.controller), f.field("link", x.link),
                            f.field("most_bytes", x.most_bytes));
}

template <class Inspector>
bool inspect(Inspector& f, node_welcome& x) {
  return f.object(x).fields(f.field("version", x.version), f.field("slots", x.slots), f.field("free", x.free),
                            f.field("most_bytes", x.most_bytes), f.field("lease", x.lease),
                            f.field("grace", x.grace), f.field("session", x.session));
}

template <class Inspector>
bool inspect(Inspector& f, shape_record::field& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("shape", x.shape),
                            f.field("may_be_missing", x.may_be_missing));
}

template <class Inspector>
bool inspect(Inspector& f, shape_record& x) {
  return f.object(x).fields(f.field("what", x.what), f.field("name", x.name), f.field("min", x.min),
                            f.field("max", x.max), f.field("size", x.size), f.field("has_names", x.has_names),
                            f.field("parts", x.parts), f.field("fields", x.fields));
}

template <class Inspector>
bool inspect(Inspector& f, signature_record& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("arguments", x.arguments),
                            f.field("result", x.result));
}

template <class Inspector>
bool inspect(Inspector& f, interface_record& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("shapes", x.shapes),
                            f.field("methods", x.methods), f.field("constructor", x.constructor));
}

template <class Inspector>
bool inspect(Inspector& f, channel_record& x) {
  if constexpr (std::is_same_v<Inspector, caf::binary_serializer>)
    note_lent(x.sender);
  return f.object(x).fields(f.field("name", x.name), f.field("sender", x.sender), f.field("number", x.number),
                            f.field("messages", x.messages), f.field("bytes", x.bytes),
                            f.field("title", x.title), f.field("element", x.element));
}

template <class Inspector>
bool inspect(Inspector& f, node_item& x) {
  return f.object(x).fields(f.field("child", x.child), f.field("channel", x.channel),
                            f.field("content", x.content), f.field("parcel", x.parcel));
}

template <class Inspector>
bool inspect(Inspector& f, node_item_done& x) {
  return f.object(x).fields(f.field("child", x.child), f.field("channel", x.channel),
                            f.field("is_closed", x.is_closed), f.field("reason", x.reason));
}

template <class Inspector>
bool inspect(Inspector& f, node_channel_end& x) {
  return f.object(x).fields(f.field("child", x.child), f.field("channel", x.channel),
                            f.field("reason", x.reason));
}

template <class Inspector>
bool inspect(Inspector& f, module_record& x) {
  return f.object(x).fields(f.field("name", x.name), f.field("hash", x.hash));
}

template <class Inspector>
bool inspect(Inspector& f, node_start& x) {
  return f.object(x).fields(
      f.field("child", x.child), f.field("incarnation", x.incarnation), f.field("name", x.name),
      f.field("known_as", x.known_as), f.field("is_module", x.is_module),
      f.field("source_name", x.source_name), f.field("code_hash", x.code_hash), f.field("modules", x.modules),
      f.field("virtual_env", x.virtual_env), f.field("functions", x.functions),
      f.field("class_name", x.class_name), f.field("type", x.type), f.field("channels", x.channels),
      f.field("fail_on_exceptions", x.fail_on_exceptions), f.field("start_deadline", x.start_deadline),
      f.field("snapshot_messages", x.snapshot_messages), f.field("snapshot_interval", x.snapshot_interval),
      f.field("recycle_messages", x.recycle_messages), f.field("recycle_age", x.recycle_age),
      f.field("previous", x.previous), f.field("content", x.content), f.field("parcel", x.parcel));
}

template <class Inspector>
bool inspect(Inspector& f, node_want_code& x) {
  return f.object(x).fields(f.field("hash", x.hash));
}

template <class Inspector>
bool inspect(Inspector& f, node_code& x) {
  return f.object(x).fields(f.field("hash", x.hash), f.field("content", x.content),
                            f.field("parcel", x.parcel));
}

template <class Inspector>
bool inspect(Inspector& f, node_call& x) {
  return f.object(x).fields(f.field("child", x.child), f.field("number", x.number),
                            f.field("is_request", x.is_request), f.field("left", x.left),
                            f.field("what", x.what), f.field("channels", x.channels),
                            f.field("content", x.content), f.field("parcel", x.parcel));
}

template <class Inspector>
bool inspect(Inspector& f, node_answer& x) {
  return f.object(x).fields(f.field("child", x.child), f.field("number", x.number),
                            f.field("problem", x.problem), f.field("content", x.content),
                            f.field("parcel", x.parcel));
}

template <class Inspector>
bool inspect(Inspector& f, node_cancel& x) {
  return f.object(x).fields(f.field("child", x.child), f.field("number", x.number));
}

template <class Inspector>
bool inspect(Inspector& f, node_stop& x) {
  return f.object(x).fields(f.field("child", x.child), f.field("reason", x.reason), f.field("limit", x.limit),
                            f.field("at_once", x.at_once));
}

template <class Inspector>
bool inspect(Inspector& f, node_news& x) {
  auto get = [&x] { return static_cast<std::uint8_t>(x.what); };
  auto set = [&x](std::uint8_t value) {
    x.what = static_cast<node_news::kind>(value);
    return value <= static_cast<std::uint8_t>(node_news::kind::snapshot);
  };
  return f.object(x).fields(f.field("child", x.child), f.field("what", get, set), f.field("reason", x.reason),
                            f.field("report", x.report), f.field("begun", x.begun),
                            f.field("content", x.content), f.field("parcel", x.parcel));
}

template <class Inspector>
bool inspect(Inspector& f, node_free& x) {
  return f.object(x).fields(f.field("slots", x.slots));
}

template <class Inspector>
bool inspect(Inspector& f, node_beat& x) {
  return f.object(x).fields(f.field("number", x.number));
}

template <class Inspector>
bool inspect(Inspector& f, node_bye& x) {
  return f.object(x).fields(f.field("why", x.why));
}

template <class Inspector>
bool inspect(Inspector& f, node_parcel::part& x) {
  return f.object(x).fields(f.field("size", x.size), f.field("exists", x.exists),
                            f.field("format", x.format));
}

template <class Inspector>
bool inspect(Inspector& f, node_parcel& x) {
  return f.object(x).fields(f.field("number", x.number), f.field("parts", x.parts));
}

template <class Inspector>
bool inspect(Inspector& f, node_chunk& x) {
  return f.object(x).fields(f.field("parcel", x.parcel), f.field("bytes", x.bytes));
}

template <class Inspector>
bool inspect(Inspector& f, node_credit& x) {
  return f.object(x).fields(f.field("chunks", x.chunks));
}

template <class Inspector>
bool inspect(Inspector& f, node_drop& x) {
  return f.object(x).fields(f.field("parcel", x.parcel));
}

} // namespace interp_actors
