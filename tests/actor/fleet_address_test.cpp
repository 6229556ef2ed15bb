#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <gtest/gtest.h>

#include "fleet_support.hpp"

using namespace std::chrono_literals;

namespace {

using ia_test::asker;
using ia_test::fake_member;

using sheep = caf::typed_actor<caf::result<int>(ia::send_atom, int)>;

/// An address in front of a queue, and what its supervisor was told.
class FleetAddress : public ia_test::Fleet {
protected:
  ~FleetAddress() override {
    if (handle)
      front().take_down({});
  }

  void spawn(ia::fleet_queue_options options = {}, ia::spawn_options members = {},
             const ia::interface* type = nullptr) {
    queue = make_queue(std::move(options));
    auto on_exit = [this](const caf::error& reason) { exits.push_back(reason); };
    handle = caf::actor_cast<caf::strong_actor_ptr>(
        system().spawn<ia::fleet_address>(queue, members, on_exit, type));
  }

  ia::fleet_address& front() { return *static_cast<ia::fleet_address*>(handle->get()); }

  bool send(caf::message content) { return handle->enqueue(request(std::move(content)), nullptr); }

  /// The answers so far; all of them come in this thread.
  std::vector<asker::answer> answers() { return me().answers(); }

  std::shared_ptr<ia::fleet_queue> queue;
  caf::strong_actor_ptr handle;
  std::vector<caf::error> exits;
};

TEST_F(FleetAddress, PutsWhatComesIntoItsQueue) {
  spawn();
  fake_member one{*queue, 0};
  EXPECT_TRUE(send(caf::make_message(1)));
  EXPECT_EQ(one.pull(), 1);
  EXPECT_EQ(one.now.element->enqueue_time, ia::no_deadline);
  EXPECT_STREQ(front().name(), "interp_actors.fleet");
  EXPECT_TRUE(front().message_types().empty());
}

TEST_F(FleetAddress, SaysWhatItsTypeUnderstands) {
  spawn({}, {}, &ia::interface_of<sheep>());
  EXPECT_EQ(front().message_types(), system().message_types<sheep>());
  EXPECT_FALSE(front().message_types().empty());
}

TEST_F(FleetAddress, GivesMessagesTheirDeadlines) {
  spawn({}, {.deadline = 1h, .handler_deadlines = {{"slow", 5h}}});
  fake_member one{*queue, 0};
  ia::delivery next;
  auto deadline_of = [&](caf::message content) {
    send(std::move(content));
    EXPECT_TRUE(queue->pull(one.box, next));
    return next.element->enqueue_time - ia::deadline_clock::now();
  };
  auto is_about = [](std::chrono::nanoseconds limit, std::chrono::hours wanted) {
    return limit <= wanted && limit > wanted - 30min;
  };
  std::vector<ia::shared_bytes> none(1);
  EXPECT_TRUE(is_about(deadline_of(caf::make_message(ia::call_atom_v, std::string{"f"}, none)), 1h));
  EXPECT_TRUE(is_about(deadline_of(caf::make_message(ia::call_atom_v, std::string{"slow"}, none)), 5h));
  EXPECT_TRUE(is_about(
      deadline_of(caf::make_message(ia::call_atom_v, std::string{"slow"}, none, caf::timespan{3h})), 3h));
}

TEST_F(FleetAddress, HasItsDeadlinesKept) {
  spawn({}, {.deadline = 1ms});
  send(caf::make_message(1));
  ASSERT_TRUE(me().wait(1));
  EXPECT_EQ(error_at(0), ia::errc::deadline_exceeded);
}

TEST_F(FleetAddress, PassesExitMessagesOnToItsSupervisor) {
  spawn();
  auto exit = [&](caf::error reason) { send(caf::make_message(caf::exit_msg{{}, std::move(reason)})); };
  exit({});
  exit(caf::make_error(caf::exit_reason::unreachable));
  EXPECT_TRUE(exits.empty()) << "others' normal ends";
  exit(caf::make_error(caf::exit_reason::kill));
  ASSERT_EQ(exits.size(), 1u);
  EXPECT_EQ(exits[0], caf::exit_reason::kill);
  EXPECT_EQ(answers().size(), 3u);
  EXPECT_EQ(queue->stats().waiting, 0u);
}

TEST_F(FleetAddress, CancelsNothing) {
  spawn();
  send(caf::make_message(ia::cancel_atom_v));
  ASSERT_EQ(answers().size(), 1u);
  ASSERT_TRUE(answers()[0].content.match_elements<bool>());
  EXPECT_FALSE(answers()[0].content.get_as<bool>(0));
}

TEST_F(FleetAddress, KeepsWhatIsNotForItsMembers) {
  spawn();
  send(caf::make_message(caf::down_msg{{}, {}}));
  EXPECT_EQ(error_at(0), caf::sec::unexpected_message);
  handle->enqueue(
      ia::compat::make_element(nullptr, caf::make_message_id(7).response_id(), caf::make_message(1)),
      nullptr);
  EXPECT_EQ(answers().size(), 1u);
  EXPECT_EQ(queue->stats().waiting, 0u);
}

TEST_F(FleetAddress, TellsThoseWhoMonitorItOfItsEnd) {
  spawn();
  caf::scoped_actor self{system()};
  self->monitor(caf::actor_cast<caf::actor>(handle));
  send(caf::make_message(1));
  front().take_down(ia::make_error(ia::errc::stopped, std::string{"enough"}));
  EXPECT_EQ(text_of(error_at(0)), "stopped: enough");
  EXPECT_FALSE(send(caf::make_message(2)));
  EXPECT_EQ(text_of(error_at(1)), "stopped: enough");
  caf::error reason;
  self->receive([&](const caf::down_msg& message) { reason = message.reason; },
                caf::after(ia_test::patience) >> [] {});
  EXPECT_EQ(reason, ia::errc::stopped);
}

TEST_F(FleetAddress, AnswersWhatWaitsWhenItsLastHandleGoes) {
  spawn();
  send(caf::make_message(1));
  ia_test::drop(handle);
  EXPECT_EQ(error_at(0), caf::exit_reason::unreachable);
}

} // namespace
