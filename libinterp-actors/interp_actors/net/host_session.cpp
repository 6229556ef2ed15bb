#include "interp_actors/net/host_session.hpp"

#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/search_path.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/content_hash.hpp"
#include "interp_actors/net/front.hpp"
#include "interp_actors/net/inspect.hpp"
#include "interp_actors/net/node_host.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

namespace interp_actors {

host_session::host_session(std::shared_ptr<node_host> host, node_hello hello)
    : host_{std::move(host)},
      controller_{std::move(hello.controller)},
      way_{std::make_shared<line>(std::move(hello.link), host_->options().message_bytes,
                                  std::min<std::size_t>(host_->options().message_bytes, hello.most_bytes))},
      last_beat_{clock::now().time_since_epoch().count()} {}

void host_session::open() {
  front_ = make_front(host_->home()->system, [weak = weak_from_this()](caf::mailbox_element_ptr element) {
    if (auto self = weak.lock())
      self->receive(std::move(element));
  });
}

std::chrono::steady_clock::time_point host_session::last_beat() const {
  return clock::time_point{clock::duration{last_beat_.load()}};
}

bool host_session::is_empty() const {
  std::lock_guard guard{mutex_};
  return tenants_.empty();
}

std::shared_ptr<tenant> host_session::find(std::uint64_t child) const {
  std::lock_guard guard{mutex_};
  auto place = tenants_.find(child);
  return place == tenants_.end() ? nullptr : place->second;
}

void host_session::receive(caf::mailbox_element_ptr element) {
  if (element->mid.is_response())
    return on_answer(std::move(element));
  if (element->mid.is_request()) {
    answer_request(std::move(element), nullptr,
                   caf::make_message(caf::make_error(caf::sec::unexpected_message)));
    return;
  }
  if (over_ && !element->payload.match_elements<node_credit>()) // which the last answers need
    return;
  try {
    dispatch(element->payload);
  } catch (const protocol_violation& problem) {
    reject(std::string{"the controller sent what makes no sense: "} + problem.what());
  } catch (const std::exception& problem) { // CAF's network would end with it
    reject(std::string{"the node cannot take what the controller sent: "} + problem.what());
  }
}

void host_session::reject(const std::string& why) {
  std::fprintf(stderr, "interp-actors: node: ended the session of controller %s: %s\n", controller_.c_str(),
               why.c_str());
  end(make_error(errc::refused, why), std::chrono::nanoseconds::zero());
}

void host_session::dispatch(const caf::message& content) {
  if (way_->receive(content))
    return;
  if (content.match_elements<node_call>()) {
    auto call = way_->complete<node_call>(content);
    auto to = find(call.child);
    if (!to)
      return;
    if (call.is_request) {
      std::lock_guard guard{mutex_};
      calls_.insert_or_assign(call.number, to);
    }
    to->call(std::move(call));
  } else if (content.match_elements<node_item>()) {
    auto item = way_->complete<node_item>(content);
    if (auto to = find(item.child))
      to->channels().take(std::move(item));
  } else if (content.match_elements<node_channel_end>()) {
    auto& what = content.get_as<node_channel_end>(0);
    if (auto to = find(what.child))
      to->channels().end(what);
  } else if (content.match_elements<node_beat>()) {
    last_beat_.store(clock::now().time_since_epoch().count());
    way_->send(content.get_as<node_beat>(0));
  } else if (content.match_elements<node_cancel>()) {
    auto& what = content.get_as<node_cancel>(0);
    if (auto to = find(what.child))
      to->cancel(what.number);
  } else if (content.match_elements<node_start>()) {
    on_start(way_->complete<node_start>(content));
  } else if (content.match_elements<node_stop>()) {
    auto& what = content.get_as<node_stop>(0);
    if (auto to = find(what.child))
      to->stop(what.reason, what.limit, what.at_once);
    else
      give_up_held(what);
  } else if (content.match_elements<node_code>()) {
    on_code(way_->complete<node_code>(content));
  } else if (content.match_elements<node_bye>()) {
    end(make_error(errc::stopped, content.get_as<node_bye>(0).why), std::chrono::nanoseconds::zero());
  } else {
    throw protocol_violation("it sends (" + type_names(content.types()) + ")");
  }
}

void host_session::on_answer(caf::mailbox_element_ptr element) {
  auto number = element->mid.request_id().integer_value();
  std::shared_ptr<tenant> from;
  {
    std::lock_guard guard{mutex_};
    auto place = calls_.find(number);
    if (place == calls_.end())
      return;
    from = place->second.lock();
    calls_.erase(place);
  }
  if (from)
    from->answered(number, element->payload);
}

// -- starting ------------------------------------------------------------------------------------------------------------

void host_session::resume() {
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(may_start_, true))
      return;
  }
  begin_what_may();
}

void host_session::on_start(node_start what) {
  held_start next{std::move(what), {}, {}};
  auto need = [&](const std::string& hash) {
    if (auto code = host_->store().find(hash))
      next.code.emplace(hash, *std::move(code));
    else
      next.missing.insert(hash);
  };
  if (!next.what.is_module)
    need(next.what.code_hash);
  for (auto& each : next.what.modules)
    need(each.hash);
  {
    std::lock_guard guard{mutex_};
    auto child = next.what.child;
    if (tenants_.contains(child)
        || std::ranges::any_of(held_, [&](auto& each) { return each.what.child == child; }))
      throw protocol_violation("it starts one child twice");
    for (auto& hash : next.missing)
      if (asked_.insert(hash).second) // one question for each
        way_->send(node_want_code{hash});
    held_.push_back(std::move(next));
  }
  begin_what_may();
}

void host_session::on_code(node_code what) {
  if (what.content.payloads.size() != 1 || content_hash(what.content.payloads.front().as_span()) != what.hash)
    throw protocol_violation("it sends code under a name that is not its own");
  auto& code = what.content.payloads.front();
  host_->store().keep(what.hash, code);
  {
    std::lock_guard guard{mutex_};
    asked_.erase(what.hash);
    for (auto& each : held_)
      if (each.missing.erase(what.hash) > 0)
        each.code.emplace(what.hash, code);
  }
  begin_what_may();
}

/// Ends what has not begun, since it waits for its code or for another session's end.
void host_session::give_up_held(const node_stop& what) {
  std::string name;
  {
    std::lock_guard guard{mutex_};
    auto place = std::ranges::find_if(held_, [&](auto& each) { return each.what.child == what.child; });
    if (place == held_.end())
      return;
    name = place->what.name;
    held_.erase(place);
  }
  death_report report;
  report.child = name;
  report.reason = death_reason::shutdown;
  report.text = "it was stopped before it began";
  report.when = std::chrono::system_clock::now();
  way_->send(node_news{.child = what.child,
                       .what = node_news::kind::died,
                       .reason = what.reason,
                       .report = std::move(report)});
  way_->send(node_news{.child = what.child, .what = node_news::kind::gone});
}

void host_session::begin_what_may() {
  for (;;) {
    held_start next;
    std::shared_ptr<tenant> whom;
    {
      std::lock_guard guard{mutex_};
      auto place =
          std::ranges::find_if(held_, [this](auto& each) { return may_start_ && each.missing.empty(); });
      if (over_ || place == held_.end())
        return;
      next = std::move(*place);
      held_.erase(place);
      whom = std::make_shared<tenant>(host_->home(), way_, front_, next.what);
      tenants_.emplace(next.what.child, whom);
    }
    begin(next, *whom);
  }
}

void host_session::begin(const held_start& from, tenant& whom) {
  auto child = from.what.child;
  if (!host_->take_slot()) {
    ended(child);
    way_->send(node_news{.child = child,
                         .what = node_news::kind::refused,
                         .reason = make_error(errc::no_node, "all slots are taken")});
    return;
  }
  tenant::last_steps at_end{[host = host_] { host->give_slot_back(); },
                            [self = shared_from_this(), child] { self->ended(child); }};
  try {
    whom.start(from.what, code_of(from), path_of(from), at_end);
  } catch (const std::exception& problem) {
    whom.fail(make_error(errc::start_failed, std::string{problem.what()}), at_end);
  }
}

source host_session::code_of(const held_start& from) {
  if (from.what.is_module)
    return module(from.what.source_name);
  return text(std::string{from.code.at(from.what.code_hash).as_string_view()}, from.what.source_name);
}

std::vector<std::string> host_session::path_of(const held_start& from) const {
  std::vector<std::string> modules;
  for (auto& each : from.what.modules)
    modules.push_back(host_->store().path_of(each.hash, each.name, from.code.at(each.hash)));
  auto& folder = from.what.virtual_env;
  if (!folder.empty() && !host_->allows(folder))
    throw std::runtime_error("the node does not allow the virtual environment '" + folder
                             + "'; name it, or a folder above it, in --allow there");
  return search_path(modules, folder);
}

void host_session::ended(std::uint64_t child) {
  std::shared_ptr<tenant> gone; // dropped without the mutex
  {
    std::lock_guard guard{mutex_};
    auto place = tenants_.find(child);
    if (place == tenants_.end())
      return;
    gone = std::move(place->second);
    tenants_.erase(place);
    std::erase_if(calls_, [&](auto& each) { return each.second.expired() || each.second.lock() == gone; });
  }
  host_->tidy();
}

// -- its end -------------------------------------------------------------------------------------------------------------

void host_session::end(const caf::error& why, std::chrono::nanoseconds limit) {
  std::vector<std::shared_ptr<tenant>> tenants;
  std::vector<held_start> held; // dropped without the mutex
  {
    std::lock_guard guard{mutex_};
    over_ = true;
    for (auto& [child, each] : tenants_)
      tenants.push_back(each);
    held.swap(held_);
  }
  if (limit == std::chrono::nanoseconds::zero()) // nobody waits for how they end
    way_->send(node_bye{describe(why)});
  for (auto& each : tenants)
    each->stop(why, limit, false);
  host_->tidy();
}

void host_session::close() {
  way_->send(node_bye{"the node stops"});
  way_->close();
  end_front(front_);
}

} // namespace interp_actors
