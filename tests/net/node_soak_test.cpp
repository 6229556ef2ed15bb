#include <atomic>
#include <cstdlib>
#include <random>
#include <thread>

#include "net/with_nodes.hpp"
#include "questioner.hpp"

using namespace ia_test;

namespace {

/// Nodes that are killed, frozen and brought back while a fleet works on them. Lasts as long as the environment's
/// NODE_SOAK_SECONDS says.
class NodeSoak : public with_nodes {
protected:
  NodeSoak() : with_nodes{patiently()} {}

  static ia::runtime_options patiently() {
    auto options = network_options();
    options.network.node_timeout = 2s;
    return options;
  }

  static std::chrono::seconds duration() {
    auto* given = std::getenv("NODE_SOAK_SECONDS");
    return std::chrono::seconds{given ? std::atoi(given) : 5};
  }
};

TEST_F(NodeSoak, NoRequestIsLostOrAnsweredTwice) {
  std::vector<std::unique_ptr<node_process>> processes;
  std::vector<std::string> names;
  for (int i = 0; i < 3; ++i) {
    processes.push_back(
        std::make_unique<node_process>(std::vector<std::string>{"--slots", "4", "--lease", "2s"}));
    names.push_back(processes.back()->name());
    ASSERT_TRUE(rt().connect(names.back())) << processes.back()->errors();
  }
  auto fleet =
      rt().fleet({.source = ia::text(
                      "import time\ndef nap(v):\n    time.sleep(0.001)\n    return bytes(v) * 2\n", "w.py"),
                  .size = 6,
                  .spawn = {.start_deadline = 10min},
                  .attempts = 1000,
                  .intensity = 1'000'000,
                  .on = ia::any_node});
  ASSERT_TRUE(fleet) << ia::describe(fleet.error());
  std::atomic<bool> over = false;
  std::thread attacker{[&] {
    std::mt19937 random{7};
    while (!over) {
      std::this_thread::sleep_for(std::chrono::milliseconds{100 + random() % 400}); // work goes on meanwhile
      auto& victim = processes[random() % processes.size()];
      auto& name = names[static_cast<std::size_t>(&victim - processes.data())];
      if (random() % 3 == 0) {
        victim->kill(SIGSTOP);
        std::this_thread::sleep_for(std::chrono::milliseconds{random() % 3000}); // frozen, lost or not
        victim->kill(SIGCONT);
      } else {
        victim->kill(SIGKILL);
        victim->wait();
        victim = std::make_unique<node_process>(
            std::vector<std::string>{"--slots", "4", "--lease", "2s", "--listen", name});
        EXPECT_EQ(victim->name(), name) << victim->errors();
      }
    }
  }};
  questioner ask{system()};
  std::size_t number = 0;
  for (auto until = std::chrono::steady_clock::now() + duration();
       std::chrono::steady_clock::now() < until;) {
    for (int i = 0; i < 200; ++i) {
      auto text = std::to_string(++number);
      ask.ask(fleet->handle(),
              caf::make_message(ia::call_atom_v, std::string{"nap"}, ia::shared_bytes::copy(text)),
              [twice = text + text](const caf::message& answer) {
                return answer.match_elements<ia::shared_bytes>()
                       && answer.get_as<ia::shared_bytes>(0).as_string_view() == twice;
              });
    }
    ask.wait_for_answers(100);
  }
  over = true;
  attacker.join();
  ASSERT_TRUE(ask.wait_for_answers());
  EXPECT_EQ(ask.read(), (questioner::account{number, number, 0, 0}));
  auto stats = fleet->stats();
  EXPECT_GT(stats.restarts, 0u);
  std::printf("%zu requests, %zu deaths of members\n", number, static_cast<std::size_t>(stats.restarts));
  fleet->stop();
}

} // namespace
