#include "interp_actors/supervision/read_spec.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

#include <gtest/gtest.h>

#include <sstream>

#include "supervision/fake_shell.hpp"

using namespace supervision_test;

namespace {

caf::settings parsed(const std::string& text) {
  std::istringstream in{text};
  auto result = caf::actor_system_config::parse_config(in);
  if (!result)
    throw std::runtime_error("CAF does not parse this: " + text);
  return std::move(*result);
}

caf::expected<supervisor_spec> read(const std::string& text, const child_registry& known = {}) {
  return read_supervisor_spec(parsed(text), "app.tree", known);
}

supervisor_spec read_well(const std::string& text, const child_registry& known = {}) {
  auto result = read(text, known);
  if (!result)
    throw std::runtime_error(describe(result.error()));
  return std::move(*result);
}

/// What is wrong with one child, without the key that leads to it.
std::string mistake_in_child(const std::string& child, const child_registry& known = {}) {
  auto result = read("app { tree { children = [ { " + child + " } ] } }", known);
  if (result)
    return "nothing";
  auto text = describe(result.error());
  const std::string before = "invalid_spec: app.tree.children[0]";
  return text.starts_with(before) ? text.substr(before.size()) : "elsewhere: " + text;
}

std::string mistake_in_python(const std::string& fields) {
  return mistake_in_child("name = \"a\", module = \"a\", " + fields);
}

std::string mistake_in_tree(const std::string& fields) {
  auto result = read("app { tree { " + fields + " } }");
  return result ? "nothing" : describe(result.error());
}

class body_of_test final : public child_body {
public:
  explicit body_of_test(bool supervises = false) : supervises_{supervises} {}

  bool is_supervisor() const override { return supervises_; }
  std::unique_ptr<child_process> make(const std::shared_ptr<roster>&, const std::string&,
                                      std::shared_ptr<child_events>) const override {
    return nullptr;
  }

private:
  const bool supervises_;
};

/// What a file says of children of the kind `shown`.
struct shown_python {
  std::vector<std::pair<source, python_options>> given;

  child_registry kinds() {
    return child_registry{}.add_python("shown", [this](source code, python_options options) {
      given.emplace_back(code, options);
      return python_child(std::move(code), std::move(options));
    });
  }
};

TEST(ReadSpec, EveryFieldOfASupervisorIsRead) {
  auto spec = read_well(R"(
    app {
      tree {
        strategy = "rest_for_one"
        intensity = 3
        period = 10s
        budget = "supervisor"
        auto-shutdown = "any_significant"
        children = [ { name = "a", module = "a" }, { name = "b", source-text = "pass" } ]
      }
    })");
  EXPECT_EQ(spec.strategy, rest_for_one);
  EXPECT_EQ(spec.intensity, 3);
  EXPECT_EQ(spec.period, caf::timespan{10s});
  EXPECT_EQ(spec.budget, restart_budget::supervisor);
  EXPECT_EQ(spec.auto_shutdown, auto_shutdown::any_significant);
  ASSERT_EQ(spec.children.size(), 2u);
  EXPECT_EQ(spec.children[0].name, "a");
  EXPECT_EQ(spec.children[1].name, "b");
  EXPECT_EQ(read_well("app { tree { budget = \"child\" } }").budget, restart_budget::child);
}

TEST(ReadSpec, EveryFieldOfAChildIsRead) {
  auto spec = read_well(R"(
    app { tree {
      auto-shutdown = "all_significant"
      children = [
        {
          name = "a"
          source-file = "a.py"
          restart = "transient"
          shutdown = 2s
          significant = true
          backoff { initial = 100ms, factor = 3, maximum = 10s, jitter = 0.1, reset-after = 1min }
        },
        { name = "b", module = "b", shutdown = "wait_for_ever", restart = "temporary", backoff { factor = 1.5 } },
        { name = "c", module = "c", shutdown = "abandon_at_once" }, # a comment
        { name = "d", module = "d" },
      ]
    } })");
  ASSERT_EQ(spec.children.size(), 4u);
  auto& a = spec.children[0];
  EXPECT_EQ(a.restart, transient);
  EXPECT_EQ(a.shutdown, interp_actors::shutdown::within(2s));
  EXPECT_TRUE(a.significant);
  EXPECT_EQ(a.backoff,
            (backoff{.initial = 100ms, .factor = 3, .maximum = 10s, .jitter = 0.1, .reset_after = 1min}));
  EXPECT_EQ(a.kind, child_kind::worker);
  EXPECT_TRUE(a.body);
  EXPECT_EQ(spec.children[1].shutdown, interp_actors::shutdown::wait_for_ever());
  EXPECT_EQ(spec.children[1].restart, temporary);
  EXPECT_EQ(spec.children[1].backoff.factor, 1.5);
  EXPECT_EQ(spec.children[2].shutdown, interp_actors::shutdown::abandon_at_once());
  auto& d = spec.children[3];
  EXPECT_EQ(d.restart, permanent);
  EXPECT_FALSE(d.shutdown);
  EXPECT_FALSE(d.significant);
  EXPECT_EQ(d.backoff, backoff{});
}

TEST(ReadSpec, EveryOptionOfPythonIsRead) {
  shown_python shown;
  read_well(R"(app { tree { children = [ {
    name = "a", kind = "shown", source-text = "def score(): return 1"
    functions = ["score", "other"], mailbox-messages = 1000, mailbox-bytes = 4096
    deadline = 500ms, handler-deadlines { score = 1s, other = 2s }, start-deadline = 3s
    fail-on = "exceptions", attempts = 3, snapshot-messages = 4, snapshot-interval = 5s
    recycle-messages = 6, recycle-age = 7s, spares = 8
    modules = ["a.zip", "b"], virtual-env = "/srv/venv" } ] } })",
            shown.kinds());
  ASSERT_EQ(shown.given.size(), 1u);
  auto& [code, options] = shown.given[0];
  EXPECT_EQ(code.from, source::kind::text);
  EXPECT_EQ(code.name, "<a>");
  EXPECT_EQ(code.code, "def score(): return 1");
  EXPECT_EQ(options.spawn.functions, (lines{"score", "other"}));
  EXPECT_EQ(options.spawn.mailbox.messages, 1000u);
  EXPECT_EQ(options.spawn.mailbox.bytes, 4096u);
  EXPECT_EQ(options.spawn.deadline, caf::timespan{500ms});
  ASSERT_EQ(options.spawn.handler_deadlines.size(), 2u);
  EXPECT_EQ(options.spawn.handler_deadlines.at("score"), caf::timespan{1s});
  EXPECT_EQ(options.spawn.handler_deadlines.at("other"), caf::timespan{2s});
  EXPECT_EQ(options.spawn.start_deadline, caf::timespan{3s});
  EXPECT_EQ(options.spawn.fail_on, fail_on::exceptions);
  EXPECT_EQ(options.succession.attempts, 3u);
  EXPECT_EQ(options.succession.snapshot_messages, 4u);
  EXPECT_EQ(options.succession.snapshot_interval, caf::timespan{5s});
  EXPECT_EQ(options.succession.recycle_messages, 6u);
  EXPECT_EQ(options.succession.recycle_age, caf::timespan{7s});
  EXPECT_EQ(options.spares, 8u);
  EXPECT_EQ(options.modules, (lines{"a.zip", "b"}));
  EXPECT_EQ(options.virtual_env, "/srv/venv");
}

TEST(ReadSpec, PlacesAreHereAnyNodeOrOneOfThem) {
  shown_python shown;
  read_well(R"(app { tree { children = [
    { name = "a", kind = "shown", module = "m", on = "here" },
    { name = "b", kind = "shown", module = "m", on = "any_node" },
    { name = "c", kind = "shown", module = "m", on = "worker-1:4242" } ] } })",
            shown.kinds());
  ASSERT_EQ(shown.given.size(), 3u);
  EXPECT_EQ(shown.given[0].second.on, placement{});
  EXPECT_EQ(shown.given[1].second.on, any_node);
  EXPECT_EQ(shown.given[2].second.on, on_node("worker-1:4242"));
  EXPECT_EQ(mistake_in_python("on = \"elsewhere\""),
            ".on: 'elsewhere' is none of: here, any_node, a node as HOST:PORT");
  auto spares = mistake_in_python("on = \"any_node\", spares = 1");
  EXPECT_NE(spares.find("spares: they wait in this process"), std::string::npos) << spares;
}

TEST(ReadSpec, WhatIsLeftAwayHasItsDefault) {
  auto spec = read_well("app { tree { } }");
  EXPECT_EQ(spec.strategy, one_for_one);
  EXPECT_EQ(spec.intensity, 1);
  EXPECT_EQ(spec.period, caf::timespan{5s});
  EXPECT_TRUE(spec.children.empty());
  shown_python shown;
  read_well("app { tree { children = [ { name = \"a\", kind = \"shown\", module = \"m\" } ] } }",
            shown.kinds());
  auto& options = shown.given.at(0).second;
  python_options none;
  EXPECT_EQ(options.spawn.name, "");
  EXPECT_EQ(options.spawn.mailbox.messages, none.spawn.mailbox.messages);
  EXPECT_EQ(options.spawn.start_deadline, none.spawn.start_deadline);
  EXPECT_EQ(options.spawn.fail_on, fail_on::base_exceptions);
  EXPECT_EQ(options.succession.attempts, 0u);
  EXPECT_EQ(options.spares, 0u);
}

TEST(ReadSpec, SourcesAreFilesTextsAndModules) {
  shown_python shown;
  read_well(R"(app { tree { children = [
    { name = "a", kind = "shown", source-file = "code/a.py" }, { name = "b", kind = "shown", module = "package.b" } ] } })",
            shown.kinds());
  ASSERT_EQ(shown.given.size(), 2u);
  EXPECT_EQ(shown.given[0].first.from, source::kind::file);
  EXPECT_EQ(shown.given[0].first.name, "code/a.py");
  EXPECT_EQ(shown.given[1].first.from, source::kind::module);
  EXPECT_EQ(shown.given[1].first.name, "package.b");
  EXPECT_EQ(mistake_in_child("name = \"a\""),
            ": it says nothing of what the child consists of; give one of: source-file, "
            "source-text, module, kind, children");
  EXPECT_EQ(mistake_in_child("name = \"a\", module = \"a\", source-file = \"a.py\""),
            ": it says more than once what the child consists of; give one of: source-file, source-text, "
            "module, kind, "
            "children");
}

TEST(ReadSpec, ChildrenKeepTheOrderOfTheList) {
  auto spec = read_well(R"(app { tree { children = [
    { name = "z", module = "z" }, { name = "a", module = "a" }, { name = "m", module = "m" } ] } })");
  lines names;
  for (auto& child : spec.children)
    names.push_back(child.name);
  EXPECT_EQ(names, (lines{"z", "a", "m"}));
}

TEST(ReadSpec, ChildWithChildrenIsASupervisor) {
  auto spec = read_well(R"(app { tree { children = [
    { name = "storage", strategy = "one_for_all", restart = "transient", children = [ { name = "index", module = "i" } ] }
  ] } })");
  auto& storage = spec.children.at(0);
  EXPECT_EQ(storage.kind, child_kind::supervisor);
  EXPECT_EQ(storage.restart, transient);
  ASSERT_TRUE(storage.body);
  EXPECT_TRUE(storage.body->is_supervisor());
  EXPECT_EQ(shutdown_of(storage), interp_actors::shutdown::wait_for_ever());
}

TEST(ReadSpec, KindIsWhatTheProgramSays) {
  auto fixed = std::make_shared<body_of_test>();
  auto made = std::make_shared<body_of_test>(true);
  caf::settings seen;
  auto known = child_registry{}.add("fixed", fixed).add("made", [&](const caf::settings& options) {
    seen = options;
    return made;
  });
  auto spec = read_well(R"(app { tree { children = [
    { name = "a", kind = "fixed", shutdown = 1s }, { name = "b", kind = "made", options { threads = 3 } } ] } })",
                        known);
  EXPECT_EQ(spec.children.at(0).body, fixed);
  EXPECT_EQ(spec.children.at(0).shutdown, interp_actors::shutdown::within(1s));
  EXPECT_EQ(spec.children.at(1).body, made);
  EXPECT_EQ(spec.children.at(1).kind, child_kind::supervisor);
  EXPECT_EQ(caf::get_or(seen, "threads", 0), 3);
}

// -- mistakes
// ---------------------------------------------------------------------------------------------------------

TEST(ReadSpec, MissingSectionIsAMistake) {
  EXPECT_EQ(describe(read("other { }").error()),
            "invalid_spec: app.tree: the configuration says nothing of it");
  EXPECT_EQ(describe(read("app { tree = 7 }").error()),
            "invalid_spec: app.tree: 7 is no dictionary in braces");
}

TEST(ReadSpec, UnknownKeyIsNamedWithTheKnownOnes) {
  EXPECT_EQ(
      mistake_in_tree("stratgy = \"one_for_all\""),
      "invalid_spec: app.tree.stratgy: it is unknown here; known are: strategy, intensity, period, budget, "
      "auto-shutdown, children");
  auto text = mistake_in_python("restrat = \"transient\"");
  EXPECT_EQ(text.substr(0, 54), ".restrat: it is unknown here; known are: name, restart") << text;
  for (auto key : {"shutdown",
                   "significant",
                   "backoff",
                   "kind",
                   "children",
                   "source-file",
                   "source-text",
                   "module",
                   "functions",
                   "mailbox-messages",
                   "mailbox-bytes",
                   "deadline",
                   "handler-deadlines",
                   "start-deadline",
                   "fail-on",
                   "attempts",
                   "snapshot-messages",
                   "snapshot-interval",
                   "recycle-messages",
                   "recycle-age",
                   "spares",
                   "modules",
                   "virtual-env",
                   "on"})
    EXPECT_NE(text.find(", " + std::string{key}), std::string::npos) << key;
  EXPECT_EQ(mistake_in_python("backoff { intial = 1s }"),
            ".backoff.intial: it is unknown here; known are: initial, factor, maximum, jitter, reset-after");
  EXPECT_EQ(mistake_in_python("intensity = 3").substr(0, 11), ".intensity:") << "only supervisors have one";
  EXPECT_EQ(mistake_in_child("name = \"s\", children = [ ], module = \"m\"").substr(0, 8), ".module:");
  EXPECT_EQ(mistake_in_python("class-name = \"A\"").substr(0, 12), ".class-name:")
      << "only interfaces have one";
}

TEST(ReadSpec, WordsAreListed) {
  EXPECT_EQ(
      mistake_in_tree("strategy = \"all\""),
      "invalid_spec: app.tree.strategy: 'all' is none of: one_for_one, one_for_all, rest_for_one, dynamic");
  EXPECT_EQ(mistake_in_tree("strategy = 1"),
            "invalid_spec: app.tree.strategy: 1 is none of: one_for_one, one_for_all, rest_for_one, dynamic");
  EXPECT_EQ(mistake_in_tree("budget = \"none\""),
            "invalid_spec: app.tree.budget: 'none' is none of: supervisor, child");
  EXPECT_EQ(
      mistake_in_tree("auto-shutdown = \"always\""),
      "invalid_spec: app.tree.auto-shutdown: 'always' is none of: never, any_significant, all_significant");
  EXPECT_EQ(mistake_in_python("restart = \"always\""),
            ".restart: 'always' is none of: permanent, transient, temporary");
  EXPECT_EQ(mistake_in_python("fail-on = \"all\""),
            ".fail-on: 'all' is none of: base_exceptions, exceptions");
  EXPECT_EQ(mistake_in_python("shutdown = \"never\""),
            ".shutdown: 'never' is none of: wait_for_ever, abandon_at_once, a time with its unit and without "
            "quotes");
}

/// How a time is written depends on CAF.
bool is_negative(const std::string& field, const std::string& key) {
  auto text = mistake_in_python(field);
  return text.starts_with(key) && text.ends_with(" is negative");
}

TEST(ReadSpec, WrongTypesAndRangesAreMistakes) {
  EXPECT_EQ(mistake_in_tree("intensity = -1"),
            "invalid_spec: app.tree.intensity: -1 is no whole number from 0 to 2147483647");
  EXPECT_EQ(mistake_in_tree("intensity = 2147483648"),
            "invalid_spec: app.tree.intensity: 2147483648 is no whole number from 0 to 2147483647");
  EXPECT_EQ(read_well("app { tree { intensity = 2147483647 } }").intensity, 2147483647);
  EXPECT_EQ(mistake_in_tree("intensity = \"3\""),
            "invalid_spec: app.tree.intensity: '3' is no whole number from 0 to 2147483647");
  EXPECT_EQ(mistake_in_python("attempts = 4294967296"),
            ".attempts: 4294967296 is no whole number from 0 to 4294967295");
  EXPECT_EQ(mistake_in_python("spares = 1.5").substr(0, 9), ".spares: ");
  EXPECT_EQ(
      mistake_in_tree("period = 10"),
      "invalid_spec: app.tree.period: 10 is no time with its unit and without quotes, such as 500ms or 10s");
  EXPECT_EQ(mistake_in_python("deadline = \"1s\""),
            ".deadline: '1s' is no time with its unit and without quotes, such as 500ms or 10s");
  EXPECT_TRUE(is_negative("deadline = -1s", ".deadline:"));
  EXPECT_TRUE(is_negative("shutdown = -1s", ".shutdown:"));
  EXPECT_EQ(mistake_in_python("shutdown = 5"),
            ".shutdown: 5 is no time with its unit and without quotes, such as 500ms or 10s");
  EXPECT_EQ(mistake_in_python("handler-deadlines { score = 1 }").substr(0, 27),
            ".handler-deadlines.score: 1");
  EXPECT_EQ(mistake_in_python("handler-deadlines = 1s"), ".handler-deadlines: 1s is no dictionary in braces");
  EXPECT_EQ(mistake_in_python("significant = 1"), ".significant: 1 is neither true nor false");
  EXPECT_EQ(mistake_in_python("backoff { factor = \"2\" }"), ".backoff.factor: '2' is no number");
  EXPECT_TRUE(is_negative("backoff { initial = -1s }", ".backoff.initial:"));
  EXPECT_EQ(mistake_in_python("functions = \"score\""), ".functions: 'score' is no list of texts in quotes");
  EXPECT_EQ(mistake_in_python("functions = [1]"), ".functions: [1] is no list of texts in quotes");
  EXPECT_EQ(mistake_in_child("name = 7, module = \"a\""), ".name: 7 is no text in quotes");
  EXPECT_EQ(mistake_in_child("module = \"a\""), ".name: it is missing");
}

TEST(ReadSpec, WhatMakesNoSenseTogetherIsNamedByItsKey) {
  EXPECT_EQ(mistake_in_python("backoff { factor = 0.5 }"),
            ".backoff.factor: it is no finite number from 1 on");
  EXPECT_EQ(mistake_in_python("backoff { initial = 1min }"),
            ".backoff.maximum: it is less than backoff.initial");
  EXPECT_EQ(mistake_in_python("restart = \"transient\", significant = true"),
            ".significant: the supervisor's auto_shutdown is never; set it, too");
  EXPECT_EQ(mistake_in_child("name = \"\", module = \"a\""), ".name: it is empty");
  EXPECT_EQ(mistake_in_tree("period = 0s"),
            "invalid_spec: app.tree.period: an intensity needs one that is more than 0");
  EXPECT_EQ(mistake_in_tree("strategy = \"dynamic\""),
            "invalid_spec: app.tree.children: the strategy dynamic has exactly one, the template, not 0");
  EXPECT_EQ(
      mistake_in_tree("children = [ { name = \"a\", module = \"a\" }, { name = \"a\", module = \"b\" } ]"),
      "invalid_spec: app.tree.children[1].name: another child has it, too");
}

TEST(ReadSpec, ChildrenWithoutAnOrderAreAMistake) {
  EXPECT_EQ(mistake_in_tree("children { a { module = \"a\" } }"),
            "invalid_spec: app.tree.children: it is no list; give one, since children have an order: [ { "
            "name = \"a\" }, { "
            "name = \"b\" } ]");
  EXPECT_EQ(mistake_in_tree("children = [ \"a\" ]"),
            "invalid_spec: app.tree.children[0]: 'a' is no dictionary in braces");
}

TEST(ReadSpec, MistakesInNestedSupervisorsHaveTheWholeKey) {
  EXPECT_EQ(
      mistake_in_child(
          R"(name = "s", children = [ { name = "a", module = "a" }, { name = "b", module = "b", spares = -1 } ])"),
      ".children[1].spares: -1 is no whole number from 0 to 9223372036854775807");
  EXPECT_EQ(mistake_in_child(R"(name = "s", strategy = "dynamic", children = [ ])"),
            ".children: the strategy dynamic has exactly one, the template, not 0");
}

TEST(ReadSpec, KindsAreListed) {
  EXPECT_EQ(mistake_in_child("name = \"a\", kind = \"counter\""),
            ".kind: 'counter' is unknown; the program has no kinds of its own");
  auto known = child_registry{}
                   .add("count", std::make_shared<body_of_test>())
                   .add("fail", [](const caf::settings&) -> caf::expected<std::shared_ptr<const child_body>> {
                     return make_error(errc::invalid_spec, "threads: there are too many");
                   });
  EXPECT_EQ(mistake_in_child("name = \"a\", kind = \"counter\"", known),
            ".kind: 'counter' is none of: count, fail");
  EXPECT_EQ(mistake_in_child("name = \"a\", kind = 1", known), ".kind: 1 is no text in quotes");
  EXPECT_EQ(mistake_in_child("name = \"a\", kind = \"fail\"", known),
            ".options: invalid_spec: threads: there are too many");
  EXPECT_EQ(mistake_in_child("name = \"a\", kind = \"count\", module = \"m\"", known).substr(0, 8),
            ".module:");
}

TEST(ReadSpec, AllMistakesAreOneError) {
  EXPECT_EQ(mistake_in_tree("intensity = -1, period = 1, children = [ { name = 1, module = 2 } ]"),
            "invalid_spec: app.tree.intensity: -1 is no whole number from 0 to 2147483647; app.tree.period: "
            "1 is no time "
            "with its unit and without quotes, such as 500ms or 10s; app.tree.children[0].name: 1 is no text "
            "in quotes; "
            "app.tree.children[0].module: 2 is no text in quotes");
}

} // namespace
