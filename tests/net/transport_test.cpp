#include "interp_actors/net/transport.hpp"

#include <caf/actor_system_config.hpp>

#include <array>

#include "support.hpp"

using namespace ia_test;

namespace {

/// What CAF's network is told where the user gives these arguments.
template <std::size_t N>
void load(caf::actor_system_config& config, std::array<std::string, N> arguments) {
  std::array<char*, N + 1> pointers{};
  for (std::size_t i = 0; i < N; ++i)
    pointers[i] = arguments[i].data();
  ia::add_network_options(config);
  ASSERT_FALSE(config.parse(static_cast<int>(N), pointers.data()));
  ia::load_network(config, 8s);
}

caf::timespan time_of(const caf::actor_system_config& config, const char* what) {
  return caf::get_or(config, std::string{"caf.middleman."} + what, caf::timespan{0});
}

TEST(Transport, ChangesTheDefaultsOfCafsNetwork) {
  caf::actor_system_config config;
  load<1>(config, {"program"});
  EXPECT_EQ(caf::get_or(config, "caf.middleman.workers", std::size_t{9}), 0u);
  EXPECT_EQ(time_of(config, "connection-timeout"), 8s);
  EXPECT_EQ(time_of(config, "heartbeat-interval"), 2s);
}

TEST(Transport, LeavesWhatTheUserHasChosen) {
  caf::actor_system_config config;
  load<4>(config, {"program", "--caf.middleman.workers=3", "--caf.middleman.connection-timeout=1min",
                   "--caf.middleman.heartbeat-interval=7s"});
  EXPECT_EQ(caf::get_or(config, "caf.middleman.workers", std::size_t{9}), 3u);
  EXPECT_EQ(time_of(config, "connection-timeout"), 1min);
  EXPECT_EQ(time_of(config, "heartbeat-interval"), 7s);
}

} // namespace
