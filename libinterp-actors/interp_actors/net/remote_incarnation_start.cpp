#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/content_hash.hpp"
#include "interp_actors/net/node_hub.hpp"
#include "interp_actors/net/remote_incarnation.hpp"
#include "interp_actors/net/remote_interface.hpp"

#include <filesystem>
#include <stdexcept>
#include <system_error>

/// How a remote incarnation comes to a node, and what channels it has there.
namespace interp_actors {

bool remote_incarnation::load_code() {
  auto& code = parts_->code;
  auto keep = [this](shared_bytes content) {
    auto hash = content_hash(content.as_span());
    code_.insert_or_assign(hash, std::move(content));
    return hash;
  };
  try {
    if (code.from == source::kind::file)
      code_hash_ = keep(shared_bytes::read_file(code.name));
    else if (code.from == source::kind::text)
      code_hash_ = keep(shared_bytes::copy(code.code));
    for (auto& each : parts_->options.modules) {
      if (!std::filesystem::is_regular_file(each))
        throw std::runtime_error("'" + each + "' is no zip file of modules that could be sent to a node");
      modules_.push_back(
          {std::filesystem::path{each}.filename().string(), keep(shared_bytes::read_file(each))});
    }
    return true;
  } catch (const std::exception& problem) {
    end_with(death_reason::start_failed, make_error(errc::start_failed, std::string{problem.what()}));
    return false;
  }
}

void remote_incarnation::start() {
  auto activity = box_->begin(consumer_, no_deadline, mailbox::phase::start);
  if (activity == 0 || !load_code())
    return;
  if (auto problem = claim_all(parts_->options.spawn.channels, channels_, claimed_))
    return end_with(death_reason::start_failed, problem);
  std::chrono::nanoseconds limit = parts_->options.spawn.start_deadline;
  auto until = limit.count() == 0 ? no_deadline : time_after(limit);
  for (;;) {
    auto session = wait_for_slot(until);
    if (!session)
      break;
    if (!move_to(session))
      continue; // it was lost just now
    auto at = where();
    auto what = describe_start(at.child);
    if (auto problem = check_size(*session, what)) {
      move_out(false);
      end_with(death_reason::start_failed, std::move(problem));
      break;
    }
    auto deadline = limit.count() == 0 ? no_deadline : time_after(limit + way_slack);
    activity = box_->begin(consumer_, deadline, mailbox::phase::start);
    if (activity == 0)
      return move_out(false);
    if (deadline != no_deadline)
      home_->arm(shared_from_this(), deadline);
    session->way().send_cargo(std::move(what), at.child);
    std::optional<stop_wish> wish;
    {
      std::lock_guard guard{mutex_};
      at.is_told = post_.is_told = true;
      wish = wish_; // one that came before
    }
    if (wish)
      send_stop(at, wish->reason, wish->left());
    bool refused = false;
    bool is_back = false;
    for (;;) {
      {
        std::lock_guard guard{mutex_};
        refused = refused_;
        is_back = start_is_back_;
        if (refused || is_back || started_ || ending_)
          break;
      }
      if (!box_->is_current(consumer_)) { // whoever gave it up may have come before the start had left
        session->way().send(node_stop{at.child, {}, caf::timespan{0}, true}, at.child);
        return;
      }
      wake_->wait();
    }
    if (is_back && !is_stopping())
      end_with(death_reason::deadline,
               make_error(errc::deadline_exceeded, "'" + name_ + "' did not start in time: what it needs "
                                                       + "was still on its way to node " + session->node()));
    if (!refused && !is_back)
      break;
    move_out(refused);
  }
  auto outcome = box_->end(consumer_, activity);
  if (!outcome.current || is_over())
    return;
  feed(std::exchange(claimed_, {}));
  life_.by->on_started(life_.from.number);
}

/// Makes the slot on that node its own, unless the node is lost. It is known before anything can come from there.
bool remote_incarnation::move_to(const std::shared_ptr<node_session>& session) {
  post next{session, hub_.next_number(), false};
  {
    std::lock_guard guard{mutex_};
    post_ = next;
    refused_ = false;
    start_is_back_ = false;
  }
  if (session->enter(next.child, weak_from_this())) {
    for (auto& [hash, content] : code_)
      session->offer(hash, content);
    return true;
  }
  move_out(true);
  return false;
}

void remote_incarnation::move_out(bool has_used_slot) {
  post old;
  {
    std::lock_guard guard{mutex_};
    old = std::exchange(post_, {});
  }
  old.session->leave(old.child);
  if (!has_used_slot)
    old.session->give_slot_back();
}

caf::error remote_incarnation::check_size(node_session& session, const node_start& what) const {
  auto problem = session.way().check_size(what.content);
  for (auto& [hash, content] : code_) {
    packed_message alone{.payloads = {content}};
    if (!problem && content.size() > line::chunk_bytes)
      problem = session.way().check_size(alone);
  }
  if (!problem)
    return {};
  return make_error(errc::too_large,
                    "'" + name_ + "' cannot be started on node " + session.node()
                        + ": its code, or its snapshot and its arguments: " + summary_of(problem));
}

std::shared_ptr<node_session> remote_incarnation::wait_for_slot(time_point until) {
  auto owner = std::make_shared<std::shared_ptr<bell>>(wake_);
  std::shared_ptr<bell> while_waiting{std::move(owner), wake_.get()};
  hub_.watch(while_waiting);
  for (;;) {
    caf::error why;
    bool stopped = false;
    {
      std::lock_guard guard{mutex_};
      stopped = wish_.has_value();
      if (stopped)
        why = wish_->reason;
    }
    if (stopped) {
      end_with(death_reason::shutdown, why);
      return nullptr;
    }
    if (is_over())
      return nullptr;
    auto session = hub_.take_slot(parts_->options.on);
    if (!session) {
      end_with(death_reason::start_failed, session.error());
      return nullptr;
    }
    if (*session)
      return *session;
    if (!wake_->wait_until(until) && deadline_clock::now() >= until) {
      end_with(death_reason::start_failed,
               make_error(errc::no_node, "no slot became free for '" + name_
                                             + "' within its start's deadline; " + hub_.describe_nodes()));
      return nullptr;
    }
  }
}

node_start remote_incarnation::describe_start(std::uint64_t child) const {
  auto& options = parts_->options;
  node_start result{.child = child,
                    .incarnation = life_.from.number,
                    .name = name_,
                    .known_as = box_->lock_address(),
                    .is_module = parts_->code.from == source::kind::module,
                    .source_name = parts_->code.name,
                    .code_hash = code_hash_,
                    .modules = modules_,
                    .virtual_env = options.virtual_env,
                    .functions = options.spawn.functions,
                    .class_name = options.spawn.class_name,
                    .fail_on_exceptions = options.spawn.fail_on == fail_on::exceptions,
                    .start_deadline = options.spawn.start_deadline,
                    .snapshot_messages = options.succession.snapshot_messages,
                    .snapshot_interval = options.succession.snapshot_interval,
                    .recycle_messages = options.succession.recycle_messages,
                    .recycle_age = options.succession.recycle_age};
  result.channels = channels_;
  if (parts_->typed) {
    result.type = describe_interface(*parts_->typed);
    result.content = pack_constructor(*parts_->typed);
    hub_.lending().lend(result.content);
  }
  if (life_.from.previous)
    result.previous = *life_.from.previous;
  result.content.payloads.push_back(life_.from.snapshot);
  return result;
}

// -- channels ------------------------------------------------------------------------------------------------------------

caf::error remote_incarnation::claim_all(const channel_bindings& ends, std::vector<channel_record>& records,
                                         std::vector<claimed_end>& claimed) {
  for (auto& [name, end] : ends) {
    claimed_end next{.number = hub_.next_number(), .lease = {}, .from = end.receiver()};
    auto problem = describe_end(home_->system, name, end, next.number, records.emplace_back(), next.lease);
    if (problem) {
      restore(claimed);
      return problem;
    }
    if (next.lease)
      claimed.push_back(std::move(next));
  }
  return {};
}

void remote_incarnation::restore(std::vector<claimed_end>& claimed) {
  for (auto& each : claimed)
    each.from->restore(std::move(each.lease));
  claimed.clear();
}

void remote_incarnation::feed(std::vector<claimed_end> claimed) {
  if (claimed.empty())
    return;
  auto at = where();
  std::vector<std::shared_ptr<channel_feed>> over;
  {
    std::lock_guard guard{mutex_};
    for (auto each = feeds_.begin(); each != feeds_.end();) {
      auto next = std::next(each);
      if (each->second->is_over()) {
        over.push_back(std::move(each->second));
        feeds_.erase(each);
      }
      each = next;
    }
  }
  for (auto& each : over)
    each->join();
  for (auto& each : claimed) {
    auto next = std::make_shared<channel_feed>(at.session, at.child, each.number, std::move(each.lease),
                                               home_->dead_letters);
    {
      std::lock_guard guard{mutex_};
      feeds_.emplace(each.number, next);
    }
    try {
      next->start();
    } catch (const std::system_error& problem) { // no more threads
      auto why = make_error(errc::start_failed, std::string{problem.what()});
      end_with(death_reason::start_failed, why);
      send_stop(at, why, std::chrono::nanoseconds::zero());
    }
  }
}

void remote_incarnation::stop_feeds() {
  std::map<std::uint64_t, std::shared_ptr<channel_feed>> feeds;
  {
    std::lock_guard guard{mutex_};
    feeds.swap(feeds_);
  }
  claimed_.clear(); // closes those that were never fed
  for (auto& [number, each] : feeds)
    each->stop("the interpreter '" + name_ + "' has ended");
  for (auto& [number, each] : feeds)
    each->join();
}

} // namespace interp_actors
