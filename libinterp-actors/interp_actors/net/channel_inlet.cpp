#include "interp_actors/net/channel_inlet.hpp"

#include "interp_actors/actor/channel_address.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/inspect.hpp"

namespace interp_actors {

namespace {

/// Tells the controller what became of a message that had to wait for room.
class waiting_item final : public waiting_send {
public:
  waiting_item(channel_item item, node_item_done answer, std::shared_ptr<line> way,
               std::weak_ptr<channel_queue> queue)
      : waiting_send{std::move(item)},
        answer_{std::move(answer)},
        way_{std::move(way)},
        queue_{std::move(queue)} {}

  void finished(send_result result) noexcept override {
    auto queue = queue_.lock();
    answer_.is_closed = result != send_result::accepted;
    if (answer_.is_closed && queue)
      answer_.reason = queue->reason();
    way_->send(std::move(answer_));
  }

private:
  node_item_done answer_;
  const std::shared_ptr<line> way_;
  const std::weak_ptr<channel_queue> queue_;
};

} // namespace

channel_end channel_inlet::make(const channel_record& record) {
  channel_end result;
  if (record.sender) {
    result.set_sender(record.sender);
    return result;
  }
  channel_options options{.messages = static_cast<std::size_t>(record.messages),
                          .bytes = static_cast<std::size_t>(record.bytes),
                          .name = record.title};
  auto made = make_channel(system_, office_, std::move(options), record.element);
  std::lock_guard guard{mutex_};
  entries_.insert_or_assign(record.number, entry{made.receiver.queue(), std::move(made.sender)});
  return {std::make_shared<receiver_slot>(std::move(made.receiver))};
}

void channel_inlet::take(node_item item) {
  std::shared_ptr<channel_queue> queue;
  {
    std::lock_guard guard{mutex_};
    if (auto place = entries_.find(item.channel); place != entries_.end())
      queue = place->second.queue;
  }
  if (!queue || item.content.payloads.size() != 1) {
    way_->send(node_item_done{item.child, item.channel, true, "there is no such channel"});
    return;
  }
  node_item_done answer{item.child, item.channel, false, {}};
  channel_item next{std::move(item.content.payloads.front()), nullptr};
  std::vector<channel_item> dropped;
  switch (queue->offer(next, dropped)) {
  case send_result::accepted:
    way_->send(std::move(answer));
    break;
  case send_result::wait:
    queue->submit(std::make_shared<waiting_item>(std::move(next), std::move(answer), way_, queue));
    break;
  default:
    answer.is_closed = true;
    answer.reason = queue->reason();
    way_->send(std::move(answer));
    break;
  }
}

void channel_inlet::end(const node_channel_end& what) {
  entry gone;
  {
    std::lock_guard guard{mutex_};
    auto place = entries_.find(what.channel);
    if (place == entries_.end())
      return;
    gone = std::move(place->second);
    entries_.erase(place);
  }
  gone.queue->end(what.reason);
}

void channel_inlet::close(const std::string& reason) {
  std::map<std::uint64_t, entry> gone;
  {
    std::lock_guard guard{mutex_};
    gone.swap(entries_);
  }
  for (auto& [number, each] : gone)
    each.queue->end(reason);
}

} // namespace interp_actors
