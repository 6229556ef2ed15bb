#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

class Run : public with_runtime {
protected:
  Run() = default;
  explicit Run(const ia::runtime_options& options) : with_runtime{options} {}

  static ia::shared_bytes bytes(std::string_view text) { return ia::shared_bytes::copy(text); }

  template <class Handle>
  void send(const Handle& to, ia::shared_bytes message) {
    auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(to),
                               caf::make_message(ia::send_atom_v, std::move(message)), patience);
    EXPECT_TRUE(answer) << ia::describe(answer.error());
  }
};

TEST_F(Run, ChannelsAreGlobalsAndNothingElseIsPassed) {
  auto [numbers_tx, numbers_rx] = rt().channel<float>({.messages = 64});
  auto [sums_tx, sums_rx] = rt().channel<double>();
  for (auto first : {1.0f, 10.0f})
    send(numbers_tx, ia::array<float>{first, 2.0f}.bytes());
  drop(numbers_tx);
  auto result = rt().run("assert 'gate' not in globals()\n"
                         "from array import array\n"
                         "for view in numbers:\n"
                         "    sums.send(array('d', [sum(view)]).tobytes())\n",
                         {.channels = {{"numbers", numbers_rx}, {"sums", sums_tx}}});
  EXPECT_TRUE(result.ok()) << result.text;
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_FALSE(result.python_error);
  EXPECT_EQ((*sums_rx.recv(patience))[0], 3.0);
  EXPECT_EQ((*sums_rx.recv(patience))[0], 12.0);
  drop(sums_tx);
  EXPECT_EQ(code_of(sums_rx.recv(patience).error()), ia::errc::channel_closed);
  EXPECT_EQ(code_of(numbers_rx.recv(patience).error()), ia::errc::channel_closed)
      << "it ended with its owner";
  wait_until([this] { return rt().counts().live == 0; }, "the interpreter's end");
}

TEST_F(Run, ExceptionsComeBackOrAreThrown) {
  auto result = rt().run("def f():\n    raise ValueError('no', 3)\nf()\n");
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.failure, ia::errc::python_exception);
  ASSERT_TRUE(result.python_error);
  EXPECT_EQ(result.python_error->summary(), "ValueError: ('no', 3)");
  EXPECT_NE(result.text.find("File \"<run>\", line 2, in f"), std::string::npos) << result.text;
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THROW(rt().run("1/0", {.reraise = true}), ia::python_exception);
  EXPECT_EQ(rt().run("x = (").python_error->type(), "SyntaxError");
  EXPECT_EQ(rt().run(std::string("x = 1\0y", 7)).python_error->type(), "SyntaxError");
}

TEST_F(Run, ExitCodesAreThoseOfThePythonProgram) {
  EXPECT_TRUE(rt().run("import sys; sys.exit()").ok());
  EXPECT_TRUE(rt().run("raise SystemExit(0)", {.reraise = true}).ok());
  auto three = rt().run("raise SystemExit(3)");
  EXPECT_EQ(three.failure, ia::errc::exited);
  EXPECT_EQ(three.exit_code, 3);
  EXPECT_EQ(rt().run("raise SystemExit('text')").exit_code, 1);
}

/// Nothing is abandoned, however long a loaded machine takes to let interrupted code unwind.
class RunWithPatience : public Run {
protected:
  static ia::runtime_options options() {
    auto result = patient_options();
    result.interpreters.grace = patience;
    result.interpreters.shutdown_timeout = patience;
    result.interpreters.teardown_timeout = patience;
    return result;
  }

  RunWithPatience() : Run{options()} {}
};

TEST_F(RunWithPatience, DeadlineEndsItAlsoInAWait) {
  auto [tx, rx] = rt().channel();
  EXPECT_EQ(rt().run("while True: pass", {.deadline = 1s}).failure, ia::errc::deadline_exceeded);
  EXPECT_EQ(rt().run("rx.recv()", {.channels = {{"rx", rx}}, .deadline = 1s}).failure,
            ia::errc::deadline_exceeded);
}

TEST_F(Run, BadNameKeepsTheReceiver) {
  auto [tx, rx] = rt().channel();
  auto result = rt().run("pass", {.channels = {{"good", rx}, {"not good", tx}}});
  EXPECT_FALSE(result.ok());
  EXPECT_EQ(result.python_error->type(), "ValueError");
  send(tx, bytes("a"));
  EXPECT_EQ(rx.recv(patience)->as_string_view(), "a");
}

TEST_F(Run, PrintedOutputIsNotSwallowed) {
  ::testing::internal::CaptureStdout();
  auto result = rt().run("print('whole')\nprint('half', end='')");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "whole\nhalf");
  EXPECT_TRUE(result.ok());
}

TEST_F(Run, StoppedRuntimeRunsNothing) {
  rt().stop();
  EXPECT_EQ(rt().run("pass").failure, ia::errc::stopped);
}

TEST_F(Run, ThreadsLeftBehindMayStillSend) {
  auto [tx, rx] = rt().channel();
  auto result = rt().run("import threading\n"
                         "threading.Thread(target=tx.send, args=(b'from a thread',)).start()\n",
                         {.channels = {{"tx", given_away(tx)}}});
  EXPECT_TRUE(result.ok()) << result.text;
  EXPECT_EQ(rx.recv(patience)->as_string_view(), "from a thread");
  EXPECT_EQ(code_of(rx.recv(patience).error()), ia::errc::channel_closed);
}

// -- from Python
// ------------------------------------------------------------------------------------------------------

TEST_F(Run, PythonRunsCodeElsewhereWithChannels) {
  auto actor = spawn("import interp_actors as ia\n"
                     "def work(v):\n"
                     "    in_tx, in_rx = ia.channel()\n"
                     "    out_tx, out_rx = ia.channel()\n"
                     "    in_tx.send(b'abc')\n"
                     "    with ia.create('worker') as interp:\n"
                     "        assert interp.run('out.send(bytes(source.recv()).upper()); x = 1',\n"
                     "                          channels={'source': in_rx, 'out': out_tx}) is None\n"
                     "        interp.run('assert x == 1')\n"
                     "        try: in_rx.recv()\n"
                     "        except RuntimeError as e: assert 'moved' in str(e)\n"
                     "        else: raise AssertionError\n"
                     "    try: interp.run('pass')\n"
                     "    except RuntimeError as e: assert 'closed' in str(e)\n"
                     "    else: raise AssertionError\n"
                     "    try: in_tx.send(b'')\n"
                     "    except ia.ChannelClosed as e: assert 'worker' in e.reason, e.reason\n"
                     "    else: raise AssertionError\n"
                     "    return out_rx.recv()\n");
  EXPECT_EQ(call(actor, "work"), "ABC");
}

TEST_F(Run, NamesOfInterpretersAreTexts) {
  auto result = rt().run(
      ia::text("import interp_actors as ia\n"
               "for name, kind in ((3, TypeError), ('a\\0b', ValueError), ('\\ud800', ValueError)):\n"
               "    try: ia.create(name)\n"
               "    except kind as e: assert kind is not TypeError or 'create(): name is a int' in str(e)\n"
               "    else: assert False, name\n"));
  EXPECT_TRUE(result.ok()) << result.text;
}

TEST_F(Run, PythonGetsRemoteErrorsOrTheirOwnType) {
  auto actor =
      spawn("import interp_actors as ia\n"
            "def raised(code, **how):\n"
            "    try: ia.create().run(code, **how)\n"
            "    except BaseException as e: return e\n"
            "def work(v):\n"
            "    e = raised(\"def f(): raise ValueError('no', 3)\\nf()\")\n"
            "    assert type(e) is ia.RemoteError and e.type == 'ValueError', repr(e)\n"
            "    assert 'in f' in str(e) and e.message == \"('no', 3)\", e\n"
            "    e = raised(\"e = KeyError('k'); e.add_note('n'); raise e\", reraise=True)\n"
            "    assert type(e) is KeyError and e.args == ('k',), repr(e)\n"
            "    assert type(e.__cause__) is ia.RemoteError and 'KeyError' in e.__cause__.traceback\n"
            "    assert e.__notes__ == ['n']\n"
            "    e = raised('open(\"/no/such/file\")', reraise=True)\n"
            "    assert type(e) is FileNotFoundError and e.errno == 2, repr(e)\n"
            "    e = raised('import decimal; decimal.Decimal(1) / 0', reraise=True)\n"
            "    assert type(e).__name__ in ('DivisionByZero', 'RemoteError'), repr(e)\n"
            "    e = raised('import zlib; raise zlib.error(None, True, 2.5, b\"x\", \"\\\\ud800\")', "
            "reraise=True)\n"
            "    import zlib\n"
            "    assert type(e) is zlib.error and e.args == (None, True, 2.5, b'x', '\\ud800'), repr(e)\n"
            "    e = raised('class Own(Exception): pass\\nraise Own()', reraise=True)\n"
            "    assert type(e) is ia.RemoteError and e.type == 'Own', repr(e)\n"
            "    e = raised('raise ValueError(object())', reraise=True)\n"
            "    assert type(e) is ia.RemoteError, repr(e)\n"
            "    e = raised('raise KeyboardInterrupt', reraise=True)\n"
            "    assert type(e) is ia.RemoteError, repr(e)\n"
            "    e = raised('raise SystemExit(3)', reraise=True)\n"
            "    assert type(e) is ia.RemoteError, repr(e)\n"
            "    assert raised('raise SystemExit') is None\n"
            "    e = raised('while True: pass', timeout=0.05)\n"
            "    assert type(e) is TimeoutError, repr(e)\n"
            "    assert type(raised('x = 1\\0')) is ia.RemoteError\n"
            "    assert type(raised('\\ud800')) is UnicodeEncodeError\n"
            "    assert type(raised(b'x')) is TypeError\n");
  EXPECT_EQ(call(actor, "work"), "None");
}

TEST_F(Run, BadChannelsForRunStayWhereTheyWere) {
  auto actor =
      spawn("import interp_actors as ia\n"
            "class Lies(dict):\n"
            "    def __len__(self): return 7\n"
            "    def items(self): return [1]\n"
            "def work(v):\n"
            "    tx, rx = ia.channel()\n"
            "    interp = ia.create()\n"
            "    for bad in ({'a': rx, 'not a name': tx}, {'a': rx, 'b': 3}, {'a': rx, 1: tx}, [rx], 3,\n"
            "                {'a': rx, 'b': rx}, {'\\ud800': rx}):\n"
            "        try: interp.run('pass', channels=bad)\n"
            "        except (TypeError, ValueError, RuntimeError): pass\n"
            "        else: raise AssertionError(bad)\n"
            "    tx.send(b'x')\n"
            "    assert bytes(rx.recv()) == b'x'\n"
            "    interp.run('tx.send(b\"y\")', channels=Lies(tx=tx))\n"
            "    return rx.recv()\n");
  EXPECT_EQ(call(actor, "work"), "y");
}

TEST_F(Run, InterruptReachesTheOtherInterpreter) {
  auto actor = spawn_at_gate("import interp_actors as ia\n"
                             "interp = ia.create()\n"
                             "def work(v):\n"
                             "    arrive()\n"
                             "    interp.run('while True: pass')\n"
                             "def again(v):\n"
                             "    interp.run('x = 1')\n"
                             "    return b'ok'\n");
  asked waiting{system(), actor, "work"};
  ASSERT_TRUE(gate.arrived());
  me().request(caf::actor_cast<caf::strong_actor_ptr>(actor), caf::make_message(ia::cancel_atom_v), patience);
  EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::cancelled);
  EXPECT_EQ(call(actor, "again"), "ok");
}

TEST_F(Run, OtherInterpreterEndsWithTheOneThatMadeIt) {
  {
    auto actor = spawn("import interp_actors as ia\ninterp = ia.create()\ninterp.run('x = 1')\n"
                       "def ok(v): return b'ok'\n");
    EXPECT_EQ(call(actor, "ok"), "ok");
    EXPECT_EQ(rt().counts().live, 2u);
  }
  wait_until([this] { return rt().counts().live == 0; }, "the end of both");
}

TEST_F(Run, OtherInterpreterEndsWithAnAbandonedOne) {
  auto actor = spawn_at_gate("import interp_actors as ia\n"
                             "others = [ia.create(), ia.create()]\n"
                             "others[0].close()\n"
                             "def hang(v):\n"
                             "    is_here = False\n"
                             "    while True:\n"
                             "        try:\n"
                             "            if not is_here:\n"
                             "                is_here = True\n"
                             "                arrive()\n"
                             "            wait_at_gate()\n"
                             "            break\n"
                             "        except BaseException: pass\n"
                             "    try: ia.create()\n"
                             "    except BaseException: arrive()\n");
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"hang"}, ia::shared_bytes{});
  ASSERT_TRUE(gate.arrived());
  wait_until([this] { return rt().counts().live == 2; }, "the end of the closed one");
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  wait_until([this] { return rt().counts().live == 0; }, "the end of the interpreter that it made");
  EXPECT_EQ(rt().counts().abandoned, 1u);
  gate.open();
  EXPECT_TRUE(gate.arrived()) << "nothing is made for it any more";
  wait_until([this] { return rt().counts().abandoned == 0; }, "the abandoned code to come back");
}

TEST_F(Run, NothingIsCreatedForAnInterpreterThatEnds) {
  auto actor = spawn_at_gate("import interp_actors as ia, atexit\n"
                             "def late():\n"
                             "    try: ia.create()\n"
                             "    except RuntimeError as problem:\n"
                             "        if 'stops' in str(problem): arrive()\n"
                             "atexit.register(late)\n");
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  EXPECT_TRUE(gate.arrived());
  wait_until([this] { return rt().counts().live == 0; }, "its end");
}

TEST_F(Run, AnInterruptWhileAnExceptionIsBuiltAgainIsRaised) {
  auto actor = spawn("import interp_actors as ia, zlib\n"
                     "class Twin(Exception):\n"
                     "    def __init__(self, *args): raise how\n"
                     "zlib.error = Twin\n"
                     "def work(v):\n"
                     "    global how\n"
                     "    with ia.create() as other:\n"
                     "        for how in (ia.Interrupted, ValueError):\n"
                     "            try: other.run('import zlib; raise zlib.error(1)', reraise=True)\n"
                     "            except BaseException as problem:\n"
                     "                wanted = ia.RemoteError if how is ValueError else how\n"
                     "                assert type(problem) is wanted, repr(problem)\n");
  EXPECT_EQ(call(actor, "work"), "None");
}

TEST_F(Run, InterpretersDoNotOutliveAStopInTheMiddle) {
  auto actor = spawn_at_gate("import interp_actors as ia\n"
                             "def work(v):\n"
                             "    tx, rx = ia.channel()\n"
                             "    arrive()\n"
                             "    ia.create().run('rx.recv()', channels={'rx': rx})\n");
  ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"work"}, ia::shared_bytes{});
  ASSERT_TRUE(gate.arrived());
  rt().stop();
  EXPECT_EQ(rt().counts().live, 0u);
  EXPECT_EQ(rt().counts().abandoned, 0u);
}

} // namespace
