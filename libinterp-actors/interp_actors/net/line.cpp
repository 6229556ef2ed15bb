#include "interp_actors/net/line.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/inspect.hpp"

#include <algorithm>
#include <limits>

namespace interp_actors {

namespace {

/// Parcels that one side may begin before it ends others.
constexpr std::size_t most_open_parcels = 4096;

/// Streams of messages that asked for none have numbers from here on.
constexpr line::stream first_anonymous = line::stream{1} << 63;

std::size_t size_of(const packed_message& content) {
  auto result = content.bytes.size();
  for (auto& each : content.payloads)
    if (__builtin_add_overflow(result, each.size(), &result))
      return std::numeric_limits<std::size_t>::max();
  return result;
}

} // namespace

caf::error line::check_size(const packed_message& content) const {
  auto size = size_of(content);
  if (size <= most_out_)
    return {};
  return make_error(errc::too_large,
                    std::to_string(size) + " bytes are more than the " + std::to_string(most_out_)
                        + " that this process and the node may exchange at once; send less, or raise "
                          "interp-actors.node-message-bytes here and --message-bytes there");
}

std::vector<shared_bytes> line::load(packed_message& content) {
  if (size_of(content) <= chunk_bytes)
    return {};
  std::vector<shared_bytes> parts;
  parts.reserve(content.payloads.size() + 1);
  parts.push_back(std::exchange(content.bytes, {}));
  for (auto& each : content.payloads)
    parts.push_back(std::exchange(each, {}));
  return parts;
}

std::uint64_t line::new_parcel() {
  std::lock_guard guard{mutex_};
  return ++last_parcel_;
}

void line::send_message(caf::message what, stream of, std::uint64_t parcel, std::vector<shared_bytes> parts) {
  std::lock_guard guard{mutex_};
  if (closed_)
    return;
  if (of == 0 && parcel != 0)
    of = first_anonymous + parcel;
  auto place = streams_.find(of);
  if (parcel == 0 && (of == 0 || place == streams_.end())) {
    post(std::move(what));
    return;
  }
  if (place == streams_.end())
    place = streams_.try_emplace(of).first;
  place->second.push_back({std::move(what), parcel, std::move(parts)});
  if (place->second.size() > 1)
    return;
  active_.push_back(of);
  pump();
}

void line::post(caf::message what) {
  peer_->enqueue(compat::make_element(nullptr, caf::make_message_id(), std::move(what)), nullptr);
}

bool line::send_chunk(item& of) {
  if (!std::exchange(of.announced, true)) {
    node_parcel announced{.number = of.parcel};
    for (auto& each : of.parts) {
      auto& part = announced.parts.emplace_back();
      part.size = each.size();
      part.exists = static_cast<bool>(each);
      if (auto* format = each.format())
        part.format = *format;
    }
    post(caf::make_message(std::move(announced)));
  }
  auto is_done = [&of] {
    while (of.part < of.parts.size() && of.offset == of.parts[of.part].size()) {
      of.parts[of.part++] = {}; // whoever sent it may have it back
      of.offset = 0;
    }
    return of.part == of.parts.size();
  };
  if (is_done())
    return true;
  auto piece = of.parts[of.part].sub_range(of.offset, chunk_bytes);
  of.offset += piece.size();
  ++outstanding_;
  post(caf::make_message(node_chunk{of.parcel, std::move(piece)}));
  return is_done();
}

void line::pump() {
  while (outstanding_ < window && !active_.empty()) {
    auto of = active_.front();
    active_.pop_front();
    if (send_chunk(streams_.at(of).front()))
      advance(of);
    else
      active_.push_back(of);
  }
}

void line::advance(stream of) {
  auto place = streams_.find(of);
  auto& items = place->second;
  do {
    post(std::move(items.front().what));
    items.pop_front();
  } while (!items.empty() && items.front().parcel == 0);
  if (items.empty())
    streams_.erase(place);
  else
    active_.push_back(of);
}

bool line::drop(stream of) {
  std::deque<item> dropped; // without the mutex
  std::lock_guard guard{mutex_};
  auto place = streams_.find(of);
  if (place == streams_.end())
    return false;
  if (place->second.front().announced)
    post(caf::make_message(node_drop{place->second.front().parcel}));
  dropped = std::move(place->second);
  streams_.erase(place);
  std::erase(active_, of);
  return true;
}

void line::close() {
  std::map<stream, std::deque<item>> streams; // dropped without the mutex
  std::unordered_map<std::uint64_t, incoming> parcels;
  std::lock_guard guard{mutex_};
  closed_ = true;
  streams.swap(streams_);
  parcels.swap(incoming_);
  active_.clear();
}

// -- the other direction -------------------------------------------------------------------------------------------------

bool line::receive(const caf::message& content) {
  std::lock_guard guard{mutex_};
  if (content.match_elements<node_chunk>()) {
    take(content.get_as<node_chunk>(0));
  } else if (content.match_elements<node_credit>()) {
    outstanding_ -= std::min<std::size_t>(outstanding_, content.get_as<node_credit>(0).chunks);
    pump();
  } else if (content.match_elements<node_parcel>()) {
    open(content.get_as<node_parcel>(0));
  } else if (content.match_elements<node_drop>()) {
    incoming_.erase(content.get_as<node_drop>(0).parcel);
  } else {
    return false;
  }
  return true;
}

void line::open(const node_parcel& announced) {
  if (closed_)
    return;
  std::size_t total = 0;
  for (auto& part : announced.parts)
    if (__builtin_add_overflow(total, part.size, &total))
      total = std::numeric_limits<std::size_t>::max();
  if (total > most_in_)
    throw protocol_violation("it announces " + std::to_string(total) + " bytes, where "
                             + std::to_string(most_in_) + " were agreed on");
  if (incoming_.size() >= most_open_parcels || incoming_.contains(announced.number))
    throw protocol_violation("it begins too many transfers, or one of them twice");
  auto& into = incoming_[announced.number];
  into.parts = announced.parts;
  settle(into);
}

void line::settle(incoming& into) {
  while (into.done.size() < into.parts.size()) {
    auto& part = into.parts[into.done.size()];
    if (into.filling.size() < part.size) {
      try {
        into.filling.reserve(part.size);
      } catch (const std::exception&) { // std::bad_alloc or std::length_error
        throw protocol_violation("there is no memory for the " + std::to_string(part.size)
                                 + " bytes that it announces");
      }
      return;
    }
    auto bytes = part.size > 0 ? shared_bytes::adopt(std::exchange(into.filling, {}))
                 : part.exists ? shared_bytes::copy(std::string_view{})
                               : shared_bytes{};
    try {
      into.done.push_back(part.format ? bytes.with_format(*part.format) : std::move(bytes));
    } catch (const std::invalid_argument& problem) {
      throw protocol_violation(std::string{"it sends a payload with a format that does not fit: "}
                               + problem.what());
    }
  }
}

void line::take(const node_chunk& chunk) {
  if (closed_)
    return;
  post(caf::make_message(node_credit{1}));
  auto place = incoming_.find(chunk.parcel);
  if (place == incoming_.end())
    return; // its receiver is gone
  auto& into = place->second;
  if (into.done.size() == into.parts.size()
      || chunk.bytes.size() > into.parts[into.done.size()].size - into.filling.size())
    throw protocol_violation("it sends more bytes than it has announced");
  auto bytes = chunk.bytes.as_span();
  into.filling.insert(into.filling.end(), bytes.begin(), bytes.end());
  settle(into);
}

void line::unload(std::uint64_t parcel, packed_message& content) {
  std::unique_lock guard{mutex_};
  auto found = incoming_.extract(parcel);
  guard.unlock();
  if (!found || found.mapped().done.size() != content.payloads.size() + 1)
    throw protocol_violation("it sends a message before what belongs to it");
  auto& parts = found.mapped().done;
  content.bytes = std::move(parts.front());
  std::move(parts.begin() + 1, parts.end(), content.payloads.begin());
}

} // namespace interp_actors
