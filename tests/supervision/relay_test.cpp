#include "interp_actors/all.hpp"
#include "interp_actors/supervision/relay.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_companion.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>
#include <caf/system_messages.hpp>

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace {

/// Writes down what it is sent.
class listener final : public caf::actor_companion {
public:
  using caf::actor_companion::actor_companion;
  using caf::actor_companion::enqueue;

  bool enqueue(caf::mailbox_element_ptr element, ia::compat::execution_context*) override {
    if (element->payload.match_elements<int>())
      numbers.push_back(element->payload.get_as<int>(0));
    else if (element->payload.match_elements<caf::exit_msg>())
      ++exits;
    else
      ++answers;
    return true;
  }

  std::vector<int> numbers;
  int exits = 0;
  int answers = 0;
};

/// A relay and those that it leads to; all happens in the test's thread.
class Relay : public testing::Test {
protected:
  ~Relay() override { front().take_down({}); }

  caf::strong_actor_ptr make_listener() {
    return caf::actor_cast<caf::strong_actor_ptr>(system_.spawn<listener, caf::hidden>());
  }
  static listener& of(const caf::strong_actor_ptr& actor) { return *static_cast<listener*>(actor->get()); }

  ia::relay& front() { return *static_cast<ia::relay*>(front_->get()); }

  void send(caf::message content) {
    front_->enqueue(ia::compat::make_element(nullptr, caf::make_message_id(), std::move(content)), nullptr);
  }
  void send_exit() { send(caf::make_message(caf::exit_msg{{}, caf::make_error(caf::exit_reason::kill)})); }

private:
  struct types {
    types() { ia::detail::init_types(); }
  } types_;
  caf::actor_system_config config_;
  caf::actor_system system_{config_};
  caf::strong_actor_ptr front_ = caf::actor_cast<caf::strong_actor_ptr>(
      system_.spawn<ia::relay, caf::hidden>("front", std::set<std::string>{}));
};

TEST_F(Relay, KeepsWhatComesForTheNextActorButExitMessages) {
  auto first = make_listener();
  auto second = make_listener();
  front().lead_to(first);
  send(caf::make_message(1));
  send_exit();
  front().leave();
  send(caf::make_message(2));
  send_exit();
  send(caf::make_message(3));
  front().lead_to(second);
  send(caf::make_message(4));
  send_exit();
  EXPECT_EQ(of(first).numbers, std::vector{1});
  EXPECT_EQ(of(first).exits, 1);
  EXPECT_EQ(of(second).numbers, (std::vector{2, 3, 4}));
  EXPECT_EQ(of(second).exits, 1) << "the one that was sent to it";
}

TEST_F(Relay, AnswersAnExitMessageThatIsARequestAlsoWhereNobodyIs) {
  auto me = make_listener();
  front().enqueue(ia::compat::make_element(me, of(me).new_request_id(caf::message_priority::normal),
                                           caf::make_message(caf::exit_msg{{}, {}})),
                  nullptr);
  EXPECT_EQ(of(me).answers, 1);
}

} // namespace
