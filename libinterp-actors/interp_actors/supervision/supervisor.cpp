#include "interp_actors/supervision/supervisor.hpp"

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/supervision/child_body.hpp"
#include "interp_actors/supervision/inspect.hpp"
#include "interp_actors/supervision/operations.hpp"
#include "interp_actors/supervision/supervisor_core.hpp"
#include "interp_actors/supervision/timed_event.hpp"

#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/exit_reason.hpp>
#include <caf/typed_response_promise.hpp>

#include <algorithm>
#include <cstdio>
#include <random>
#include <set>

namespace interp_actors {

namespace {

void wake_up(const caf::strong_actor_ptr& supervisor) {
  if (supervisor)
    supervisor->enqueue(compat::make_element(nullptr, caf::make_message_id(), caf::make_message(wake_atom_v)),
                        nullptr);
}

} // namespace

// -- the link
// ---------------------------------------------------------------------------------------------------------

void supervisor_link::post(event what) {
  caf::strong_actor_ptr wake;
  {
    std::lock_guard guard{mutex_};
    if (ended_)
      return;
    events_.push_back(std::move(what));
    if (events_.size() == 1)
      wake = handle_; // null where it has yet to be spawned, which wakes it
  }
  wake_up(wake);
}

void supervisor_link::spawning(std::string name, supervision_strategy strategy,
                               const std::function<caf::strong_actor_ptr()>& make) {
  caf::strong_actor_ptr wake;
  {
    std::lock_guard guard{mutex_}; // its thread may already want to be found
    name_ = std::move(name);
    strategy_ = strategy;
    handle_ = make();
    if (!events_.empty())
      wake = handle_;
  }
  wake_up(wake);
}

std::deque<supervisor_link::event> supervisor_link::take_events() {
  std::lock_guard guard{mutex_};
  return std::exchange(events_, {});
}

caf::error supervisor_link::wait_started() {
  std::unique_lock guard{mutex_};
  changed_.wait(guard, [this] { return started_ || ended_; });
  if (started_)
    return {};
  return ended_->error
             ? ended_->error
             : make_error(errc::stopped, "the supervisor was stopped before all its children had started");
}

supervisor_link::ending supervisor_link::wait_ended() {
  std::unique_lock guard{mutex_};
  changed_.wait(guard, [this] { return ended_.has_value(); });
  return *ended_;
}

caf::strong_actor_ptr supervisor_link::handle() const {
  std::lock_guard guard{mutex_};
  return handle_;
}

caf::strong_actor_ptr supervisor_link::find(std::string_view path) const {
  auto slash = path.find('/');
  std::shared_ptr<supervisor_link> below;
  {
    std::lock_guard guard{mutex_};
    auto place = children_.find(path.substr(0, slash));
    if (place == children_.end())
      return nullptr;
    if (slash == std::string_view::npos)
      return place->second.address;
    below = place->second.below;
  }
  return below ? below->find(path.substr(slash + 1)) : nullptr;
}

void supervisor_link::set_child(const std::string& name, entry child) {
  entry old; // dropped without the mutex
  std::lock_guard guard{mutex_};
  old = std::exchange(children_[name], std::move(child));
}

void supervisor_link::drop_child(const std::string& name, const caf::strong_actor_ptr& address) {
  entry old;
  std::lock_guard guard{mutex_};
  auto place = children_.find(name);
  if (place == children_.end() || place->second.address != address)
    return; // the name is another child's by now
  old = std::move(place->second);
  children_.erase(place);
}

void supervisor_link::set_children(std::vector<child_info> children) {
  std::lock_guard guard{mutex_};
  infos_.swap(children);
}

void supervisor_link::report_started() {
  {
    std::lock_guard guard{mutex_};
    started_ = true;
  }
  changed_.notify_all();
  if (on_started)
    on_started();
}

void supervisor_link::close(ending how) {
  caf::strong_actor_ptr handle;
  std::map<std::string, entry, std::less<>> children;
  {
    std::lock_guard guard{mutex_};
    if (ended_)
      return;
    ended_ = how;
    handle.swap(handle_);
    children.swap(children_);
    events_.clear();
  }
  changed_.notify_all();
  if (auto told = std::exchange(on_ended, nullptr))
    told(how);
}

std::vector<child_info> supervisor_link::children() const {
  std::lock_guard guard{mutex_};
  return infos_;
}

namespace {

/// "running, 2 restarts, last ended: exit_code (sys.exit(3))"
std::string state_text(const child_info& info) {
  auto result = to_string(info.state);
  if (info.restarts != 0)
    result += ", " + std::to_string(info.restarts) + (info.restarts == 1 ? " restart" : " restarts");
  if (info.last_death) {
    auto& text = info.last_death->text;
    result +=
        ", last ended: " + to_string(info.last_death->reason) + " (" + text.substr(0, text.find('\n')) + ")";
  }
  return result;
}

} // namespace

std::string supervisor_link::to_text() const {
  std::string name, state;
  {
    std::lock_guard guard{mutex_};
    name = name_;
    state = ended_ ? "ended: " + to_string(ended_->reason) : "running";
  }
  std::string result;
  write(result, name, state, "");
  return result;
}

void supervisor_link::write(std::string& out, std::string_view name, const std::string& state,
                            const std::string& indent) const {
  std::vector<child_info> infos;
  std::map<std::string, entry, std::less<>> children;
  std::string strategy;
  {
    std::lock_guard guard{mutex_};
    infos = infos_;
    children = children_;
    strategy = to_string(strategy_);
  }
  out.append(indent).append(name).append(" (" + strategy + "): " + state + '\n');
  for (auto& info : infos) {
    if (auto place = children.find(info.name); place != children.end() && place->second.below)
      place->second.below->write(out, info.name, state_text(info), indent + "  ");
    else
      out += indent + "  " + info.name + ": " + state_text(info) + '\n';
  }
}

namespace {

// -- the actor
// ---------------------------------------------------------------------------------------------------------

/// What a child of a slot tells its supervisor.
class slot_events final : public child_events {
public:
  slot_events(std::weak_ptr<supervisor_link> link, slot_id slot, std::string name)
      : link_{std::move(link)}, slot_{slot}, name_{std::move(name)} {}

  void started(std::uint64_t number) override { post(supervisor_link::started_event{slot_, number}); }
  void died(std::uint64_t number, std::shared_ptr<const death_report> report, caf::error reason,
            bool can_be_followed) override {
    auto named = *report;
    named.child = name_; // an incarnation that was a spare has not known it
    named.incarnation = number;
    post(supervisor_link::death_event{slot_, number, {std::move(named), std::move(reason), can_be_followed}});
  }
  void gone(std::uint64_t number) override { post(supervisor_link::gone_event{slot_, number}); }
  void due(std::uint64_t number) override { post(supervisor_link::due_event{slot_, number}); }

private:
  void post(supervisor_link::event what) {
    if (auto link = link_.lock())
      link->post(std::move(what));
  }

  const std::weak_ptr<supervisor_link> link_;
  const slot_id slot_;
  const std::string name_;
};

std::function<double()> make_random() {
  return [engine = std::minstd_rand{std::random_device{}()},
          place = std::uniform_real_distribution<double>{0.0, 1.0}]() mutable { return place(engine); };
}

/// Lets `child` have the kind that its body has, and says what is wrong with that.
caf::error complete(child_spec& child, bool has_template = false) {
  if (!child.body && has_template)
    return {};
  if (!child.body)
    return make_error(errc::invalid_spec,
                      "child '" + child.name
                          + "': body: there is none; give a python_child, an actor_child or "
                            "a supervisor_child");
  child.kind = child.body->is_supervisor() ? child_kind::supervisor : child_kind::worker;
  auto problem = child.body->check();
  if (!problem)
    return {};
  return make_error(errc::invalid_spec, "child '" + child.name + "': " + describe(problem));
}

template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};

/// The body of a supervisor: tells its core what happens and does what that decides.
class supervisor final : public caf::event_based_actor {
public:
  supervisor(caf::actor_config& config, std::shared_ptr<roster> home, supervisor_spec spec, std::string name,
             std::shared_ptr<supervisor_link> link)
      : caf::event_based_actor{config},
        home_{std::move(home)},
        name_{std::move(name)},
        link_{std::move(link)},
        on_death_{spec.on_death},
        is_dynamic_{spec.strategy == dynamic},
        core_{std::move(spec), make_random()},
        timer_{std::make_shared<timed_event>(link_, supervisor_link::timer_event{})} {}

  const char* name() const override { return "interp_actors.supervisor"; }

  std::set<std::string> message_types() const override {
    return home_system().message_types<supervisor_actor>();
  }

  caf::behavior make_behavior() override {
    compat::on_exit_message(*this, [this](caf::exit_msg& message) {
      bool asked = !message.reason || message.reason == caf::exit_reason::user_shutdown;
      run(core_.stop(now(), asked ? death_reason::shutdown : death_reason::killed,
                     asked ? caf::error{} : std::move(message.reason)));
    });
    run(core_.start(now()));
    return {
        [this](wake_atom) { on_events(); },
        [this](start_child_atom, const child_spec& child) {
          auto promise = make_response_promise<caf::strong_actor_ptr>();
          auto ticket = ++last_ticket_;
          starting_.emplace(ticket, promise);
          auto described = child;
          if (auto problem = complete(described, is_dynamic_))
            run({reply_operation{ticket, std::move(problem), 0}});
          else
            run(core_.start_child(now(), ticket, std::move(described)));
          return promise;
        },
        [this](terminate_child_atom, const std::string& child) {
          auto [ticket, promise] = new_ticket();
          run(core_.terminate_child(now(), ticket, child));
          return promise;
        },
        [this](restart_child_atom, const std::string& child) {
          auto [ticket, promise] = new_ticket();
          run(core_.restart_child(now(), ticket, child));
          return promise;
        },
        [this](delete_child_atom, const std::string& child) {
          auto [ticket, promise] = new_ticket();
          run(core_.delete_child(now(), ticket, child));
          return promise;
        },
        [this](list_children_atom) { return core_.list_children(); },
        [this](count_children_atom) { return core_.count_children(); },
        [this](find_child_atom, const std::string& path) -> caf::result<caf::strong_actor_ptr> {
          if (auto found = link_->find(path))
            return found;
          return make_error(errc::no_such_child, "no child '" + path + "'");
        },
        [this](subscribe_atom, const caf::actor& who) {
          subscribers_.push_back(who.address());
          who->attach_functor([link = std::weak_ptr{link_}, who = who.address()] {
            if (auto running = link.lock())
              running->post(supervisor_link::unsubscribe_event{who});
          });
        },
    };
  }

  void on_exit() override {
    // Also where something threw in here: what still runs is stopped, and whoever waits for its end must hear of it.
    children_.clear();
    link_->close(
        {death_reason::exception, make_error(errc::stopped, "the supervisor '" + name_ + "' has failed")});
  }

private:
  struct child {
    std::string name;
    std::unique_ptr<child_process> process;
    bool closed = false;
  };

  static restart_time now() { return deadline_clock::now(); }

  std::pair<ticket_id, caf::typed_response_promise<void>> new_ticket() {
    auto promise = make_response_promise<void>();
    waiting_.emplace(++last_ticket_, promise);
    return {last_ticket_, promise};
  }

  void on_events() {
    auto events = link_->take_events();
    for (auto& event : events) {
      has_more_events_ = &event != &events.back();
      std::visit(
          overloaded{
              [this](supervisor_link::started_event& e) {
                run(core_.on_started(now(), e.slot, e.incarnation));
                tend(e.slot);
              },
              [this](supervisor_link::death_event& e) {
                run(core_.on_death(now(), e.slot, e.incarnation, std::move(e.death)));
              },
              [this](supervisor_link::gone_event& e) {
                run(core_.on_gone(now(), e.slot, e.incarnation));
                tend(e.slot);
              },
              [this](supervisor_link::due_event& e) { run(core_.recycle(now(), e.slot, e.incarnation)); },
              [this](supervisor_link::timer_event&) { run(core_.on_timer(now())); },
              [this](supervisor_link::unsubscribe_event& e) { std::erase(subscribers_, e.who); },
              [this](supervisor_link::stop_event& e) {
                run(core_.stop(now(), e.reason, std::move(e.error)));
              },
              [this](supervisor_link::abandon_event&) {
                at_once_ = true;
                for (auto& info : core_.list_children())
                  if (auto place = children_.find(info.slot); place != children_.end())
                    place->second.process->stop(info.incarnation, stop_reason(), {});
              },
          },
          event);
    }
    show_children();
  }

  /// Lets others see the children as they are now. It is done once for all events that have come together, unless somebody is
  /// answered: of many children that end together, not all are listed for each one.
  void show_children() {
    if (std::exchange(is_unseen_, false))
      link_->set_children(core_.list_children());
  }

  void tend(slot_id slot) {
    if (auto place = children_.find(slot); place != children_.end() && !place->second.closed)
      place->second.process->tend();
  }

  static caf::error stop_reason() { return caf::make_error(caf::exit_reason::user_shutdown); }

  void run(supervisor_commands commands) {
    // A successor does not wait until its predecessor's death is told.
    for (std::size_t i = 1; i < commands.size(); ++i)
      if (std::holds_alternative<start_incarnation>(commands[i])
          && std::holds_alternative<publish_death>(commands[i - 1]))
        std::swap(commands[i - 1], commands[i]);
    auto next = commands.begin();
    for (; next != commands.end() && std::holds_alternative<start_incarnation>(*next); ++next)
      carry_out(std::get<start_incarnation>(*next));
    is_unseen_ = true;
    if (!has_more_events_)
      show_children();
    for (; next != commands.end(); ++next)
      std::visit([this](auto& what) { carry_out(what); }, *next);
  }

  void carry_out(start_incarnation& what) {
    auto& child = children_[what.slot];
    if (!child.process) {
      child.name = what.spec->name;
      child.process = what.spec->body->make(home_, child.name,
                                            std::make_shared<slot_events>(link_, what.slot, child.name));
    }
    child.process->prepare();
    link_->set_child(child.name, {child.process->address(), child.process->below()});
    child.process->start(what.incarnation, std::move(what.previous));
  }

  void carry_out(stop_incarnation& what) {
    auto place = children_.find(what.slot);
    if (place == children_.end())
      return;
    auto limit = what.how.limit();
    auto time = at_once_ ? std::chrono::nanoseconds::zero() : limit.value_or(caf::timespan::max());
    place->second.process->stop(what.incarnation, what.reason ? what.reason : stop_reason(), time);
  }

  void carry_out(close_address& what) {
    auto place = children_.find(what.slot);
    if (place == children_.end())
      return;
    auto& child = place->second;
    if (!child.closed) // one that gave up comes here again when it is deleted
      child.process->close(what.reason, what.for_good);
    if (!what.for_good)
      return;
    child.closed = true;
    // Users may still look for it, and find it closed, unless it is forgotten.
    if (core_.knows(what.slot))
      return;
    link_->drop_child(child.name, child.process->address());
    children_.erase(place);
  }

  void carry_out(arm_timer& what) {
    timer_->call_at(what.at);
    home_->arm(timer_, what.at);
  }

  void carry_out(publish_death& what) {
    auto& report = *what.report;
    home_->tell_of_death(report);
    if (on_death_)
      try {
        on_death_(report);
      } catch (const std::exception& problem) { // it would end the supervisor
        std::fprintf(stderr, "interp-actors: on_death of '%s' threw: %s\n", name_.c_str(), problem.what());
      } catch (...) {
        std::fprintf(stderr, "interp-actors: on_death of '%s' threw something\n", name_.c_str());
      }
    for (auto& each : subscribers_)
      if (auto who = caf::actor_cast<caf::strong_actor_ptr>(each))
        who->enqueue(compat::make_element(ctrl(), caf::make_message_id(), caf::make_message(report)),
                     nullptr);
  }

  void carry_out(reply_operation& what) {
    show_children();
    if (auto entry = starting_.extract(what.ticket)) {
      auto place = children_.find(what.slot);
      if (what.error)
        entry.mapped().deliver(std::move(what.error));
      else
        entry.mapped().deliver(place == children_.end() ? nullptr : place->second.process->address());
      return;
    }
    auto entry = waiting_.extract(what.ticket);
    if (!entry)
      return;
    if (what.error)
      entry.mapped().deliver(std::move(what.error));
    else
      entry.mapped().deliver();
  }

  void carry_out(tree_started&) {
    show_children();
    link_->report_started();
  }

  void carry_out(supervisor_ended& what) {
    supervisor_link::ending how{what.reason, what.error};
    show_children();
    children_.clear();
    link_->close(how);
    quit(what.error);
  }

  const std::shared_ptr<roster> home_;
  const std::string name_;
  const std::shared_ptr<supervisor_link> link_;
  const std::function<void(const death_report&)> on_death_;
  const bool is_dynamic_;
  supervisor_core core_;
  const std::shared_ptr<timed_event> timer_;
  std::map<slot_id, child> children_;
  std::map<ticket_id, caf::typed_response_promise<caf::strong_actor_ptr>> starting_;
  std::map<ticket_id, caf::typed_response_promise<void>> waiting_;
  ticket_id last_ticket_ = 0;
  std::vector<caf::actor_addr> subscribers_;
  bool at_once_ = false;
  bool has_more_events_ = false;
  bool is_unseen_ = false;
};

} // namespace

caf::error prepare(supervisor_spec& spec) {
  for (auto& child : spec.children)
    if (auto problem = complete(child))
      return problem;
  return check(problems_of(spec));
}

caf::error start_supervisor(const std::shared_ptr<roster>& home, supervisor_spec spec,
                            const std::string& name, const std::shared_ptr<supervisor_link>& link) {
  if (auto problem = prepare(spec))
    return problem;
  // Detached: it has a thread of its own, so that no other actor keeps it from a restart.
  auto strategy = spec.strategy;
  try {
    link->spawning(name, strategy, [&] {
      return caf::actor_cast<caf::strong_actor_ptr>(
          home->system.spawn<supervisor, caf::detached>(home, std::move(spec), name, link));
    });
  } catch (const std::exception& problem) { // no more threads, or no memory
    return make_error(errc::start_failed, std::string{problem.what()});
  }
  return {};
}

} // namespace interp_actors
