#include "interp_actors/base/channel_queue.hpp"

#include <algorithm>
#include <stdexcept>

namespace interp_actors {

namespace {

/// Guards in which channel's messages each lease travels. Taken for short times, when an end travels.
std::mutex& carriers_mutex() {
  static std::mutex mutex;
  return mutex;
}

/// Leases that are dropped while another one is being dropped in the same thread: their messages may hold
/// leases in turn, to any depth, and must not be dropped by recursion.
thread_local std::vector<std::shared_ptr<channel_queue>>* closing = nullptr;

} // namespace

// -- leases
// -----------------------------------------------------------------------------------------------------------

void channel_lease::close(const std::string& reason) noexcept {
  if (!queue_)
    return;
  land();
  auto queue = std::move(queue_);
  if (closing) {
    closing->push_back(std::move(queue));
    return;
  }
  std::vector<std::shared_ptr<channel_queue>> waiting;
  closing = &waiting;
  for (;;) {
    queue->close(reason);
    queue->take_rest();
    queue.reset();
    if (waiting.empty())
      break;
    queue = std::move(waiting.back());
    waiting.pop_back();
  }
  closing = nullptr;
}

void channel_lease::revoke(const std::string& reason) noexcept {
  if (auto queue = std::move(queue_))
    queue->close(reason);
}

bool channel_lease::board(const channel_queue& carrier) {
  std::lock_guard guard{carriers_mutex()};
  for (auto* next = &carrier; next; next = next->carrier_)
    if (next == queue_.get())
      return false;
  queue_->carrier_ = &carrier;
  return true;
}

void channel_lease::land() noexcept {
  std::lock_guard guard{carriers_mutex()};
  queue_->carrier_ = nullptr;
}

// -- lists
// ------------------------------------------------------------------------------------------------------------

void channel_queue::item_list::push(channel_item item) {
  if (head > 64 && head > items.size() / 2) { // what was popped goes once it is the larger part
    items.erase(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(head));
    head = 0;
  }
  items.push_back(std::move(item));
}

channel_item channel_queue::item_list::pop() {
  auto result = std::move(items[head]);
  if (++head == items.size()) {
    items.clear();
    head = 0;
  }
  return result;
}

// -- senders
// ----------------------------------------------------------------------------------------------------------

channel_queue::channel_queue(channel_options options, std::optional<buffer_format> element)
    : options{std::move(options)}, element{std::move(element)} {}

channel_queue::~channel_queue() = default;

void channel_queue::set_owner(std::function<void(const std::string&)> closed,
                              std::function<void(std::vector<channel_item>)> dropped) {
  on_closed_ = std::move(closed);
  on_dropped_ = std::move(dropped);
}

std::size_t channel_queue::waiting() const {
  return pushed_ - removed_ - consumed_.load(std::memory_order_seq_cst);
}

bool channel_queue::has_room(std::size_t bytes) const {
  auto messages = waiting();
  if (messages == 0)
    return true; // one message is always let in, however large
  if (options.messages != 0 && messages >= options.messages)
    return false;
  return options.bytes == 0
         || pushed_bytes_ - removed_bytes_ - consumed_bytes_.load(std::memory_order_relaxed) + bytes
                <= options.bytes;
}

bool channel_queue::over_bounds() const {
  return (options.messages != 0 && waiting() > options.messages)
         || (options.bytes != 0
             && pushed_bytes_ - removed_bytes_ - consumed_bytes_.load(std::memory_order_relaxed)
                    > options.bytes);
}

void channel_queue::push(channel_item item, std::size_t bytes) {
  items_.push(std::move(item));
  ++pushed_;
  if (options.bytes != 0)
    pushed_bytes_ += bytes;
}

send_result channel_queue::offer(channel_item& item, std::vector<channel_item>& dropped) {
  auto bytes = options.bytes != 0 ? item.bytes() : 0;
  std::shared_ptr<bell> ring;
  {
    std::lock_guard guard{mutex_};
    if (ended_ || closed())
      return send_result::closed;
    if (options.when_full == when_full::drop_oldest) {
      push(std::move(item), bytes);
      while (items_.size() > 1 && over_bounds()) {
        ++removed_;
        if (options.bytes != 0)
          removed_bytes_ += items_.items[items_.head].bytes();
        dropped.push_back(items_.pop());
      }
    } else {
      if (!waiters_.empty() || !has_room(bytes))
        return options.when_full == when_full::wait ? send_result::wait : send_result::full;
      push(std::move(item), bytes);
    }
    ring = std::move(receiver_bell_);
  }
  if (ring)
    ring->ring();
  return send_result::accepted;
}

void channel_queue::admit(senders& admitted) {
  while (!waiters_.empty()) {
    auto& first = *waiters_.front();
    auto bytes = options.bytes != 0 ? first.item.bytes() : 0;
    if (!has_room(bytes))
      break;
    admitted.push_back(waiters_.front());
    push(std::move(first.item), bytes);
    waiters_.pop_front();
  }
  senders_wait_.store(!waiters_.empty(), std::memory_order_seq_cst);
}

void channel_queue::finish(senders& of, send_result result) noexcept {
  for (auto& sender : of)
    sender->finished(result);
}

void channel_queue::submit(std::shared_ptr<waiting_send> sender) {
  senders admitted;
  std::shared_ptr<bell> ring;
  bool refused = false;
  {
    std::lock_guard guard{mutex_};
    refused = ended_ || closed();
    if (!refused) {
      waiters_.push_back(sender);
      // Before the look at how much room there is: the receiver, which makes room without the mutex, then
      // looks whether somebody waits.
      senders_wait_.store(true, std::memory_order_seq_cst);
      admit(admitted);
      if (!admitted.empty())
        ring = std::move(receiver_bell_);
    }
  }
  if (ring)
    ring->ring();
  finish(admitted, send_result::accepted);
  if (refused)
    sender->finished(send_result::closed);
}

bool channel_queue::withdraw(const waiting_send& sender) {
  senders admitted;
  std::shared_ptr<bell> ring;
  std::shared_ptr<waiting_send> taken;
  {
    std::lock_guard guard{mutex_};
    auto place = std::ranges::find_if(waiters_, [&](auto& each) { return each.get() == &sender; });
    if (place == waiters_.end())
      return false;
    taken = std::move(*place);
    waiters_.erase(place);
    // There may be room for the one behind it, if it was the larger.
    admit(admitted);
    if (!admitted.empty())
      ring = std::move(receiver_bell_);
  }
  if (ring)
    ring->ring();
  finish(admitted, send_result::accepted);
  return true;
}

std::string channel_queue::reason() const {
  std::lock_guard guard{mutex_};
  return reason_;
}

void channel_queue::report(std::vector<channel_item> dropped) {
  if (on_dropped_)
    on_dropped_(std::move(dropped));
}

void channel_queue::end(std::string reason) {
  std::shared_ptr<bell> ring;
  senders refused;
  {
    std::lock_guard guard{mutex_};
    if (ended_ || closed())
      return;
    ended_ = true;
    reason_ = std::move(reason);
    if (!reason_.empty()) {
      refused.assign(waiters_.begin(), waiters_.end());
      waiters_.clear();
      senders_wait_.store(false, std::memory_order_seq_cst);
    }
    ring = std::move(receiver_bell_);
  }
  if (ring)
    ring->ring();
  finish(refused, send_result::closed);
}

// -- the receiver
// -----------------------------------------------------------------------------------------------------

channel_item* channel_queue::take_batch() {
  if (closed())
    return nullptr;
  std::lock_guard guard{mutex_};
  if (items_.empty())
    return nullptr;
  if (options.when_full == when_full::drop_oldest)
    batch_.push(items_.pop()); // the rest may still have to give way
  else
    std::swap(batch_, items_);
  return &batch_.items[batch_.head];
}

channel_item channel_queue::pop() {
  auto result = batch_.pop();
  consumed(options.bytes != 0 ? result.bytes() : 0);
  if (result.cargo)
    if (auto* lease = std::get_if<channel_lease>(&result.cargo->end); lease && *lease)
      lease->land();
  return result;
}

void channel_queue::consumed(std::size_t bytes) {
  if (bytes != 0)
    consumed_bytes_.store(consumed_bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
  consumed_.store(consumed_.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
  if (!senders_wait_.load(std::memory_order_seq_cst))
    return;
  senders admitted;
  {
    std::lock_guard guard{mutex_};
    admit(admitted);
  }
  finish(admitted, send_result::accepted);
}

bool channel_queue::nothing_comes() const {
  return closed() || (ended_ && items_.empty() && waiters_.empty());
}

bool channel_queue::ready() {
  if (!batch_.empty())
    return true;
  std::lock_guard guard{mutex_};
  return !items_.empty() || nothing_comes();
}

bool channel_queue::finished() {
  if (!batch_.empty())
    return false;
  std::lock_guard guard{mutex_};
  return nothing_comes();
}

bool channel_queue::arm(const std::shared_ptr<bell>& bell) {
  if (!batch_.empty())
    return false;
  std::lock_guard guard{mutex_};
  if (!items_.empty() || nothing_comes())
    return false;
  receiver_bell_ = bell;
  return true;
}

void channel_queue::disarm() {
  std::shared_ptr<bell> unused;
  std::lock_guard guard{mutex_};
  unused.swap(receiver_bell_);
}

std::vector<channel_item> channel_queue::take_rest() {
  auto rest = std::exchange(batch_, item_list{});
  return std::move(rest.items);
}

bool channel_queue::close(const std::string& reason) {
  item_list lost;
  senders refused;
  std::shared_ptr<bell> ring;
  {
    std::lock_guard guard{mutex_};
    if (closed())
      return false;
    closed_.store(true, std::memory_order_release);
    if (reason_.empty())
      reason_ = reason;
    removed_ += items_.size();
    std::swap(lost, items_);
    refused.assign(waiters_.begin(), waiters_.end());
    waiters_.clear();
    senders_wait_.store(false, std::memory_order_seq_cst);
    ring = std::move(receiver_bell_);
  }
  if (ring)
    ring->ring();
  finish(refused, send_result::closed);
  if (on_closed_)
    on_closed_(reason);
  return true;
}

std::size_t channel_queue::size() const {
  std::lock_guard guard{mutex_};
  return closed() ? 0 : waiting();
}

std::size_t channel_queue::waiting_bytes() const {
  std::lock_guard guard{mutex_};
  return closed() ? 0 : pushed_bytes_ - removed_bytes_ - consumed_bytes_.load(std::memory_order_relaxed);
}

// -- elements
// ---------------------------------------------------------------------------------------------------------

shared_bytes fitted(const channel_queue& queue, shared_bytes bytes) {
  if (!queue.element || !bytes)
    return bytes;
  auto& element = *queue.element;
  if (auto* given = bytes.format()) {
    if (given->format != element.format || given->itemsize != element.itemsize)
      throw std::invalid_argument("the channel carries elements of format '" + element.format
                                  + "', but the message's are '" + given->format + "'");
    bool fits = given->shape.size() == element.shape.size();
    for (std::size_t i = 0; fits && i < element.shape.size(); ++i)
      fits = given->shape[i] == element.shape[i] || (i == 0 && element.shape[i] == -1);
    if (!fits)
      throw std::invalid_argument("the message does not have the shape of the channel's messages");
    return bytes;
  }
  auto format = element;
  if (!format.shape.empty() && format.shape.front() == -1) {
    auto rest = format.itemsize;
    for (std::size_t i = 1; i < format.shape.size(); ++i)
      rest *= static_cast<std::size_t>(format.shape[i]);
    if (rest == 0 || bytes.size() % rest != 0)
      throw std::invalid_argument("a message of " + std::to_string(bytes.size())
                                  + " bytes is no whole number of elements of format '" + element.format
                                  + "' (" + std::to_string(rest) + " bytes each)");
    format.shape.front() = static_cast<std::ptrdiff_t>(bytes.size() / rest);
  }
  return bytes.with_format(std::move(format));
}

} // namespace interp_actors
