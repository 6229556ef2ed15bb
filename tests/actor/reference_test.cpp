#include <caf/all.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "actor/value_types.hpp"
#include "support.hpp"

namespace ia_test {

struct score_atom;
struct tell_atom;
using scorer = caf::typed_actor<caf::result<double>(score_atom, double, std::string),
                                caf::result<std::string>(score_atom, reading),
                                caf::result<void>(tell_atom, std::string)>;

} // namespace ia_test

CAF_BEGIN_TYPE_ID_BLOCK(reference_test, caf::first_custom_type_id + 100)
CAF_ADD_ATOM(reference_test, ia_test, score_atom)
CAF_ADD_ATOM(reference_test, ia_test, tell_atom)
CAF_END_TYPE_ID_BLOCK(reference_test)

using namespace ia_test;

namespace {

struct registered_types {
  registered_types() {
    caf::init_global_meta_objects<caf::id_block::value_types>();
    caf::init_global_meta_objects<caf::id_block::reference_test>();
  }
};

class References : private registered_types, public with_runtime {
protected:
  References() : References{quick_options()} {}
  explicit References(const ia::runtime_options& options) : with_runtime{options} {}

  /// Calls a function with any values and takes its result as a `T`.
  template <class T, class... Args>
  caf::expected<T> ask(const ia::interpreter_actor& actor, std::string function, const Args&... args) {
    return ask_from<T>(me(), actor, std::move(function), args...);
  }

  template <class T, class... Args>
  static caf::expected<T> ask_from(ia::caller& caller, const ia::interpreter_actor& actor,
                                   std::string function, const Args&... args) {
    auto answer = caller.request(
        caf::actor_cast<caf::strong_actor_ptr>(actor),
        caf::make_message(ia::invoke_atom_v, std::move(function), ia::pack_arguments(args...)), patience);
    if (!answer)
      return std::move(answer.error());
    return ia::unpack<T>(answer->template get_as<ia::packed_message>(0));
  }

  /// The same, as a text that says what went wrong.
  template <class... Args>
  std::string text(const ia::interpreter_actor& actor, std::string function, const Args&... args) {
    auto result = ask<std::string>(actor, std::move(function), args...);
    return result ? *result : "error: " + ia::describe(result.error());
  }

  void tell(const ia::interpreter_actor& actor, std::string function, ia::packed_message arguments) {
    ia::compat::anonymous_send(actor, ia::invoke_atom_v, std::move(function), std::move(arguments));
  }

  /// Interpreters that still run, once that number is reached.
  bool live_becomes(std::size_t count) {
    return wait_until([&] { return rt().counts().live == count; }, "interpreters to end");
  }

  scorer cpp_scorer() {
    return system().spawn([]() -> scorer::behavior_type {
      return {[](score_atom, double x, const std::string& name) -> caf::result<double> {
                if (name == "fail")
                  return caf::make_error(caf::sec::invalid_argument, "not this one");
                return x * 2;
              },
              [](score_atom, const reading& x) { return x.sensor == "bad" ? "\xFF" : "read " + x.sensor; },
              [](tell_atom, const std::string&) {}};
    });
  }

  static constexpr const char* echo = R"(
import interp_actors as ia
def echo(value): return value
def fail(text): raise ValueError(text)
def add(a, b=1): return a + b
def die(): raise KeyboardInterrupt('dead')
def leave():
    import sys
    sys.exit(0)
)";

  // What a test asks an interpreter to do to another one.
  static constexpr const char* relay = R"(
import interp_actors as ia
def relay(to, value): return to.echo(value)
def attempt(to, code):
    try:
        return str(eval(code, globals(), {'to': to}))
    except BaseException as problem:
        return f'{type(problem).__name__}: {problem}'
)";
};

// -- calls
// ------------------------------------------------------------------------------------------------------------

TEST_F(References, PythonCallsPythonWithAnyValue) {
  auto b = spawn(echo);
  auto a = spawn(relay);
  everything x;
  x.flag = true;
  x.large = ~std::uint64_t{0};
  x.text = "häh";
  x.readings = {std::nullopt, reading{"t", 1.5, 3}};
  x.numbers = {3, 1};
  x.series = {{"a", {1, 2}}, {"b", {}}};
  x.mixed = {1, "two", true};
  x.either = std::string{"either"};
  x.wait = 1500ms;
  x.data = ia::shared_bytes::copy(std::string(100'000, 'x'));
  x.who = caf::actor_cast<caf::actor>(b);
  x.bits = {true, false};
  auto result = ask<everything>(a, "relay", b, x);
  ASSERT_TRUE(result) << ia::describe(result.error());
  EXPECT_EQ(*result, x);
  EXPECT_EQ(result->data.as_span().data(), x.data.as_span().data()) << "copied";
}

TEST_F(References, PythonCallsTypedActorsOfCpp) {
  auto actor = spawn(relay);
  auto target = cpp_scorer();
  EXPECT_EQ(text(actor, "attempt", target, std::string{"to.score(2.5, 'x')"}), "5.0");
  EXPECT_EQ(text(actor, "attempt", target, std::string{"to.score({'sensor': 's', 'value': 1})"}), "read s")
      << "the second signature of that name";
  EXPECT_EQ(text(actor, "attempt", target, std::string{"to.tell('x')"}), "None");
  EXPECT_EQ(text(actor, "attempt", target, std::string{"to.score.future(1, 'x').result()"}), "2.0");
  EXPECT_EQ(text(actor, "attempt", target, std::string{"to.tell.send('x')"}), "None");
  EXPECT_NE(text(actor, "attempt", target, std::string{"to.score(2, 'fail')"}).find("not this one"),
            std::string::npos);
}

TEST_F(References, ATypedActorOfPythonIsCalledLikeOneOfCpp) {
  auto made = rt().spawn<scorer>(ia::text(R"(
class Scorer:
    def __init__(self): self.told = []
    def score(self, *args): return 7.5 if len(args) == 2 else 'read ' + args[0]['sensor'] + str(self.told)
    def tell(self, text): self.told.append(text)
    def extra(self, x): return [x, self.told]
)",
                                          "scorer.py"),
                                 {.class_name = "Scorer"});
  ASSERT_TRUE(made) << ia::describe(made.error());
  auto actor = spawn(relay);
  EXPECT_EQ(text(actor, "attempt", *made, std::string{"to.score(1, 'x')"}), "7.5");
  EXPECT_EQ(text(actor, "attempt", *made,
                 std::string{"to.tell.send('hello') or to.score({'sensor': 's', 'value': 1})"}),
            "read s['hello']");
  EXPECT_EQ(text(actor, "attempt", *made, std::string{"to.extra(1)"}),
            "AttributeError: the interface of this Reference has no 'extra'");
  // Whoever does not know the interface calls its functions, too, and no others.
  auto unknown = caf::actor_cast<caf::actor>(*made);
  EXPECT_EQ(text(actor, "attempt", unknown, std::string{"to.score(1, 'x')"}), "7.5");
  EXPECT_EQ(text(actor, "attempt", unknown, std::string{"to.tell('again')"}), "None");
  EXPECT_EQ(text(actor, "attempt", unknown, std::string{"to.score({'sensor': 's', 'value': 1})"}),
            "read s['hello', 'again']");
  auto problem = text(actor, "attempt", unknown, std::string{"to.extra(1)"});
  EXPECT_NE(problem.find("no function 'extra'"), std::string::npos) << problem;
  problem = text(actor, "attempt", unknown, std::string{"to.tell(1)"});
  EXPECT_NE(problem.find("[0] is int 1, where str was expected"), std::string::npos) << problem;
}

TEST_F(References, TheInterfaceOfAReferenceTravelsWithIt) {
  auto target = cpp_scorer();
  auto b = spawn("def use(to): return to.score(4, 'x')");
  auto a = spawn("def relay(b, to): return b.use(to)");
  auto result = ask<double>(a, "relay", b, target);
  ASSERT_TRUE(result) << ia::describe(result.error());
  EXPECT_EQ(*result, 8);
}

TEST_F(References, WhatCannotBeSentIsATypeErrorThatSaysWhere) {
  auto actor = spawn(relay);
  auto target = cpp_scorer();
  auto b = spawn(echo);
  EXPECT_EQ(text(actor, "attempt", target, std::string{"to.tell(5)"}),
            "TypeError: tell() cannot be given a value whose [0] is int 5, where str was expected");
  EXPECT_EQ(text(actor, "attempt", target, std::string{"to.score(1)"}).substr(0, 33),
            "TypeError: score() cannot be give");
  EXPECT_EQ(text(actor, "attempt", target, std::string{"to.nothing(1)"}),
            "AttributeError: the interface of this Reference has no 'nothing'");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.echo([1, object()])"}).substr(0, 58),
            "TypeError: echo() cannot be given a value whose [0][1] is ");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.echo(1, key=2)"}),
            "TypeError: 'echo' of another actor takes positional arguments alone, and no keyword 'key'");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.echo.send(10 ** 10 ** 5)"}).substr(0, 33),
            "TypeError: echo() cannot be given");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to['\\ud800']()"}).substr(0, 19), "UnicodeEncodeError:");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.__nothing__"}).substr(0, 15), "AttributeError:");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to['echo'](3)"}), "3");
}

TEST_F(References, ErrorsComeBackAsWhatTheyAre) {
  auto actor = spawn(relay);
  auto b = spawn(echo);
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.fail('no')"}),
            "RemoteError: Traceback (most recent call last):\n"
            "  File \"test.py\", line 4, in fail\n"
            "    def fail(text): raise ValueError(text)\n"
            "ValueError: no\n");
  auto attributes = spawn(R"(
import interp_actors as ia
def look(to):
    try: to.fail('no')
    except ia.RemoteError as problem: return [problem.type, problem.message, str(problem.traceback == str(problem))]
def code(to, name):
    try: to[name]()
    except ia.ActorError as problem: return [problem.category, str(problem.code)]
)");
  EXPECT_EQ(*ask<std::vector<std::string>>(attributes, "look", b),
            (std::vector<std::string>{"ValueError", "no", "True"}));
  EXPECT_EQ(*ask<std::vector<std::string>>(attributes, "code", b, std::string{"nowhere"}),
            (std::vector<std::string>{"interp_actors::errc",
                                      std::to_string(static_cast<int>(ia::errc::no_such_function))}));
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.die()"}).substr(0, 12), "RemoteError:");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.echo(1)"}).substr(0, 12), "RemoteError:")
      << "what ended it";
  b = spawn(echo);
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.leave()"}).substr(0, 12), "RemoteError:");
  auto gone = text(actor, "attempt", b, std::string{"to.echo(1)"});
  EXPECT_EQ(gone.substr(0, 11), "ActorError:") << gone;
}

TEST_F(References, CallsOfArgumentsThatDoNotFitRaiseAtTheCaller) {
  auto actor = spawn(relay);
  auto b = spawn(echo);
  auto problem = text(actor, "attempt", b, std::string{"to.add()"});
  EXPECT_NE(problem.find("missing 1 required positional argument"), std::string::npos) << problem;
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.add(1)"}), "2");
}

TEST_F(References, AResultThatCannotTravelIsAnErrorOfTheCall) {
  auto b = spawn("def make(): return [object()]");
  auto actor = spawn(relay);
  auto problem = text(actor, "attempt", b, std::string{"to.make()"});
  EXPECT_EQ(problem.substr(0, 11), "ActorError:");
  EXPECT_NE(problem.find("'make' returned a value whose [0] is "), std::string::npos) << problem;
  EXPECT_TRUE(ask<caf::unit_t>(spawn("def none(): pass"), "none"));
}

TEST_F(References, AnAnswerThatPythonCannotHoldIsTheFuturesException) {
  auto actor = spawn(std::string{relay} + "bad = {'sensor': 'bad', 'value': 1.0, 'quality': None}\n");
  auto attempt = [&](const std::string& code) { return text(actor, "attempt", cpp_scorer(), code); };
  EXPECT_EQ(attempt("to.score(bad)"), "TypeError: a text that is not UTF-8, where str was expected");
  EXPECT_EQ(attempt("to.score.future(bad).result()").substr(0, 10), "TypeError:");
  EXPECT_EQ(attempt("type(to.score.future(bad).exception()).__name__"), "TypeError");
}

TEST_F(References, WithFailOnExceptionsArgumentsThatDoNotFitEndNobody) {
  auto b = spawn(std::string{echo} + "def own(value): raise TypeError('of its own')\n",
                 {.fail_on = ia::fail_on::exceptions});
  EXPECT_EQ(text(b, "add").substr(0, 24), "error: python_exception\n");
  EXPECT_EQ(call(b, "die", "too much").substr(0, 24), "error: python_exception\n");
  ia::compat::anonymous_send(b, ia::call_atom_v, std::string{"die"}, ia::shared_bytes{});
  EXPECT_EQ(text(b, "echo", std::string{"alive"}), "alive");
  EXPECT_EQ(rt().dead_letters(), 1u);
  caf::scoped_actor self{system()};
  self->monitor(b);
  EXPECT_EQ(text(b, "own", 1).substr(0, 24), "error: python_exception\n");
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
}

// -- waiting
// ----------------------------------------------------------------------------------------------------------

TEST_F(References, ACallWaitsNoLongerThanItsTimeout) {
  auto b = spawn_at_gate("def slow(): wait_at_gate()");
  auto actor = spawn(relay);
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.slow(timeout=0.05)"}),
            "TimeoutError: 'slow' did not answer in time");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.slow(timeout=-1)"}).substr(0, 11), "ValueError:");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.slow.future(timeout=0.05).result()"}).substr(0, 13),
            "TimeoutError:");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.slow.future(timeout=20).result(0.05)"}).substr(0, 13),
            "TimeoutError:");
  gate.open();
}

class ReferencesWithShortCalls : public References {
protected:
  ReferencesWithShortCalls() : References{options()} {}

  static ia::runtime_options options() {
    auto result = quick_options();
    result.interpreters.call_timeout = 1s;
    return result;
  }
};

TEST_F(ReferencesWithShortCalls, CallsHaveTheRuntimesTimeoutWhereTheyDoNotSay) {
  auto b = spawn_at_gate("def slow(): wait_at_gate()");
  auto actor = spawn(relay);
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.slow()"}).substr(0, 13), "TimeoutError:");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.slow.future().result()"}).substr(0, 13),
            "TimeoutError:");
  gate.open();
}

TEST_F(ReferencesWithShortCalls, ARingOfCallsEndsInTimeouts) {
  auto code = R"(
after = None
def follow(ref):
    global after
    after = ref
def go(depth):
    return after.go(depth - 1) if depth else 'through'
)";
  std::vector<ia::interpreter_actor> ring{spawn(code), spawn(code), spawn(code)};
  for (std::size_t i = 0; i < 3; ++i)
    ASSERT_TRUE(ask<caf::unit_t>(ring[i], "follow", ring[(i + 1) % 3]));
  EXPECT_EQ(text(ring[0], "go", 2), "through");
  auto stuck = text(ring[0], "go", 3);
  EXPECT_NE(stuck.find("TimeoutError"), std::string::npos) << stuck;
  for (auto& actor : ring)
    EXPECT_EQ(text(actor, "go", 0), "through");
  // A ring keeps itself alive: break it.
  ASSERT_TRUE(ask<caf::unit_t>(ring[0], "follow", caf::actor{}));
}

TEST_F(References, ACallToOneselfIsAnErrorAtOnce) {
  auto actor = spawn(R"(
import interp_actors as ia
heard = []
def call():
    try: ia.current().address.call()
    except RuntimeError as problem: return str(problem)
def wait():
    try: ia.current().address.hear.future('future').result()
    except RuntimeError as problem: return str(problem)
def send(): ia.current().address.hear.send('sent')
def hear(text): heard.append(text)
def said(): return heard
)");
  EXPECT_NE(text(actor, "call").find("itself"), std::string::npos);
  EXPECT_NE(text(actor, "wait").find("itself"), std::string::npos);
  ASSERT_TRUE(ask<caf::unit_t>(actor, "send"));
  EXPECT_EQ(*ask<std::vector<std::string>>(actor, "said"), (std::vector<std::string>{"future", "sent"}));
}

TEST_F(References, AnInterruptEndsAWaitAndIsRaisedOnce) {
  auto b = spawn_at_gate("def slow():\n    arrive()\n    wait_at_gate()\ndef ok(): return 'ok'");
  auto actor = spawn(R"(
import interp_actors as ia
log = []
def wait(to, other):
    try:
        to.slow(timeout=60)
    except ia.Interrupted:
        log.append('interrupted')
        log.append(other.ok())
def result(): return log
)");
  auto other = spawn("def ok(): return 'ok'");
  ia::caller second{system()};
  std::thread asking{[&] { (void)ask_from<caf::unit_t>(second, actor, "wait", b, other); }};
  EXPECT_TRUE(gate.arrived());
  auto hit =
      me().request(caf::actor_cast<caf::strong_actor_ptr>(actor), caf::make_message(ia::cancel_atom_v));
  EXPECT_TRUE(hit && hit->get_as<bool>(0));
  asking.join();
  EXPECT_EQ(*ask<std::vector<std::string>>(actor, "result"), (std::vector<std::string>{"interrupted", "ok"}));
  gate.open();
}

TEST_F(References, AStopEndsAWaitAtOnce) {
  auto b = spawn_at_gate("def slow():\n    arrive()\n    wait_at_gate()");
  auto actor = spawn(R"(
import interp_actors as ia
def wait(to):
    try: to.slow(timeout=60)
    except ia.ActorError as problem: return str(problem)
)");
  ia::caller second{system()};
  std::string answer;
  std::thread asking{[&] {
    auto result = ask_from<std::string>(second, actor, "wait", b);
    answer = result ? *result : ia::describe(result.error());
  }};
  EXPECT_TRUE(gate.arrived());
  caf::scoped_actor self{system()};
  self->send_exit(actor, caf::exit_reason::user_shutdown);
  asking.join();
  EXPECT_NE(answer.find("waits for nothing any more"), std::string::npos) << answer;
  gate.open();
}

TEST_F(References, AbandonmentEndsTheWaitsOfOtherThreads) {
  auto b = spawn_at_gate("def slow():\n    arrive()\n    wait_at_gate()");
  auto actor = spawn_at_gate(R"(
import interp_actors as ia, threading
def wait(to):
    try: to.slow(timeout=60)
    except BaseException: arrive()
    try: to.slow(timeout=60)
    except ia.Interrupted: arrive()
def hang(to):
    threading.Thread(target=wait, args=(to,)).start()
    wait_at_gate()
)",
                             {.deadline = 2s});
  caf::scoped_actor self{system()};
  self->monitor(actor);
  tell(actor, "hang", ia::pack_arguments(b));
  EXPECT_TRUE(gate.arrived());
  EXPECT_TRUE(gate.arrived()) << "the thread still waits";
  EXPECT_TRUE(gate.arrived()) << "the thread waits again";
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::abandoned);
  gate.open();
  wait_until([&] { return rt().counts().abandoned == 0; }, "the abandoned code to come back");
}

// -- futures
// ----------------------------------------------------------------------------------------------------------

TEST_F(References, FuturesWaitLater) {
  auto b = spawn(echo);
  auto actor = spawn(R"(
import interp_actors as ia
def run(to):
    futures = [to.add.future(i, 10) for i in range(5)]
    failing = to.fail.future('no')
    values = [f.result() for f in futures]
    assert all(f.done() and not f.running() and not f.cancelled() and not f.cancel() for f in futures)
    assert futures[0].result() is futures[0].result()
    assert futures[0].exception() is None
    problem = failing.exception()
    assert isinstance(problem, ia.RemoteError) and problem.type == 'ValueError'
    try: failing.result(timeout=1)
    except ia.RemoteError as again: assert again is problem
    else: raise AssertionError
    return values
)");
  auto result = ask<std::vector<int>>(actor, "run", b);
  ASSERT_TRUE(result) << ia::describe(result.error());
  EXPECT_EQ(*result, (std::vector{10, 11, 12, 13, 14}));
}

TEST_F(References, ACancelledFutureWakesItsWaitersAndRunsItsCallbacks) {
  auto b = spawn_at_gate("def slow():\n    arrive()\n    wait_at_gate()");
  auto actor = spawn(R"(
import interp_actors as ia, threading
log = []
def waits(future):
    try: future.result()
    except ia.CancelledError: log.append('woken')
def start(to):
    global future, thread
    future = to.slow.future(timeout=60)
    future.add_done_callback(lambda f: log.append(f'called {f.cancelled()} {threading.current_thread() is main}'))
    thread = threading.Thread(target=waits, args=(future,))
    thread.start()
def cancel():
    assert future.running()
    done = future.cancel()
    thread.join()
    assert future.done() and future.cancelled()
    try: future.exception()
    except ia.CancelledError: pass
    else: raise AssertionError
    assert log == ['woken'], log
    return done
def result(): return log
main = threading.current_thread()
)");
  ASSERT_TRUE(ask<caf::unit_t>(actor, "start", b));
  EXPECT_TRUE(gate.arrived());
  auto done = ask<bool>(actor, "cancel");
  ASSERT_TRUE(done) << ia::describe(done.error());
  EXPECT_TRUE(*done);
  EXPECT_EQ(*ask<std::vector<std::string>>(actor, "result"),
            (std::vector<std::string>{"woken", "called True True"}));
  gate.open();
}

TEST_F(References, CallbacksOfAFutureRunBetweenHandlers) {
  auto b = spawn_at_gate("def slow():\n    wait_at_gate()\n    return 'done'");
  auto actor = spawn(R"(
import interp_actors as ia, posix
log = []
def start(to, asker):
    f = to.slow.future(timeout=60)
    f.add_done_callback(lambda f: log.append(f.result()))
    f.add_done_callback(lambda f: asker.told.send(log))
    g = to.slow.future(timeout=0.02)
    g.add_done_callback(lambda f: log.append(type(f.exception()).__name__))
    g.add_done_callback(lambda f: asker.expired.send())
def late(to):
    f = to.slow.future()
    f.result()
    f.add_done_callback(lambda f: log.append('at once'))
    return log
)");
  auto witness =
      spawn_at_gate("def told(log):\n    assert log == ['TimeoutError', 'done'], log\n    arrive()\n"
                    "def expired(): arrive()");
  ASSERT_TRUE(ask<caf::unit_t>(actor, "start", b, witness));
  EXPECT_TRUE(gate.arrived()) << "a Future that nobody waits for has a timeout, too";
  gate.open();
  EXPECT_TRUE(gate.arrived());
  EXPECT_EQ(*ask<std::vector<std::string>>(actor, "late", b),
            (std::vector<std::string>{"TimeoutError", "done", "at once"}));
}

TEST_F(References, AnExceptionInACallbackEndsTheInterpreter) {
  auto b = spawn_at_gate("def slow(): wait_at_gate()");
  auto actor = spawn("def start(to): to.slow.future(timeout=60).add_done_callback(lambda f: 1 / 0)");
  caf::scoped_actor self{system()};
  self->monitor(actor);
  ASSERT_TRUE(ask<caf::unit_t>(actor, "start", b));
  gate.open();
  auto reason = down_reason(self);
  EXPECT_EQ(code_of(reason), ia::errc::crashed);
  ASSERT_TRUE(ia::python_error_of(reason));
  EXPECT_EQ(ia::python_error_of(reason)->type(), "ZeroDivisionError");
}

// -- children
// ---------------------------------------------------------------------------------------------------------

class Children : public References {
protected:
  static constexpr const char* parent = R"(
import interp_actors as ia
CHILD = '''
import interp_actors as ia
def echo(value): return value
def die(): raise KeyboardInterrupt('dead')
def name(): return ia.current().name
def crash(): raise SystemExit(3)
def leave(): raise SystemExit(0)
'''
child = None
def start(link=True, name=None):
    global child
    child = ia.spawn(CHILD, link=link, name=name)
    return child
def forget():
    global child
    child = None
def call(value): return child.echo(value)
def names(): return child.name()
def tell(name): child[name].send()
def try_(name):
    try: child[name]()
    except ia.RemoteError as problem: return problem.type
    except ia.ActorError as problem: return 'gone'
def unlink(): child.unlink()
def leave(): raise SystemExit(0)
def ok(): return 'ok'
)";
};

TEST_F(Children, AreStartedFromTextModulesAndPaths) {
  auto folder = std::filesystem::temp_directory_path() / ("ia_child_" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  std::ofstream{folder / "child_module.py"} << "def where(): return __name__\n";
  auto actor = spawn(R"(
import interp_actors as ia, os, pathlib, sys
def run(folder):
    sys.path.insert(0, folder)
    import child_module
    path = pathlib.Path(folder) / 'child_module.py'
    # A child has the runtime's sys.path.
    try: ia.spawn(child_module)
    except ia.RemoteError as problem: missing = problem.type
    import textwrap
    return [ia.spawn('def f(x): return x').f('text'), missing, ia.spawn(textwrap).dedent('  x'), ia.spawn(path).where()]
class Path:
    def __fspath__(self): raise LookupError('mine')
def wrong():
    results = []
    for one in (Path(), 5, sys.modules['__main__'], 'x\0', '\ud800'):
        try: ia.spawn(one)
        except Exception as problem: results.append(type(problem).__name__)
    for options in ({'name': 5}, {'name': 'a\0'}, {'timeout': -1}, {'other': 1}):
        try: ia.spawn('', **options)
        except Exception as problem: results.append(type(problem).__name__)
    return results
)");
  auto result = ask<std::vector<std::string>>(actor, "run", folder.string());
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(result) << ia::describe(result.error());
  EXPECT_EQ(*result, (std::vector<std::string>{"text", "ModuleNotFoundError", "x", "__main__"}));
  auto wrong = ask<std::vector<std::string>>(actor, "wrong");
  ASSERT_TRUE(wrong) << ia::describe(wrong.error());
  EXPECT_EQ(*wrong, (std::vector<std::string>{"LookupError", "TypeError", "ValueError", "ValueError",
                                              "UnicodeEncodeError", "TypeError", "ValueError", "ValueError",
                                              "TypeError"}));
}

TEST_F(Children, AnswerAndHaveNames) {
  auto actor = spawn(parent, {.name = "boss"});
  ASSERT_TRUE(ask<caf::actor>(actor, "start"));
  EXPECT_EQ(text(actor, "call", std::string{"x"}), "x");
  EXPECT_EQ(text(actor, "names"), "boss.child");
  ASSERT_TRUE(ask<caf::actor>(actor, "start", true, std::string{"other"}));
  EXPECT_EQ(text(actor, "names"), "other");
  EXPECT_TRUE(live_becomes(2)) << "a child that nobody refers to ends";
  EXPECT_EQ(text(actor, "ok"), "ok") << "and that is no failure";
}

TEST_F(Children, WhoseSourceFailsRaiseInTheParentThatLivesOn) {
  auto actor = spawn(R"(
import interp_actors as ia
def run(code, timeout=None):
    try: ia.spawn(code, timeout=timeout)
    except ia.RemoteError as problem: return problem.type + ': ' + problem.message
    except (ia.ActorError, TimeoutError) as problem: return type(problem).__name__
)");
  EXPECT_EQ(text(actor, "run", std::string{"1 / 0"}), "ZeroDivisionError: division by zero");
  EXPECT_EQ(text(actor, "run", std::string{"def"}).substr(0, 12), "SyntaxError:");
  EXPECT_EQ(text(actor, "run", std::string{"while True: pass"}, 1), "TimeoutError");
  EXPECT_TRUE(live_becomes(1));
}

TEST_F(Children, EndWithTheirParentHoweverThatEnds) {
  for (auto how : {"leave", "kill", "drop"}) {
    auto actor = spawn(parent);
    auto child = ask<caf::actor>(actor, "start");
    ASSERT_TRUE(child);
    ASSERT_TRUE(ask<caf::unit_t>(actor, "forget"));
    caf::scoped_actor self{system()};
    self->monitor(*child);
    if (how == std::string_view{"leave"})
      tell(actor, "leave", ia::pack_arguments());
    else if (how == std::string_view{"kill"})
      self->send_exit(actor, caf::exit_reason::kill);
    else
      actor = nullptr;
    auto reason = down_reason(self);
    EXPECT_EQ(reason,
              how == std::string_view{"kill"} ? caf::exit_reason::kill : caf::exit_reason::user_shutdown)
        << how << to_string(reason);
  }
  EXPECT_TRUE(live_becomes(0));
}

TEST_F(Children, ThatFailEndTheirParent) {
  auto actor = spawn(parent);
  ASSERT_TRUE(ask<caf::actor>(actor, "start"));
  caf::scoped_actor self{system()};
  self->monitor(actor);
  tell(actor, "tell", ia::pack_arguments(std::string{"crash"}));
  auto reason = down_reason(self);
  EXPECT_EQ(code_of(reason), ia::errc::exited) << to_string(reason);
  EXPECT_TRUE(live_becomes(0));
}

TEST_F(Children, ThatEndNormallyOrAreNotLinkedDoNot) {
  auto actor = spawn(parent);
  ASSERT_TRUE(ask<caf::actor>(actor, "start"));
  EXPECT_EQ(text(actor, "try_", std::string{"leave"}), "SystemExit");
  EXPECT_TRUE(live_becomes(1));
  ASSERT_TRUE(ask<caf::actor>(actor, "start", false));
  EXPECT_EQ(text(actor, "try_", std::string{"crash"}), "SystemExit");
  EXPECT_TRUE(live_becomes(1));
  ASSERT_TRUE(ask<caf::actor>(actor, "start"));
  ASSERT_TRUE(ask<caf::unit_t>(actor, "unlink"));
  EXPECT_EQ(text(actor, "try_", std::string{"die"}), "KeyboardInterrupt");
  EXPECT_TRUE(live_becomes(1));
  EXPECT_EQ(text(actor, "ok"), "ok");
  // Nor does the parent's end concern a child that was taken off.
  auto child = ask<caf::actor>(actor, "start");
  ASSERT_TRUE(ask<caf::unit_t>(actor, "unlink"));
  tell(actor, "leave", ia::pack_arguments());
  EXPECT_TRUE(live_becomes(1));
  EXPECT_EQ(text(caf::actor_cast<ia::interpreter_actor>(*child), "echo", std::string{"alive"}), "alive");
}

TEST_F(Children, KilledInTheMiddleOfACallAnswerIt) {
  auto actor = spawn(R"(
import interp_actors as ia
child = None
def start(code):
    global child
    child = ia.spawn(code, link=False)
    return child
def call():
    try: child.slow(timeout=60)
    except ia.ActorError as problem: return 'ActorError'
)");
  auto child =
      ask<caf::actor>(actor, "start", "def slow():\n    arrive()\n    while True: pass\n" + gate.python());
  ASSERT_TRUE(child) << ia::describe(child.error());
  ia::caller second{system()};
  std::string answer;
  std::thread asking{[&] {
    auto result = ask_from<std::string>(second, actor, "call");
    answer = result ? *result : ia::describe(result.error());
  }};
  EXPECT_TRUE(gate.arrived());
  caf::anon_send_exit(*child, caf::exit_reason::kill);
  asking.join();
  EXPECT_EQ(answer, "ActorError");
}

TEST_F(Children, EndWithAParentThatIsKilledWhileItWaitsForThem) {
  auto actor = spawn(R"(
import interp_actors as ia
def run(code): ia.spawn(code).slow(timeout=60)
)");
  tell(actor, "run", ia::pack_arguments("def slow():\n    arrive()\n    while True: pass\n" + gate.python()));
  EXPECT_TRUE(gate.arrived());
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_TRUE(live_becomes(0));
}

TEST_F(Children, WhoseStarterWasInterruptedAreEndedAndNeverLinked) {
  auto actor = spawn(R"(
import interp_actors as ia
def run(code):
    try: ia.spawn(code)
    except ia.Interrupted: return 'interrupted'
def ok(): return 'ok'
)");
  ia::caller second{system()};
  std::string answer;
  std::thread asking{[&] {
    auto result = ask_from<std::string>(second, actor, "run", gate.python() + "arrive()\nwait_at_gate()\n");
    answer = result ? *result : ia::describe(result.error());
  }};
  EXPECT_TRUE(gate.arrived());
  me().request(caf::actor_cast<caf::strong_actor_ptr>(actor), caf::make_message(ia::cancel_atom_v));
  asking.join();
  EXPECT_TRUE(answer == "interrupted" || answer.starts_with("cancelled")) << answer;
  gate.open();
  EXPECT_TRUE(wait_until([&] { return rt().counts().live == 1 && rt().counts().abandoned == 0; },
                         "the child to end"));
  EXPECT_EQ(text(actor, "ok"), "ok");
}

// -- watching and linking
// ---------------------------------------------------------------------------------------------

TEST_F(References, MonitorsTellTheReasonBetweenHandlers) {
  auto code = R"(
import interp_actors as ia, threading
main = threading.current_thread()
log = []
def watch(to, witness):
    def gone(reason):
        log.append([type(reason).__name__, str(threading.current_thread() is main)])
        witness.told.send()
    return str(type(to.monitor(gone)).__name__)
def result(): return log
)";
  auto witness = spawn_at_gate("def told(): arrive()");
  auto actor = spawn(code);
  auto b = spawn(echo);
  EXPECT_EQ(text(actor, "watch", b, witness), "Monitor");
  tell(b, "leave", ia::pack_arguments());
  EXPECT_TRUE(gate.arrived());
  EXPECT_EQ(text(actor, "watch", b, witness), "Monitor"); // it has ended already
  EXPECT_TRUE(gate.arrived());
  b = spawn(echo);
  EXPECT_EQ(text(actor, "watch", b, witness), "Monitor");
  EXPECT_EQ(text(actor, "watch", b, witness), "Monitor");
  tell(b, "die", ia::pack_arguments());
  EXPECT_TRUE(gate.arrived());
  EXPECT_TRUE(gate.arrived());
  auto log = ask<std::vector<std::vector<std::string>>>(actor, "result");
  ASSERT_TRUE(log) << ia::describe(log.error());
  EXPECT_EQ(*log,
            (std::vector<std::vector<std::string>>{
                {"NoneType", "True"}, {"NoneType", "True"}, {"ActorError", "True"}, {"ActorError", "True"}}));
}

TEST_F(References, ACancelledMonitorTellsNothing) {
  auto actor = spawn(R"(
import interp_actors as ia
log = []
def watch(to, witness):
    first = to.monitor(lambda reason: log.append('first'))
    second = to.monitor(lambda reason: witness.told.send())
    return [first.cancel(), first.cancel()]
def result(): return log
)");
  auto witness = spawn_at_gate("def told(): arrive()");
  auto b = spawn(echo);
  EXPECT_EQ(*ask<std::vector<bool>>(actor, "watch", b, witness), (std::vector{true, false}));
  tell(b, "die", ia::pack_arguments());
  EXPECT_TRUE(gate.arrived());
  EXPECT_EQ(*ask<std::vector<std::string>>(actor, "result"), std::vector<std::string>{});
}

TEST_F(References, MonitorsWatchActorsOfCpp) {
  auto actor = spawn("def watch(to, witness): to.monitor(lambda reason: witness.told.send(str(reason)))");
  auto witness = spawn_at_gate("def told(reason):\n    assert 'user_shutdown' in reason\n    arrive()");
  auto target = cpp_scorer();
  ASSERT_TRUE(ask<caf::unit_t>(actor, "watch", target, witness));
  caf::anon_send_exit(target, caf::exit_reason::user_shutdown);
  EXPECT_TRUE(gate.arrived());
}

TEST_F(References, LinkedActorsEndEachOther) {
  auto code = R"(
def link(to): to.link(); to.link()
def unlink(to): to.unlink()
def die(): raise KeyboardInterrupt
def ok(): return 'ok'
)";
  caf::scoped_actor self{system()};
  auto a = spawn(code);
  auto b = spawn(code);
  auto c = spawn(code);
  ASSERT_TRUE(ask<caf::unit_t>(a, "link", b));
  ASSERT_TRUE(ask<caf::unit_t>(a, "link", c));
  ASSERT_TRUE(ask<caf::unit_t>(a, "unlink", c));
  ASSERT_TRUE(ask<caf::unit_t>(a, "link", a)) << "a link to oneself is none";
  self->monitor(a);
  tell(b, "die", ia::pack_arguments());
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
  EXPECT_EQ(text(c, "ok"), "ok");
  a = spawn(code);
  ASSERT_TRUE(ask<caf::unit_t>(a, "link", c));
  self->monitor(c);
  self->send_exit(a, caf::exit_reason::user_shutdown);
  EXPECT_EQ(down_reason(self), caf::exit_reason::user_shutdown);
}

TEST_F(References, ALinkThatTheOtherSideTookBackCanBeMadeAgain) {
  auto code = "def link(to): to.link()\ndef unlink(to): to.unlink()\ndef die(): raise KeyboardInterrupt\n";
  auto a = spawn(code);
  auto b = spawn(code);
  ASSERT_TRUE(ask<caf::unit_t>(a, "link", b));
  ASSERT_TRUE(ask<caf::unit_t>(b, "unlink", a));
  ASSERT_TRUE(ask<caf::unit_t>(a, "link", b));
  caf::scoped_actor self{system()};
  self->monitor(a);
  tell(b, "die", ia::pack_arguments());
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
}

TEST_F(References, ExitAndKillEndAnActorForAReason) {
  auto actor = spawn(relay);
  caf::scoped_actor self{system()};
  auto end = [&](const std::string& code) {
    auto b = spawn(echo);
    self->monitor(b);
    EXPECT_EQ(text(actor, "attempt", b, code), "None") << code;
    return down_reason(self);
  };
  EXPECT_EQ(end("to.exit()"), caf::exit_reason::user_shutdown);
  EXPECT_EQ(end("to.kill()"), caf::exit_reason::kill);
  auto reason = end("to.exit('enough')");
  EXPECT_EQ(code_of(reason), ia::errc::stopped);
  EXPECT_NE(ia::describe(reason).find("enough"), std::string::npos);
  reason = end("to.exit(ValueError('mine'))");
  ASSERT_TRUE(ia::python_error_of(reason));
  EXPECT_EQ(ia::python_error_of(reason)->summary(), "ValueError: mine");
  EXPECT_EQ(text(actor, "attempt", spawn(echo), std::string{"to.exit(5)"}).substr(0, 10), "TypeError:");
}

// -- time
// -------------------------------------------------------------------------------------------------------------

TEST_F(References, TimersSendLaterOrNotAtAll) {
  auto witness = spawn_at_gate(
      "log = []\ndef told(text):\n    log.append(text)\n    arrive()\ndef result(): return log");
  auto actor = spawn(R"(
import interp_actors as ia
def start(to):
    global timer
    never = to.told.send_after(3600, 'never')
    to.told.send_after(0, 'first')
    ia.send_after(0.02, to.told, 'second')
    timer = to.told.send_after(0.06, 'third')
    return [never.cancel(), never.cancel()]
def late(): return timer.cancel()
def wrong(to):
    result = []
    for delay in (-1, float('nan'), float('inf'), 'x'):
        try: to.told.send_after(delay)
        except Exception as problem: result.append(type(problem).__name__)
    try: ia.send_after(1, 5)
    except TypeError as problem: result.append('TypeError')
    return result
)");
  EXPECT_EQ(*ask<std::vector<bool>>(actor, "start", witness), (std::vector{true, false}));
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(gate.arrived());
  EXPECT_EQ(*ask<std::vector<std::string>>(witness, "result"),
            (std::vector<std::string>{"first", "second", "third"}));
  EXPECT_FALSE(*ask<bool>(actor, "late"));
  EXPECT_EQ(*ask<std::vector<std::string>>(actor, "wrong", witness),
            (std::vector<std::string>{"ValueError", "ValueError", "ValueError", "TypeError", "TypeError"}));
}

// -- messages that nobody waits for
// -----------------------------------------------------------------------------------

TEST_F(References, MessagesThatAreNotUnderstoodAreDeadLettersAndEndNobody) {
  auto b = spawn(echo);
  auto actor = spawn(relay);
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.nowhere.send(1)"}), "None");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.add.send(1, 2, 3)"}), "None");
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.add.send()"}), "None");
  ia::compat::anonymous_send(caf::actor_cast<caf::actor>(b), std::string{"what"}, 5);
  EXPECT_EQ(text(b, "echo", std::string{"alive"}), "alive");
  EXPECT_EQ(rt().dead_letters(), 4u);
  // What the function itself raises does end it.
  caf::scoped_actor self{system()};
  self->monitor(b);
  EXPECT_EQ(text(actor, "attempt", b, std::string{"to.fail.send('no')"}), "None");
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
  EXPECT_EQ(rt().dead_letters(), 4u);
}

// -- references
// -------------------------------------------------------------------------------------------------------

TEST_F(References, AreEqualWhereTheirActorsAre) {
  auto b = spawn(echo);
  auto c = spawn(echo);
  auto actor = spawn(R"(
def compare(one, other, same):
    return [one == same, one != same, one == other, len({one, other, same}), one.echo(other) == other, hash(one) == hash(same)]
)");
  auto result = ask<std::tuple<bool, bool, bool, int, bool, bool>>(actor, "compare", b, c,
                                                                   caf::actor_cast<caf::actor>(b));
  ASSERT_TRUE(result) << ia::describe(result.error());
  EXPECT_EQ(*result, (std::tuple{true, false, false, 2, true, true}));
}

TEST_F(References, KeepTheirActorsAliveUntilPythonDropsThem) {
  auto actor = spawn(R"(
import interp_actors as ia
class Keeper:
    pass
keeper = Keeper()
def keep(ref): keeper.ref = ref
def use(): return keeper.ref.echo('kept')
def drop(): del keeper.ref
)");
  ASSERT_TRUE(ask<caf::unit_t>(actor, "keep", spawn(echo)));
  EXPECT_EQ(text(actor, "use"), "kept");
  EXPECT_EQ(rt().counts().live, 2u);
  ASSERT_TRUE(ask<caf::unit_t>(actor, "drop"));
  EXPECT_TRUE(live_becomes(1));
}

TEST_F(References, CurrentTellsAddressNameAndSender) {
  auto b = spawn(R"(
import interp_actors as ia, threading
def who(): return [ia.current().address, ia.current().sender]
def named(): return ia.current().name
def in_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(ia.current().sender is None))
    thread.start()
    thread.join()
    return found[0]
def unsaid(witness): witness.told.send(ia.current().sender is None)
)",
                 {.name = "somebody"});
  auto actor = spawn(R"(
import interp_actors as ia
def run(to):
    there, sender = to.who()
    return there == to and sender == ia.current().address
)");
  EXPECT_TRUE(*ask<bool>(actor, "run", b));
  EXPECT_EQ(text(b, "named"), "somebody");
  EXPECT_TRUE(*ask<bool>(b, "in_thread"));
  auto witness = spawn_at_gate("def told(none):\n    assert none\n    arrive()");
  tell(b, "unsaid", ia::pack_arguments(witness));
  EXPECT_TRUE(gate.arrived());
}

TEST_F(References, PinnedBytesOfOneInterpreterReachOthersWithoutACopy) {
  auto b = spawn("def measure(view): return [len(view), view[0] == view[-1] == 120, view.readonly]");
  auto actor = spawn("def run(to): return to.measure(b'x' * 1_000_000)");
  auto result = ask<std::tuple<int, bool, bool>>(actor, "run", b);
  ASSERT_TRUE(result) << ia::describe(result.error());
  EXPECT_EQ(*result, (std::tuple{1'000'000, true, true}));
}

TEST_F(References, EveryPublicNameOfTheModuleHasADocstring) {
  auto actor = spawn(R"(
import interp_actors
def undocumented():
    missing = []
    for name, value in vars(interp_actors).items():
        if name.startswith('_'): continue
        if not value.__doc__: missing.append(name)
        for part, member in vars(value).items() if isinstance(value, type) else ():
            if not part.startswith('_') and not member.__doc__: missing.append(f'{name}.{part}')
    return missing
)");
  auto missing = ask<std::vector<std::string>>(actor, "undocumented");
  ASSERT_TRUE(missing) << ia::describe(missing.error());
  EXPECT_EQ(*missing, std::vector<std::string>{});
}

TEST_F(References, WhatACallbackHoldsIsLetGoAtTheEnd) {
  auto actor = spawn_at_gate("import interp_actors as ia\n"
                             "child = ia.spawn('x = 1')\n"
                             "def begin(v):\n"
                             "    class Last:\n"
                             "        def __del__(self, arrive=arrive): arrive()\n"
                             "    last = Last()\n"
                             "    child.monitor(lambda reason: (last, child))\n");
  EXPECT_EQ(call(actor, "begin"), "None");
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  EXPECT_TRUE(gate.arrived());
}

TEST_F(References, AModuleThatIsImportedAgainIsTheSame) {
  auto b = spawn(echo);
  auto actor = spawn(R"(
import importlib, sys
import interp_actors as first
def again(to):
    del sys.modules['interp_actors']
    import interp_actors as second
    assert second is not first
    assert importlib.reload(second) is second
    names = {name for name in dir(first) if name[:2] != '__'}
    assert names <= set(dir(second)), names - set(dir(second))
    for name in names: assert getattr(first, name) is getattr(second, name), name
    assert second.__spec__ is not first.__spec__
    assert second.current().address == first.current().address
    tx, rx = second.channel()
    tx.send(b'x')
    assert rx.recv() == b'x'
    tx.close()
    try: rx.recv()
    except first.ChannelClosed: pass
    child = second.spawn('def fail(): raise ValueError("no")')
    try: child.fail()
    except first.RemoteError as problem: assert problem.type == 'ValueError'
    assert to.echo(child) == child
    del sys.modules['interp_actors']
    import interp_actors as third
    assert third.Interrupted is first.Interrupted
    return third.current().name
)",
                     {.name = "me"});
  EXPECT_EQ(text(actor, "again", b), "me");
}

TEST_F(Children, ThatHoldThemselvesLive) {
  auto actor = spawn(R"(
import interp_actors as ia
def start(witness):
    ia.spawn("""
import interp_actors as ia
me = ia.current().address
def later(witness): witness.told.send_after(0.1)
""").later(witness)
)");
  auto witness = spawn_at_gate("def told(): arrive()");
  ASSERT_TRUE(ask<caf::unit_t>(actor, "start", witness));
  EXPECT_TRUE(gate.arrived()) << "its timers end with it";
  EXPECT_EQ(rt().counts().live, 3u);
}

// -- many at once
// -----------------------------------------------------------------------------------------------------

TEST_F(References, ManyThreadsCallThroughManyInterpreters) {
  std::vector<ia::interpreter_actor> ends{spawn(echo), spawn(echo)};
  auto code = R"(
import threading
def through(to, x): return to.add(x, 1)
def threads(to, count):
    wrong = []
    def run(n):
        for i in range(count):
            try:
                if to.add(n, i, timeout=60) != n + i: wrong.append((n, i))
            except BaseException as problem:
                wrong.append(repr(problem))
    all = [threading.Thread(target=run, args=(n,)) for n in range(8)]
    for one in all: one.start()
    for one in all: one.join()
    return wrong == []
)";
  std::vector<ia::interpreter_actor> relays{spawn(code), spawn(code), spawn(code)};
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (std::size_t n = 0; n < 16; ++n)
    threads.emplace_back([&, n] {
      ia::caller own{system()};
      if (n % 8 == 0) {
        auto result = ask_from<bool>(own, relays[n / 8], "threads", ends[n / 8], 50);
        good += result && *result ? 100 : 0;
        return;
      }
      for (int i = 0; i < 100; ++i) {
        auto result = ask_from<int>(own, relays[n % 3], "through", ends[n % 2], i);
        good += result && *result == i + 1 ? 1 : 0;
      }
    });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(good.load(), 1600);
}

TEST_F(References, ChildThatIsToldToEndTakesNobodyAlong) {
  auto actor = spawn_at_gate("import interp_actors as ia\n"
                             "def end(v):\n"
                             "    for how in ('exit', 'kill'):\n"
                             "        child = ia.spawn('def f(): pass')\n"
                             "        child.monitor(lambda reason: arrive())\n"
                             "        getattr(child, how)()\n"
                             "def ok(v): return b'ok'\n");
  EXPECT_EQ(call(actor, "end"), "None");
  EXPECT_TRUE(gate.arrived());
  EXPECT_TRUE(gate.arrived());
  EXPECT_EQ(call(actor, "ok"), "ok");
}

} // namespace
