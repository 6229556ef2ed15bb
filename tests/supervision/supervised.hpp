#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "support.hpp"

namespace ia_test {

/// Collects the reports of all deaths, and lets tests wait for them.
/// Thread: any.
class death_book {
public:
  ia::death_handler handler() {
    return [this](const ia::death_report& report) {
      std::lock_guard guard{mutex_};
      reports_.push_back(report);
      changed_.notify_all();
    };
  }

  /// Waits for the first `count` ones; fewer where they do not come.
  std::vector<ia::death_report> wait(std::size_t count) {
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, patience, [&] { return reports_.size() >= count; });
    return reports_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ia::death_report> reports_;
};

/// Collects dead letters.
/// Thread: any.
class letter_book {
public:
  ia::dead_letter_handler handler() {
    return [this](const ia::dead_letter& letter) {
      std::lock_guard guard{mutex_};
      letters_.push_back(letter);
      changed_.notify_all();
    };
  }

  std::vector<ia::dead_letter> wait(std::size_t count) {
    std::unique_lock guard{mutex_};
    changed_.wait_for(guard, patience, [&] { return letters_.size() >= count; });
    return letters_;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ia::dead_letter> letters_;
};

/// A runtime with supervised children, whose deaths and dead letters are kept.
class with_tree : public with_runtime {
protected:
  with_tree() : with_tree{quick_options()} {}
  explicit with_tree(ia::runtime_options options) : with_runtime{complete(std::move(options))} {}

  ia::tree supervise(ia::supervisor_spec spec) {
    auto result = rt().supervise(std::move(spec));
    if (!result)
      throw std::runtime_error("no tree: " + ia::describe(result.error()));
    return *result;
  }

  /// A child that runs `code`.
  static ia::child_spec child(std::string name, const std::string& code, ia::python_options options = {}) {
    auto file = name + ".py";
    return {.name = std::move(name),
            .body = ia::python_child(ia::text(code, std::move(file)), std::move(options))};
  }

  ia::interpreter_actor at(const ia::tree& tree, const std::string& path) {
    auto found = tree.child(path);
    EXPECT_TRUE(found) << ia::describe(found.error());
    return found ? *found : ia::interpreter_actor{};
  }

  /// Tells it to call a function without an answer: what that raises ends its incarnation.
  static void tell(const ia::interpreter_actor& actor, const std::string& function) {
    ia::compat::anonymous_send(actor, ia::call_atom_v, function, ia::shared_bytes{});
  }

  static std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> result{""};
    for (char c : text)
      if (c == '\n')
        result.emplace_back();
      else
        result.back() += c;
    return result;
  }

  death_book deaths;
  letter_book letters;

private:
  ia::runtime_options complete(ia::runtime_options options) {
    options.deaths = [this](const ia::death_report& report) { deaths_handler_(report); };
    options.dead_letters = [this](const ia::dead_letter& letter) { letters_handler_(letter); };
    return options;
  }

  // The books are members that are made after the base class; handlers are called later.
  ia::death_handler deaths_handler_ = deaths.handler();
  ia::dead_letter_handler letters_handler_ = letters.handler();
};

} // namespace ia_test
