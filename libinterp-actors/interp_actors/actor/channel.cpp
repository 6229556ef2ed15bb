#include "interp_actors/actor/channel.hpp"

namespace interp_actors {

namespace {

/// Holds the lease while its owner works with it, so that nobody else can claim it meanwhile.
class borrowed_lease {
public:
  explicit borrowed_lease(receiver_slot& slot) : slot_{slot}, lease_{slot.claim()} {}
  borrowed_lease(const borrowed_lease&) = delete;
  borrowed_lease& operator=(const borrowed_lease&) = delete;
  ~borrowed_lease() {
    if (lease_)
      slot_.restore(std::move(lease_));
  }

  explicit operator bool() const noexcept { return static_cast<bool>(lease_); }

private:
  receiver_slot& slot_;
  channel_lease lease_;
};

} // namespace

caf::expected<channel_item> basic_channel_receiver::take(time_point until, wanted what) {
  if (!slot_)
    return make_error(errc::channel_moved, std::string{"this receiver has no channel"});
  auto& queue = *slot_->queue();
  borrowed_lease lease{*slot_};
  if (!lease)
    return queue.closed() ? error_for(send_result::closed, queue)
                          : make_error(errc::channel_moved, std::string{moved_text});
  for (;;) {
    if (auto* next = queue.front()) {
      bool is_object = next->cargo && next->cargo->is_object;
      bool is_end = next->cargo && !is_object;
      if (is_end != (what == wanted::end) || is_object)
        return make_error(errc::channel_mismatch,
                          std::string{is_object ? "the next message is a pickled Python object"
                                      : is_end  ? "the next message is an end of a channel; take it with "
                                                  "recv_end()"
                                                : "the next message is a payload; take it with recv()"});
      return queue.pop();
    }
    if (queue.finished())
      return error_for(send_result::closed, queue);
    if (!queue.arm(bell_))
      continue;
    bool rung = bell_->wait_until(until);
    queue.disarm();
    if (!rung && !queue.ready())
      return make_error(errc::deadline_exceeded, std::string{"no message came in time"});
  }
}

caf::expected<shared_bytes> basic_channel_receiver::recv_payload(time_point until) {
  auto item = take(until, wanted::payload);
  if (!item)
    return std::move(item.error());
  return std::move(item->payload);
}

caf::expected<channel_end> basic_channel_receiver::recv_end() {
  return recv_end(caf::timespan::max());
}

caf::expected<channel_end> basic_channel_receiver::recv_end(caf::timespan timeout) {
  auto item = take(time_after(timeout), wanted::end);
  if (!item)
    return std::move(item.error());
  return ticket_for(std::move(item->cargo->end));
}

void basic_channel_receiver::close() {
  if (!slot_)
    return;
  if (auto lease = slot_->claim())
    lease.close("its receiver closed it");
}

std::size_t basic_channel_receiver::size() const {
  return slot_ ? slot_->queue()->size() : 0;
}

std::size_t basic_channel_receiver::dropped() const {
  return slot_ ? slot_->queue()->dropped() : 0;
}

namespace detail {

caf::error check_element(const channel_queue& queue, const std::string& format, bool plain) {
  if (!queue.element ? plain : queue.element->format == format)
    return {};
  auto carried = queue.element ? "elements of format '" + queue.element->format + "'" : std::string{"bytes"};
  return make_error(errc::channel_mismatch, "the channel carries " + carried + ", not "
                                                + (plain ? "bytes" : "elements of format '" + format + "'"));
}

} // namespace detail

} // namespace interp_actors
