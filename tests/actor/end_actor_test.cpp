#include "interp_actors/actor/end_actor.hpp"
#include "interp_actors/all.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/exit_reason.hpp>

#include <gtest/gtest.h>

#include <stdexcept>

namespace {

class EndActor : public testing::Test {
protected:
  caf::actor_system& system() { return system_; }

private:
  struct types {
    types() { ia::detail::init_types(); }
  } types_;
  caf::actor_system_config config_;
  caf::actor_system system_{config_};
};

TEST_F(EndActor, RunsWhatIsAttachedWithTheReasonWhateverItThrows) {
  auto end = [&](auto attached) {
    auto actor = caf::actor_cast<caf::strong_actor_ptr>(system().spawn<caf::actor_companion>());
    auto& companion = *static_cast<caf::actor_companion*>(actor->get());
    caf::error told;
    companion.attach_functor([&](const caf::error& why) {
      told = why;
      attached();
    });
    ia::end_actor(companion, "me", caf::make_error(caf::exit_reason::kill));
    return told;
  };
  EXPECT_EQ(end([] {}), caf::exit_reason::kill);
  EXPECT_EQ(end([] { throw std::runtime_error("no disk"); }), caf::exit_reason::kill);
  EXPECT_EQ(end([] { throw 42; }), caf::exit_reason::kill);
} // and the system's end waits for none of them

TEST_F(EndActor, NormalEndsOfOthersEndNobody) {
  EXPECT_FALSE(ia::ends_receiver({{}, {}}));
  EXPECT_FALSE(ia::ends_receiver({{}, caf::make_error(caf::exit_reason::unreachable)}));
  EXPECT_TRUE(ia::ends_receiver({{}, caf::make_error(caf::exit_reason::user_shutdown)}));
  EXPECT_TRUE(ia::ends_receiver({{}, caf::make_error(caf::exit_reason::kill)}));
}

} // namespace
