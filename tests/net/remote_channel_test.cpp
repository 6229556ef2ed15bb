#include <caf/all.hpp>

#include "net/with_nodes.hpp"

using namespace ia_test;

namespace {

/// Takes jobs from a channel, and sends results through another one.
constexpr const char* doubler = R"(
import interp_actors as ia, threading
def work(v):
    for job in jobs:
        results.send(bytes(job) * 2)
    results.send(b'done')
def take(v): return bytes(jobs.recv())
def nap(v): return v
def leave(v): raise SystemExit(3)
def close(v): jobs.close()
)";

class RemoteChannel : public with_nodes {
protected:
  ia::interpreter_actor start(const std::string& code, ia::channel_bindings channels,
                              ia::python_options options = {}) {
    options.spawn.channels = std::move(channels);
    trees_.push_back(supervise_one(code, std::move(options)));
    return at(trees_.back(), "one");
  }

  static std::string text(const caf::expected<ia::shared_bytes>& what) {
    return what ? std::string{what->as_string_view()} : "error: " + ia::describe(what.error());
  }

  /// Sends one message and waits for its acceptance.
  template <class Sender>
  caf::error send(const Sender& to, ia::shared_bytes what) {
    auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(to),
                               caf::make_message(ia::send_atom_v, std::move(what)), caf::timespan{patience});
    return answer ? caf::error{} : std::move(answer.error());
  }

  void tell_work(const ia::interpreter_actor& to) { tell(to, "work"); }

private:
  std::vector<ia::tree> trees_;
};

TEST_F(RemoteChannel, JobsGoInAndResultsComeOutInTheirOrder) {
  start_node();
  auto jobs = rt().channel({.messages = 8});
  auto results = rt().channel({.messages = 8});
  auto one = start(doubler, {{"jobs", jobs.receiver}, {"results", results.sender}});
  tell_work(one);
  std::thread feeder{[&] {
    ia::caller sender{system()};
    for (int i = 0; i < 200; ++i) {
      auto answer =
          sender.request(caf::actor_cast<caf::strong_actor_ptr>(jobs.sender),
                         caf::make_message(ia::send_atom_v, ia::shared_bytes::copy(std::to_string(i))));
      EXPECT_TRUE(answer) << ia::describe(answer.error());
    }
    jobs.sender = nullptr;
  }};
  for (int i = 0; i < 200; ++i)
    EXPECT_EQ(text(results.receiver.recv(patience)), std::to_string(i) + std::to_string(i));
  EXPECT_EQ(text(results.receiver.recv(patience)), "done");
  feeder.join();
}

TEST_F(RemoteChannel, LargeMessagesTravel) {
  start_node();
  auto jobs = rt().channel();
  auto one = start(doubler, {{"jobs", jobs.receiver}});
  auto sent = ia::shared_bytes::adopt(std::string(5'000'000, 'q'));
  EXPECT_FALSE(send(jobs.sender, sent));
  auto back = me().call(one, "take", ia::shared_bytes{});
  ASSERT_TRUE(back) << ia::describe(back.error());
  EXPECT_TRUE(*back == sent);
}

TEST_F(RemoteChannel, ArraysKeepTheirElements) {
  start_node();
  auto jobs = rt().channel<double>();
  auto one = start("def take(v):\n    m = jobs.recv()\n    return str((m.format, m.tolist())).encode()\n",
                   {{"jobs", jobs.receiver}});
  ia::compat::anonymous_send(jobs.sender, ia::send_atom_v, ia::array<double>{std::vector<double>{1.5, -2}});
  EXPECT_EQ(call(one, "take"), "('d', [1.5, -2.0])");
}

TEST_F(RemoteChannel, ItsBoundsHoldOverTheNode) {
  start_node();
  auto jobs = rt().channel({.messages = 4, .when_full = ia::when_full::fail});
  auto one = start(doubler, {{"jobs", jobs.receiver}});
  caf::error refused;
  int accepted = 0;
  wait_until(
      [&] {
        refused = send(jobs.sender, ia::shared_bytes::copy("x"));
        accepted += !refused;
        return static_cast<bool>(refused);
      },
      "a full channel");
  EXPECT_EQ(code_of(refused), ia::errc::channel_full);
  EXPECT_GE(accepted, 4);
  EXPECT_EQ(call(one, "take"), "x"); // and there is room again
  wait_until([&] { return !send(jobs.sender, ia::shared_bytes::copy("y")); }, "room");
}

TEST_F(RemoteChannel, ClosesWithItsInterpreter) {
  start_node();
  auto jobs = rt().channel();
  auto one = start(doubler, {{"jobs", jobs.receiver}}, {.spawn = {}, .succession = {}});
  EXPECT_EQ(code_of(me().call(one, "leave", ia::shared_bytes{}).error()), ia::errc::exited);
  caf::error why;
  wait_until(
      [&] {
        why = send(jobs.sender, ia::shared_bytes::copy("x"));
        return static_cast<bool>(why);
      },
      "the channel's end");
  EXPECT_EQ(code_of(why), ia::errc::channel_closed) << ia::describe(why);
}

TEST_F(RemoteChannel, ClosesWhereItsReceiverIsClosed) {
  start_node();
  auto jobs = rt().channel();
  auto one = start(doubler, {{"jobs", jobs.receiver}});
  EXPECT_EQ(call(one, "close"), "None");
  caf::error why;
  wait_until(
      [&] {
        why = send(jobs.sender, ia::shared_bytes::copy("x"));
        return static_cast<bool>(why);
      },
      "the channel's end");
  EXPECT_EQ(code_of(why), ia::errc::channel_closed) << ia::describe(why);
}

TEST_F(RemoteChannel, ClosesWithItsNode) {
  start_node();
  auto jobs = rt().channel();
  auto one = start(doubler, {{"jobs", jobs.receiver}});
  EXPECT_EQ(call(one, "nap", "x"), "x");
  process().kill(SIGKILL);
  caf::error why;
  wait_until(
      [&] {
        why = send(jobs.sender, ia::shared_bytes::copy("x"));
        return static_cast<bool>(why);
      },
      "the channel's end");
  EXPECT_EQ(code_of(why), ia::errc::channel_closed) << ia::describe(why);
}

TEST_F(RemoteChannel, EndsAreArgumentsAndGlobalsToo) {
  start_node();
  auto one =
      at(supervise_one("def pump(source, sink):\n    for v in source: sink.send(v)\n    return b'pumped'\n"),
         "one");
  auto source = rt().channel();
  auto sink = rt().channel();
  for (auto* each : {"a", "b"})
    ia::compat::anonymous_send(source.sender, ia::send_atom_v, ia::shared_bytes::copy(each));
  source.sender = nullptr;
  auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(one),
                             caf::make_message(ia::call_atom_v, std::string{"pump"},
                                               std::vector<ia::channel_end>{source.receiver, sink.sender}),
                             caf::timespan{patience});
  ASSERT_TRUE(answer) << ia::describe(answer.error());
  EXPECT_EQ(answer->get_as<ia::shared_bytes>(0).as_string_view(), "pumped");
  EXPECT_EQ(text(sink.receiver.recv(patience)), "a");
  EXPECT_EQ(text(sink.receiver.recv(patience)), "b");
  auto third = rt().channel();
  auto done = me().request(caf::actor_cast<caf::strong_actor_ptr>(one),
                           caf::make_message(ia::execute_atom_v, std::string{"out.send(b'from code')"},
                                             ia::channel_bindings{{"out", third.sender}}),
                           caf::timespan{patience});
  EXPECT_TRUE(done) << ia::describe(done.error());
  EXPECT_EQ(text(third.receiver.recv(patience)), "from code");
}

TEST_F(RemoteChannel, AReceivingEndThatIsTakenAlreadyFailsTheStart) {
  start_node();
  auto jobs = rt().channel();
  auto first = start(doubler, {{"jobs", jobs.receiver}});
  ia::python_options options{.on = ia::any_node};
  options.spawn.channels = {{"jobs", jobs.receiver}};
  auto second = rt().supervise({.children = {child("two", doubler, options)}});
  ASSERT_FALSE(second);
  EXPECT_NE(ia::describe(second.error()).find("channel_moved"), std::string::npos)
      << ia::describe(second.error());
}

TEST_F(RemoteChannel, ObjectsDoNotTravel) {
  start_node();
  auto jobs = rt().channel({.objects = true});
  ia::python_options options{.on = ia::any_node};
  options.spawn.channels = {{"jobs", jobs.receiver}};
  auto refused = rt().supervise({.children = {child("one", doubler, options)}});
  ASSERT_FALSE(refused);
  EXPECT_NE(ia::describe(refused.error()).find("carries pickled objects"), std::string::npos)
      << ia::describe(refused.error());
}

TEST_F(RemoteChannel, AReceivingEndThatANodesCodeSendsAwayIsRefusedAndBreaksNothing) {
  start_node();
  auto out = rt().channel();
  auto one = start(
      "import interp_actors as ia\ndef give(v):\n    tx, rx = ia.channel()\n    try:\n        out.send(rx)\n"
      "    except Exception as e:\n        return str(e).encode()\n    return b'sent'\ndef nap(v): return "
      "v\n",
      {{"out", out.sender}});
  auto said = call(one, "give");
  EXPECT_NE(said.find("a receiving end can be sent to channels of this process alone"), std::string::npos)
      << said;
  EXPECT_EQ(call(one, "nap", "alive"), "alive");
}

TEST_F(RemoteChannel, WhatIsTooLargeForTwoProcessesIsRefusedAndBreaksNothing) {
  start_node();
  auto out = rt().channel();
  auto one = start("def give(v):\n    try:\n        out.send(bytes(70 << 20))\n    except Exception as e:\n  "
                   "      return str(e).encode()\n"
                   "    return b'sent'\ndef nap(v): return v\n",
                   {{"out", out.sender}});
  auto said = call(one, "give");
  EXPECT_NE(said.find("that actors of two processes may send each other at once"), std::string::npos) << said;
  EXPECT_EQ(call(one, "nap", "alive"), "alive");
}

} // namespace
