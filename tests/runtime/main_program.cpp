// A program with run_main for run_main_test: does what its first argument says.

#include "interp_actors/all.hpp"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <optional>
#include <thread>

using namespace std::chrono_literals;

namespace {

constexpr const char* server = R"(
import atexit, subprocess, time
atexit.register(print, 'atexit ran')
def spin():
    print('ready')
    while True: pass
def sleep():
    print('ready')
    time.sleep(1000)
def start_process():
    process = subprocess.Popen(['sleep', '1000'])
    process.terminate()
    return str(process.wait()).encode()
)";

/// Of children and members, which say when they end.
constexpr const char* worker = R"(
import atexit, time
import interp_actors as ia
def started():
    atexit.register(lambda name=ia.current().name: print(name, 'down', flush=True))
def spin():
    print('busy', flush=True)
    while True: pass
def sleep():
    print('busy', flush=True)
    time.sleep(1000)
)";

caf::expected<ia::shared_bytes> call(ia::caller& me, const ia::interpreter_actor& to, const char* function) {
#ifdef __SANITIZE_THREAD__
  // ThreadSanitizer keeps signals from a thread that waits at a futex of ours; the kernel prefers the main thread.
  caf::expected<ia::shared_bytes> result{caf::error{}};
  std::thread{[&] { result = me.call(to, function); }}.join();
  return result;
#else
  return me.call(to, function);
#endif
}

/// A tree, and a fleet that is started after it. `what` may name what a child or a member is to be busy with.
int serve_tree(ia::runtime& rt, const std::string& what) {
  auto child = [](const char* name) -> ia::child_spec {
    return {.name = name,
            .shutdown = ia::shutdown::within(50ms),
            .body = ia::python_child(ia::text(worker, "worker.py"))};
  };
  auto tree = ia::value_or_throw(rt.supervise(
      {.children = {child("a"),
                    child("b"),
                    {.name = "low", .body = ia::supervisor_child({.children = {child("c"), child("d")}})},
                    child("e")}}));
  auto b = ia::value_or_throw(tree.child("b"));
  std::optional<ia::fleet<ia::interpreter_actor>> fleet;
  if (what.starts_with("serve-fleet"))
    fleet = ia::value_or_throw(rt.fleet(
        {.source = ia::text(worker, "worker.py"), .size = 3, .shutdown = ia::shutdown::within(50ms)}));
  if (auto place = what.rfind('-'); place > 5) {
    ia::compat::anonymous_send(fleet ? fleet->handle() : b, ia::call_atom_v, what.substr(place + 1),
                               std::vector<ia::shared_bytes>{});
  } else {
    std::cout << "ready" << std::endl;
  }
  rt.wait_for_stop();
  rt.stop(); // which waits for the one that is under way
  std::cout << "supervised: " << bool{rt.supervise({.children = {child("late")}})} << '\n';
  return 3;
}

/// What main functions do that signals are sent to. They say `ready` when it is time.
int serve(ia::runtime& rt, const std::string& what) {
  ia::caller me{rt.system()};
  if (what == "serve-start") {
    auto started = rt.spawn(ia::text("print('ready')\nwhile True: pass"));
    std::cout << (started ? "started" : "failed to start") << '\n';
    return 0;
  }
  auto actor = ia::value_or_throw(rt.spawn(ia::text(server)));
  if (what == "serve-call")
    std::cout << ia::describe(call(me, actor, "sleep").error()) << '\n';
  if (what == "serve-throw")
    ia::value_or_throw(call(me, actor, "spin"));
  if (what == "serve-process")
    std::cout << ia::value_or_throw(me.call(actor, "start_process")).as_string_view() << '\n';
  if (what == "serve-spin" || what == "serve-sleep")
    ia::compat::anonymous_send(actor, ia::call_atom_v, what.substr(6), std::vector<ia::shared_bytes>{});
  else
    std::cout << "ready" << std::endl;
  rt.wait_for_stop();
  if (what == "serve-for-ever") {
    std::cout << "stopping" << std::endl;
    std::cout << "left in the buffer";
    for (;;)
      ::pause();
  }
  std::cout << "spawned: " << bool{rt.spawn(ia::text(""))} << '\n';
  return 3;
}

int act(ia::runtime& rt, const std::string& what) {
  if (what.starts_with("serve-tree") || what.starts_with("serve-fleet"))
    return serve_tree(rt, what);
  if (what.starts_with("serve"))
    return serve(rt, what);
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
