#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <optional>
#include <random>
#include <set>

#include "supervision/fake_shell.hpp"

using namespace supervision_test;

namespace {

/// Plays everything around a core at random: incarnations that start, die and go when they like, events that are late,
/// doubled or of nobody, operations, timers. It keeps books of its own, and says what the core must never do.
class random_world {
public:
  random_world(supervisor_spec spec, unsigned seed)
      : spec_{spec},
        dice_{seed},
        core_{std::move(spec), [this] { return std::uniform_real_distribution{}(dice_); }} {
    take(core_.start(now_));
  }

  void live(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i)
      step();
  }

  /// From now on everything goes well: nothing may be left waiting.
  void calm_down() {
    for (int i = 0; i < 100'000 && help_on(); ++i) {
    }
    EXPECT_TRUE(open_tickets_.empty()) << open_tickets_.size() << " operations were never answered";
    for (auto& info : core_.list_children()) {
      EXPECT_NE(info.state, child_state::waiting) << info.name;
      EXPECT_NE(info.state, child_state::stopping) << info.name;
    }
    if (!ended_) {
      EXPECT_TRUE(up_);
      EXPECT_EQ(core_.count_children().active, count_running());
    }
  }

  void end() {
    if (!ended_ && !ending_) {
      ending_ = true;
      take(core_.stop(now_, death_reason::shutdown, {}));
    }
    for (int i = 0; i < 100'000 && help_on(); ++i) {
    }
    EXPECT_TRUE(ended_);
    EXPECT_TRUE(open_tickets_.empty());
    for (auto& [id, slot] : slots_) {
      EXPECT_TRUE(slot.closed_for_good) << slot.name;
      EXPECT_TRUE(slot.forgotten || core_.knows(id)) << slot.name;
    }
    live(20); // nothing changes any more
  }

  int deaths = 0;
  int restarts = 0;
  int gave_up = 0;

private:
  enum class phase { starting, running };

  struct incarnation {
    phase now = phase::starting;
    bool asked_to_stop = false;
  };

  struct slot {
    std::string name;
    std::uint64_t last = 0;
    std::map<std::uint64_t, incarnation> live;
    std::set<std::uint64_t> tearing_down;
    bool ready = false;
    bool closed = false;
    bool closed_for_good = false;
    bool forgotten = false;
    std::optional<restart_time> died;
    std::deque<restart_time> restarted_for; // deaths that were followed by a restart
  };

  struct which_one {
    slot_id slot;
    std::uint64_t incarnation;
  };

  bool is_group() const { return spec_.strategy == one_for_all || spec_.strategy == rest_for_one; }
  int roll(int sides) { return std::uniform_int_distribution{0, sides - 1}(dice_); }

  std::size_t count_running() const {
    std::size_t result = 0;
    for (auto& [id, slot] : slots_)
      for (auto& [number, one] : slot.live)
        result += one.now == phase::running ? 1 : 0;
    return result;
  }

  // -- what happens ------------------------------------------------------------------------------------------------------------

  template <class F>
  std::vector<which_one> those(F f) {
    std::vector<which_one> result;
    for (auto& [id, slot] : slots_) {
      for (auto& [number, one] : slot.live)
        if (f(&one))
          result.push_back({id, number});
      for (auto number : slot.tearing_down)
        if (f(nullptr))
          result.push_back({id, number});
    }
    return result;
  }

  void step() {
    now_ += std::chrono::milliseconds{roll(5) == 0 ? roll(3000) : roll(50)};
    auto all = those([](const incarnation*) { return true; });
    auto action = roll(100);
    if (action < 70 && !all.empty()) {
      auto which = all[static_cast<std::size_t>(roll(static_cast<int>(all.size())))];
      auto& slot = slots_.at(which.slot);
      auto one = slot.live.find(which.incarnation);
      if (one == slot.live.end())
        go(which);
      else if (one->second.now == phase::starting && roll(4) > 0)
        start(which);
      else if (one->second.asked_to_stop || roll(3) == 0)
        die(which);
    } else if (action < 78) {
      roll(3) == 0 ? call_timer() : fire_timers();
    } else if (action < 86) {
      nonsense();
    } else if (action < 99) {
      operate();
    } else if (roll(4) == 0) {
      if (!ended_)
        ending_ = true;
      take(core_.stop(now_, death_reason::shutdown, {}));
    }
  }

  /// Does something that brings everything to rest; false when it has come.
  bool help_on() {
    if (testing::Test::HasFailure())
      return false;
    now_ += 1ms;
    auto dead = those([](const incarnation* one) { return !one; });
    auto stopping = those([](const incarnation* one) { return one && one->asked_to_stop; });
    auto starting = those(
        [](const incarnation* one) { return one && !one->asked_to_stop && one->now == phase::starting; });
    if (!dead.empty())
      go(dead.front());
    else if (!stopping.empty())
      die(stopping.front());
    else if (!starting.empty())
      start(starting.front());
    else if (armed_) {
      now_ = std::max(now_, *armed_);
      fire_timers();
    } else
      return false;
    return true;
  }

  void start(which_one which) {
    slots_.at(which.slot).live.at(which.incarnation).now = phase::running;
    take(core_.on_started(now_, which.slot, which.incarnation));
  }

  void die(which_one which) {
    auto& slot = slots_.at(which.slot);
    slot.live.erase(which.incarnation);
    slot.tearing_down.insert(which.incarnation);
    slot.died = now_;
    ++deaths;
    child_death death;
    death.report.child = slot.name;
    death.report.incarnation = which.incarnation;
    death.report.reason = static_cast<death_reason>(roll(9));
    if (is_abnormal(death.report.reason))
      death.error = make_error(errc::crashed, slot.name);
    death.ready_successor = slot.ready = roll(4) == 0;
    auto reports = reports_;
    take(core_.on_death(now_, which.slot, which.incarnation, death));
    EXPECT_EQ(reports_, reports + 1);
  }

  void go(which_one which) {
    slots_.at(which.slot).tearing_down.erase(which.incarnation);
    take(core_.on_gone(now_, which.slot, which.incarnation));
  }

  void fire_timers() {
    if (armed_ && *armed_ <= now_)
      call_timer();
  }

  /// Also where it is too early.
  void call_timer() {
    armed_.reset();
    take(core_.on_timer(now_));
  }

  /// What no incarnation did, or did before.
  void nonsense() {
    fire_timers(); // what is due is not due to the nonsense
    auto id = static_cast<slot_id>(roll(static_cast<int>(slots_.size()) + 3));
    auto number = static_cast<std::uint64_t>(roll(6));
    auto slot = slots_.find(id);
    auto known = slot != slots_.end();
    auto one = known ? slot->second.live.find(number) : std::map<std::uint64_t, incarnation>::iterator{};
    bool live = known && one != slot->second.live.end();
    auto starts = starts_, reports = reports_;
    if (!known || !slot->second.tearing_down.contains(number))
      take(core_.on_gone(now_, id, number));
    if (!live || one->second.now == phase::running)
      take(core_.on_started(now_, id, number));
    if (!live) {
      child_death death;
      death.error = make_error(errc::crashed, std::string{"nobody"});
      take(core_.on_death(now_, id, number, death));
    }
    EXPECT_EQ(reports_, reports);
    EXPECT_EQ(starts_, starts);
  }

  void operate() {
    auto ticket = ++last_ticket_;
    open_tickets_.insert(ticket);
    auto name = std::string(1, static_cast<char>('a' + roll(7)));
    switch (roll(4)) {
    case 0: {
      child_spec one{.name = spec_.strategy == dynamic && roll(2) == 0 ? "" : name,
                     .restart = static_cast<restart_type>(roll(3))};
      if (roll(10) == 0)
        one.backoff.factor = 0; // makes no sense
      take(core_.start_child(now_, ticket, one));
      break;
    }
    case 1:
      take(core_.terminate_child(now_, ticket, name));
      break;
    case 2:
      for (auto& info : core_.list_children())
        if (info.name == name)
          by_hand_[ticket] = info.slot;
      take(core_.restart_child(now_, ticket, name));
      break;
    default:
      take(core_.delete_child(now_, ticket, name));
    }
    if (ended_) {
      EXPECT_FALSE(open_tickets_.contains(ticket));
    }
  }

  // -- what the core wants -------------------------------------------------------------------------------------------------------

  void take(const supervisor_commands& commands) {
    for (auto& command : commands)
      std::visit([this](auto& x) { carry_out(x); }, command);
    check_order();
  }

  /// In a group, nothing runs ahead: while a child waits for its start, none behind it starts.
  void check_order() {
    if (!is_group())
      return;
    bool waits = false;
    int starting = 0;
    for (auto& info : core_.list_children()) {
      if (info.state == child_state::starting) {
        // One that is about to be stopped with the group may still start.
        auto& one = slots_.at(info.slot).live.at(info.incarnation);
        EXPECT_FALSE(waits && !one.asked_to_stop && fresh_ == info.slot) << info.name << " starts too early";
        ++starting;
      }
      waits = waits || info.state == child_state::waiting;
    }
    EXPECT_LE(starting, 1);
    fresh_ = 0;
  }

  void carry_out(const start_incarnation& x) {
    EXPECT_FALSE(ended_);
    EXPECT_FALSE(ending_);
    auto& slot = slots_[x.slot];
    EXPECT_FALSE(slot.closed_for_good);
    EXPECT_TRUE(slot.live.empty()) << "two incarnations of " << x.spec->name;
    EXPECT_TRUE(slot.tearing_down.empty() || slot.ready) << x.spec->name << " did not wait";
    EXPECT_EQ(x.incarnation, slot.last + 1);
    EXPECT_EQ(x.previous != nullptr, x.incarnation > 1);
    if (slot.last == 0) {
      for (auto& [id, other] : slots_) {
        EXPECT_TRUE(id == x.slot || other.name != x.spec->name
                    || (other.live.empty() && other.tearing_down.empty()))
            << "two children called " << other.name;
      }
    }
    if (is_group()) {
      for (auto& [id, other] : slots_)
        for (auto& [number, one] : other.live)
          EXPECT_FALSE(one.asked_to_stop || one.now == phase::starting) << "side by side with " << other.name;
    }
    slot.name = x.spec->name;
    slot.last = x.incarnation;
    slot.live[x.incarnation] = {};
    slot.closed = false;
    slot.ready = false;
    fresh_ = x.slot;
    ++starts_;
    bool by_hand =
        std::any_of(by_hand_.begin(), by_hand_.end(), [&](auto& one) { return one.second == x.slot; });
    if (x.incarnation > 1 && !by_hand)
      count_restart(slot);
  }

  void count_restart(slot& s) {
    ++restarts;
    if (is_group())
      return; // one death may restart several
    auto& deaths = spec_.budget == restart_budget::child ? s.restarted_for : restarted_for_;
    deaths.push_back(*s.died);
    std::sort(deaths.begin(), deaths.end()); // delays may change the order
    for (auto first : deaths) {
      EXPECT_LE(std::count_if(deaths.begin(), deaths.end(),
                              [&](auto t) { return t >= first && t - first <= spec_.period; }),
                spec_.intensity);
    }
  }

  void carry_out(const stop_incarnation& x) {
    EXPECT_FALSE(ended_);
    auto& slot = slots_.at(x.slot);
    auto one = slot.live.find(x.incarnation);
    ASSERT_NE(one, slot.live.end()) << slot.name << " is stopped, but not live";
    EXPECT_FALSE(one->second.asked_to_stop) << slot.name;
    EXPECT_TRUE(x.reason) << slot.name << " is not told why";
    one->second.asked_to_stop = true;
    if (ending_ && spec_.strategy != dynamic && spec_.budget != restart_budget::child) {
      for (auto i = slots_.upper_bound(x.slot); i != slots_.end(); ++i)
        EXPECT_TRUE(i->second.live.empty() && i->second.tearing_down.empty())
            << slot.name << " is stopped before " << i->second.name << " is gone";
    }
  }

  void carry_out(const close_address& x) {
    EXPECT_FALSE(ended_);
    auto& slot = slots_[x.slot]; // perhaps it never started
    EXPECT_FALSE(slot.forgotten);
    EXPECT_TRUE(!slot.closed_for_good || (x.for_good && !core_.knows(x.slot)));
    EXPECT_TRUE(x.for_good || !slot.closed);
    EXPECT_TRUE(slot.live.empty());
    EXPECT_TRUE(x.reason);
    slot.closed = true;
    slot.closed_for_good = x.for_good;
    slot.forgotten = x.for_good && !core_.knows(x.slot);
  }

  void carry_out(const arm_timer& x) {
    EXPECT_FALSE(ended_);
    EXPECT_GT(x.at, now_);
    armed_ = x.at;
  }

  void carry_out(const publish_death& x) {
    EXPECT_FALSE(ended_);
    EXPECT_GE(x.report->restarts_left, 0);
    ++reports_;
  }

  void carry_out(const reply_operation& x) {
    EXPECT_EQ(open_tickets_.erase(x.ticket), 1u) << "operation " << x.ticket << " is answered twice";
    by_hand_.erase(x.ticket);
  }

  void carry_out(const tree_started&) {
    EXPECT_FALSE(up_);
    EXPECT_FALSE(ending_);
    up_ = true;
  }

  void carry_out(const supervisor_ended& x) {
    EXPECT_FALSE(ended_);
    ended_ = true;
    gave_up += x.reason != death_reason::shutdown ? 1 : 0;
    for (auto& [id, slot] : slots_)
      EXPECT_TRUE(slot.live.empty() && slot.tearing_down.empty()) << slot.name << " is left";
    EXPECT_TRUE(open_tickets_.empty());
  }

  supervisor_spec spec_;
  std::mt19937 dice_;
  restart_time now_{};
  supervisor_core core_;
  std::map<slot_id, slot> slots_;
  std::optional<restart_time> armed_; // a timer's time is the last that it was given
  std::set<ticket_id> open_tickets_;
  std::map<ticket_id, slot_id> by_hand_; // restarts that are operations
  std::deque<restart_time> restarted_for_;
  ticket_id last_ticket_ = 0;
  slot_id fresh_ = 0;
  int starts_ = 0;
  int reports_ = 0;
  bool up_ = false;
  bool ending_ = false;
  bool ended_ = false;
};

supervisor_spec random_spec(supervision_strategy strategy, std::mt19937& dice) {
  auto roll = [&](int sides) { return std::uniform_int_distribution{0, sides - 1}(dice); };
  supervisor_spec spec{.strategy = strategy,
                       .intensity = roll(3) == 0 ? roll(3) : 5 + roll(40),
                       .period = std::chrono::milliseconds{100 + roll(2000)},
                       .auto_shutdown =
                           roll(3) == 0 ? static_cast<auto_shutdown>(roll(3)) : auto_shutdown::never};
  if (strategy == one_for_one && roll(2) == 0)
    spec.budget = restart_budget::child;
  auto count = strategy == dynamic ? 1 : roll(6);
  for (int i = 0; i < count; ++i) {
    child_spec one{.name = std::string(1, static_cast<char>('a' + i)),
                   .restart = static_cast<restart_type>(roll(3))};
    if (one.restart != permanent && spec.auto_shutdown != auto_shutdown::never)
      one.significant = roll(2) == 0;
    if (roll(2) == 0)
      one.backoff = {.initial = std::chrono::milliseconds{1 + roll(100)},
                     .factor = 1.5,
                     .maximum = 1s,
                     .jitter = 0.2,
                     .reset_after = std::chrono::milliseconds{roll(500)}};
    spec.children.push_back(one);
  }
  return spec;
}

class EveryStrategy : public testing::TestWithParam<supervision_strategy> {
protected:
  static constexpr unsigned seeds = 600;
};

TEST_P(EveryStrategy, KeepsItsPromisesWhateverHappens) {
  int deaths = 0, restarts = 0, gave_up = 0;
  for (unsigned seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 dice{seed};
    random_world world{random_spec(GetParam(), dice), seed};
    world.live(static_cast<int>(20 + seed % 300));
    if (seed % 2 == 0)
      world.calm_down();
    world.end();
    deaths += world.deaths;
    restarts += world.restarts;
    gave_up += world.gave_up;
  }
  // The worlds were lively enough to show something.
  EXPECT_GT(deaths, 4'000);
  EXPECT_GT(restarts, 1'000);
  EXPECT_GT(gave_up, 50);
}

INSTANTIATE_TEST_SUITE_P(AllOf, EveryStrategy,
                         testing::Values(one_for_one, one_for_all, rest_for_one, dynamic),
                         [](const auto& info) { return to_string(info.param); });

} // namespace
