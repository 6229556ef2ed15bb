#include "interp_actors/actor/roster.hpp"
#include "interp_actors/all.hpp"
#include "interp_actors/python/engine.hpp"

#include <caf/actor_system_config.hpp>

#include <gtest/gtest.h>

namespace {

class Roster : public testing::Test {
protected:
  caf::actor_system& system() { return system_; }

  std::shared_ptr<ia::roster> home =
      std::make_shared<ia::roster>(system(), engine_, ia::interpreter_settings{}, ia::dead_letter_handler{});
  std::vector<int> called;

  std::shared_ptr<ia::roster> roster_with(ia::death_handler deaths) {
    return std::make_shared<ia::roster>(system(), engine_, ia::interpreter_settings{},
                                        ia::dead_letter_handler{}, std::move(deaths));
  }

private:
  struct types {
    types() { ia::detail::init_types(); }
  } types_;
  caf::actor_system_config config_;
  caf::actor_system system_{config_};
  ia::python::engine engine_{{}};
};

TEST_F(Roster, CallsWhatItWasGivenAtItsStopLastFirst) {
  auto first = home->at_stop([this] { called.push_back(1); });
  auto second = home->at_stop([this] { called.push_back(2); });
  home->at_stop([this] { called.push_back(3); }); // the result is dropped
  home->stop();
  home->stop();
  EXPECT_EQ(called, (std::vector{2, 1}));
}

TEST_F(Roster, TakesNothingMoreOnceItStops) {
  std::shared_ptr<const void> late;
  auto kept = home->at_stop([&] {
    EXPECT_TRUE(home->stop_requested());
    EXPECT_FALSE(home->enter(nullptr));
    late = home->at_stop([this] { called.push_back(1); });
  });
  home->stop();
  EXPECT_EQ(late, nullptr);
  EXPECT_TRUE(called.empty());
}

TEST_F(Roster, GoesOnWhateverTheHandlerOfDeathsThrows) {
  int calls = 0;
  auto home = roster_with([&](const ia::death_report&) {
    if (++calls == 1)
      throw std::runtime_error("no disk");
    throw calls;
  });
  home->tell_of_death({});
  home->tell_of_death({});
  EXPECT_EQ(calls, 2);
}

} // namespace
