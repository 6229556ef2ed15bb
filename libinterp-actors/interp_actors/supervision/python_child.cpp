#include "interp_actors/supervision/python_child.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/incarnation.hpp"
#include "interp_actors/actor/search_path.hpp"
#include "interp_actors/actor/spawn.hpp"
#include "interp_actors/actor/translate.hpp"
#include "interp_actors/supervision/node_directory.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace interp_actors {

namespace {

/// Interpreters that have loaded a source and wait to take over an address, for all children of one body.
/// Thread: any; the mutex is never held while something else is called. Children of several supervisors may refill it at the
/// same time, and then make a spare too many.
/// Owner: those children. With the last of them the spares go.
/// Death: a spare that ends is told of once: by `drop` while it waits here, by `refill` where it was not yet here, and once it
/// is claimed, as the incarnation that it was to be.
class spare_pool final : public std::enable_shared_from_this<spare_pool> {
public:
  using maker = std::function<std::shared_ptr<incarnation>(std::shared_ptr<keeper> by)>;

  /// `tell` is told of spares that end before they are wanted.
  spare_pool(std::size_t size, maker make, death_handler tell, caf::timespan patience)
      : size_{size}, make_{std::move(make)}, tell_{std::move(tell)}, patience_{patience} {}
  spare_pool(const spare_pool&) = delete;
  spare_pool& operator=(const spare_pool&) = delete;

  ~spare_pool() {
    for (auto& [number, each] : spares_)
      each.who->stop(caf::make_error(caf::exit_reason::user_shutdown), patience_);
  }

  bool has_ready() const {
    std::lock_guard guard{mutex_};
    return std::ranges::any_of(spares_, [](auto& each) { return each.second.ready; });
  }

  /// A spare that is ready to be incarnation `number` of whoever `by` looks after; null for none.
  std::shared_ptr<incarnation> claim(std::shared_ptr<keeper> by, std::uint64_t number) {
    spare found;
    {
      std::lock_guard guard{mutex_};
      auto place = std::ranges::find_if(spares_, [](auto& each) { return each.second.ready; });
      if (place == spares_.end())
        return nullptr;
      found = std::move(place->second);
      spares_.erase(place);
    }
    found.voice->lead_to(std::move(by), number);
    return std::move(found.who);
  }

  /// An incarnation is on its way out, or no more. Spares are made when none is, so as not to be in its successor's way.
  void note_dying(int change) { dying_.fetch_add(change); }

  /// Makes as many as are missing, unless one of the children is on its way out.
  void refill() {
    while (dying_.load() == 0) {
      std::uint64_t number = 0;
      {
        std::lock_guard guard{mutex_};
        if (spares_.size() >= size_)
          return;
        number = ++last_;
      }
      auto voice = std::make_shared<spokesman>(weak_from_this(), number);
      auto who = make_(voice);
      if (!who)
        return; // the next restart is a cold one
      spare next{std::move(who), voice};
      {
        std::lock_guard guard{mutex_};
        if (!voice->is_dead()) {
          next.ready = voice->is_ready(); // it may have looked for its place here since
          spares_.emplace(number, std::move(next));
          continue;
        }
      }
      tell_(*voice->last_words());
      return; // so will the next one be
    }
  }

private:
  /// Tells of a spare, and from its takeover on, of an incarnation.
  /// Death: a spare that ends after it was claimed is the claimed incarnation's death.
  class spokesman final : public keeper {
  public:
    spokesman(std::weak_ptr<spare_pool> pool, std::uint64_t number)
        : pool_{std::move(pool)}, number_{number} {}

    bool is_ready() const noexcept { return ready_; }
    bool is_dead() const { return last_words() != nullptr; }

    /// Null while it lives.
    std::shared_ptr<const death_report> last_words() const {
      std::lock_guard guard{mutex_};
      return last_words_;
    }

    void lead_to(std::shared_ptr<keeper> to, std::uint64_t number) {
      std::shared_ptr<const death_report> missed;
      {
        std::lock_guard guard{mutex_};
        missed = last_words_;
        as_ = number;
        if (!missed) // else it is told here that this one is gone, and never again
          to_ = to;
      }
      if (!missed)
        return;
      to->on_death(number, missed, last_reason_);
      to->on_gone(number);
    }

    void on_ready(std::uint64_t) override {
      ready_ = true;
      if (auto pool = pool_.lock())
        pool->set_ready(number_);
    }
    void on_started(std::uint64_t) override { to_->on_started(as_); }
    bool has_successor() const override {
      auto to = leads_to();
      return to && to->has_successor();
    }
    void on_death(std::uint64_t, std::shared_ptr<const death_report> report,
                  const caf::error& reason) override {
      std::shared_ptr<keeper> to;
      {
        std::lock_guard guard{mutex_};
        last_words_ = report;
        last_reason_ = reason;
        to = to_;
      }
      if (to)
        to->on_death(as_, std::move(report), reason);
      else if (auto pool = pool_.lock())
        pool->drop(number_, *last_words_);
    }
    void on_gone(std::uint64_t) override {
      if (auto to = leads_to())
        to->on_gone(as_);
    }
    void on_snapshot(std::uint64_t, shared_bytes snapshot) override {
      to_->on_snapshot(as_, std::move(snapshot));
    }
    void on_settled(std::uint64_t) override { to_->on_settled(as_); }
    void await_successor(std::uint64_t, std::chrono::nanoseconds limit) override {
      if (auto to = leads_to())
        to->await_successor(as_, limit);
    }
    void on_due(std::uint64_t) override { to_->on_due(as_); }

  private:
    std::shared_ptr<keeper> leads_to() const {
      std::lock_guard guard{mutex_};
      return to_;
    }

    const std::weak_ptr<spare_pool> pool_;
    const std::uint64_t number_;
    std::atomic<bool> ready_{false};
    mutable std::mutex mutex_;
    std::shared_ptr<keeper> to_; // written before the takeover, read without the mutex after it
    std::uint64_t as_ = 0;
    std::shared_ptr<const death_report> last_words_;
    caf::error last_reason_;
  };

  struct spare {
    std::shared_ptr<incarnation> who;
    std::shared_ptr<spokesman> voice;
    bool ready = false;
  };

  void set_ready(std::uint64_t number) {
    std::lock_guard guard{mutex_};
    if (auto place = spares_.find(number); place != spares_.end())
      place->second.ready = true;
  }

  void drop(std::uint64_t number, const death_report& report) {
    spare dropped; // without the mutex
    {
      std::lock_guard guard{mutex_};
      auto place = spares_.find(number);
      if (place == spares_.end())
        return;
      dropped = std::move(place->second);
      spares_.erase(place);
    }
    tell_(report);
  }

  const std::size_t size_;
  const maker make_;
  const death_handler tell_;
  const caf::timespan patience_;
  std::atomic<int> dying_{0};
  mutable std::mutex mutex_;
  std::map<std::uint64_t, spare> spares_;
  std::uint64_t last_ = 0;
};

/// What the incarnations of one child tell.
/// Thread: any; the mutex is never held while something else is called.
/// Owner: the child's process and its incarnations, which may outlive it.
class follow_up final : public keeper {
public:
  follow_up(std::shared_ptr<child_events> events, std::shared_ptr<spare_pool> spares)
      : events_{std::move(events)}, spares_{std::move(spares)} {}

  void on_ready(std::uint64_t) override {}
  void on_started(std::uint64_t number) override { events_->started(number); }

  bool has_successor() const override {
    auto pool = spares_.lock();
    return pool && pool->has_ready();
  }

  void on_death(std::uint64_t number, std::shared_ptr<const death_report> report,
                const caf::error& reason) override {
    auto pool = spares_.lock();
    if (pool)
      pool->note_dying(1);
    bool can_be_followed = pool && pool->has_ready();
    if (can_be_followed) {
      std::lock_guard guard{mutex_};
      followed_ = number;
    }
    events_->died(number, std::move(report), reason, can_be_followed);
  }

  void on_gone(std::uint64_t number) override {
    if (auto pool = spares_.lock())
      pool->note_dying(-1);
    events_->gone(number);
  }

  void on_snapshot(std::uint64_t, shared_bytes snapshot) override {
    std::lock_guard guard{mutex_};
    std::swap(snapshot_, snapshot);
  }

  void on_settled(std::uint64_t number) override {
    {
      std::lock_guard guard{mutex_};
      settled_ = std::max(settled_, number);
    }
    settled_changed_.notify_all();
  }

  void await_successor(std::uint64_t number, std::chrono::nanoseconds limit) override {
    std::unique_lock guard{mutex_};
    if (followed_ == number)
      settled_changed_.wait_for(guard, limit, [&] { return settled_ > number; });
  }

  void on_due(std::uint64_t number) override { events_->due(number); }

  shared_bytes snapshot() const {
    std::lock_guard guard{mutex_};
    return snapshot_;
  }

private:
  const std::shared_ptr<child_events> events_;
  const std::weak_ptr<spare_pool> spares_;
  mutable std::mutex mutex_;
  std::condition_variable settled_changed_;
  std::uint64_t settled_ = 0;  // the last that has
  std::uint64_t followed_ = 0; // the last one for whose successor a spare waited
  shared_bytes snapshot_;
};

class python_body;

class python_process final : public child_process {
public:
  python_process(std::shared_ptr<roster> home, std::shared_ptr<const python_body> body, std::string name,
                 std::shared_ptr<child_events> events);
  ~python_process() override;

  caf::strong_actor_ptr address() const override { return address_; }
  void start(std::uint64_t number, std::shared_ptr<const death_report> previous) override;
  void stop(std::uint64_t number, const caf::error& reason, std::chrono::nanoseconds limit) override;
  void tend() override;
  void close(const caf::error& reason, bool for_good) override;

private:
  class address& place() const { return *static_cast<class address*>(address_->get()); }

  const std::shared_ptr<roster> home_;
  const std::shared_ptr<const python_body> body_;
  const std::shared_ptr<child_events> events_;
  const std::shared_ptr<spare_pool> spares_; // null where there are none
  const std::shared_ptr<follow_up> record_;
  spawn_options options_;
  caf::strong_actor_ptr address_;
  std::shared_ptr<incarnation> current_;
  std::uint64_t number_ = 0;
  bool closed_ = false;
};

class python_body final : public child_body, public std::enable_shared_from_this<python_body> {
public:
  python_body(source code, python_options options, std::shared_ptr<const typed_start> typed,
              std::shared_ptr<shared_queue> queue)
      : code{std::move(code)},
        options{std::move(options)},
        typed{std::move(typed)},
        queue{std::move(queue)} {}

  caf::error check() const override {
    if (options.on.is_remote() && options.spares > 0)
      return make_error(errc::invalid_spec,
                        "spares: they wait in this process, and the child runs on a node; "
                        "give 0, or run it here");
    return check_start(options.spawn, typed.get());
  }

  std::unique_ptr<child_process> make(const std::shared_ptr<roster>& home, const std::string& name,
                                      std::shared_ptr<child_events> events) const override {
    if (options.on.is_remote())
      return home->nodes->make_child(home,
                                     std::make_shared<const remote_child_parts>(code, options, typed, queue),
                                     name, std::move(events));
    return std::make_unique<python_process>(home, shared_from_this(), name, std::move(events));
  }

  /// Makes an incarnation, a spare where there is no `box`, and starts it.
  std::pair<std::shared_ptr<incarnation>, caf::error> launch(const std::shared_ptr<roster>& home,
                                                             std::shared_ptr<mailbox> box,
                                                             const spawn_options& how, tenure life) const {
    try {
      life.search_path = search_path(options.modules, options.virtual_env);
    } catch (const std::runtime_error& problem) {
      return {nullptr, make_error(errc::start_failed, std::string{problem.what()})};
    }
    auto* place = box ? static_cast<class address*>(box->address()->get()) : nullptr;
    auto next = std::make_shared<incarnation>(home, std::move(box), code, how, typed, std::move(life));
    if (place)
      place->inhabit(next);
    if (!home->enter(next))
      return {nullptr,
              make_error(errc::stopped, "the runtime has stopped; no interpreter can be started any more")};
    try {
      next->launch();
    } catch (const std::exception& problem) { // no more threads, or no memory
      home->ended(*next);
      return {nullptr, make_error(errc::start_failed, std::string{problem.what()})};
    }
    return {std::move(next), {}};
  }

  /// The spares of all children of this body.
  std::shared_ptr<spare_pool> pool(const std::shared_ptr<roster>& home) const {
    if (options.spares == 0)
      return nullptr;
    std::lock_guard guard{pool_mutex_};
    auto known = pool_.lock();
    if (!known) {
      auto make = [home,
                   self = weak_from_this()](std::shared_ptr<keeper> by) -> std::shared_ptr<incarnation> {
        auto body = self.lock();
        if (!body)
          return nullptr;
        auto how = body->options.spawn;
        if (how.name.empty())
          how.name = "spare";
        return body->launch(home, nullptr, how, {std::move(by), {.number = 0}, body->options.succession})
            .first;
      };
      auto tell = [home](const death_report& report) { home->tell_of_death(report); };
      known = std::make_shared<spare_pool>(options.spares, make, tell, home->settings.shutdown_timeout);
      pool_ = known;
    }
    return known;
  }

  const source code;
  const python_options options;
  const std::shared_ptr<const typed_start> typed;
  const std::shared_ptr<shared_queue> queue;

private:
  mutable std::mutex pool_mutex_;
  mutable std::weak_ptr<spare_pool> pool_;
};

python_process::python_process(std::shared_ptr<roster> home, std::shared_ptr<const python_body> body,
                               std::string name, std::shared_ptr<child_events> events)
    : home_{std::move(home)},
      body_{std::move(body)},
      events_{std::move(events)},
      spares_{body_->pool(home_)},
      record_{std::make_shared<follow_up>(events_, spares_)},
      options_{body_->options.spawn} {
  options_.name = std::move(name);
  succession rules{
      .remembers = true, .redelivers = body_->options.succession.attempts > 0, .queue = body_->queue};
  auto box = std::make_shared<mailbox>(options_.mailbox, std::move(rules), home_->bells);
  auto handle =
      home_->system.spawn<class address>(home_, box, options_, body_->typed ? body_->typed->type : nullptr);
  address_ = caf::actor_cast<caf::strong_actor_ptr>(handle);
  if (body_->queue)
    body_->queue->join(*box);
}

python_process::~python_process() {
  if (closed_)
    return;
  if (current_)
    current_->stop(caf::make_error(caf::exit_reason::user_shutdown), home_->settings.shutdown_timeout);
  close(make_error(errc::stopped, "'" + options_.name + "' has no supervisor any more"), true);
}

void python_process::start(std::uint64_t number, std::shared_ptr<const death_report> previous) {
  number_ = number;
  place().box()->reopen();
  heritage from{number, std::move(previous), record_->snapshot()};
  if (spares_)
    if (auto spare = spares_->claim(record_, number)) {
      current_ = std::move(spare);
      current_->take_over(place().box(), std::move(from));
      return;
    }
  auto [next, problem] =
      body_->launch(home_, place().box(), options_, {record_, std::move(from), body_->options.succession});
  current_ = std::move(next);
  if (current_)
    return;
  tell_end(*events_, options_.name, number, death_reason::start_failed, problem, {});
}

void python_process::stop(std::uint64_t number, const caf::error& reason, std::chrono::nanoseconds limit) {
  if (number != number_ || !current_)
    return;
  if (limit == std::chrono::nanoseconds::zero())
    current_->give_up(reason);
  else
    current_->stop(reason, limit);
}

void python_process::tend() {
  if (spares_ && current_ && !closed_)
    spares_->refill();
}

void python_process::close(const caf::error& reason, bool for_good) {
  current_.reset();
  place().box()->close(reason);
  if (!for_good)
    return;
  closed_ = true;
  if (body_->queue)
    body_->queue->part(*place().box());
  place().take_down(reason);
}

} // namespace

namespace detail {

std::shared_ptr<const child_body> make_python_child(source code, python_options options,
                                                    std::shared_ptr<const typed_start> typed,
                                                    std::shared_ptr<shared_queue> queue) {
  return std::make_shared<python_body>(std::move(code), std::move(options), std::move(typed),
                                       std::move(queue));
}

} // namespace detail

} // namespace interp_actors
