#include "interp_actors/net/node_host.hpp"

#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/front.hpp"
#include "interp_actors/net/inspect.hpp"
#include "interp_actors/net/version.hpp"

#include <caf/sec.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <thread>

namespace interp_actors {

namespace {

/// A longer lease is one for ever, and still a time that can be counted.
constexpr caf::timespan longest_lease = std::chrono::hours{24 * 365};

/// A name that can be told to people.
bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 400
         && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

node_options complete(node_options options) {
  if (options.slots == 0)
    options.slots = std::max(1u, std::thread::hardware_concurrency());
  options.lease = std::min(options.lease, longest_lease);
  return options;
}

void log(const std::string& what) {
  std::fprintf(stderr, "interp-actors: node: %s\n", what.c_str());
}

} // namespace

node_host::node_host(std::shared_ptr<roster> home, node_options options)
    : home_{std::move(home)}, options_{complete(std::move(options))}, free_{options_.slots} {}

caf::error node_host::open(const certificate_files& certificates) {
  auto refuse = [](const std::string& why) { return make_error(errc::refused, why); };
  auto where = parse_endpoint(options_.listen);
  if (!where)
    return refuse("'" + options_.listen + "' is no place to listen; give HOST:PORT, such as 127.0.0.1:4242");
  if (!has_network(home_->system))
    return refuse("the program has no network: set config::network.enabled before run_main");
  try {
    std::shared_ptr<const tls_context> tls;
    if (!certificates.empty())
      tls = std::make_shared<const tls_context>(certificates);
    auto fd = listen_at(*where);
    if (!tls && !is_on_loopback(fd.get()))
      return refuse("without certificates a node listens on this machine's own loopback alone, and "
                    + where->host + " is more than that; give a certificate, its key and the ca");
    auto gatekeeper = make_front(home_->system, [weak = weak_from_this()](caf::mailbox_element_ptr element) {
      if (auto self = weak.lock())
        self->receive(std::move(element));
    });
    std::lock_guard guard{mutex_};
    if (closing_) // a signal may come while it starts
      return make_error(errc::stopped, "the node stops");
    where_ = *where;
    gatekeeper_ = std::move(gatekeeper);
    published_.emplace(home_->system, gatekeeper_, where_.port, std::move(fd), std::move(tls), log);
  } catch (const std::runtime_error& problem) {
    return refuse(problem.what());
  }
  return {};
}

void node_host::close() {
  std::vector<std::shared_ptr<host_session>> sessions;
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(closing_, true))
      return;
    sessions = sessions_;
    published_.reset();
  }
  for (auto& each : sessions) {
    each->tell_free(0);
    each->end(make_error(errc::stopped, "the node stops"), home_->settings.shutdown_timeout);
  }
  {
    std::unique_lock guard{mutex_};
    changed_.wait(guard, [this] { return sessions_.empty(); });
  }
  if (gatekeeper_)
    end_front(gatekeeper_);
}

// -- controllers ---------------------------------------------------------------------------------------------------------

void node_host::receive(caf::mailbox_element_ptr element) {
  if (!element->mid.is_request())
    return;
  auto result = answer(element->payload);
  answer_request(std::move(element), nullptr, std::move(result));
  tell_free(); // what it was told before the answer, it has not understood
}

caf::message node_host::answer(const caf::message& content) {
  auto refuse = [](const std::string& why) { return caf::make_message(make_error(errc::refused, why)); };
  if (!content.match_elements<node_hello>())
    return caf::make_message(caf::make_error(caf::sec::unexpected_message));
  auto& hello = content.get_as<node_hello>(0);
  if (hello.protocol != node_protocol || !hello.link)
    return refuse(std::string{"the node is of version "} + library_version + ", the controller of "
                  + hello.version + "; install the same on both");
  if (!is_name(hello.controller))
    return refuse("the controller gives no name");
  auto next = std::make_shared<host_session>(shared_from_this(), hello);
  next->open();
  std::vector<std::shared_ptr<host_session>> old;
  node_welcome welcome{.version = library_version,
                       .slots = options_.slots,
                       .most_bytes = options_.message_bytes,
                       .lease = options_.lease,
                       .grace = home_->settings.grace,
                       .session = next->front()};
  {
    std::lock_guard guard{mutex_};
    if (closing_)
      return refuse("the node stops");
    for (auto& each : sessions_)
      if (each->controller() == hello.controller && !each->is_over())
        old.push_back(each);
    sessions_.push_back(next);
    welcome.free = free_;
  }
  for (auto& each : old)
    each->end(make_error(errc::stopped, "the controller has begun another session"),
              std::chrono::nanoseconds::zero());
  tidy();
  home_->arm(shared_from_this(), time_after(options_.lease));
  return caf::make_message(std::move(welcome));
}

time_point node_host::tick(time_point now) {
  std::vector<std::shared_ptr<host_session>> late;
  auto next = no_deadline;
  {
    std::lock_guard guard{mutex_};
    for (auto& each : sessions_) {
      if (each->is_over())
        continue;
      auto until = each->last_beat() + options_.lease;
      if (until <= now)
        late.push_back(each);
      else
        next = std::min(next, until);
    }
  }
  for (auto& each : late) {
    if (!each->is_empty())
      log("the lease of controller " + each->controller() + " is over; what it runs here is ended");
    each->end(make_error(errc::stopped, "the lease of the controller is over"),
              std::chrono::nanoseconds::zero());
  }
  return next;
}

void node_host::tidy() {
  std::vector<std::shared_ptr<host_session>> gone;
  std::vector<std::shared_ptr<host_session>> may_begin;
  {
    std::lock_guard guard{mutex_};
    std::erase_if(sessions_, [&](auto& each) {
      if (!each->is_over() || !each->is_empty())
        return false;
      gone.push_back(each);
      return true;
    });
    for (auto& each : sessions_)
      if (!each->is_over() && std::ranges::none_of(sessions_, [&](auto& other) {
            return other->is_over() && other->controller() == each->controller();
          }))
        may_begin.push_back(each);
  }
  for (auto& each : gone)
    each->close();
  for (auto& each : may_begin)
    each->resume();
  if (!gone.empty()) {
    std::lock_guard guard{mutex_};
    changed_.notify_all();
  }
}

// -- for sessions --------------------------------------------------------------------------------------------------------

bool node_host::take_slot() {
  {
    std::lock_guard guard{mutex_};
    if (free_ == 0 || closing_)
      return false;
    --free_;
  }
  tell_free();
  return true;
}

void node_host::give_slot_back() {
  {
    std::lock_guard guard{mutex_};
    ++free_;
  }
  tell_free();
}

/// With the mutex held, so that the last one is right.
void node_host::tell_free() {
  std::lock_guard guard{mutex_};
  if (!closing_)
    for (auto& each : sessions_)
      each->tell_free(free_);
}

bool node_host::allows(const std::string& folder) const {
  std::error_code problem;
  auto wanted = std::filesystem::weakly_canonical(folder, problem);
  if (problem)
    return false;
  for (auto& each : options_.allow) {
    auto allowed = std::filesystem::weakly_canonical(each, problem);
    if (!problem && std::ranges::mismatch(allowed, wanted).in1 == allowed.end())
      return true;
  }
  return false;
}

} // namespace interp_actors
