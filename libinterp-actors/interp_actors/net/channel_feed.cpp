#include "interp_actors/net/channel_feed.hpp"

#include "interp_actors/actor/channel_address.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/inspect.hpp"

namespace interp_actors {

caf::error describe_end(caf::actor_system& system, const std::string& name, const channel_end& end,
                        std::uint64_t number, channel_record& record, channel_lease& lease) {
  record.name = name;
  if (end.sender()) {
    record.sender = end.sender();
    return {};
  }
  held_end held;
  if (auto problem = claim(system, end, held))
    return problem;
  lease = std::move(std::get<channel_lease>(held));
  auto& queue = *lease.queue();
  if (queue.options.objects) {
    end.receiver()->restore(std::move(lease));
    return make_error(errc::channel_mismatch,
                      "'" + queue.options.name + "' carries pickled objects, which do not travel to nodes");
  }
  record.number = number;
  record.messages = queue.options.messages;
  record.bytes = queue.options.bytes;
  record.title = queue.options.name;
  record.element = queue.element;
  return {};
}

channel_feed::channel_feed(std::shared_ptr<node_session> session, std::uint64_t child, std::uint64_t number,
                           channel_lease lease, std::shared_ptr<dead_letter_office> office)
    : session_{std::move(session)},
      child_{child},
      number_{number},
      lease_{std::move(lease)},
      office_{std::move(office)} {}

void channel_feed::start() {
  thread_.start("ia.feed", [this] { run(); });
}

void channel_feed::done(const node_item_done& what) {
  {
    std::lock_guard guard{mutex_};
    if (under_way_ > 0)
      --under_way_;
  }
  if (what.is_closed)
    stop(what.reason);
  else
    wake_->ring();
}

void channel_feed::stop(const std::string& reason) {
  {
    std::lock_guard guard{mutex_};
    if (!std::exchange(stopped_, true))
      reason_ = reason;
  }
  wake_->ring();
}

void channel_feed::run() {
  hand_on();
  over_ = true;
}

void channel_feed::hand_on() {
  auto& queue = *lease_.queue();
  for (;;) {
    bool has_room = false;
    {
      std::lock_guard guard{mutex_};
      if (stopped_)
        break;
      has_room = under_way_ < window;
    }
    if (!has_room) {
      wake_->wait();
      continue;
    }
    if (queue.front()) {
      auto item = queue.pop();
      node_item message{.child = child_, .channel = number_};
      message.content.payloads.push_back(std::move(item.payload));
      caf::error problem = session_->way().check_size(message.content);
      if (item.cargo)
        problem = make_error(errc::channel_mismatch, "ends of channels do not travel to nodes");
      if (problem) {
        office_->take({queue.options.name, message.content.payloads.front(), describe(problem)}, true);
        continue;
      }
      {
        std::lock_guard guard{mutex_};
        ++under_way_;
      }
      session_->way().send_cargo(std::move(message), number_);
    } else if (queue.finished()) {
      session_->way().send(node_channel_end{child_, number_, queue.reason()}, number_);
      return;
    } else if (queue.arm(wake_)) {
      wake_->wait();
      queue.disarm();
    }
  }
  session_->way().drop(number_);
  lease_.close(reason_);
}

} // namespace interp_actors
