#include "interp_actors/net/call_codec.hpp"

#include "interp_actors/actor/packing.hpp"
#include "interp_actors/message/types.hpp"

namespace interp_actors {

namespace {

using kind = remote_call::kind;
using answer = encoded_call::answer;

/// Whether `content` is `Ts...`, with or without a deadline.
template <class... Ts>
bool is(const caf::message& content) {
  return content.match_elements<Ts...>() || content.match_elements<Ts..., caf::timespan>();
}

encoded_call handle(const interface& type, const interface::method& method, const caf::message& content,
                    answer as) {
  encoded_call result{.as = as, .method = &method};
  result.call.what = kind::handle;
  result.call.handler = static_cast<std::uint32_t>(&method - type.methods.data());
  result.call.function = method.signature.name;
  packed_value packed;
  packed_writer writer{packed};
  auto count = method.signature.arguments.size();
  writer.begin_tuple(count);
  for (std::size_t i = 0; i < count; ++i)
    method.write_argument(content, i, writer);
  writer.end();
  result.call.arguments = to_message(std::move(packed));
  return result;
}

} // namespace

std::optional<encoded_call> encode_call(const caf::message& content, const typed_start* typed) {
  if (is<invoke_atom, std::string, packed_message>(content)) {
    auto& function = content.get_as<std::string>(1);
    auto& arguments = content.get_as<packed_message>(2);
    if (!typed)
      return encoded_call{.call = {.what = kind::invoke, .function = function, .arguments = arguments},
                          .as = answer::packed};
    auto packed = to_value(arguments);
    packed_reader reader{packed};
    auto [method, restored] = typed->type->read(function, reader);
    if (!method)
      return std::nullopt;
    return handle(*typed->type, *method, restored, answer::packed);
  }
  if (typed) {
    auto* method = typed->type->find(content);
    if (!method)
      return std::nullopt;
    return handle(*typed->type, *method, content, answer::typed);
  }
  if (is<call_atom, std::string, shared_bytes>(content)) {
    encoded_call result{.as = answer::payload};
    result.call.function = content.get_as<std::string>(1);
    result.call.arguments.payloads = {content.get_as<shared_bytes>(2)};
    return result;
  }
  if (is<call_atom, std::string, std::vector<shared_bytes>>(content)) {
    encoded_call result{.as = answer::payload};
    result.call.function = content.get_as<std::string>(1);
    result.call.arguments.payloads = content.get_as<std::vector<shared_bytes>>(2);
    return result;
  }
  if (is<execute_atom, std::string>(content))
    return encoded_call{.call = {.what = kind::execute, .function = content.get_as<std::string>(1)}};
  if (is<call_atom, std::string, std::vector<channel_end>>(content)) {
    encoded_call result{.as = answer::payload};
    result.call.function = content.get_as<std::string>(1);
    for (auto& each : content.get_as<std::vector<channel_end>>(2))
      result.ends.emplace_back("", each);
    return result;
  }
  if (is<execute_atom, std::string, channel_bindings>(content)) {
    encoded_call result{.call = {.what = kind::execute, .function = content.get_as<std::string>(1)}};
    result.ends = content.get_as<channel_bindings>(2);
    return result;
  }
  return std::nullopt;
}

caf::message decode_answer(const encoded_call& call, const packed_message& result) {
  switch (call.as) {
  case answer::nothing:
    return {};
  case answer::payload:
    return caf::make_message(result.payloads.empty() ? shared_bytes{} : result.payloads.front());
  case answer::packed:
    if (!call.method)
      return caf::make_message(result);
    [[fallthrough]];
  case answer::typed: {
    auto packed = to_value(result);
    packed_reader reader{packed};
    auto content = call.method->read_result(reader);
    if (call.as == answer::typed)
      return content;
    packed_value again;
    packed_writer writer{again};
    call.method->write_result(content, writer);
    return caf::make_message(to_message(std::move(again)));
  }
  }
  return {};
}

} // namespace interp_actors
