#include "interp_actors/net/content_hash.hpp"
#include "interp_actors/net/front.hpp"
#include "interp_actors/net/host_session.hpp"
#include "interp_actors/net/inspect.hpp"
#include "interp_actors/net/node_host.hpp"
#include "interp_actors/python/engine.hpp"

#include <caf/actor_system.hpp>

#include <atomic>
#include <deque>
#include <future>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

/// A node without a network, and a controller that the test plays.
class HostSession : public ::testing::Test {
protected:
  HostSession() {
    ia::detail::init_types();
    config_.set("caf.scheduler.max-threads", 1);
    system_.emplace(config_);
    engine_.emplace(ia::python::engine_options{});
    auto limits = quick_options().interpreters;
    home_ = std::make_shared<ia::roster>(*system_, *engine_, limits, nullptr);
    host = std::make_shared<ia::node_host>(home_, ia::node_options{.slots = 2, .message_bytes = 4 << 20});
    me_ = ia::make_front(*system_, [this](caf::mailbox_element_ptr element) {
      {
        std::lock_guard guard{mutex_};
        questions += element->payload.match_elements<ia::node_want_code>() ? 1 : 0;
        came_.push_back(std::move(element->payload));
      }
      changed_.notify_all();
    });
  }

  void TearDown() override {
    session.reset();
    host->close();
    host.reset();
    home_->stop();
    EXPECT_EQ(home_->counts().live, 0u);
    home_.reset();
    ia::end_front(me_);
    me_ = nullptr;
    engine_.reset();
    {
      std::lock_guard guard{mutex_};
      came_.clear();
    }
    system_.reset();
    EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
  }

  /// `held` by another one, whose end it waits for.
  std::shared_ptr<ia::host_session> begin_session(bool held = false) {
    auto result = std::make_shared<ia::host_session>(
        host, ia::node_hello{.controller = "test", .link = me_, .most_bytes = 4 << 20});
    result->open();
    if (!held)
      result->resume();
    return result;
  }

  template <class T>
  void say(T what) {
    if (!session)
      session = begin_session();
    session->front()->enqueue(
        ia::compat::make_element(nullptr, caf::make_message_id(), caf::make_message(std::move(what))),
        nullptr);
  }

  /// Waits for the next message of a type, and drops others.
  template <class T>
  std::optional<T> next() {
    std::unique_lock guard{mutex_};
    for (;;) {
      while (!came_.empty()) {
        auto content = std::move(came_.front());
        came_.pop_front();
        if (content.match_elements<T>())
          return content.get_as<T>(0);
      }
      if (changed_.wait_for(guard, patience) == std::cv_status::timeout)
        return std::nullopt;
    }
  }

  /// Waits for news of a kind.
  std::optional<ia::node_news> news(ia::node_news::kind what) {
    for (;;) {
      auto found = next<ia::node_news>();
      if (!found || found->what == what)
        return found;
    }
  }

  static ia::node_start start_of(std::uint64_t child, const std::string& code) {
    return {.child = child,
            .incarnation = 1,
            .name = "one",
            .source_name = "one.py",
            .code_hash = ia::content_hash(ia::shared_bytes::copy(code).as_span()),
            .start_deadline = 10s};
  }

  static ia::node_code code_of(const std::string& code) {
    ia::node_code result{.hash = ia::content_hash(ia::shared_bytes::copy(code).as_span())};
    result.content.payloads.push_back(ia::shared_bytes::copy(code));
    return result;
  }

  static ia::node_call call_of(std::uint64_t child, std::uint64_t number, const std::string& function) {
    ia::node_call result{.child = child, .number = number, .is_request = true};
    result.what.function = function;
    result.content.payloads.push_back(ia::shared_bytes::copy("x"));
    return result;
  }

private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::optional<ia::python::engine> engine_;

protected:
  std::shared_ptr<ia::roster> home_;
  caf::strong_actor_ptr me_;
  std::shared_ptr<ia::node_host> host;
  std::shared_ptr<ia::host_session> session;
  std::atomic<int> questions = 0; // for code

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<caf::message> came_;
};

constexpr const char* echo = "def echo(v): return v\n";

TEST_F(HostSession, AsksForCodeOnceAndNeverAgain) {
  say(start_of(1, echo));
  say(start_of(2, echo));
  ASSERT_EQ(next<ia::node_want_code>()->hash, code_of(echo).hash);
  say(code_of(echo));
  EXPECT_TRUE(news(ia::node_news::kind::started));
  EXPECT_TRUE(news(ia::node_news::kind::started));
  say(call_of(1, 1, "echo"));
  EXPECT_EQ(next<ia::node_answer>()->content.payloads.at(0).as_string_view(), "x");
  say(ia::node_stop{.child = 1, .limit = 1s});
  EXPECT_TRUE(news(ia::node_news::kind::gone));
  session->end({}, 1s);
  EXPECT_TRUE(news(ia::node_news::kind::gone));
  session = begin_session(); // another one, of the same node
  say(ia::node_beat{7});
  EXPECT_EQ(next<ia::node_beat>()->number, 7u);
  say(start_of(3, echo));
  EXPECT_TRUE(news(ia::node_news::kind::started)); // nobody sent it the code again
  EXPECT_EQ(questions, 1);
}

TEST_F(HostSession, RefusesMoreThanItHasSlotsFor) {
  say(code_of(echo));
  for (std::uint64_t child : {1u, 2u, 3u})
    say(start_of(child, echo));
  auto refused = news(ia::node_news::kind::refused);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->child, 3u);
  say(ia::node_stop{.child = 1, .limit = 1s});
  EXPECT_TRUE(news(ia::node_news::kind::gone));
  say(start_of(4, echo));
  auto started = news(ia::node_news::kind::started);
  while (started && started->child != 4) // those before have started, too
    started = news(ia::node_news::kind::started);
  EXPECT_TRUE(started);
}

TEST_F(HostSession, WhatIsStoppedBeforeItsCodeIsThereNeverBegins) {
  say(start_of(1, echo));
  ASSERT_TRUE(next<ia::node_want_code>());
  say(ia::node_stop{.child = 1, .limit = 1s});
  EXPECT_EQ(news(ia::node_news::kind::died)->report->reason, ia::death_reason::shutdown);
  EXPECT_TRUE(news(ia::node_news::kind::gone));
  say(code_of(echo));
  say(start_of(2, echo));
  EXPECT_EQ(news(ia::node_news::kind::started)->child, 2u);
}

TEST_F(HostSession, WhatIsStoppedWhileItWaitsForAnotherSessionNeverBegins) {
  session = begin_session(true);
  say(code_of(echo));
  say(start_of(1, echo));
  say(start_of(2, echo));
  say(ia::node_stop{.child = 1, .limit = 1s});
  EXPECT_EQ(news(ia::node_news::kind::gone)->child, 1u);
  session->resume();
  EXPECT_EQ(news(ia::node_news::kind::started)->child, 2u);
}

TEST_F(HostSession, AStopThatComesBeforeTheInterpreterCounts) {
  auto guest = std::make_shared<ia::tenant>(home_, std::make_shared<ia::line>(me_, 4 << 20, 4 << 20), me_,
                                            start_of(1, echo));
  std::promise<void> gone;
  guest->stop({}, 1s, false);
  guest->start(start_of(1, echo), ia::text(echo, "one.py"), {}, {[] {}, [&gone] { gone.set_value(); }});
  EXPECT_EQ(gone.get_future().wait_for(patience), std::future_status::ready);
}

TEST_F(HostSession, SendsTheRestOfAnAnswerWhenTheNodeStopsMeanwhile) {
  auto code = std::string{"def large(v): return bytes(2_000_000)\n"};
  say(code_of(code));
  say(start_of(1, code));
  say(call_of(1, 1, "large"));
  ASSERT_TRUE(next<ia::node_chunk>());
  session->end({}, 5s);
  std::size_t chunks = 1;
  for (say(ia::node_credit{1}); chunks < 2'000'000 / ia::line::chunk_bytes + 1; say(ia::node_credit{1})) {
    ASSERT_TRUE(next<ia::node_chunk>()) << chunks;
    ++chunks;
  }
  EXPECT_EQ(next<ia::node_answer>()->number, 1u);
  EXPECT_TRUE(news(ia::node_news::kind::gone));
}

TEST_F(HostSession, NothingBeginsInASessionThatIsOver) {
  say(code_of(echo));
  session->end({}, 1s);
  say(start_of(1, echo));
  session->resume();
  EXPECT_TRUE(session->is_empty());
}

TEST_F(HostSession, AModuleThatIsNotThereIsAFailedStart) {
  auto start = start_of(1, "");
  start.is_module = true;
  start.source_name = "no_such_module";
  say(start);
  auto died = news(ia::node_news::kind::died);
  ASSERT_TRUE(died && died->report);
  EXPECT_EQ(died->report->reason, ia::death_reason::start_failed);
  EXPECT_NE(died->report->text.find("no_such_module"), std::string::npos) << died->report->text;
  EXPECT_TRUE(news(ia::node_news::kind::gone));
}

TEST_F(HostSession, AnotherVirtualEnvironmentThanItAllowsIsAFailedStart) {
  say(code_of(echo));
  auto start = start_of(1, echo);
  start.virtual_env = "/srv/venv";
  say(start);
  auto died = news(ia::node_news::kind::died);
  ASSERT_TRUE(died && died->report);
  EXPECT_NE(died->report->text.find("--allow"), std::string::npos) << died->report->text;
}

TEST_F(HostSession, WhatComesBehindADeathIsDroppedAndWhatCameBeforeIsAnswered) {
  auto code = std::string{echo} + "import sys\ndef leave(v): sys.exit(3)\n";
  say(code_of(code));
  say(start_of(1, code));
  ASSERT_TRUE(news(ia::node_news::kind::started));
  say(call_of(1, 1, "echo"));
  EXPECT_EQ(next<ia::node_answer>()->number, 1u);
  say(call_of(1, 2, "leave"));
  auto died = news(ia::node_news::kind::died);
  ASSERT_TRUE(died && died->report);
  EXPECT_EQ(died->report->exit_code, 3);
  say(call_of(1, 3, "echo"));
  say(ia::node_cancel{1, 3});
  EXPECT_TRUE(news(ia::node_news::kind::gone));
}

/// What a controller sends that is none of ours, or means no good.
class HostSessionStranger : public HostSession {
protected:
  /// Whether the session ends because of `what`.
  template <class T>
  void expect_end(T what) {
    say(std::move(what));
    EXPECT_TRUE(next<ia::node_bye>());
    EXPECT_TRUE(session->is_over());
    session.reset();
  }
};

TEST_F(HostSessionStranger, EndsItsSession) {
  expect_end(std::string{"hello"});
  expect_end(ia::node_welcome{});
  auto wrong = code_of(echo);
  wrong.hash = code_of("other").hash;
  expect_end(wrong);
  expect_end(ia::node_code{.hash = "00"});
  ia::node_parcel parcel{.number = 1};
  parcel.parts.push_back({.size = std::uint64_t{1} << 40, .exists = true});
  expect_end(parcel);
  auto early = call_of(1, 1, "echo");
  early.parcel = 99;
  expect_end(early);
  say(code_of(echo));
  say(start_of(1, echo));
  expect_end(start_of(1, echo));
  session = begin_session(true);
  say(start_of(1, echo));
  expect_end(start_of(1, echo)); // which begins later
}

TEST_F(HostSessionStranger, NumbersOfNobodyAreIgnored) {
  say(call_of(1, 1, "echo"));
  say(ia::node_cancel{1, 1});
  say(ia::node_stop{.child = 1});
  say(ia::node_drop{1});
  say(ia::node_chunk{1, ia::shared_bytes::copy("x")});
  say(ia::node_beat{1});
  EXPECT_TRUE(next<ia::node_beat>());
}

TEST_F(HostSessionStranger, AnInterfaceThatMakesNoSenseIsAFailedStart) {
  say(code_of(echo));
  auto start = start_of(1, echo);
  ia::interface_record type{.name = "x"};
  type.methods.push_back({.name = "echo", .arguments = {5}, .result = 0});
  start.type = type;
  start.content.payloads.emplace_back();
  say(start);
  auto died = news(ia::node_news::kind::died);
  ASSERT_TRUE(died && died->report);
  EXPECT_NE(died->report->text.find("does not describe"), std::string::npos) << died->report->text;
}

} // namespace
