#include <caf/exit_reason.hpp>
#include <caf/sec.hpp>

#include <future>
#include <ostream>
#include <string>
#include <thread>

#include "questioner.hpp"
#include "support.hpp"

using namespace ia_test;

namespace {

enum class ending { exited, crashed, failed, killed, shut_down, runtime_stopped, abandoned, unreferenced };

std::string name_of(ending how) {
  switch (how) {
  case ending::exited:
    return "Exited";
  case ending::crashed:
    return "Crashed";
  case ending::failed:
    return "Failed";
  case ending::killed:
    return "Killed";
  case ending::shut_down:
    return "ShutDown";
  case ending::runtime_stopped:
    return "RuntimeStopped";
  case ending::abandoned:
    return "Abandoned";
  case ending::unreferenced:
    return "Unreferenced";
  }
  return "";
}

/// Every request is answered once, whatever ends its interpreter.
class Answers : public with_runtime, public ::testing::WithParamInterface<ending> {
protected:
  static constexpr std::size_t requests = 200;

  static constexpr const char* code = R"(
import sys
def ok(v): return v
def exited(v): arrive(); wait_at_gate(); sys.exit(3)
def crashed(v): arrive(); wait_at_gate(); raise KeyboardInterrupt
def failed(v): arrive(); wait_at_gate(); raise ValueError
def done(v): arrive(); wait_at_gate(); return b'done'
def looping(v):
    arrive()
    while True: pass
def stuck(v):
    while True:
        try:
            arrive()
            while True: pass
        except BaseException: pass
)";

  static std::string function_for(ending how) {
    switch (how) {
    case ending::exited:
      return "exited";
    case ending::crashed:
      return "crashed";
    case ending::failed:
      return "failed";
    case ending::killed:
      return "looping";
    case ending::abandoned:
      return "stuck";
    case ending::shut_down:
    case ending::runtime_stopped:
    case ending::unreferenced:
      break;
    }
    return "done";
  }

  /// What the request that runs is told, or is to return.
  static questioner::judge running_judge(ending how) {
    switch (how) {
    case ending::exited:
      return wants_error(ia::errc::exited);
    case ending::crashed:
      return wants_error(ia::errc::crashed);
    case ending::failed:
      return wants_error(ia::errc::python_exception);
    case ending::killed:
      return wants_error(caf::exit_reason::kill);
    case ending::abandoned:
      return wants_error(ia::errc::deadline_exceeded);
    case ending::shut_down:
    case ending::runtime_stopped:
    case ending::unreferenced:
      break;
    }
    return wants("done");
  }

  /// What those are told that wait behind it or come later.
  static questioner::judge waiting_judge(ending how) {
    switch (how) {
    case ending::exited:
      return wants_error(ia::errc::exited);
    case ending::crashed:
    case ending::failed:
      return wants_error(ia::errc::crashed);
    case ending::killed:
      return wants_error(caf::exit_reason::kill);
    case ending::abandoned:
      return wants_error(ia::errc::abandoned);
    case ending::shut_down:
    case ending::runtime_stopped:
      return wants_error(caf::exit_reason::user_shutdown);
    case ending::unreferenced:
      break;
    }
    return {};
  }

  /// Sends requests of every kind; `is_right` judges all answers, or where it is empty, they must be results.
  void send_all(questioner& me, const ia::interpreter_actor& actor, const questioner::judge& is_right) {
    auto payload = ia::shared_bytes::copy("payload");
    auto echoed = is_right ? is_right : wants("payload");
    auto executed = is_right ? is_right : [](const caf::message& answer) { return answer.empty(); };
    for (std::size_t i = 0; i < requests; i += 5) {
      me.ask(actor, caf::make_message(ia::call_atom_v, std::string{"ok"}, payload), echoed);
      me.ask(actor, caf::make_message(ia::call_atom_v, std::string{"ok"}, payload, caf::timespan{1h}),
             echoed);
      me.ask(actor, caf::make_message(ia::call_atom_v, std::string{"ok"}, std::vector{payload}), echoed,
             caf::message_priority::high);
      me.ask(actor, caf::make_message(ia::execute_atom_v, std::string{"x = 1"}), executed);
      me.ask(actor, caf::make_message(ia::execute_atom_v, std::string{"x = 1"}, caf::timespan{1h}), executed);
    }
  }
};

TEST_P(Answers, EveryRequestGetsOneAndOneAlone) {
  auto how = GetParam();
  questioner me{system()};
  caf::scoped_actor witness{system()};
  auto actor = spawn_at_gate(
      code, {.fail_on = how == ending::failed ? ia::fail_on::exceptions : ia::fail_on::base_exceptions});
  witness->monitor(actor);
  std::size_t asked = 0;
  // A request with a deadline may not begin in time on a loaded machine, but not every time.
  do {
    ASSERT_LT(asked, 20u) << "no request began";
    auto run = [&](auto... limit) {
      me.ask(actor,
             caf::make_message(ia::call_atom_v, function_for(how), std::vector{ia::shared_bytes{}}, limit...),
             running_judge(how));
    };
    how == ending::abandoned ? run(caf::timespan{400ms}) : run();
    ++asked;
  } while (!gate.arrived(how == ending::abandoned ? 800ms : std::chrono::milliseconds{patience}));
  send_all(me, actor, waiting_judge(how));
  asked += requests;

  std::thread stopping;
  switch (how) {
  case ending::killed:
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    break;
  case ending::shut_down:
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    break;
  case ending::runtime_stopped:
    stopping = std::thread{[this] { rt().stop(); }};
    break;
  case ending::unreferenced:
    actor = ia::interpreter_actor{};
    break;
  default:
    break;
  }
  if (how == ending::runtime_stopped) {
    EXPECT_TRUE(me.wait_for_answers(1)) << "those that wait are answered while the handler runs";
  }
  gate.open();
  EXPECT_TRUE(me.wait_for_answers());
  EXPECT_TRUE(down_reason(witness));
  if (stopping.joinable())
    stopping.join();

  if (how != ending::unreferenced) {
    send_all(me, actor, waiting_judge(how)); // too late
    asked += requests;
    EXPECT_TRUE(me.wait_for_answers());
  }
  if (how == ending::abandoned)
    expected_abandoned_ = 1;
  rt().stop();
  EXPECT_EQ(me.read(), (questioner::account{asked, asked, 0, 0}));
}

INSTANTIATE_TEST_SUITE_P(Every, Answers,
                         ::testing::Values(ending::exited, ending::crashed, ending::failed, ending::killed,
                                           ending::shut_down, ending::runtime_stopped, ending::abandoned,
                                           ending::unreferenced),
                         [](const auto& one) { return name_of(one.param); });

/// Waits, where it gets an answer, for another Python thread of the interpreter that answers.
class waits_for_python final : public caf::actor_companion {
public:
  waits_for_python(caf::actor_config& config, python_gate& gate)
      : caf::actor_companion{config}, gate_{gate} {}
  using caf::actor_companion::enqueue;

  bool enqueue(caf::mailbox_element_ptr, ia::compat::execution_context*) override {
    python_ran.set_value(gate_.arrived());
    return true;
  }

  std::promise<bool> python_ran;

private:
  python_gate& gate_;
};

class Answering : public with_runtime {};

TEST_F(Answering, TakesNoGil) {
  auto actor = spawn_at_gate(R"(
import threading, time
answering = threading.Event()
def follow():
    answering.wait()
    time.sleep(0.01)  # what runs now has the GIL, if it keeps it
    arrive()
def answer(v):
    threading.Thread(target=follow).start()
    answering.set()
)");
  auto self =
      caf::actor_cast<caf::strong_actor_ptr>(system().spawn<waits_for_python, caf::hidden>(std::ref(gate)));
  auto* inbox = static_cast<waits_for_python*>(self->get());
  auto id = inbox->new_request_id(caf::message_priority::normal);
  caf::actor_cast<caf::strong_actor_ptr>(actor)->enqueue(
      ia::compat::make_element(self, id,
                               caf::make_message(ia::call_atom_v, std::string{"answer"}, ia::shared_bytes{})),
      nullptr);
  EXPECT_TRUE(inbox->python_ran.get_future().get());
}

} // namespace
