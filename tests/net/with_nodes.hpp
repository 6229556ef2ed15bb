#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/node_process.hpp"
#include "supervision/supervised.hpp"

namespace ia_test {

/// A runtime whose children run on nodes, and the processes of these.
class with_nodes : public with_tree {
protected:
  with_nodes() : with_nodes{network_options()} {}
  explicit with_nodes(ia::runtime_options options) : with_tree{std::move(options)} {}

  /// Tight enough for tests, and not too tight for a loaded machine.
  static ia::runtime_options network_options() {
    auto options = quick_options();
    options.network.enabled = true;
    return options;
  }

  void TearDown() override {
    rt().stop(); // in order, while its nodes are there
    wait_until([] { return ia::read_payload_stats().live_blocks == 0; },
               "what CAF's thread was just handing over");
    with_tree::TearDown();
    processes_.clear();
  }

  /// Starts a node and connects to it.
  ia::node start_node(std::vector<std::string> arguments = {"--slots", "4"}) {
    processes_.push_back(std::make_unique<node_process>(std::move(arguments)));
    auto& process = *processes_.back();
    if (process.name().empty())
      throw std::runtime_error("the node did not start: " + process.errors("\n"));
    auto until = std::chrono::steady_clock::now() + patience;
    for (;;) { // on a loaded machine it may take longer than the node's timeout
      auto result = rt().connect(process.name());
      if (result)
        return *result;
      if (std::chrono::steady_clock::now() > until)
        throw std::runtime_error("no node: " + ia::describe(result.error()));
    }
  }

  /// The process of the node that was started as number `i`.
  node_process& process(std::size_t i = 0) { return *processes_.at(i); }

  /// A child that runs `code` where `on` says.
  static ia::child_spec remote_child(std::string name, const std::string& code,
                                     ia::placement on = ia::any_node, ia::python_options options = {}) {
    options.on = std::move(on);
    return child(std::move(name), code, std::move(options));
  }

  /// One such child as a tree of its own.
  ia::tree supervise_one(const std::string& code, ia::python_options options = {}) {
    if (!options.on.is_remote())
      options.on = ia::any_node;
    return supervise({.intensity = 20, .children = {child("one", code, std::move(options))}});
  }

private:
  std::vector<std::unique_ptr<node_process>> processes_;
};

} // namespace ia_test
