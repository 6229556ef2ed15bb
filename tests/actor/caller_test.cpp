#include <caf/actor_cast.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>
#include <caf/typed_response_promise.hpp>

#include <memory>
#include <optional>
#include <string>

#include "support.hpp"

using namespace ia_test;

namespace {

using promise_of_int = caf::typed_response_promise<int>;

/// Answers "wait" when it is told to "go", just before it answers that; and asks who asks it to "ask".
caf::behavior procrastinator(caf::event_based_actor* self, std::shared_ptr<promise_of_int> kept) {
  return {[self, kept](const std::string& what) -> caf::result<int> {
    if (what == "wait") {
      *kept = self->make_response_promise<int>();
      return *kept;
    }
    if (what == "go") {
      kept->deliver(1);
      return 2;
    }
    auto asker = caf::actor_cast<caf::actor>(self->current_sender()); // the promise takes it
    auto promise = self->make_response_promise<int>();
    ia::compat::request(self, asker, caf::infinite, what)
        .then([](int) {},
              [promise](const caf::error& problem) mutable {
                promise.deliver(problem == caf::sec::unexpected_message ? 3 : 0);
              });
    return promise;
  }};
}

class Caller : public with_runtime {
protected:
  /// The answer to `what`, where there is one.
  std::optional<int> ask(ia::caller& me, std::string what, caf::timespan timeout = patience) {
    auto answer = me.request(other_, caf::make_message(std::move(what)), timeout);
    problem_ = answer ? caf::error{} : answer.error();
    return answer ? std::optional{answer->get_as<int>(0)} : std::nullopt;
  }

  void TearDown() override {
    other_ = nullptr; // the actor system waits for it
    with_runtime::TearDown();
  }

  caf::error problem_;

private:
  caf::strong_actor_ptr other_ = caf::actor_cast<caf::strong_actor_ptr>(
      system().spawn(procrastinator, std::make_shared<promise_of_int>()));
};

TEST_F(Caller, TimeoutEndsTheWaitingAndALateAnswerIsNotTakenForTheNext) {
  EXPECT_EQ(ask(me(), "wait", 1ms), std::nullopt);
  EXPECT_EQ(problem_, caf::sec::request_timeout);
  EXPECT_EQ(ask(me(), "go"), 2) << "and not the 1 that came before it";
  EXPECT_EQ(ask(me(), "wait", 1ms), std::nullopt);
  EXPECT_EQ(ask(me(), "go"), 2);
}

TEST_F(Caller, LateAnswersToADestroyedOneAreIgnored) {
  {
    ia::caller gone{system()};
    EXPECT_EQ(ask(gone, "wait", 1ms), std::nullopt);
  }
  EXPECT_EQ(ask(me(), "go"), 2);
}

TEST_F(Caller, WithoutAReceiverThereIsAnError) {
  EXPECT_EQ(me().call(ia::interpreter_actor{}, "f").error(), caf::sec::invalid_argument);
}

TEST_F(Caller, RefusesRequestsOfOthers) {
  EXPECT_EQ(ask(me(), "ask"), 3);
}

} // namespace
