#include <caf/exit_reason.hpp>

#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <future>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

struct sample {
  double value;
  std::int16_t kind;
};

} // namespace

template <>
struct ia::element_format<sample> : ia::struct_format<&sample::value, &sample::kind> {};

CAF_BEGIN_TYPE_ID_BLOCK(channel_test, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(channel_test, (ia::array<sample>))
CAF_END_TYPE_ID_BLOCK(channel_test)

namespace {

std::size_t resident_bytes() {
  ::malloc_trim(0);
  std::ifstream in{"/proc/self/statm"};
  std::size_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

#ifndef INTERP_ACTORS_SANITIZED
std::size_t heap_bytes() {
  return ::mallinfo2().uordblks;
}
#endif

class Channel : public with_runtime {
protected:
  Channel() : with_runtime{options()} {}

  ia::runtime_options options() {
    caf::init_global_meta_objects<caf::id_block::channel_test>();
    auto result = quick_options();
    result.dead_letters = [this](const ia::dead_letter& letter) {
      std::lock_guard guard{mutex_};
      letters_.push_back(letter.receiver + ": " + std::string{letter.payload.as_string_view()});
      reasons_.push_back(letter.why);
    };
    return result;
  }

  std::vector<std::string> letters() {
    std::lock_guard guard{mutex_};
    return letters_;
  }

  std::vector<std::string> reasons() {
    std::lock_guard guard{mutex_};
    return reasons_;
  }

  /// A message under way as a request, whose answer is taken later.
  template <class Handle, class Message>
  class under_way {
  public:
    under_way(caf::actor_system& system, const Handle& to, Message message)
        : self_{system},
          request_{
              ia::compat::request(self_, to, caf::timespan{patience}, ia::send_atom_v, std::move(message))} {}

    /// An error, or none where the message was accepted.
    caf::error answer() {
      caf::error result;
      std::move(request_).receive([] {}, [&](const caf::error& problem) { result = problem; });
      return result;
    }

  private:
    caf::scoped_actor self_;
    decltype(ia::compat::request(std::declval<caf::scoped_actor&>(), std::declval<const Handle&>(),
                                 caf::timespan{}, ia::send_atom_v, std::declval<Message>())) request_;
  };

  template <class Handle, class Message>
  under_way<Handle, Message> send_later(const Handle& to, Message message) {
    return {system(), to, std::move(message)};
  }

  /// Sends as a request, and returns an error or none.
  template <class Handle, class Message>
  caf::error send(const Handle& to, Message message) {
    return send_later(to, std::move(message)).answer();
  }

  /// Sends without a request.
  template <class Handle>
  static void post(const Handle& to, std::string_view text) {
    ia::compat::anonymous_send(to, ia::send_atom_v, bytes(text));
  }

  /// Tells why an actor ended.
  class watch {
  public:
    template <class Handle>
    watch(caf::actor_system& system, const Handle& whom) : self_{system} {
      self_->monitor(whom);
    }

    caf::error reason() { return down_reason(self_); }

  private:
    caf::scoped_actor self_;
  };

  /// Sends what must be accepted.
  template <class Handle, class Message>
  void put(const Handle& to, Message message) {
    auto problem = send(to, std::move(message));
    EXPECT_FALSE(problem) << ia::describe(problem);
  }

  static ia::shared_bytes bytes(std::string_view text) { return ia::shared_bytes::copy(text); }

  /// The next payload as text, or the error's name.
  template <class T>
  static std::string next(ia::channel_receiver<T>& from) {
    auto found = from.recv(patience);
    if (!found)
      return "error: " + ia::describe(found.error());
    if constexpr (std::is_same_v<T, std::byte>)
      return *found ? std::string{found->as_string_view()} : "None";
    else
      return std::to_string(found->size());
  }

  /// Runs `code` in an interpreter with `channels` and returns the actor. The code can use the gate, and
  /// `raises(kinds, use)`, which returns the exception of one of these kinds that `use()` must raise.
  ia::interpreter_actor spawn_with(const std::string& code, ia::channel_bindings channels = {}) {
    ia::spawn_options how;
    how.channels = std::move(channels);
    return spawn("def raises(kinds, use):\n"
                 "    try: use()\n"
                 "    except kinds as e: return e\n"
                 "    raise AssertionError(f'{kinds} was not raised')\n"
                     + code + gate.python(),
                 std::move(how));
  }

  /// Makes `actor` call `function` without waiting for it.
  void tell(const ia::interpreter_actor& actor, std::string function) {
    ia::compat::anonymous_send(actor, ia::call_atom_v, std::move(function), ia::shared_bytes{});
  }

  /// Ends `actor` and waits for that.
  template <class Handle>
  void end(const Handle& actor, caf::exit_reason reason) {
    watch watched{system(), actor};
    caf::anon_send_exit(actor, reason);
    EXPECT_EQ(watched.reason(), reason);
  }

  void kill(const ia::interpreter_actor& actor) { end(actor, caf::exit_reason::kill); }

private:
  std::mutex mutex_;
  std::vector<std::string> letters_;
  std::vector<std::string> reasons_;
};

// -- C++ alone
// --------------------------------------------------------------------------------------------------------

TEST_F(Channel, RequestsAreAnsweredOnAcceptanceInOrder) {
  auto [tx, rx] = rt().channel({.messages = 2});
  EXPECT_FALSE(send(tx, bytes("a")));
  EXPECT_FALSE(send(tx, bytes("b")));
  EXPECT_EQ(rx.size(), 2u);
  auto third = send_later(tx, bytes("c"));
  EXPECT_EQ(next(rx), "a");
  EXPECT_FALSE(third.answer());
  EXPECT_EQ(next(rx), "b");
  EXPECT_EQ(next(rx), "c");
  drop(tx);
  EXPECT_EQ(code_of(rx.recv(patience).error()), ia::errc::channel_closed);
}

TEST_F(Channel, LastHandleGoneMeansTheRestAndThenTheEnd) {
  auto [tx, rx] = rt().channel();
  auto second = tx;
  put(tx, bytes("a"));
  drop(tx);
  put(second, bytes("b"));
  drop(second);
  std::vector<std::string> seen;
  for (auto& message : rx)
    seen.emplace_back(message.as_string_view());
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "b"}));
}

TEST_F(Channel, ReceiverGoneMeansDownAndErrors) {
  auto [tx, rx] = rt().channel({.messages = 1});
  watch sender{system(), tx};
  put(tx, bytes("a"));
  auto waiting = send_later(tx, bytes("b"));
  rx.close();
  EXPECT_EQ(code_of(sender.reason()), ia::errc::channel_closed);
  EXPECT_EQ(code_of(waiting.answer()), ia::errc::channel_closed);
  auto problem = send(tx, bytes("c"));
  EXPECT_EQ(ia::describe(problem), "channel_closed: its receiver closed it");
  EXPECT_EQ(code_of(rx.recv(patience).error()), ia::errc::channel_closed);
}

TEST_F(Channel, DroppedReceiverClosesToo) {
  auto made = rt().channel();
  auto tx = made.sender;
  made.receiver = {};
  EXPECT_EQ(ia::describe(send(tx, bytes("a"))), "channel_closed: its receiving end was dropped");
}

TEST_F(Channel, ExitMessageEndsItWithItsReason) {
  auto [tx, rx] = rt().channel();
  put(tx, bytes("a"));
  caf::anon_send_exit(tx, caf::exit_reason::user_shutdown);
  EXPECT_EQ(code_of(send(tx, bytes("b"))), ia::errc::channel_closed);
  EXPECT_EQ(next(rx), "a");
  auto end = rx.recv(patience);
  ASSERT_FALSE(end);
  EXPECT_NE(ia::describe(end.error()).find("ended"), std::string::npos) << ia::describe(end.error());
}

TEST_F(Channel, AsynchronousMessagesBeyondTheBoundAreDeadLetters) {
  auto [tx, rx] = rt().channel({.messages = 2, .name = "narrow"});
  for (auto* text : {"a", "b", "c", "d"})
    post(tx, text);
  EXPECT_EQ(letters(), (std::vector<std::string>{"narrow: c", "narrow: d"}));
  EXPECT_EQ(rx.dropped(), 2u);
  EXPECT_EQ(rt().dead_letters(), 2u);
  EXPECT_EQ(next(rx), "a");
  EXPECT_EQ(next(rx), "b");
}

TEST_F(Channel, OnlyWhatHadNoRoomCountsAsDropped) {
  auto [tx, rx] = rt().channel({.messages = 1, .name = "narrow"});
  auto [doubles_tx, doubles_rx] = rt().channel<double>({.name = "doubles"});
  post(doubles_tx, "123"); // no double
  EXPECT_EQ(doubles_rx.dropped(), 0u);
  post(tx, "a");
  post(tx, "b");
  EXPECT_EQ(rx.dropped(), 1u);
  rx.close();
  post(tx, "c");
  EXPECT_EQ(rx.dropped(), 1u);
  EXPECT_EQ(letters(), (std::vector<std::string>{"doubles: 123", "narrow: b", "narrow: c"}));
}

TEST_F(Channel, FailRefusesRequestsAndDropOldestReportsWhatGaveWay) {
  auto [tx, rx] = rt().channel({.messages = 1, .when_full = ia::when_full::fail});
  put(tx, bytes("a"));
  EXPECT_EQ(code_of(send(tx, bytes("b"))), ia::errc::channel_full);
  EXPECT_EQ(letters(), (std::vector<std::string>{})) << "a refused request is no dead letter";
  auto [newest_tx, newest_rx] =
      rt().channel({.messages = 1, .when_full = ia::when_full::drop_oldest, .name = "newest"});
  EXPECT_FALSE(send(newest_tx, bytes("a")));
  EXPECT_FALSE(send(newest_tx, bytes("b")));
  EXPECT_EQ(letters(), (std::vector<std::string>{"newest: a"}));
  EXPECT_EQ(next(newest_rx), "b");
}

TEST_F(Channel, TypedArraysKeepTypeAndMemory) {
  auto [tx, rx] = rt().channel<double>();
  ia::array<double> values{1.0, 2.0, 3.0};
  auto* memory = values.data();
  EXPECT_FALSE(send(tx, values));
  auto got = rx.recv(patience);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->data(), memory);
  EXPECT_EQ(*got, values);
  EXPECT_EQ(code_of(send(tx, bytes("123"))), ia::errc::channel_mismatch);
  EXPECT_EQ(code_of(send(tx, ia::array<float>{1.0f}.bytes())), ia::errc::channel_mismatch);
}

TEST_F(Channel, UnknownMessagesAreRefused) {
  auto [tx, rx] = rt().channel();
  auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(tx), caf::make_message(42), patience);
  EXPECT_EQ(answer.error(), caf::sec::unexpected_message);
  EXPECT_FALSE(send(tx, bytes("a"))) << "and the channel lives";
  EXPECT_EQ(next(rx), "a");
}

TEST_F(Channel, EndsTravelInMessagesAndWorkAtTheirNewOwner) {
  auto [tx, rx] = rt().channel();
  auto [inner_tx, inner_rx] = rt().channel<double>();
  EXPECT_FALSE(send(tx, ia::channel_end{inner_rx}));
  EXPECT_EQ(code_of(inner_rx.recv(patience).error()), ia::errc::channel_moved);
  EXPECT_FALSE(send(tx, ia::channel_end{inner_tx}));
  EXPECT_EQ(code_of(rx.recv(patience).error()), ia::errc::channel_mismatch) << "it is no payload, and stays";
  auto end = rx.recv_end(patience);
  ASSERT_TRUE(end) << ia::describe(end.error());
  EXPECT_FALSE(ia::channel_receiver<float>::from(*end)) << "other elements";
  EXPECT_FALSE(ia::channel_receiver<>::from(*end)) << "bytes";
  auto receiver = ia::channel_receiver<double>::from(*end);
  ASSERT_TRUE(receiver) << ia::describe(receiver.error());
  auto sender = rx.recv_end(patience);
  ASSERT_TRUE(sender);
  ASSERT_TRUE(sender->sender());
  EXPECT_FALSE(send(caf::actor_cast<ia::channel_sender<double>>(sender->sender()), ia::array<double>{7.0}));
  EXPECT_EQ(next(*receiver), "1");
}

TEST_F(Channel, ReceivingEndInTransitOutlivesItsSender) {
  auto [tx, rx] = rt().channel();
  auto [inner_tx, inner_rx] = rt().channel();
  {
    auto moved = std::move(inner_rx);
    put(tx, ia::channel_end{moved});
  }
  drop(tx);
  EXPECT_FALSE(send(inner_tx, bytes("still there")));
  auto end = rx.recv_end(patience);
  ASSERT_TRUE(end);
  auto receiver = ia::channel_receiver<>::from(*end);
  ASSERT_TRUE(receiver);
  EXPECT_EQ(next(*receiver), "still there");
}

TEST_F(Channel, ReceivingEndMayNotTravelInsideOfItself) {
  auto [a_tx, a_rx] = rt().channel();
  auto [b_tx, b_rx] = rt().channel();
  EXPECT_EQ(code_of(send(a_tx, ia::channel_end{a_rx})), ia::errc::channel_mismatch);
  EXPECT_FALSE(send(a_tx, ia::channel_end{b_rx}));
  EXPECT_EQ(code_of(send(b_tx, ia::channel_end{a_rx})), ia::errc::channel_mismatch);
  auto end = a_rx.recv_end(patience);
  EXPECT_TRUE(end) << "the refused end is where it was";
}

TEST_F(Channel, RefusedReceivingEndStaysWhereItWas) {
  auto [tx, rx] = rt().channel({.messages = 1, .when_full = ia::when_full::fail});
  auto [inner_tx, inner_rx] = rt().channel();
  put(tx, bytes("full"));
  EXPECT_EQ(code_of(send(tx, ia::channel_end{inner_rx})), ia::errc::channel_full);
  put(inner_tx, bytes("a"));
  EXPECT_EQ(next(inner_rx), "a");
}

TEST_F(Channel, EndThatWaitedAtAChannelThatClosesComesBack) {
  auto [tx, rx] = rt().channel({.messages = 1});
  auto [inner_tx, inner_rx] = rt().channel();
  put(tx, bytes("full"));
  auto waiting = send_later(tx, ia::channel_end{inner_rx});
  rx.close();
  EXPECT_EQ(code_of(waiting.answer()), ia::errc::channel_closed);
  put(inner_tx, bytes("a"));
  EXPECT_EQ(next(inner_rx), "a");
}

TEST_F(Channel, ReceiverWithATimeoutGivesUp) {
  auto [tx, rx] = rt().channel();
  EXPECT_EQ(code_of(rx.recv(1ms).error()), ia::errc::deadline_exceeded);
  put(tx, bytes("a"));
  EXPECT_EQ(next(rx), "a");
}

TEST_F(Channel, ReceivingEndDoesNotLeaveItsProcess) {
  auto [tx, rx] = rt().channel();
  caf::byte_buffer buffer;
  caf::binary_serializer sink{system(), buffer};
  EXPECT_FALSE(sink.apply(ia::channel_end{rx}));
  caf::byte_buffer other;
  caf::binary_serializer second{system(), other};
  EXPECT_TRUE(second.apply(ia::channel_end{tx}));
}

// -- Python
// -----------------------------------------------------------------------------------------------------------

TEST_F(Channel, PythonReceivesViewsOfTheSameMemoryAndSendsThemOn) {
  auto [in_tx, in_rx] = rt().channel();
  auto [out_tx, out_rx] = rt().channel();
  auto actor = spawn_with("def work(v):\n"
                          "    for view in numbers:\n"
                          "        assert view.readonly\n"
                          "        results.send(view)\n"
                          "        results.send(bytes(view[:2]))\n"
                          "def after(v): return b'over'\n",
                          {{"numbers", in_rx}, {"results", out_tx}});
  tell(actor, "work");
  auto payload = ia::shared_bytes::adopt(std::string(100'000, 'x'));
  put(in_tx, payload);
  auto back = out_rx.recv(patience);
  ASSERT_TRUE(back) << ia::describe(back.error());
  EXPECT_EQ(back->data(), payload.data()) << "forwarded without a copy";
  EXPECT_EQ(next(out_rx), "xx");
  drop(in_tx);
  EXPECT_EQ(call(actor, "after"), "over");
}

TEST_F(Channel, TypedChannelsAreTypedViews) {
  auto [in_tx, in_rx] = rt().channel<float>({}, {-1, 2});
  auto [out_tx, out_rx] = rt().channel<double>();
  auto actor =
      spawn_with("from array import array\n"
                 "def work(v):\n"
                 "    view = numbers.recv()\n"
                 "    assert (view.format, view.shape, view.itemsize) == ('f', (2, 2), 4), view.shape\n"
                 "    sums.send(array('d', [sum(map(sum, view.tolist()))]).tobytes())\n"
                 "    try:\n"
                 "        sums.send(b'123')\n"
                 "    except ValueError as e:\n"
                 "        return str(e).encode()\n",
                 {{"numbers", in_rx}, {"sums", out_tx}});
  EXPECT_FALSE(send(in_tx, ia::array<float>{ia::array<float>{1, 2, 3, 4}.bytes(), {2, 2}}));
  EXPECT_NE(call(actor, "work").find("no whole number of elements of format 'd'"), std::string::npos);
  auto sums = out_rx.recv(patience);
  ASSERT_TRUE(sums);
  EXPECT_EQ((*sums)[0], 10.0);
}

TEST_F(Channel, StructsArriveWithTheirFormat) {
  auto [tx, rx] = rt().channel<sample>();
  auto actor =
      spawn_with("import struct\n"
                 "def work(v):\n"
                 "    view = samples.recv()\n"
                 "    return repr((view.format, list(struct.iter_unpack(view.format, view)))).encode()\n",
                 {{"samples", rx}});
  put(tx, ia::array<sample>{{1.5, 2}, {2.5, 3}});
  EXPECT_EQ(call(actor, "work"), "('=dh6x', [(1.5, 2), (2.5, 3)])");
}

TEST_F(Channel, PythonSendsFormatsAndShapes) {
  auto [tx, rx] = rt().channel();
  auto actor = spawn_with(
      "def work(v):\n"
      "    out.send(b'12345678', format='i')\n"
      "    out.send(b'12345678', format='h', shape=(2, 2))\n"
      "    out.send(b'12345678', shape=[2, 4])\n"
      "    out.send(b'1234567', 'B', 7)\n"
      "    out.send(b'1' * 12, '=ih')\n"
      "    for bad in ({'format': 'i', 'shape': (3,)}, {'format': ''}, {'format': 'd', 'shape': -1},\n"
      "                {'format': 'h'}):\n"
      "        raises(ValueError, lambda: out.send(b'123', **bad))\n",
      {{"out", tx}});
  EXPECT_EQ(call(actor, "work"), "None");
  using shape = std::vector<std::ptrdiff_t>;
  for (auto& [format, size] : std::vector<std::pair<std::string, shape>>{
           {"i", {2}}, {"h", {2, 2}}, {"B", {2, 4}}, {"B", {7}}, {"=ih", {2}}}) {
    auto found = rx.recv(patience);
    ASSERT_TRUE(found);
    ASSERT_TRUE(found->format());
    EXPECT_EQ(found->format()->format, format);
    EXPECT_EQ(found->format()->shape, size);
  }
  EXPECT_EQ(rx.size(), 0u);
}

TEST_F(Channel, OnlyImmutableBytesTravel) {
  auto [tx, rx] = rt().channel();
  auto actor =
      spawn_with("def work(v):\n"
                 "    for bad in (bytearray(3), memoryview(bytearray(3)).toreadonly(), 'text', 3, [b'']):\n"
                 "        assert 'bytes' in str(raises(TypeError, lambda: out.send(bad)))\n"
                 "    out.send(None)\n",
                 {{"out", tx}});
  EXPECT_EQ(call(actor, "work"), "None");
  EXPECT_EQ(next(rx), "None");
}

TEST_F(Channel, ViewsOfEarlierMessagesStayWhatTheyWere) {
  auto [tx, rx] = rt().channel();
  auto actor = spawn_with("def work(v):\n"
                          "    kept = []\n"
                          "    for i, view in enumerate(numbers):\n"
                          "        if i % 3 == 0: kept.append(view)\n"
                          "        if i % 7 == 0: kept.append(view[1:])\n"
                          "        if i % 11 == 0: kept.append(iter(view))\n"
                          "    return b' '.join(bytes(k) for k in kept)\n",
                          {{"numbers", rx}});
  std::string expected;
  for (int i = 0; i < 60; ++i) {
    auto text = std::to_string(i + 100);
    put(tx, bytes(text));
    auto add = [&](std::string_view what) { expected += (expected.empty() ? "" : " ") + std::string{what}; };
    if (i % 3 == 0)
      add(text);
    if (i % 7 == 0)
      add(text.substr(1));
    if (i % 11 == 0)
      add(text);
  }
  drop(tx);
  EXPECT_EQ(call(actor, "work"), expected);
}

TEST_F(Channel, PythonMakesChannelsAndSelects) {
  auto actor = spawn_with(
      "import interp_actors as ia, threading\n"
      "def work(v):\n"
      "    tx, rx = ia.channel()\n"
      "    other_tx, other_rx = ia.channel(messages=1, when_full='fail')\n"
      "    raises(TimeoutError, lambda: ia.select([rx, other_rx], timeout=0))\n"
      "    other_tx.send(b'x')\n"
      "    assert len(other_rx) == 1 and len(other_tx) == 1\n"
      "    raises(ia.ChannelFull, lambda: other_tx.send(b'y'))\n"
      "    assert ia.select([rx, other_rx]) == [other_rx]\n"
      "    assert bytes(other_rx.recv()) == b'x'\n"
      "    t = threading.Thread(target=tx.send, args=(b'late',))\n"
      "    t.start()\n"
      "    assert ia.select((rx, other_rx)) == [rx]\n"
      "    t.join()\n"
      "    with tx: pass\n"
      "    assert [bytes(m) for m in rx] == [b'late']\n"
      "    assert ia.select([rx]) == [rx]\n"
      "    assert raises(ia.ChannelClosed, rx.recv).reason == 'all sending ends are gone'\n"
      "    raises(ia.ChannelClosed, lambda: rx.recv(timeout=0))\n"
      "    other_rx.close()\n"
      "    assert raises(ia.ChannelClosed, lambda: other_tx.send(b'')).reason == 'its receiver closed it'\n"
      "    for bad in ([], [rx, rx], [other_rx], [3]):\n"
      "        raises((ValueError, TypeError, ia.ChannelClosed), lambda: ia.select(bad))\n"
      "    for bad in ({'messages': -1}, {'when_full': 'x'}, {'format': 'dd'}, {'shape': (-2,)}):\n"
      "        raises(ValueError, lambda: ia.channel(**bad))\n"
      "    for bad in (-1, float('nan')):\n"
      "        raises(ValueError, lambda: rx.recv(timeout=bad))\n");
  EXPECT_EQ(call(actor, "work"), "None");
}

TEST_F(Channel, PythonWaitsForRoomAndGivesUpInTime) {
  auto [tx, rx] = rt().channel({.messages = 1});
  auto actor = spawn_with("def fill(v): out.send(b'first')\n"
                          "def late(v):\n"
                          "    try: out.send(b'too late', timeout=0.01)\n"
                          "    except TimeoutError: return b'timeout'\n"
                          "def wait(v):\n"
                          "    arrive()\n"
                          "    out.send(b'second')\n"
                          "    return b'sent'\n",
                          {{"out", tx}});
  call(actor, "fill");
  EXPECT_EQ(call(actor, "late"), "timeout");
  asked waiting{system(), actor, "wait"};
  ASSERT_TRUE(gate.arrived());
  EXPECT_EQ(next(rx), "first");
  auto answer = waiting.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(next(rx), "second") << "and nothing of what came too late";
}

TEST_F(Channel, InterruptEndsEveryWaitOnceAndTheInterpreterGoesOn) {
  auto [tx, rx] = rt().channel();
  auto [full_tx, full_rx] = rt().channel({.messages = 1});
  put(full_tx, bytes("full"));
  auto actor = spawn_with("import interp_actors as ia\n"
                          "def recv(v):\n"
                          "    arrive()\n"
                          "    source.recv()\n"
                          "def loop(v):\n"
                          "    arrive()\n"
                          "    for view in source: pass\n"
                          "def select(v):\n"
                          "    arrive()\n"
                          "    ia.select([source])\n"
                          "def send(v):\n"
                          "    arrive()\n"
                          "    out.send(b'')\n"
                          "def after(v): pass\n"
                          "def twice(v):\n"
                          "    arrive()\n"
                          "    try: source.recv()\n"
                          "    except ia.Interrupted: pass\n"
                          "    else: return b'not interrupted'\n"
                          "    try: source.recv(timeout=0.02)\n"
                          "    except TimeoutError: return b'once'\n",
                          {{"source", rx}, {"out", full_tx}});
  auto cancel = [&] {
    return me().request(caf::actor_cast<caf::strong_actor_ptr>(actor), caf::make_message(ia::cancel_atom_v),
                        patience);
  };
  for (auto* function : {"recv", "loop", "select", "send"}) {
    asked waiting{system(), actor, function};
    ASSERT_TRUE(gate.arrived()) << function;
    cancel();
    EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::cancelled) << function;
  }
  asked waiting{system(), actor, "twice"};
  ASSERT_TRUE(gate.arrived());
  cancel();
  // The caller may have been answered already; what counts is that the handler was not interrupted again.
  auto answer = waiting.answer();
  if (answer) {
    EXPECT_EQ(answer->as_string_view(), "once");
  }
  EXPECT_EQ(call(actor, "after"), "None"); // the handler is done, whoever answered
  EXPECT_EQ(full_rx.size(), 1u) << "the interrupted sender has withdrawn";
  put(tx, bytes("a"));
  EXPECT_EQ(call(actor, "recv"), "None");
}

TEST_F(Channel, KilledReceiverClosesItsChannelInTheMiddleOfAWait) {
  auto [tx, rx] = rt().channel({.messages = 1});
  auto actor =
      spawn_with("def work(v):\n    arrive()\n    source.recv()\n    source.recv()\n", {{"source", rx}});
  tell(actor, "work");
  ASSERT_TRUE(gate.arrived());
  watch sender{system(), tx};
  kill(actor);
  auto reason = sender.reason();
  EXPECT_EQ(code_of(reason), ia::errc::channel_closed);
  EXPECT_NE(ia::describe(reason).find("the interpreter 'interpreter' has ended"), std::string::npos)
      << ia::describe(reason);
}

TEST_F(Channel, KilledSenderLeavesItsMessagesAndTheEnd) {
  auto [tx, rx] = rt().channel({.messages = 1});
  auto actor = spawn_with("def work(v):\n    out.send(b'a')\n    arrive()\n    out.send(b'b')\n",
                          {{"out", given_away(tx)}});
  tell(actor, "work");
  ASSERT_TRUE(gate.arrived());
  kill(actor);
  EXPECT_EQ(next(rx), "a");
  EXPECT_EQ(code_of(rx.recv(patience).error()), ia::errc::channel_closed);
}

TEST_F(Channel, AbandonedInterpreterGivesItsEndsUp) {
  auto [in_tx, in_rx] = rt().channel();
  auto [out_tx, out_rx] = rt().channel();
  auto actor = spawn_with("def hang(v):\n"
                          "    source.recv()\n"
                          "    while True:\n"
                          "        try:\n"
                          "            arrive()\n"
                          "            wait_at_gate()\n"
                          "            break\n"
                          "        except BaseException: pass\n"
                          "    for use in (source.recv, lambda: out.send(b'late'), out.close):\n"
                          "        try: use()\n"
                          "        except BaseException: pass\n",
                          {{"source", in_rx}, {"out", given_away(out_tx)}});
  put(in_tx, bytes("a"));
  put(in_tx, bytes("b"));
  tell(actor, "hang");
  ASSERT_TRUE(gate.arrived());
  kill(actor);
  EXPECT_EQ(code_of(send(in_tx, bytes("c"))), ia::errc::channel_closed);
  EXPECT_EQ(next(out_rx), "error: channel_closed: no more messages may come");
  gate.open();
  wait_until([this] { return rt().counts().abandoned == 0; }, "the end of the abandoned interpreter");
}

TEST_F(Channel, InterpretersEndLetsGoOfWhatItsReceiverHadTaken) {
  for (bool dies : {false, true}) {
    auto [tx, rx] = rt().channel();
    for (auto* text : {"a", "b", "c"})
      put(tx, bytes(text));
    auto actor = spawn_with("def take(v): assert bytes(source.recv()) == b'a'\n", {{"source", rx}});
    EXPECT_EQ(call(actor, "take"), "None");
    EXPECT_EQ(rx.size(), 2u) << "taken from the queue, and not received";
    end(actor, dies ? caf::exit_reason::kill : caf::exit_reason::user_shutdown);
    wait_until([] { return ia::read_payload_stats().live_blocks == 0; }, "the payloads' end");
    EXPECT_EQ(rx.size(), 0u);
    EXPECT_EQ(rx.dropped(), 0u);
    EXPECT_EQ(code_of(send(tx, bytes("d"))), ia::errc::channel_closed) << "the channel is still there";
  }
}

TEST_F(Channel, WhatUsersAttachedToItsActorDoesNotHoldUpTheTimer) {
  auto [tx, rx] = rt().channel();
  auto answered = std::make_shared<std::promise<void>>();
  auto attached = std::make_shared<std::promise<bool>>();
  caf::actor_cast<caf::strong_actor_ptr>(tx)->get()->attach_functor([answered, attached](const caf::error&) {
    attached->set_value(answered->get_future().wait_for(patience) == std::future_status::ready);
  });
  auto other = spawn_at_gate("def wait(v):\n    arrive()\n    wait_at_gate()\n");
  asked busy{system(), other, "wait"};
  ASSERT_TRUE(gate.arrived());
  auto actor = spawn_with("def hang(v):\n"
                          "    while True:\n"
                          "        try:\n"
                          "            arrive()\n"
                          "            wait_at_gate()\n"
                          "            break\n"
                          "        except BaseException: pass\n",
                          {{"source", rx}});
  tell(actor, "hang");
  ASSERT_TRUE(gate.arrived());
  caf::anon_send_exit(actor, caf::exit_reason::kill); // it is abandoned, and its channel closes
  wait_until([this] { return rt().counts().abandoned == 1; }, "the abandonment");
  asked waiting{system(), other, "wait", 1ms}; // the timer answers it
  EXPECT_EQ(code_of(waiting.answer().error()), ia::errc::deadline_exceeded);
  answered->set_value();
  EXPECT_TRUE(attached->get_future().get());
  gate.open();
  EXPECT_TRUE(busy.answer());
  wait_until([this] { return rt().counts().abandoned == 0; }, "the end of the abandoned interpreter");
}

TEST_F(Channel, ThreadsThatWaitEndWithTheirInterpreter) {
  auto [tx, rx] = rt().channel();
  auto actor = spawn_with("import threading\n"
                          "def work(v):\n"
                          "    def wait():\n"
                          "        arrive()\n"
                          "        source.recv()\n"
                          "    threading.Thread(target=wait).start()\n",
                          {{"source", rx}});
  EXPECT_EQ(call(actor, "work"), "None");
  ASSERT_TRUE(gate.arrived());
  end(actor, caf::exit_reason::user_shutdown);
  EXPECT_EQ(code_of(send(tx, bytes("a"))), ia::errc::channel_closed);
}

TEST_F(Channel, PythonMovesEndsThroughChannels) {
  auto [tx, rx] = rt().channel();
  auto giver = spawn_with("import interp_actors as ia\n"
                          "def give(v):\n"
                          "    inner_tx, inner_rx = ia.channel()\n"
                          "    inner_tx.send(b'inside')\n"
                          "    out.send(inner_rx)\n"
                          "    out.send(inner_tx)\n"
                          "    inner_tx.send(b'more')\n"
                          "    assert 'moved' in str(raises(RuntimeError, inner_rx.recv))\n"
                          "    raises(RuntimeError, lambda: out.send(inner_rx))\n"
                          "def own(v):\n"
                          "    a_tx, a_rx = ia.channel()\n"
                          "    b_tx, b_rx = ia.channel()\n"
                          "    raises(ValueError, lambda: a_tx.send(a_rx))\n"
                          "    a_tx.send(b_rx)\n"
                          "    raises(ValueError, lambda: b_tx.send(a_rx))\n"
                          "    b_tx.send(b'in b')\n"
                          "    assert bytes(a_rx.recv().recv()) == b'in b'\n",
                          {{"out", tx}});
  EXPECT_EQ(call(giver, "own"), "None");
  auto taker = spawn_with("def take(v):\n"
                          "    rx = source.recv()\n"
                          "    tx = source.recv()\n"
                          "    tx.send(b'mine')\n"
                          "    tx.close()\n"
                          "    return b' '.join(bytes(m) for m in rx)\n",
                          {{"source", rx}});
  EXPECT_EQ(call(giver, "give"), "None");
  kill(giver); // what it sent is on its way, and survives
  EXPECT_EQ(call(taker, "take"), "inside more mine");
}

TEST_F(Channel, RefusedEndStaysAtItsPythonObject) {
  auto actor = spawn_with("import interp_actors as ia\n"
                          "def work(v):\n"
                          "    tx, rx = ia.channel(messages=1)\n"
                          "    a_tx, a_rx = ia.channel()\n"
                          "    a_tx.send(b'a')\n"
                          "    tx.send(b'full')\n"
                          "    raises(TimeoutError, lambda: tx.send(a_rx, timeout=0))\n"
                          "    rx.close()\n"
                          "    raises(ia.ChannelClosed, lambda: tx.send(a_rx))\n"
                          "    return a_rx.recv()\n");
  EXPECT_EQ(call(actor, "work"), "a");
}

TEST_F(Channel, EndsAreArgumentsOfACall) {
  auto [in_tx, in_rx] = rt().channel();
  auto [out_tx, out_rx] = rt().channel();
  auto actor = spawn("def work(source, out):\n    for view in source: out.send(view)\n    return b'done'\n");
  put(in_tx, bytes("a"));
  drop(in_tx);
  auto answer = me().request(
      caf::actor_cast<caf::strong_actor_ptr>(actor),
      caf::make_message(ia::call_atom_v, std::string{"work"}, std::vector<ia::channel_end>{in_rx, out_tx}),
      patience);
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(answer->get_as<ia::shared_bytes>(0).as_string_view(), "done");
  EXPECT_EQ(next(out_rx), "a");
  EXPECT_EQ(code_of(in_rx.recv(patience).error()), ia::errc::channel_closed)
      << "closed counts more than moved";
}

TEST_F(Channel, DeadLettersOfCallsWithEndsNameTheirTypes) {
  auto [tx, rx] = rt().channel();
  auto holder = spawn_with("", {{"source", rx}});
  auto actor = spawn("def work(source): pass\ndef ok(v): return b'ok'\n");
  auto tell = [&](std::vector<ia::channel_end> ends) {
    ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"work"}, std::move(ends));
  };
  tell({rx});     // somebody else has it
  tell({tx, tx}); // too many
  EXPECT_EQ(call(actor, "ok"), "ok");
  auto found = reasons();
  ASSERT_EQ(found.size(), 2u);
  for (auto& reason : found) {
    EXPECT_EQ(reason.find("(interp_actors::call_atom, "), 0u) << reason;
    EXPECT_NE(reason.find("channel_end"), std::string::npos) << reason;
  }
  EXPECT_NE(found[1].find("takes 1 positional argument"), std::string::npos) << found[1];
}

TEST_F(Channel, CallOfNoFunctionLeavesTheEndsWhereTheyWere) {
  auto [tx, rx] = rt().channel();
  auto actor = spawn("x = 1\n");
  for (auto* name : {"missing", "x"}) {
    auto answer = me().request(
        caf::actor_cast<caf::strong_actor_ptr>(actor),
        caf::make_message(ia::call_atom_v, std::string{name}, std::vector<ia::channel_end>{rx, tx}),
        patience);
    EXPECT_EQ(code_of(answer.error()), ia::errc::no_such_function) << name;
    put(tx, bytes(name));
    EXPECT_EQ(next(rx), name);
  }
}

TEST_F(Channel, ObjectsTravelWithTheirBuffersUncopied) {
  auto actor = spawn_with(
      "import interp_actors as ia, pickle\n"
      "class Held:\n"
      "    def __init__(self, data): self.data = data\n"
      "    def __reduce_ex__(self, protocol): return Held, (pickle.PickleBuffer(self.data),)\n"
      "def work(v):\n"
      "    tx, rx = ia.channel(objects=True)\n"
      "    large = bytes(1_000_000)\n"
      "    tx.send_object({'a': [1, 2.5, None], 'held': Held(large), 'copy': Held(bytearray(b'xyz')),\n"
      "                    'cast': Held(memoryview(b'12345678').cast('i'))})\n"
      "    raises(TypeError, rx.recv)\n"
      "    got = rx.recv_object()\n"
      "    assert got['a'] == [1, 2.5, None]\n"
      "    assert bytes(got['copy'].data) == b'xyz'\n"
      "    assert got['cast'].data.format == 'i', got['cast'].data.format\n"
      "    tx.send(got['held'].data)\n"
      "    global where\n"
      "    where = id(large) + bytes.__basicsize__ - 1\n"
      "    return rx.recv()\n"
      "def address(v): return b'%d' % where\n"
      "def plain(v):\n"
      "    tx, rx = ia.channel()\n"
      "    for use in (lambda: tx.send_object(1), lambda: rx.recv_object(timeout=0)):\n"
      "        assert 'objects=True' in str(raises(TypeError, use))\n"
      "    tx, rx = ia.channel(objects=True)\n"
      "    tx.send(b'')\n"
      "    raises(TypeError, rx.recv_object)\n"
      "    try: tx.send_object(lambda: 0)\n"
      "    except Exception as e: return type(e).__name__.encode()\n");
  auto answer = me().call(actor, "work", ia::shared_bytes{});
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(answer->size(), 1'000'000u);
  EXPECT_EQ(std::to_string(reinterpret_cast<std::uintptr_t>(answer->data())), call(actor, "address"));
  EXPECT_EQ(call(actor, "plain"), "PicklingError");
}

TEST_F(Channel, LargePayloadsAreNotCopied) {
  constexpr std::size_t large = 64 * 1024 * 1024;
  auto [tx, rx] = rt().channel();
  auto [out_tx, out_rx] = rt().channel();
  auto actor = spawn_with("def work(v):\n    for view in source: out.send(view[1:])\n",
                          {{"source", rx}, {"out", out_tx}});
  tell(actor, "work");
  put(tx, bytes("warm"));
  next(out_rx);
  auto payload = ia::shared_bytes::adopt(std::string(large, 'x'));
  auto before = resident_bytes();
  put(tx, payload);
  auto back = out_rx.recv(patience);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->data(), payload.data() + 1);
  EXPECT_LT(resident_bytes(), before + large / 4);
}

/// An actor that takes a channel's messages itself, and refuses those that say so.
class cpp_sink final : public caf::actor_companion {
public:
  using caf::actor_companion::actor_companion;
  using caf::actor_companion::enqueue;

  bool enqueue(caf::mailbox_element_ptr element, ia::compat::execution_context*) override {
    auto& content = element->payload;
    if (content.match_elements<caf::exit_msg>()) {
      cleanup(caf::error{content.get_as<caf::exit_msg>(0).reason}, nullptr);
      return true;
    }
    caf::message answer;
    if (content.match_elements<ia::send_atom, ia::shared_bytes>()) {
      std::string text{content.get_as<ia::shared_bytes>(1).as_string_view()};
      if (text == "full")
        answer = caf::make_message(ia::make_error(ia::errc::channel_full, std::string{"no"}));
      else if (text == "bad")
        answer = caf::make_message(ia::make_error(ia::errc::channel_mismatch, std::string{"not like this"}));
      else if (text == "odd")
        answer = caf::make_message(caf::make_error(caf::sec::runtime_error));
      else if (text == "last")
        answer = caf::make_message(ia::make_error(ia::errc::channel_closed, std::string{"enough"}));
      else if (text == "many")
        ++many;
      else
        seen.push_back(text);
    }
    ia::answer_request(std::move(element), ctrl(), std::move(answer));
    return true;
  }

  std::vector<std::string> seen; // written before its sender is answered
  std::atomic<std::size_t> many{0};
};

class ForeignChannel : public Channel {
protected:
  /// A sending end that leads to the sink.
  ia::channel_end out() const {
    ia::channel_end result;
    result.set_sender(actor_);
    return result;
  }

  cpp_sink& sink() { return *static_cast<cpp_sink*>(actor_->get()); }

  void end_sink() { end(caf::actor_cast<caf::actor>(actor_), caf::exit_reason::user_shutdown); }

private:
  const caf::strong_actor_ptr actor_ =
      caf::actor_cast<caf::strong_actor_ptr>(system().spawn<cpp_sink, caf::hidden>());
};

TEST_F(ForeignChannel, TakesWhatPythonSends) {
  auto actor =
      spawn_with("import interp_actors as ia\n"
                 "def work(v):\n"
                 "    out.send(b'a')\n"
                 "    out.send(b'b')\n"
                 "    raises(ia.ChannelFull, lambda: out.send(b'full'))\n"
                 "    tx, rx = ia.channel(objects=True)\n"
                 "    for use in (lambda: out.send(rx), lambda: out.send_object(1), lambda: len(out)):\n"
                 "        raises(TypeError, use)\n"
                 "    out.send(tx)\n"
                 "def closed(v): raises(ia.ChannelClosed, lambda: out.send(b'c'))\n",
                 {{"out", out()}});
  EXPECT_EQ(call(actor, "work"), "None");
  EXPECT_EQ(sink().seen, (std::vector<std::string>{"a", "b"}));
  end_sink();
  EXPECT_EQ(call(actor, "closed"), "None");
}

TEST_F(ForeignChannel, RefusesOneMessageAndTakesTheNext) {
  auto actor = spawn_with("import interp_actors as ia\n"
                          "def work(v):\n"
                          "    e = raises(ia.ActorError, lambda: out.send(b'bad'))\n"
                          "    assert e.text == 'not like this', e.text\n"
                          "    e = raises(ia.ActorError, lambda: out.send(b'odd'))\n"
                          "    assert e.category == 'caf::sec', e.category\n"
                          "    out.send(b'a')\n"
                          "    e = raises(ia.ChannelClosed, lambda: out.send(b'last'))\n"
                          "    assert 'enough' in e.reason, e.reason\n"
                          "    e = raises(ia.ChannelClosed, lambda: out.send(b'b'))\n"
                          "    assert 'enough' in e.reason, e.reason\n",
                          {{"out", out()}});
  EXPECT_EQ(call(actor, "work"), "None");
  EXPECT_EQ(sink().seen, (std::vector<std::string>{"a"}));
}

TEST_F(ForeignChannel, TakesWhatSeveralThreadsSendAtOnce) {
  auto actor = spawn_with("import threading\n"
                          "def work(v):\n"
                          "    def send():\n"
                          "        for i in range(5000): out.send(b'many')\n"
                          "    threads = [threading.Thread(target=send) for i in range(4)]\n"
                          "    for each in threads: each.start()\n"
                          "    for each in threads: each.join()\n",
                          {{"out", out()}});
  EXPECT_EQ(call(actor, "work"), "None");
  EXPECT_EQ(sink().many, 20'000u);
}

#ifndef INTERP_ACTORS_SANITIZED // sanitizers have allocators of their own, which say nothing
TEST_F(ForeignChannel, LeavesNothingAtItsActorWhenItsEndsAreDropped) {
  auto some = [this] {
    for (int i = 0; i < 1000; ++i)
      (void)ia::sending_end_of(system(), out().sender());
  };
  some(); // allocators keep some memory
  auto before = heap_bytes();
  for (int i = 0; i < 10; ++i)
    some();
  EXPECT_LT(heap_bytes(), before + 200'000) << "less than 20 bytes for each end";
}
#endif

TEST_F(ForeignChannel, OfAnActorThatHasEndedIsClosed) {
  end_sink();
  auto late = ia::sending_end_of(system(), out().sender());
  std::vector<ia::channel_item> dropped;
  ia::channel_item item{bytes("a"), nullptr};
  EXPECT_EQ(late.entry->offer(item, dropped), ia::send_result::closed);
  EXPECT_NE(late.entry->reason().find("its actor has ended"), std::string::npos) << late.entry->reason();
}

TEST_F(Channel, BadBindingsFailTheSpawnAndKeepTheEnds) {
  auto [tx, rx] = rt().channel();
  for (auto& name : {std::string{"not a name"}, std::string{}, std::string{"a\0b", 3}, std::string{"1st"}}) {
    ia::spawn_options how;
    how.channels = {{"fine", rx}, {name, tx}};
    auto failed = rt().spawn(ia::text("pass"), how);
    ASSERT_FALSE(failed);
    EXPECT_NE(ia::describe(failed.error()).find("identifier"), std::string::npos)
        << ia::describe(failed.error());
  }
  ia::spawn_options twice;
  twice.channels = {{"a", rx}, {"b", rx}};
  auto failed = rt().spawn(ia::text("pass"), twice);
  ASSERT_FALSE(failed);
  EXPECT_EQ(code_of(failed.error()), ia::errc::channel_moved);
  put(tx, bytes("a"));
  EXPECT_EQ(next(rx), "a");
}

} // namespace
