#include "interp_actors/net/node_session.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/inspect.hpp"

#include <algorithm>
#include <new>

namespace interp_actors {

node_session::node_session(std::string node, node_welcome welcome, std::size_t most_bytes,
                           std::function<void()> on_change)
    : node_{std::move(node)},
      welcome_{std::move(welcome)},
      line_{welcome_.session, most_bytes, std::min<std::size_t>(most_bytes, welcome_.most_bytes)},
      on_change_{std::move(on_change)},
      free_{welcome_.free},
      last_beat_{clock::now().time_since_epoch().count()} {}

bool node_session::take_slot() {
  auto free = free_.load();
  while (free > 0)
    if (free_.compare_exchange_weak(free, free - 1))
      return true;
  return false;
}

void node_session::give_slot_back() {
  free_.fetch_add(1);
  on_change_();
}

bool node_session::enter(std::uint64_t child, std::weak_ptr<node_guest> guest) {
  std::lock_guard guard{mutex_};
  if (lost_)
    return false;
  guests_.insert_or_assign(child, std::move(guest));
  return true;
}

void node_session::leave(std::uint64_t child) {
  line_.drop(child);
  std::lock_guard guard{mutex_};
  guests_.erase(child);
}

void node_session::offer(const std::string& hash, shared_bytes code) {
  std::lock_guard guard{mutex_};
  code_.insert_or_assign(hash, std::move(code));
}

std::shared_ptr<node_guest> node_session::find(std::uint64_t child) const {
  std::lock_guard guard{mutex_};
  auto place = guests_.find(child);
  return place == guests_.end() ? nullptr : place->second.lock();
}

void node_session::receive(const caf::message& content) {
  if (lost_)
    return;
  try {
    dispatch(content);
  } catch (const protocol_violation& problem) {
    lose(make_error(errc::node_lost, "node " + node_ + " is not trusted any more: " + problem.what()));
  } catch (const std::bad_alloc&) {
    lose(make_error(errc::node_lost,
                    "node " + node_ + " was given up: it sends more than there is memory for"));
  }
}

void node_session::dispatch(const caf::message& content) {
  if (line_.receive(content))
    return;
  if (content.match_elements<node_answer>()) {
    auto answer = line_.complete<node_answer>(content);
    if (auto guest = find(answer.child))
      guest->on_answer(std::move(answer));
  } else if (content.match_elements<node_news>()) {
    auto news = line_.complete<node_news>(content);
    if (auto guest = find(news.child))
      guest->on_news(std::move(news));
  } else if (content.match_elements<node_item_done>()) {
    auto& what = content.get_as<node_item_done>(0);
    if (auto guest = find(what.child))
      guest->on_item_done(what);
  } else if (content.match_elements<node_beat>()) {
    last_beat_.store(clock::now().time_since_epoch().count());
  } else if (content.match_elements<node_free>()) {
    free_.store(content.get_as<node_free>(0).slots);
    on_change_();
  } else if (content.match_elements<node_want_code>()) {
    node_code answer{.hash = content.get_as<node_want_code>(0).hash};
    {
      std::lock_guard guard{mutex_};
      auto place = code_.find(answer.hash);
      if (place == code_.end())
        return;
      answer.content.payloads.push_back(place->second);
    }
    line_.send_cargo(std::move(answer));
  } else if (content.match_elements<node_bye>()) {
    lose(make_error(errc::node_lost,
                    "node " + node_ + " has ended the session: " + content.get_as<node_bye>(0).why));
  } else {
    throw protocol_violation("it sends (" + type_names(content.types()) + ")");
  }
}

void node_session::lose(const caf::error& why) {
  std::map<std::uint64_t, std::weak_ptr<node_guest>> guests;
  {
    std::lock_guard guard{mutex_};
    if (lost_.exchange(true))
      return;
    why_lost_ = why;
    guests.swap(guests_);
    code_.clear();
  }
  free_ = 0;
  line_.close();
  for (auto& [child, guest] : guests)
    if (auto present = guest.lock())
      present->on_lost(why);
  on_change_();
}

caf::error node_session::why_lost() const {
  std::lock_guard guard{mutex_};
  return why_lost_;
}

std::chrono::steady_clock::time_point node_session::last_beat() const {
  return clock::time_point{clock::duration{last_beat_.load()}};
}

} // namespace interp_actors
