// A program with run_main for run_main_test: does what its first argument says.

#include "interp_actors/all.hpp"

#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

namespace {

int act(ia::runtime& rt, const std::string& what) {
  ia::caller me{rt.system()};
  if (what == "return")
    return 7;
  if (what == "throw")
    ia::throw_error(rt.spawn(ia::text("raise ValueError('from the source')", "source.py")).error());
  auto actor = ia::value_or_throw(rt.spawn(ia::text(R"(
import sys, time
def argv(): return repr(sys.argv).encode()
def hang(): time.sleep(1000)
def make(): return bytes(1000000)
def path(): return sys.path[0].encode()
def wait():
    import interp_actors
    try: interp_actors.spawn("def loop():\n    while True: pass").loop()
    except TimeoutError: return b'timed out'
)")));
  if (what == "abandon" || what == "abandon-and-throw") {
    auto result = me.call(actor, "hang", {}, 20ms);
    std::cout << ia::describe(result.error()) << '\n';
    while (rt.counts().abandoned == 0) // a request whose deadline passed in the mailbox did not hang yet
      (void)me.call(actor, "hang", {}, 20ms);
    if (what != "abandon")
      throw std::runtime_error("after an abandonment");
    return 5;
  }
  if (what == "pin") {
    // Outlives the runtime, the actor system and Python.
    static auto* held = new ia::shared_bytes{ia::value_or_throw(me.call(actor, "make"))};
    std::cout << held->size() << " bytes held\n";
    return 0;
  }
  std::cout << ia::value_or_throw(me.call(actor, what)).as_string_view() << '\n';
  return 0;
}

class own_config : public ia::config {
public:
  std::string what = "return";

  own_config() { opt_group{custom_options_, "global"}.add(what, "what", "what to do"); }
};

} // namespace

int main(int argc, char** argv) {
  own_config config;
  return ia::run_main(config, argc, argv, [&](ia::runtime& rt) { return act(rt, config.what); });
}
