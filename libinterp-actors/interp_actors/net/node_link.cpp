#include "interp_actors/net/node_link.hpp"

#include "interp_actors/actor/mailbox.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/net/front.hpp"
#include "interp_actors/net/inspect.hpp"
#include "interp_actors/net/version.hpp"
#include "interp_actors/supervision/restart_policy.hpp"

#include <caf/sec.hpp>

#include <pthread.h>

#include <algorithm>
#include <cstdio>
#include <random>

namespace interp_actors {

namespace {

/// Between two tries to connect.
constexpr backoff reconnecting{.initial = std::chrono::milliseconds{200},
                               .maximum = std::chrono::seconds{10}};

/// A session that has not lasted longer counts as a try in vain.
constexpr std::chrono::seconds short_session{1};

/// Beats of a session in the time after which it is lost, or the node's lease is over.
constexpr int beats = 4;

} // namespace

node_link::node_link(caf::actor_system& system, endpoint where, const network_options& options,
                     std::shared_ptr<const tls_context> tls, std::string controller, bool is_asked_for,
                     std::function<void()> on_change)
    : system_{system},
      where_{std::move(where)},
      name_{to_string(where_)},
      options_{options},
      tls_{std::move(tls)},
      controller_{std::move(controller)},
      is_asked_for_{is_asked_for},
      on_change_{std::move(on_change)} {}

node_link::~node_link() {
  close();
}

void node_link::open() {
  std::lock_guard guard{thread_mutex_};
  thread_ = std::thread{[this] { run(); }};
  ::pthread_setname_np(thread_.native_handle(), "ia.node");
}

void node_link::close() {
  {
    std::lock_guard guard{mutex_};
    closing_ = true;
  }
  changed_.notify_all();
  canceller_.cancel();
  wake_.ring();
  std::lock_guard guard{thread_mutex_};
  if (thread_.joinable())
    thread_.join();
}

bool node_link::closing() const {
  std::lock_guard guard{mutex_};
  return closing_;
}

caf::error node_link::wait_connected() {
  std::unique_lock guard{mutex_};
  changed_.wait(guard, [this] { return first_ || closing_; });
  return first_ ? *first_ : make_error(errc::stopped, "the runtime stops");
}

std::shared_ptr<node_session> node_link::session() const {
  std::lock_guard guard{mutex_};
  return session_ && !session_->is_lost() ? session_ : nullptr;
}

std::string node_link::state() const {
  std::lock_guard guard{mutex_};
  if (session_ && !session_->is_lost())
    return std::to_string(session_->free_slots()) + " of " + std::to_string(session_->welcome().slots)
           + " slots are free";
  return problem_ ? describe(problem_) : "it is being connected to";
}

// -- its own thread ------------------------------------------------------------------------------------------------------

void node_link::run() {
  std::mt19937 random{std::random_device{}()};
  std::uniform_real_distribution<double> jitter{0, 1};
  std::size_t tries = 0;
  while (!closing()) {
    auto problem = connect();
    if (!problem) {
      auto begin = deadline_clock::now();
      std::shared_ptr<node_session> session;
      {
        std::lock_guard guard{mutex_};
        session = session_;
      }
      on_change_();
      watch(*session);
      session->lose(make_error(errc::stopped, "the runtime stops"));
      problem = session->why_lost();
      if (deadline_clock::now() - begin > short_session)
        tries = 0;
    }
    note(std::move(problem));
    leave();
    auto next = time_after(delay_after(reconnecting, tries++, jitter(random)));
    while (!closing() && wake_.wait_until(next)) {
    }
  }
}

void node_link::note(caf::error problem) {
  bool is_news = false;
  {
    std::lock_guard guard{mutex_};
    is_news = !closing_ && (first_ || !is_asked_for_) && describe(problem_) != describe(problem);
    if (!first_ && !closing_)
      first_ = problem;
    problem_ = problem;
  }
  changed_.notify_all();
  if (is_news)
    std::fprintf(stderr, "interp-actors: node %s: %s\n", name_.c_str(), describe(problem).c_str());
}

/// Ends a connection, or what became of it.
void node_link::leave() {
  caf::strong_actor_ptr front;
  std::shared_ptr<node_session> late;
  {
    std::lock_guard guard{mutex_};
    if (way_ && !closing_) // CAF closes it with the process, and sends what is left before
      way_->cut();
    way_ = nullptr; // what still comes by it is nobody's
    front = std::exchange(front_, nullptr);
    late = std::exchange(session_, nullptr);
  }
  if (late) // a welcome that came when nobody waited for it any more; else it is lost already
    late->lose(make_error(errc::node_lost, "node " + name_ + " answered too late"));
  if (front)
    end_front(front);
}

caf::error node_link::connect() {
  auto until = time_after(options_.node_timeout);
  for (;;) {
    bool is_to_be_repeated = false;
    auto problem = try_to_connect(until, is_to_be_repeated);
    if (!problem || !is_to_be_repeated || closing() || deadline_clock::now() >= until)
      return problem;
    leave();
  }
}

caf::error node_link::try_to_connect(time_point until, bool& is_to_be_repeated) {
  auto patience = std::chrono::duration_cast<std::chrono::milliseconds>(options_.node_timeout);
  auto failed = [&](const std::string& what) {
    return make_error(errc::refused, "no session with " + name_ + ": " + what);
  };
  auto way = std::make_shared<connection>();
  auto me = make_front(system_, [weak = weak_from_this(), way](caf::mailbox_element_ptr element) {
    if (auto self = weak.lock())
      self->receive(*way, std::move(element));
  });
  {
    std::lock_guard guard{mutex_};
    front_ = me;
    way_ = way;
  }
  caf::message_id id;
  try {
    auto fd = connect_to(where_, until, patience, canceller_);
    {
      std::lock_guard guard{mutex_};
      id = caf::make_message_id(++last_request_);
      asked_ = {id.response_id(), std::nullopt};
    }
    hand_over(system_, std::move(fd), tls_, way, me, id);
  } catch (const std::exception& problem) {
    return make_error(errc::node_lost, std::string{problem.what()});
  }
  auto why = [&](const std::string& otherwise) {
    auto known = way->problem();
    return failed(known.empty() ? otherwise : known);
  };
  auto connected = wait_for_answer(until);
  if (!connected)
    return why("it accepts the connection and says nothing");
  auto gatekeeper = read_connected(*connected);
  // CAF takes a connection that its heartbeat finds before the first answer for one that has been silent for ever.
  // Source: CAF 0.18.7 and 1.1, basp_broker, connect_atom: it leaves last_seen at 0.
  is_to_be_repeated = !gatekeeper && gatekeeper.error() == caf::sec::connection_timeout;
  if (!gatekeeper)
    return why(describe(gatekeeper.error())
               + (tls_ ? "" : "; it may want certificates, or be of another version of CAF"));
  node_hello hello{.version = library_version,
                   .controller = controller_ + "@" + name_, // a node may have two names here
                   .link = me,
                   .most_bytes = options_.message_bytes};
  ask(*gatekeeper, caf::make_message(std::move(hello)));
  auto welcome = wait_for_answer(until);
  if (!welcome)
    return why("it does not answer");
  if (welcome->match_elements<caf::error>())
    return why(describe(welcome->get_as<caf::error>(0)));
  std::lock_guard guard{mutex_};
  if (!session_)
    return failed("it answers with (" + type_names(welcome->types()) + "), and is no node of this version");
  first_ = caf::error{};
  problem_ = {};
  changed_.notify_all();
  return {};
}

void node_link::ask(const caf::strong_actor_ptr& whom, caf::message what) {
  caf::message_id id;
  caf::strong_actor_ptr me;
  {
    std::lock_guard guard{mutex_};
    id = caf::make_message_id(++last_request_);
    asked_ = {id.response_id(), std::nullopt};
    me = front_;
  }
  whom->enqueue(compat::make_element(me, id, std::move(what)), nullptr);
}

std::optional<caf::message> node_link::wait_for_answer(time_point until) {
  for (;;) {
    {
      std::lock_guard guard{mutex_};
      if (asked_.answer)
        return std::exchange(asked_.answer, std::nullopt);
      if (closing_)
        return std::nullopt;
    }
    if (!wake_.wait_until(until))
      return std::nullopt;
  }
}

void node_link::watch(node_session& session) {
  std::chrono::nanoseconds patience = options_.node_timeout;
  auto interval = std::min<std::chrono::nanoseconds>(patience, session.welcome().lease) / beats;
  std::uint64_t number = 0;
  auto next = deadline_clock::now();
  while (!closing() && !session.is_lost()) {
    auto now = deadline_clock::now();
    if (now - session.last_beat() > patience + interval) {
      session.lose(make_error(errc::node_lost,
                              "node " + name_ + " has not answered for "
                                  + std::to_string((patience + interval) / std::chrono::milliseconds{1})
                                  + " ms"));
      return;
    }
    if (now >= next) {
      session.way().send(node_beat{++number});
      next = now + interval;
    }
    wake_.wait_until(next);
  }
  if (!session.is_lost())
    session.way().send(node_bye{"the controller stops"});
}

// -- CAF's thread --------------------------------------------------------------------------------------------------------

void node_link::receive(const connection& by, caf::mailbox_element_ptr element) {
  auto& content = element->payload;
  if (element->mid.is_request()) {
    answer_request(std::move(element), nullptr,
                   caf::make_message(caf::make_error(caf::sec::unexpected_message)));
    return;
  }
  std::shared_ptr<node_session> session;
  if (element->mid.is_response()) {
    {
      std::lock_guard guard{mutex_};
      if (way_.get() != &by || element->mid != asked_.id)
        return;
      asked_.answer = content;
      // What follows the welcome is the session's.
      if (content.match_elements<node_welcome>() && content.get_as<node_welcome>(0).session)
        session = session_ = std::make_shared<node_session>(name_, content.get_as<node_welcome>(0),
                                                            options_.message_bytes, on_change_);
    }
    wake_.ring();
    if (session)
      session->way().peer()->get()->attach_functor(
          [weak = std::weak_ptr{session}, link = weak_from_this()](const caf::error& reason) {
            auto lost = weak.lock();
            auto self = link.lock();
            if (!lost || !self)
              return;
            lost->lose(make_error(errc::node_lost, "node " + self->name_ + " was lost: its connection ended ("
                                                       + describe(reason) + ")"));
            self->wake_.ring();
          });
    return;
  }
  {
    std::lock_guard guard{mutex_};
    if (way_.get() == &by)
      session = session_;
  }
  if (!session)
    return;
  session->receive(content);
  if (session->is_lost())
    wake_.ring();
}

} // namespace interp_actors
