// A controller for namespace_test.py, which tells it what to do line by line on stdin:
//   call FUNCTION [TEXT]    calls the child and says "= RESULT" or "! ERROR"
//   begin FUNCTION [TEXT]   the same without waiting; says "began", and later "answer = RESULT" or "answer ! ERROR"
//   echo BYTES              sends that many bytes there and back, and says "= same" or "! ..."
//   nodes                   says "nodes NAME: STATE; ..."
//   quit

#include "interp_actors/all.hpp"

#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

namespace {

std::mutex output;

void say(const std::string& line) {
  std::lock_guard guard{output};
  auto first = line.substr(0, line.find('\n'));
  std::cout << first << std::endl;
}

std::string outcome(const caf::expected<ia::shared_bytes>& answer) {
  if (!answer)
    return "! " + ia::describe(answer.error());
  return *answer ? "= " + std::string{answer->as_string_view()} : "= None";
}

int serve(ia::runtime& rt, const std::string& code) {
  auto tree = ia::value_or_throw(rt.supervise(
      {.intensity = 1000,
       .children = {{.name = "one",
                     .body = ia::python_child(
                         ia::text(code, "one.py"),
                         {.spawn = {.start_deadline = std::chrono::minutes{1}}, .on = ia::any_node})}}}));
  auto one = ia::value_or_throw(tree.child("one"));
  say("ready");
  std::vector<std::thread> begun;
  ia::caller me{rt.system()};
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words{line};
    std::string what, function, text;
    words >> what >> function;
    std::getline(words >> std::ws, text);
    auto argument = ia::shared_bytes::copy(text);
    if (what == "quit")
      break;
    if (what == "call") {
      say(outcome(me.call(one, function, argument)));
    } else if (what == "echo") {
      auto sent = ia::shared_bytes::adopt(std::string(std::stoul(function), 'e'));
      auto back = me.call(one, "echo", sent);
      say(!back ? outcome(back) : *back == sent ? "= same" : "! another");
    } else if (what == "begin") {
      begun.emplace_back([&rt, one, function, argument] {
        ia::caller self{rt.system()};
        say("answer " + outcome(self.call(one, function, argument)));
      });
      say("began");
    } else if (what == "nodes") {
      std::string states;
      for (auto& node : rt.nodes())
        states += (states.empty() ? "" : "; ") + node.name() + ": " + node.state();
      for (auto& each : states)
        each = each == '\n' ? ' ' : each;
      say("nodes " + states);
    }
  }
  tree.stop();
  for (auto& each : begun)
    each.join();
  return 0;
}

} // namespace

/// Options, then --, then the code as one argument.
int main(int argc, char** argv) {
  std::string code = argv[--argc];
  return ia::run_main(argc, argv, [&](ia::runtime& rt) { return serve(rt, code); });
}
