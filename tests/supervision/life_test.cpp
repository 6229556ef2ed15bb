#include "interp_actors/actor/deadline.hpp"

#include <caf/actor_companion.hpp>
#include <caf/exit_reason.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <thread>

#include "supervised.hpp"

using namespace ia_test;

namespace {

/// Code for children that follow each other.
const std::string worker = R"(
import sys, time
import interp_actors as ia

def ok(v): return b'ok'
def crash(v): raise RuntimeError('it broke')
def poison(v): sys.exit(3)
def finish(v): sys.exit(0)
def is_first(): return ia.previous_death() is None
def incarnation(v): return b'%d' % (1 if is_first() else ia.previous_death().incarnation + 1)
)";

/// Another actor, all of whose doings are the test's.
/// Thread: messages come in any.
class peer {
public:
  explicit peer(caf::actor_system& system)
      : self_{caf::actor_cast<caf::strong_actor_ptr>(system.spawn<body, caf::hidden>())} {}

  /// Tells an interpreter to call a function, in this actor's name.
  void tell(const ia::interpreter_actor& actor, const std::string& function) const {
    caf::actor_cast<caf::strong_actor_ptr>(actor)->enqueue(
        ia::compat::make_element(self_, caf::make_message_id(),
                                 caf::make_message(ia::call_atom_v, function, ia::shared_bytes{})),
        nullptr);
  }

  /// Waits for a request and answers it with nothing; false where none comes.
  bool answer() {
    auto& me = *static_cast<body*>(self_->get());
    std::unique_lock guard{me.mutex};
    if (!me.changed.wait_for(guard, patience, [&] { return !me.requests.empty(); }))
      return false;
    auto element = std::move(me.requests.front());
    me.requests.pop_front();
    guard.unlock();
    ia::answer_request(std::move(element), self_.get(), caf::message{});
    return true;
  }

  /// Waits until there are `count` unanswered requests.
  bool has_requests(std::size_t count) {
    auto& me = *static_cast<body*>(self_->get());
    std::unique_lock guard{me.mutex};
    return me.changed.wait_for(guard, patience, [&] { return me.requests.size() >= count; });
  }

  /// Fails; whoever is linked or monitors has been told when it returns.
  void die() { static_cast<body*>(self_->get())->cleanup(caf::make_error(caf::sec::runtime_error), nullptr); }

private:
  class body final : public caf::actor_companion {
  public:
    using caf::actor_companion::actor_companion;
    using caf::actor_companion::enqueue;

    bool enqueue(caf::mailbox_element_ptr element, ia::compat::execution_context*) override {
      std::lock_guard guard{mutex};
      if (element->mid.is_request())
        requests.push_back(std::move(element));
      changed.notify_all();
      return true;
    }

    std::mutex mutex;
    std::condition_variable changed;
    std::deque<caf::mailbox_element_ptr> requests;
  };

  caf::strong_actor_ptr self_; // an actor of class `body`
};

/// Handlers have little time to give way, and interpreters much to end, however loaded the machine is.
class Life : public with_tree {
protected:
  Life() : Life{200ms} {}
  explicit Life(caf::timespan grace) : with_tree{with_grace(grace)} {}

  static ia::runtime_options with_grace(caf::timespan grace) {
    auto options = quick_options();
    options.interpreters.grace = grace;
    options.interpreters.shutdown_timeout = 10s;
    options.interpreters.teardown_timeout = 15s;
    return options;
  }

  /// A child "a" that runs `worker` and `code` with the gate.
  ia::child_spec child_at_gate(const std::string& code, ia::python_options options = {}) {
    return child("a", worker + gate.python() + code, std::move(options));
  }

  /// Starts a child "a" with `code`, under a supervisor that does not give up soon.
  ia::interpreter_actor start(const std::string& code, ia::python_options options = {}) {
    tree.emplace(supervise({.intensity = 100, .children = {child_at_gate(code, std::move(options))}}));
    return at(*tree, "a");
  }

  static std::string text_of(caf::expected<ia::shared_bytes> answer) {
    return answer ? std::string{answer->as_string_view()} : "error: " + ia::describe(answer.error());
  }

  std::optional<ia::tree> tree;
};

/// The same, where nobody is abandoned, however loaded the machine is.
class PatientLife : public Life {
protected:
  PatientLife() : Life{10s} {}
};

// -- attempts
// ----------------------------------------------------------------------------------------------------------

TEST_F(PatientLife, RequestIsDeliveredAgainAfterADeath) {
  auto a = start("def fragile(v):\n  if is_first(): sys.exit(3)\n  return incarnation(v)\n",
                 {.succession = {.attempts = 2}});
  EXPECT_EQ(call(a, "fragile"), "2");
  EXPECT_EQ(rt().dead_letters(), 0u);
  EXPECT_NE(deaths.wait(1).at(0).request.find("fragile"), std::string::npos);
}

TEST_F(PatientLife, RequestThatEndsItsIncarnationsBecomesADeadLetterAndTheQueueGoesOn) {
  auto a = start("", {.succession = {.attempts = 3}});
  asked poison{system(), a, "poison"};
  asked behind{system(), a, "incarnation"};
  EXPECT_EQ(code_of(poison.answer().error()), ia::errc::exited);
  EXPECT_EQ(text_of(behind.answer()), "4");
  auto all = letters.wait(1);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].receiver, "a");
  EXPECT_NE(all[0].request.find("poison"), std::string::npos) << all[0].request;
  ASSERT_EQ(all[0].deaths.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(all[0].deaths[i]->incarnation, i + 1);
    EXPECT_EQ(all[0].deaths[i]->reason, ia::death_reason::exit_code);
  }
}

TEST_F(PatientLife, AsynchronousMessageHasItsAttemptsToo) {
  auto a = start(R"(
done = 0
def fragile(v):
    global done
    if is_first(): raise ValueError('not yet')
    done += 1
def count(v): return b'%d' % done
)",
                 {.succession = {.attempts = 2}});
  tell(a, "fragile");
  EXPECT_EQ(call(a, "count"), "1");
  tell(a, "crash");
  EXPECT_EQ(call(a, "incarnation"), "4");
  auto all = letters.wait(1);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].deaths.size(), 2u);
  EXPECT_NE(all[0].request.find("crash"), std::string::npos) << all[0].request;
}

TEST_F(PatientLife, MessageOfANormalEndIsDoneAndNamedInTheReport) {
  auto a = start("", {.succession = {.attempts = 3}});
  asked request{system(), a, "finish"};
  EXPECT_EQ(code_of(request.answer().error()), ia::errc::exited);
  EXPECT_EQ(call(a, "incarnation"), "2");
  tell(a, "finish");
  EXPECT_EQ(call(a, "incarnation"), "3");
  EXPECT_EQ(rt().dead_letters(), 0u);
  auto all = deaths.wait(2);
  ASSERT_EQ(all.size(), 2u);
  for (auto& report : all) {
    EXPECT_EQ(report.reason, ia::death_reason::normal);
    EXPECT_EQ(report.request.substr(0, 6), "finish") << report.request;
  }
}

TEST_F(PatientLife, EndForASiblingIsNoAttempt) {
  auto first = child_at_gate(R"(
def hold(v):
    if is_first():
        arrive()
        while True: pass
    return incarnation(v)
)",
                             {.succession = {.attempts = 1}});
  first.shutdown = ia::shutdown::within(10ms);
  auto both = supervise({.strategy = ia::one_for_all, .children = {first, child("b", worker)}});
  asked running{system(), at(both, "a"), "hold"};
  ASSERT_TRUE(gate.arrived());
  asked waiting{system(), at(both, "a"), "ok"};
  tell(at(both, "b"), "crash");
  EXPECT_EQ(text_of(running.answer()), "2");
  EXPECT_EQ(text_of(waiting.answer()), "ok");
  EXPECT_EQ(rt().dead_letters(), 0u);
  auto reports = deaths.wait(2);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[0].child, "b");
  EXPECT_EQ(reports[1].reason, ia::death_reason::shutdown);
}

TEST_F(PatientLife, RequestBeyondItsDeadlineIsNotDeliveredAgain) {
  auto a = start(R"(
def late(v):
    arrive()
    try:
        while True: pass
    except ia.Interrupted:
        sys.exit(3)
)",
                 {.succession = {.attempts = 3}});
  std::size_t begun = 0;
  do { // on a loaded machine the deadline may pass before its turn
    asked running{system(), a, "late", 200ms};
    EXPECT_EQ(code_of(running.answer().error()), ia::errc::deadline_exceeded);
    EXPECT_EQ(call(a, "ok"), "ok");
    ASSERT_LT(++begun, 50u);
  } while (!gate.arrived(0ms));
  EXPECT_FALSE(gate.arrived(0ms)) << "it ran twice";
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_EQ(rt().dead_letters(), 0u);
}

TEST_F(Life, RequestWhoseHandlerWasAbandonedForItsDeadlineIsNotDeliveredAgain) {
  auto a = start("def hang(v):\n  arrive()\n  time.sleep(1000)\n", {.succession = {.attempts = 3}});
  expected_abandoned_ = 1;
  do {
    asked running{system(), a, "hang", 200ms};
    EXPECT_EQ(code_of(running.answer().error()), ia::errc::deadline_exceeded);
    if (HasFailure())
      return;
  } while (!gate.arrived(200ms));
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_FALSE(gate.arrived(0ms)) << "it ran twice";
  EXPECT_EQ(rt().dead_letters(), 0u);
}

// -- no request unanswered
// ------------------------------------------------------------------------------------------------

TEST_F(PatientLife, WhatWaitsForARestartIsAnsweredWhenTheSupervisorGivesUp) {
  auto first = child("a", worker);
  first.backoff.initial = first.backoff.maximum = 1h;
  auto both = supervise({.intensity = 1, .children = {first, child("b", worker)}});
  auto a = at(both, "a");
  tell(a, "crash");
  EXPECT_EQ(deaths.wait(1).size(), 1u);
  asked waiting{system(), a, "ok"};
  tell(at(both, "b"), "poison");
  EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::exited);
  EXPECT_EQ(code_of(both.wait()), ia::errc::exited);
  EXPECT_EQ(code_of(me().call(a, "ok", ia::shared_bytes{}).error()), ia::errc::exited);
}

TEST_F(PatientLife, DeadlineHoldsWhileThereIsNoIncarnation) {
  auto spec = child("a", worker);
  spec.backoff.initial = spec.backoff.maximum = 1h;
  tree.emplace(supervise({.children = {spec}}));
  auto a = at(*tree, "a");
  tell(a, "crash");
  EXPECT_EQ(deaths.wait(1).size(), 1u);
  asked waiting{system(), a, "ok", 50ms};
  EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::deadline_exceeded);
}

TEST_F(PatientLife, DeadlineHoldsForARequestThatWaitsForItsNextAttempt) {
  auto spec = child_at_gate("def hold(v):\n  arrive()\n  wait_at_gate()\n  sys.exit(3)\n",
                            {.succession = {.attempts = 3}});
  spec.backoff.initial = spec.backoff.maximum = 1h;
  tree.emplace(supervise({.children = {spec}}));
  auto a = at(*tree, "a");
  asked running{system(), a, "hold", 1s};
  ASSERT_TRUE(gate.arrived());
  // The timer looks after what waits at this one's deadline, and forgets what runs.
  asked waiting{system(), a, "ok", 10ms};
  EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::deadline_exceeded);
  gate.open();
  EXPECT_EQ(code_of(running.answer().error()), ia::errc::deadline_exceeded);
}

TEST_F(PatientLife, BackoffLetsRequestsWaitForTheSuccessor) {
  auto spec = child("a", worker);
  spec.backoff.initial = 50ms;
  tree.emplace(supervise({.children = {spec}}));
  auto a = at(*tree, "a");
  tell(a, "crash");
  EXPECT_EQ(deaths.wait(1).size(), 1u);
  std::vector<asked> waiting;
  for (int i = 0; i < 5; ++i)
    waiting.emplace_back(system(), a, "incarnation");
  for (auto& each : waiting)
    EXPECT_EQ(text_of(each.answer()), "2");
}

TEST_F(PatientLife, TerminatedChildAnswersWhatRunsAndWhatWaits) {
  auto spec =
      child_at_gate("def hold(v):\n  arrive()\n  while True: pass\n", {.succession = {.attempts = 3}});
  spec.shutdown = ia::shutdown::within(10ms);
  tree.emplace(supervise({.children = {spec}}));
  auto a = at(*tree, "a");
  asked running{system(), a, "hold"};
  asked waiting{system(), a, "ok"};
  ASSERT_TRUE(gate.arrived());
  EXPECT_FALSE(tree->terminate_child("a"));
  EXPECT_EQ(code_of(running.answer().error()), ia::errc::stopped);
  EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::stopped);
  EXPECT_FALSE(tree->restart_child("a"));
  EXPECT_EQ(call(a, "ok"), "ok");
}

TEST_F(PatientLife, StoppedTreeAnswersWhatRunsAndWhatWaits) {
  auto spec = child_at_gate("def hold(v):\n  arrive()\n  while True: pass\n");
  spec.shutdown = ia::shutdown::within(10ms);
  tree.emplace(supervise({.children = {spec}}));
  auto a = at(*tree, "a");
  asked running{system(), a, "hold"};
  asked waiting{system(), a, "ok"};
  ASSERT_TRUE(gate.arrived());
  tree->stop();
  for (auto* each : {&running, &waiting}) {
    auto answer = each->answer();
    ASSERT_FALSE(answer);
    EXPECT_NE(answer.error(), caf::sec::request_timeout) << "there was no answer";
  }
  EXPECT_FALSE(me().call(a, "ok", ia::shared_bytes{}));
}

// -- state
// -----------------------------------------------------------------------------------------------------------------

const std::string counting = R"(
n = 0
restored = b'nothing'
def snapshot(): return b'%d' % n
def restore(view):
    global n, restored
    n = int(bytes(view))
    try:
        view[0] = 0
    except TypeError:
        restored = b'read-only'
def add(v):
    global n
    n += 1
    return b'%d' % n
def how(v): return restored
)";

/// Spares or none.
class Snapshots : public PatientLife, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(Snapshots, AreTakenAfterSoManyMessagesAndHandedOn) {
  auto a = start(counting, {.succession = {.snapshot_messages = 2}, .spares = GetParam()});
  EXPECT_EQ(call(a, "how"), "nothing");
  for (auto n : {"1", "2", "3", "4"})
    EXPECT_EQ(call(a, "add"), n); // the snapshots are of 1 and 3
  tell(a, "crash");
  EXPECT_EQ(call(a, "how"), "read-only");
  tell(a, "crash"); // without a snapshot of its own
  EXPECT_EQ(call(a, "incarnation"), "3");
  EXPECT_EQ(call(a, "add"), "4");
}

INSTANTIATE_TEST_SUITE_P(, Snapshots, ::testing::Values(0, 1),
                         [](auto& info) { return info.param == 0 ? "WithoutSpares" : "WithSpares"; });

TEST_F(PatientLife, SnapshotIsTakenAtTheIntervalWhileNothingComes) {
  auto a = start(counting + "def snapshot():\n  arrive()\n  return b'%d' % n\n",
                 {.succession = {.snapshot_interval = 20ms}});
  EXPECT_EQ(call(a, "add"), "1");
  ASSERT_TRUE(gate.arrived());
  tell(a, "crash");
  EXPECT_EQ(call(a, "how"), "read-only");
  EXPECT_EQ(call(a, "add"), "2");
}

TEST_F(PatientLife, ExceptionInSnapshotEndsTheIncarnationAndTheOlderOneIsUsed) {
  auto a = start(counting + "def snapshot():\n  if n == 2: raise ValueError('no disk')\n  return b'%d' % n\n",
                 {.succession = {.snapshot_messages = 1}});
  EXPECT_EQ(call(a, "add"), "1");
  EXPECT_EQ(call(a, "add"), "2");
  auto report = deaths.wait(1).at(0);
  EXPECT_EQ(report.reason, ia::death_reason::exception);
  EXPECT_NE(report.text.find("no disk"), std::string::npos) << report.text;
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_EQ(call(a, "add"), "2") << "from 1 on";
}

TEST_F(PatientLife, SnapshotBeyondItsDeadlineEndsTheIncarnation) {
  auto a = start(counting + R"(
def snapshot():
    if is_first():
        while True: pass
    return b'7'
)",
                 {.spawn = {.name = "a", .start_deadline = 2s}, .succession = {.snapshot_messages = 1}});
  EXPECT_EQ(call(a, "add"), "1");
  EXPECT_EQ(call(a, "incarnation"), "2");
  auto report = deaths.wait(1).at(0);
  EXPECT_EQ(report.reason, ia::death_reason::deadline) << ia::describe(report);
}

TEST_F(PatientLife, SnapshotIsCutShortByAStop) {
  auto spec = child_at_gate(counting + "def snapshot():\n  arrive()\n  while True: pass\n",
                            {.succession = {.snapshot_messages = 1}});
  spec.shutdown = ia::shutdown::within(10ms);
  tree.emplace(supervise({.children = {spec}}));
  EXPECT_EQ(call(at(*tree, "a"), "add"), "1");
  ASSERT_TRUE(gate.arrived());
  EXPECT_FALSE(tree->terminate_child("a"));
  auto report = deaths.wait(1).at(0);
  EXPECT_EQ(report.reason, ia::death_reason::shutdown) << ia::describe(report);
}

// -- the ladder
// ----------------------------------------------------------------------------------------------------------

struct runaway {
  const char* name;
  bool can_be_interrupted = false;
  const char* stack = ""; // a part of what is known of it with any CPython
};

class Runaway : public Life, public ::testing::WithParamInterface<runaway> {};

TEST_P(Runaway, CallerGetsItsDeadlineAndTheSuccessorAnswersTheNext) {
  auto a = start(R"(
import re, threading
lock = threading.Lock()
lock.acquire()
def loop(v):
    arrive()
    while True: pass
def swallow(v):
    arrive()
    while True:
        try:
            while True: pass
        except BaseException: pass
def sleep(v):
    arrive()
    time.sleep(1000)
def regex(v):
    arrive()
    re.match(r'(a+)+$', 'a' * 60 + 'b')
def wait_lock(v):
    arrive()
    lock.acquire()
def read_pipe(v):
    end = posix.pipe()[0]
    arrive()
    posix.read(end, 1)
)");
  std::string name = GetParam().name;
  int tries = 0;
  do { // on a loaded machine the deadline may pass before its turn
    asked running{system(), a, name, 200ms};
    ASSERT_EQ(code_of(running.answer().error()), ia::errc::deadline_exceeded);
    ASSERT_LT(++tries, 20);
  } while (!gate.arrived(200ms));
  EXPECT_EQ(call(a, "ok"), "ok");
  expected_abandoned_ = rt().counts().abandoned;
  if (GetParam().can_be_interrupted)
    return; // it may live
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_EQ(expected_abandoned_, 1u);
  EXPECT_EQ(rt().counts().live, 1u);
  auto report = deaths.wait(1).at(0);
  EXPECT_EQ(report.reason, ia::death_reason::abandoned);
  EXPECT_NE(report.request.find(name), std::string::npos) << report.request;
  auto stuck = rt().stuck();
  ASSERT_EQ(stuck.size(), 1u);
  EXPECT_EQ(stuck[0].name, "a");
  EXPECT_EQ(stuck[0].incarnation, 1u);
  EXPECT_EQ(stuck[0].interpreter, report.interpreter);
  EXPECT_NE(stuck[0].stack.find(GetParam().stack), std::string::npos) << stuck[0].stack;
}

INSTANTIATE_TEST_SUITE_P(, Runaway,
                         ::testing::Values(runaway{.name = "loop", .can_be_interrupted = true},
                                           runaway{.name = "swallow", .stack = "swallow"},
                                           runaway{.name = "sleep"}, runaway{.name = "regex"},
                                           runaway{.name = "wait_lock"}, runaway{.name = "read_pipe"}),
                         [](auto& info) { return info.param.name; });

TEST_F(Life, AbandonedIncarnationThatComesBackSaysNothingAndEnds) {
  auto log = rt().channel({.messages = 100});
  auto a = start(R"(
heard = 0
def hear(v):
    global heard
    heard += 1
def count(v): return b'%d' % heard
def mark(v): log.send(b'mark')
def come_back(v):
    me = ia.current().address
    arrive()
    try:
        wait_at_gate()
    except ia.Interrupted:
        pass # the interrupts that came meanwhile
    for speak in (lambda: log.send(b'late'), lambda: me.hear.send(b''), lambda: me.ok(b''), lambda: print('late', flush=True)):
        try:
            speak()
        except BaseException:
            pass
    return b'late'
)",
                 {.spawn = {.name = "a", .channels = {{"log", log.sender}}}});
  ::testing::internal::CaptureStdout();
  do {
    asked running{system(), a, "come_back", 200ms};
    EXPECT_EQ(code_of(running.answer().error()), ia::errc::deadline_exceeded);
  } while (!HasFailure() && !gate.arrived(200ms));
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_EQ(rt().stuck().size(), 1u);
  gate.open();
  wait_until([this] { return rt().stuck().empty(); }, "its return and its end");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  auto counts = rt().counts();
  EXPECT_EQ(counts.abandoned, 0u);
  EXPECT_EQ(counts.live, 1u);
  EXPECT_EQ(counts.ended, 1u);
  EXPECT_EQ(call(a, "count"), "0");
  EXPECT_EQ(call(a, "mark"), "None");
  auto line = log.receiver.recv(patience);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->as_string_view(), "mark");
}

// -- spares
// -----------------------------------------------------------------------------------------------------------------

/// Children with spares. Each interpreter arrives at the gate when its source is loaded, and says in the log when it takes over.
class Spares : public PatientLife {
protected:
  void TearDown() override {
    rt().stop();
    log.reset();
    PatientLife::TearDown();
  }

  ia::interpreter_actor start_with_spare(const std::string& code = "",
                                         ia::succession_options succession = {}) {
    auto a = start(
        code + R"(
def started(): log.send(b'up')
arrive()
)",
        {.spawn = {.name = "a", .channels = {{"log", log->sender}}}, .succession = succession, .spares = 1});
    EXPECT_TRUE(gate.arrived());
    EXPECT_TRUE(log->receiver.recv(patience));
    await_spare();
    return a;
  }

  /// Waits for the spare, and some time more in which no other one is made, and in which it gets ready.
  void await_spare() {
    EXPECT_TRUE(gate.arrived());
    EXPECT_FALSE(gate.arrived(300ms));
  }

  std::optional<ia::channel_ends<std::byte>> log = rt().channel({.messages = 1000});
};

TEST_F(Spares, LoadBeforehandAndStartAtTheirTakeover) {
  auto a = start_with_spare();
  EXPECT_FALSE(log->receiver.recv(0ms)) << "started() of the spare has run";
  EXPECT_EQ(rt().counts().live, 2u);
  tell(a, "crash");
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_TRUE(log->receiver.recv(patience));
  await_spare(); // and nobody else has loaded the source
  tell(a, "crash");
  EXPECT_EQ(call(a, "incarnation"), "3");
  auto reports = deaths.wait(2);
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_EQ(reports[1].child, "a");
  EXPECT_EQ(reports[1].incarnation, 2u);
  EXPECT_NE(reports[1].interpreter, reports[0].interpreter);
}

TEST_F(Spares, TakeOverWhileTheOldOneIsTornDown) {
  auto a = start_with_spare(
      "import atexit\ndef block(v):\n  atexit.register(lambda: (arrive(), wait_at_gate()))\n");
  EXPECT_EQ(call(a, "block"), "None");
  tell(a, "crash");
  ASSERT_TRUE(gate.arrived());
  EXPECT_EQ(call(a, "incarnation"), "2") << "while the first one waits at the gate";
  EXPECT_EQ(rt().counts().ended, 0u);
  gate.open();
  EXPECT_TRUE(gate.arrived()) << "the next spare, once the old one is gone";
}

TEST_F(Spares, InheritDeathAndSnapshot) {
  auto a = start_with_spare(counting + "def why(v): return ia.previous_death().error_message.encode()\n",
                            {.snapshot_messages = 1});
  EXPECT_EQ(call(a, "add"), "1");
  tell(a, "crash");
  EXPECT_EQ(call(a, "why"), "it broke");
  EXPECT_EQ(call(a, "add"), "2");
}

TEST_F(Spares, SayWhyTheyCannotAskBeforeTheTakeover) {
  auto a = start_with_spare(R"(
said = b''
other = ia.spawn('def ok(): return 1')
try:
    other.ok()
except ia.ActorError as e:
    said = str(e).encode()
def what(v): return said
def ask(v): return b'%d' % other.ok()
)");
  EXPECT_EQ(call(a, "what"), "");
  tell(a, "crash");
  auto text = call(a, "what");
  EXPECT_NE(text.find("spare"), std::string::npos) << text;
  EXPECT_EQ(call(a, "ask"), "1") << "it can by now";
}

TEST_F(Spares, TakeOverWhereTheirChildrenHaveEnded) {
  auto a = start_with_spare("ia.spawn('')\n"); // nobody keeps it
  ASSERT_TRUE(wait_until([this] { return rt().counts().live == 2; }, "the end of the children"));
  tell(a, "crash");
  EXPECT_EQ(call(a, "incarnation"), "2");
}

TEST_F(Spares, KnowNoAddressBeforeTheTakeover) {
  auto a = start_with_spare(R"(
early = ia.current().address
def same(v): return b'%s' % str(early == ia.current().address).encode()
)");
  EXPECT_EQ(call(a, "same"), "True");
  tell(a, "crash");
  EXPECT_EQ(call(a, "same"), "False");
}

TEST_F(Spares, WhoseSourceFailsDoNoHarm) {
  tree.emplace(supervise(
      {.intensity = 100,
       .children = {child("a", worker + "log.send(b'loaded')\n", // there is no log before the takeover
                          {.spawn = {.name = "a", .channels = {{"log", log->sender}}}, .spares = 1})}}));
  auto a = at(*tree, "a");
  for (auto n : {"2", "3"}) {
    tell(a, "crash");
    EXPECT_EQ(call(a, "incarnation"), n);
  }
  auto count = [this](ia::death_reason reason) {
    return std::ranges::count(deaths.wait(0), reason, &ia::death_report::reason);
  };
  wait_until([&] { return count(ia::death_reason::start_failed) > 0; }, "the report of a spare that failed");
  EXPECT_EQ(count(ia::death_reason::exception), 2);
}

TEST_F(Spares, EndWithTheirTree) {
  start_with_spare();
  tree->stop();
  wait_until([this] { return rt().counts().live == 0; }, "the end of the spare");
}

// -- to recycle
// ----------------------------------------------------------------------------------------------------------

/// Spares or none.
class Recycled : public PatientLife, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(Recycled, AfterSoManyMessagesWithoutLosingOne) {
  tree.emplace(supervise(
      {.intensity = 0,
       .children = {child("a", worker, {.succession = {.recycle_messages = 5}, .spares = GetParam()})}}));
  auto a = at(*tree, "a");
  std::vector<asked> all;
  for (int i = 0; i < 30; ++i)
    all.emplace_back(system(), a, "ok");
  for (auto& each : all)
    EXPECT_EQ(text_of(each.answer()), "ok");
  wait_until([&] { return call(a, "incarnation") != "1"; }, "the replacement");
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::shutdown);
}

TEST_P(Recycled, AtSomeAgeWithoutLosingOne) {
  tree.emplace(supervise(
      {.intensity = 0,
       .children = {child("a", worker, {.succession = {.recycle_age = 30ms}, .spares = GetParam()})}}));
  auto a = at(*tree, "a");
  for (int i = 0; i < 2; ++i)
    wait_until(
        [&, before = call(a, "incarnation")] {
          EXPECT_EQ(call(a, "ok"), "ok");
          return HasFailure() || call(a, "incarnation") != before;
        },
        "the replacement");
}

INSTANTIATE_TEST_SUITE_P(, Recycled, ::testing::Values(0, 1),
                         [](auto& info) { return info.param == 0 ? "WithoutSpares" : "WithSpares"; });

// -- what an incarnation has with others
// ----------------------------------------------------------------------------------

const std::string sociable = R"(
fired = 0
future = None
def link(v): ia.current().sender.link()
def watch(v):
    def on_end(reason):
        global fired
        fired += 1
    ia.current().sender.monitor(on_end)
def watch_and_hold(v):
    watch(v)
    arrive()
    wait_at_gate()
    sys.exit(3)
def link_and_hang(v):
    link(v)
    watch(v)
    arrive()
    time.sleep(1000)
def ask(v):
    global future
    future = ia.current().sender.anything.future(timeout=1000)
def done(v): return b'%d' % future.done()
def count(v): return b'%d' % fired
)";

TEST_F(PatientLife, LinkEndsTheIncarnation) {
  auto a = start(sociable);
  peer other{system()};
  other.tell(a, "link");
  EXPECT_EQ(call(a, "ok"), "ok");
  other.die();
  EXPECT_EQ(deaths.wait(1).at(0).reason, ia::death_reason::killed);
  EXPECT_EQ(call(a, "incarnation"), "2");
}

TEST_F(PatientLife, LinksAndMonitorsEndWithTheirIncarnation) {
  auto a = start(sociable);
  peer other{system()};
  other.tell(a, "link");
  other.tell(a, "watch");
  tell(a, "crash");
  EXPECT_EQ(call(a, "incarnation"), "2");
  other.die();
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_EQ(call(a, "count"), "0");
  EXPECT_EQ(deaths.wait(1).size(), 1u);
}

TEST_F(Life, LinksAndMonitorsOfTheSuccessorOutliveAnAbandonment) {
  auto a = start(sociable, {.spawn = {.name = "a", .handler_deadlines = {{"link_and_hang", 500ms}}}});
  expected_abandoned_ = 1;
  peer other{system()};
  other.tell(a, "link_and_hang");
  ASSERT_TRUE(gate.arrived());
  peer another{system()};
  another.tell(a, "watch");
  other.tell(a, "link");
  EXPECT_EQ(call(a, "incarnation"), "2");
  another.die();
  EXPECT_EQ(call(a, "count"), "1");
  other.die();
  EXPECT_EQ(deaths.wait(2).at(1).reason, ia::death_reason::killed);
  EXPECT_EQ(call(a, "incarnation"), "3");
}

TEST_F(PatientLife, CallbackThatWaitedIsNotRunAsOneOfTheSuccessors) {
  auto a = start(sociable);
  peer first{system()};
  peer second{system()};
  first.tell(a, "watch_and_hold");
  ASSERT_TRUE(gate.arrived());
  second.tell(a, "watch"); // for the next one, before the callback
  first.die();
  gate.open();
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_EQ(call(a, "count"), "0");
  second.die();
  EXPECT_EQ(call(a, "count"), "1");
}

TEST_F(PatientLife, AnswerForAnIncarnationDoesNotReachItsSuccessor) {
  auto a = start(sociable);
  peer other{system()};
  other.tell(a, "ask");
  ASSERT_TRUE(other.has_requests(1));
  tell(a, "crash");
  other.tell(a, "ask");
  ASSERT_TRUE(other.has_requests(2));
  EXPECT_EQ(call(a, "incarnation"), "2");
  EXPECT_TRUE(other.answer()); // the first one's
  EXPECT_EQ(call(a, "done"), "0");
  EXPECT_TRUE(other.answer());
  EXPECT_EQ(call(a, "done"), "1");
}

TEST_F(PatientLife, ChildrenThatAnIncarnationSpawnedEndWithIt) {
  auto a = start("def spawn(v):\n  global other\n  other = ia.spawn('')\n");
  EXPECT_EQ(call(a, "spawn"), "None");
  EXPECT_EQ(rt().counts().live, 2u);
  tell(a, "crash");
  EXPECT_EQ(call(a, "incarnation"), "2");
  wait_until([this] { return rt().counts().live == 1; }, "the end of the child");
  EXPECT_EQ(call(a, "incarnation"), "2");
}

// -- channels
// --------------------------------------------------------------------------------------------------------------

TEST_F(PatientLife, SendingEndsAreBoundForEachIncarnation) {
  auto log = rt().channel({.messages = 100});
  auto a = start("def say(v):\n  log.send(b'%d' % (1 if is_first() else 2))\n",
                 {.spawn = {.name = "a", .channels = {{"log", log.sender}}}});
  EXPECT_EQ(call(a, "say"), "None");
  tell(a, "crash");
  EXPECT_EQ(call(a, "say"), "None");
  for (auto* said : {"1", "2"}) {
    auto line = log.receiver.recv(patience);
    ASSERT_TRUE(line);
    EXPECT_EQ(line->as_string_view(), said);
  }
}

TEST_F(PatientLife, ReceivingEndEndsWithItsIncarnationAndTheRestartSaysSo) {
  auto numbers = rt().channel({.messages = 100});
  auto first = child("a", worker + "def take(v): return bytes(numbers.recv())\n",
                     {.spawn = {.name = "a", .channels = {{"numbers", numbers.receiver}}}});
  tree.emplace(supervise({.intensity = 2, .children = {first}}));
  auto a = at(*tree, "a");
  auto send = [&] {
    return me().request(caf::actor_cast<caf::strong_actor_ptr>(numbers.sender),
                        caf::make_message(ia::send_atom_v, ia::shared_bytes::copy("1")), patience);
  };
  EXPECT_TRUE(send());
  EXPECT_EQ(call(a, "take"), "1");
  tell(a, "crash");
  auto reason = tree->wait();
  EXPECT_EQ(code_of(reason), ia::errc::channel_closed) << ia::describe(reason);
  EXPECT_NE(ia::describe(reason).find("it broke"), std::string::npos) << ia::describe(reason);
  auto reports = deaths.wait(3);
  ASSERT_EQ(reports.size(), 3u);
  EXPECT_EQ(reports[2].reason, ia::death_reason::start_failed);
  EXPECT_EQ(code_of(send().error()), ia::errc::channel_closed);
}

} // namespace
