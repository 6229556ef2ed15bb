#include "interp_actors/supervision/python_child.hpp"

#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/incarnation.hpp"
#include "interp_actors/actor/translate.hpp"

#include <caf/actor_cast.hpp>
#include <caf/exit_reason.hpp>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace interp_actors {

namespace {

/// Numbers of spares until they take over, apart from those of incarnations.
constexpr std::uint64_t spare_bit = std::uint64_t{1} << 62;

/// What the incarnations of one child tell, and its spares.
/// Thread: any; the mutex is never held while something else is called.
/// Owner: the child's process and its incarnations, which may outlive it.
class follow_up final : public keeper {
public:
  explicit follow_up(std::shared_ptr<child_events> events) : events_{std::move(events)} {}

  void on_ready(std::uint64_t number) override {
    std::lock_guard guard{mutex_};
    for (auto& each : spares_)
      if (each.number == number)
        each.ready = true;
  }

  void on_started(std::uint64_t number) override { events_->started(number); }

  void on_death(std::uint64_t number, std::shared_ptr<const death_report> report,
                const caf::error& reason) override {
    bool can_be_followed = false;
    {
      std::lock_guard guard{mutex_};
      if ((number & spare_bit) != 0) {
        std::erase_if(spares_, [number](auto& each) { return each.number == number; });
        auto taken = taken_.find(number);
        if (taken == taken_.end())
          return; // nobody counts on it
        number = taken->second; // it ended before it could take over
      }
      ++dying_;
      can_be_followed = std::ranges::any_of(spares_, &spare::ready);
    }
    events_->died(number, std::move(report), reason, can_be_followed);
  }

  void on_gone(std::uint64_t number) override {
    {
      std::lock_guard guard{mutex_};
      if ((number & spare_bit) != 0) {
        auto taken = taken_.extract(number);
        if (!taken)
          return;
        number = taken.mapped();
      }
      --dying_;
    }
    events_->gone(number);
  }

  void on_snapshot(std::uint64_t, shared_bytes snapshot) override {
    std::lock_guard guard{mutex_};
    snapshot_ = std::move(snapshot);
  }

  void on_due(std::uint64_t number) override { events_->due(number); }

  // -- for the process
  // ---------------------------------------------------------------------------------------------

  shared_bytes snapshot() const {
    std::lock_guard guard{mutex_};
    return snapshot_;
  }

  /// Whether an incarnation is on its way out; spares are made when none is, so as not to be in the way of its successor.
  bool is_busy() const {
    std::lock_guard guard{mutex_};
    return dying_ != 0;
  }

  std::size_t spares() const {
    std::lock_guard guard{mutex_};
    return spares_.size();
  }

  void add_spare(std::uint64_t number, std::shared_ptr<incarnation> who) {
    std::lock_guard guard{mutex_};
    spares_.push_back({number, std::move(who), false});
  }

  /// A spare that is ready to be incarnation `number`; null for none.
  std::shared_ptr<incarnation> take_spare(std::uint64_t number) {
    std::lock_guard guard{mutex_};
    auto place = std::ranges::find_if(spares_, &spare::ready);
    if (place == spares_.end())
      return nullptr;
    auto result = std::move(place->who);
    taken_.clear(); // those before have taken over
    taken_.emplace(place->number, number);
    spares_.erase(place);
    return result;
  }

  std::vector<std::shared_ptr<incarnation>> take_all_spares() {
    std::vector<std::shared_ptr<incarnation>> result;
    std::lock_guard guard{mutex_};
    for (auto& each : spares_)
      result.push_back(std::move(each.who));
    spares_.clear();
    return result;
  }

private:
  struct spare {
    std::uint64_t number;
    std::shared_ptr<incarnation> who;
    bool ready;
  };

  const std::shared_ptr<child_events> events_;
  mutable std::mutex mutex_;
  shared_bytes snapshot_;
  std::vector<spare> spares_;
  std::map<std::uint64_t, std::uint64_t> taken_; // the number of a spare, and that which it is to have
  int dying_ = 0;
};

class python_body;

class python_process final : public child_process {
public:
  python_process(std::shared_ptr<roster> home, std::shared_ptr<const python_body> body, std::string name,
                 const std::shared_ptr<child_events>& events);
  ~python_process() override;

  caf::strong_actor_ptr address() const override { return address_; }
  void start(std::uint64_t number, std::shared_ptr<const death_report> previous) override;
  void stop(std::uint64_t number, const caf::error& reason, std::chrono::nanoseconds limit) override;
  void tend() override;
  void close(const caf::error& reason, bool for_good) override;

private:
  std::shared_ptr<incarnation> make(std::shared_ptr<mailbox> box, heritage from) const;
  caf::error launch(const std::shared_ptr<incarnation>& next) const;
  class address& place() const { return *static_cast<class address*>(address_->get()); }

  const std::shared_ptr<roster> home_;
  const std::shared_ptr<const python_body> body_;
  const std::shared_ptr<child_events> events_;
  const std::shared_ptr<follow_up> record_;
  spawn_options options_;
  caf::strong_actor_ptr address_;
  std::shared_ptr<incarnation> current_;
  std::uint64_t number_ = 0;
  std::uint64_t last_spare_ = 0;
  bool closed_ = false;
};

class python_body final : public child_body, public std::enable_shared_from_this<python_body> {
public:
  python_body(source code, python_options options, std::shared_ptr<const typed_start> typed,
              std::shared_ptr<shared_queue> queue)
      : code{std::move(code)}, options{std::move(options)}, typed{std::move(typed)}, queue{std::move(queue)} {}

  caf::error check() const override {
    if (options.spawn.class_name.empty() ? typed && !typed->arguments.empty() : !typed)
      return make_error(errc::start_failed,
                        typed ? "arguments are for the constructor of a class: name it in spawn_options::class_name"
                              : "spawn_options::class_name is for typed actors");
    return {};
  }

  std::unique_ptr<child_process> make(const std::shared_ptr<roster>& home, const std::string& name,
                                      std::shared_ptr<child_events> events) const override {
    return std::make_unique<python_process>(home, shared_from_this(), name, events);
  }

  const source code;
  const python_options options;
  const std::shared_ptr<const typed_start> typed;
  const std::shared_ptr<shared_queue> queue;
};

python_process::python_process(std::shared_ptr<roster> home, std::shared_ptr<const python_body> body,
                               std::string name, const std::shared_ptr<child_events>& events)
    : home_{std::move(home)},
      body_{std::move(body)},
      events_{events},
      record_{std::make_shared<follow_up>(events)},
      options_{body_->options.spawn} {
  if (options_.name.empty())
    options_.name = std::move(name);
  succession rules{.remembers = true,
                   .redelivers = body_->options.succession.attempts > 0,
                   .queue = body_->queue};
  auto box = std::make_shared<mailbox>(options_.mailbox, std::move(rules), home_->bells);
  auto handle = home_->system.spawn<class address>(home_, std::move(box), options_,
                                                   body_->typed ? body_->typed->type : nullptr);
  address_ = caf::actor_cast<caf::strong_actor_ptr>(handle);
}

python_process::~python_process() {
  if (!closed_)
    close(make_error(errc::stopped, "'" + options_.name + "' has no supervisor any more"), true);
}

std::shared_ptr<incarnation> python_process::make(std::shared_ptr<mailbox> box, heritage from) const {
  return std::make_shared<incarnation>(home_, std::move(box), body_->code, options_, body_->typed,
                                       tenure{record_, std::move(from), body_->options.succession});
}

caf::error python_process::launch(const std::shared_ptr<incarnation>& next) const {
  if (!home_->enter(next))
    return make_error(errc::stopped, "the runtime has stopped; no interpreter can be started any more");
  try {
    next->launch();
  } catch (const std::exception& problem) { // no more threads, or no memory
    home_->ended(*next);
    return make_error(errc::start_failed, std::string{problem.what()});
  }
  return {};
}

void python_process::start(std::uint64_t number, std::shared_ptr<const death_report> previous) {
  number_ = number;
  place().box()->reopen();
  heritage from{number, std::move(previous), record_->snapshot()};
  if (auto spare = record_->take_spare(number)) {
    current_ = std::move(spare);
    current_->take_over(place().box(), std::move(from));
    return;
  }
  current_ = make(place().box(), std::move(from));
  place().inhabit(current_);
  if (auto problem = launch(current_)) {
    death_report report;
    report.child = options_.name;
    report.incarnation = number;
    report.reason = death_reason::start_failed;
    report.text = describe(problem);
    report.when = std::chrono::system_clock::now();
    events_->died(number, std::make_shared<const death_report>(std::move(report)), problem, false);
    events_->gone(number);
  }
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
  if (closed_ || !current_ || record_->is_busy())
    return;
  while (record_->spares() < body_->options.spares) {
    auto number = spare_bit | ++last_spare_;
    auto spare = make(nullptr, {.number = number, .previous = nullptr, .snapshot = {}});
    record_->add_spare(number, spare);
    if (launch(spare)) {
      record_->on_death(number, nullptr, {});
      return; // the next restart is a cold one
    }
  }
}

void python_process::close(const caf::error& reason, bool for_good) {
  closed_ = closed_ || for_good;
  for (auto& spare : record_->take_all_spares())
    spare->stop(caf::make_error(caf::exit_reason::user_shutdown), home_->settings.shutdown_timeout);
  current_.reset();
  place().box()->close(reason);
  if (for_good)
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
