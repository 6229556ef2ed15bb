#include "interp_actors/actor/address.hpp"
#include "interp_actors/actor/incarnation.hpp"
#include "interp_actors/all.hpp"
#include "interp_actors/python/engine.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/actor_system_config.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gate.hpp"

using namespace ia_test;

namespace {

/// A keeper that remembers what it is told. What the test does while it is told must be set before the launch.
/// Thread: any.
class witness final : public ia::keeper {
public:
  std::function<void()> at_death;       // before the death counts as told
  std::function<void()> before_leaving; // while it still could be abandoned at its mailbox

  void on_ready(std::uint64_t) override { note("ready"); }
  void on_started(std::uint64_t) override { note("started"); }
  void on_death(std::uint64_t, std::shared_ptr<const ia::death_report> report, const caf::error&) override {
    if (at_death)
      at_death();
    {
      std::lock_guard guard{mutex_};
      report_ = std::move(report);
    }
    note("death");
  }
  void on_gone(std::uint64_t) override { note("gone"); }
  void on_snapshot(std::uint64_t, ia::shared_bytes) override { note("snapshot"); }
  void on_due(std::uint64_t) override { note("due"); }
  bool has_successor() const override {
    if (before_leaving)
      before_leaving();
    return false;
  }

  /// Waits until it is told of `what`; returns whether it has been.
  bool wait(const std::string& what, std::chrono::milliseconds limit = patience) {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(guard, limit, [&] { return std::ranges::count(told_, what) != 0; });
  }

  std::vector<std::string> told() const {
    std::lock_guard guard{mutex_};
    return told_;
  }

  ia::death_report report() const {
    std::lock_guard guard{mutex_};
    return report_ ? *report_ : ia::death_report{};
  }

private:
  void note(const char* what) {
    {
      std::lock_guard guard{mutex_};
      told_.emplace_back(what);
    }
    changed_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
  std::shared_ptr<const ia::death_report> report_;
};

/// A sender that keeps whoever answers it.
/// Thread: `enqueue` any.
class slow_sender final : public caf::actor_companion {
public:
  slow_sender(caf::actor_config& config, std::function<void()> at_answer)
      : caf::actor_companion{config}, at_answer_{std::move(at_answer)} {}

  using caf::actor_companion::enqueue;
  bool enqueue(caf::mailbox_element_ptr element, ia::compat::execution_context*) override {
    at_answer_();
    answer.set_value(element->payload);
    return true;
  }

  std::promise<caf::message> answer;

private:
  const std::function<void()> at_answer_;
};

/// Tells a test that the timer has called it, and with that all who were due before.
class timer_mark final : public ia::timer::client {
public:
  std::promise<void> reached;

protected:
  ia::time_point tick(ia::time_point) override {
    reached.set_value();
    return ia::no_deadline;
  }
};

/// Incarnations whose keeper is the test, as supervisors are theirs. Interrupted code has all the time that it wants.
class Kept : public ::testing::Test {
protected:
  Kept() : Kept{10s} {}

  explicit Kept(caf::timespan grace) {
    ia::detail::init_types();
    config_.set("caf.scheduler.max-threads", 2);
    system_.emplace(config_);
    engine_.emplace(ia::python::engine_options{});
    ia::interpreter_settings settings;
    settings.grace = grace;
    settings.teardown_timeout = 15s;
    home = std::make_shared<ia::roster>(*system_, *engine_, settings, nullptr);
    box = std::make_shared<ia::mailbox>(ia::mailbox_limits{}, ia::succession{.remembers = true}, home->bells);
    handle_ = caf::actor_cast<caf::strong_actor_ptr>(
        system_->spawn<ia::address>(home, box, ia::spawn_options{}, nullptr));
  }

  void TearDown() override {
    gate.open();
    who.reset();
    home->stop();
    EXPECT_TRUE(wait_until([this] { return home->counts().abandoned == 0; })) << "one is left behind";
    drop_address();
    sender_.reset();
  }

  ia::address& place() { return *static_cast<ia::address*>(handle_->get()); }

  /// The address's incarnation, whose thread has yet to start.
  void make(const std::string& code, ia::spawn_options options = {}, ia::succession_options succession = {}) {
    options.name = "a";
    who = std::make_shared<ia::incarnation>(home, box, ia::text(code + gate.python(), "test.py"), options,
                                            nullptr, ia::tenure{keeper, {}, succession});
    place().inhabit(who);
    ASSERT_TRUE(home->enter(who));
  }

  void start(const std::string& code, ia::succession_options succession = {}) {
    make(code, {}, succession);
    who->launch();
    ASSERT_TRUE(keeper->wait("started"));
  }

  /// Asks for the result of `function`; whoever answers calls `at_answer`.
  void ask(
      const std::string& function, std::function<void()> at_answer = [] {},
      caf::timespan deadline = caf::timespan{0}) {
    sender_ = caf::actor_cast<caf::strong_actor_ptr>(
        system_->spawn<slow_sender, caf::hidden>(std::move(at_answer)));
    auto id = static_cast<slow_sender*>(sender_->get())->new_request_id(caf::message_priority::normal);
    std::vector<ia::shared_bytes> none(1);
    auto content = deadline.count() == 0 ? caf::make_message(ia::call_atom_v, function, none)
                                         : caf::make_message(ia::call_atom_v, function, none, deadline);
    handle_->enqueue(ia::compat::make_element(sender_, id, std::move(content)), nullptr);
  }

  /// What the last request was answered with; an error without a code for none, and for a result.
  caf::error answer() {
    auto future = static_cast<slow_sender*>(sender_->get())->answer.get_future();
    if (future.wait_for(patience) != std::future_status::ready)
      return {};
    auto content = future.get();
    return content.match_elements<caf::error>() ? content.get_as<caf::error>(0) : caf::error{};
  }

  template <class Predicate>
  bool wait_until(Predicate done) {
    for (auto until = std::chrono::steady_clock::now() + patience; !done(); std::this_thread::yield())
      if (std::chrono::steady_clock::now() >= until)
        return false;
    return true;
  }

  bool wait_for_its_end() {
    return wait_until([this] { return home->counts().ended == 1; });
  }

  static caf::error why() { return caf::make_error(ia::errc::stopped); }

  /// What its supervisor does that ends.
  void drop_address() {
    if (!handle_)
      return;
    box->close(why());
    place().take_down(why());
    handle_.reset();
  }

  python_gate gate;
  std::shared_ptr<ia::roster> home;
  std::shared_ptr<ia::mailbox> box;
  const std::shared_ptr<witness> keeper = std::make_shared<witness>();
  std::shared_ptr<ia::incarnation> who;

private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::optional<ia::python::engine> engine_;
  caf::strong_actor_ptr handle_;
  caf::strong_actor_ptr sender_; // an actor of class `slow_sender`
};

const std::string holding = R"(
import sys
def hold(v):
    arrive()
    wait_at_gate()
def leave(v): sys.exit(3)
)";

const std::vector<std::string> whole_life{"started", "death", "gone"};

// -- what is told, and by whom
// ------------------------------------------------------------------------------------------

// It is fenced, and nobody has been told of its death yet, when its code gives way.
TEST_F(Kept, DeathIsToldFirstWhereItEndsWhileItsSenderIsAnswered) {
  start(holding);
  ask("hold", [this] {
    gate.open();
    EXPECT_TRUE(wait_for_its_end());
    home->reap(); // joins its thread, which has told all that it has to tell
  });
  ASSERT_TRUE(gate.arrived());
  who->give_up(why());
  ASSERT_TRUE(keeper->wait("gone"));
  EXPECT_EQ(keeper->told(), whole_life);
  EXPECT_EQ(keeper->report().reason, ia::death_reason::shutdown);
  EXPECT_EQ(answer(), ia::errc::stopped);
}

TEST_F(Kept, DeathIsToldFirstWhereItEndsWhileTheKeeperIsTold) {
  keeper->at_death = [this] {
    gate.open();
    EXPECT_TRUE(wait_for_its_end());
    EXPECT_FALSE(keeper->wait("gone", 200ms)) << "its own thread has told, too early";
  };
  start(holding);
  ask("hold");
  ASSERT_TRUE(gate.arrived());
  who->give_up(why());
  ASSERT_TRUE(keeper->wait("gone"));
  EXPECT_EQ(keeper->told(), whole_life);
}

TEST_F(Kept, IsDueOnceItsSenderHasTheAnswer) {
  start("def ok(v): pass\n", {.recycle_messages = 1});
  std::vector<std::string> before;
  ask("ok", [&] { before = keeper->told(); });
  ASSERT_TRUE(keeper->wait("due"));
  EXPECT_EQ(before, std::vector<std::string>{"started"});
}

// -- who looks after it
// ------------------------------------------------------------------------------------------------

TEST_F(Kept, IsLookedAfterWhereItWasStoppedBeforeItsThreadBegan) {
  auto before = box->attach(box->make_bell()); // this is not the first one
  for (int i = box->vacate(before).value_or(0); i > 0; --i)
    box->release_address();
  make("while True: pass\n", {.start_deadline = caf::timespan{0}});
  who->stop(why(), std::chrono::nanoseconds::zero());
  auto mark = std::make_shared<timer_mark>();
  home->arm(mark, ia::deadline_clock::now());
  ASSERT_EQ(mark->reached.get_future().wait_for(patience), std::future_status::ready);
  who->launch();
  ASSERT_TRUE(keeper->wait("gone")) << "its source runs on";
  EXPECT_EQ(keeper->told(), (std::vector<std::string>{"death", "gone"}));
  EXPECT_EQ(keeper->report().reason, ia::death_reason::shutdown);
}

// -- what is left of its message
// ---------------------------------------------------------------------------------------

/// How often a message may be delivered.
class Unfinished : public Kept, public ::testing::WithParamInterface<unsigned> {
protected:
  Unfinished() : Kept{100ms} {}
};

// It is abandoned, and its supervisor ends, after its handler has ended and before it has left the mailbox.
TEST_P(Unfinished, MessageIsAnsweredThoughTheAddressIsGone) {
  keeper->before_leaving = [this] {
    who->stop(why(), std::chrono::nanoseconds::zero()); // it gets to nothing any more, and so is abandoned
    EXPECT_TRUE(keeper->wait("death"));
    drop_address();
    EXPECT_TRUE(wait_until([&] { return !box->lock_address(); })) << "somebody holds the address";
  };
  start(holding, {.attempts = GetParam()});
  ask("leave", [] {}, 10min);
  auto error = answer();
  EXPECT_EQ(error, GetParam() == 1 ? ia::errc::exited : ia::errc::stopped) << ia::describe(error);
  EXPECT_EQ(home->dead_letters->count(), GetParam() == 1 ? 1u : 0u);
  ASSERT_TRUE(wait_for_its_end());
  EXPECT_EQ(keeper->told(), whole_life);
  EXPECT_EQ(keeper->report().reason, ia::death_reason::abandoned);
}

INSTANTIATE_TEST_SUITE_P(, Unfinished, ::testing::Values(1u, 2u),
                         [](auto& info) { return info.param == 1 ? "PutAside" : "PutBack"; });

} // namespace
