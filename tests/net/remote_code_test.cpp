#include "interp_actors/python/engine.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "net/with_nodes.hpp"

using namespace ia_test;

namespace {

/// Modules in zip files, and a virtual environment, which hold one module each.
class RemoteCode : public with_nodes {
protected:
  RemoteCode() {
    std::filesystem::create_directories(folder_ / "venv" / "lib" / ("python" + ia::python::engine::version())
                                        / "site-packages");
    write("venv/lib/python" + ia::python::engine::version() + "/site-packages/of_venv.py",
          "where = 'the environment'\n");
    write("helper.py", "def who(): return 'a helper in ' + __file__.rsplit('/', 2)[1]\n");
    zip("app.zip", "helper.py");
  }
  ~RemoteCode() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  void write(const std::string& name, const std::string& text) const { std::ofstream{path(name)} << text; }

  void zip(const std::string& name, const std::string& member) const {
    auto command = "cd '" + folder_.string() + "' && " PYTHON " -m zipfile -c " + name + " " + member;
    ASSERT_EQ(std::system(command.c_str()), 0);
  }

  std::string refusal(ia::python_options options) {
    options.on = ia::any_node;
    auto result = rt().supervise({.children = {child("one", "", std::move(options))}});
    return result ? "accepted" : ia::describe(result.error());
  }

  const std::filesystem::path folder_ =
      std::filesystem::path{::testing::TempDir()} / ("remote_code_" + std::to_string(::getpid()));
};

constexpr const char* user = "import helper\ndef who(v): return helper.who().encode()\n";

TEST_F(RemoteCode, ModulesTravelInZipFiles) {
  start_node();
  auto one = at(supervise_one(user, {.modules = {path("app.zip")}}), "one");
  EXPECT_EQ(call(one, "who"), "a helper in app.zip");
}

TEST_F(RemoteCode, AModuleOfAZipFileIsASourceItself) {
  start_node();
  write("served.py", "def answer(v): return b'from the zip'\n");
  zip("served.zip", "served.py");
  ia::python_options options{.modules = {path("served.zip")}, .on = ia::any_node};
  auto tree =
      supervise({.children = {{.name = "one", .body = ia::python_child(ia::module("served"), options)}}});
  EXPECT_EQ(call(at(tree, "one"), "answer"), "from the zip");
}

TEST_F(RemoteCode, ModulesAreFoundHereToo) {
  ia::python_options zipped{.modules = {path("app.zip")}};
  ia::python_options in_a_folder{.modules = {folder_.string()}};
  auto tree = supervise({.children = {child("zipped", user, zipped), child("folder", user, in_a_folder)}});
  EXPECT_EQ(call(at(tree, "zipped"), "who"), "a helper in app.zip");
  EXPECT_EQ(call(at(tree, "folder"), "who"), "a helper in " + folder_.filename().string());
}

TEST_F(RemoteCode, ANewerFileOfTheSameNameIsAnotherOne) {
  start_node();
  ia::python_options options{.modules = {path("app.zip")}};
  {
    auto tree = supervise_one(user, options);
    EXPECT_EQ(call(at(tree, "one"), "who"), "a helper in app.zip");
    tree.stop();
  }
  write("helper.py", "def who(): return 'a newer helper'\n");
  zip("app.zip", "helper.py");
  EXPECT_EQ(call(at(supervise_one(user, options), "one"), "who"), "a newer helper");
}

TEST_F(RemoteCode, WhatIsNoZipFileIsRefused) {
  start_node();
  auto folder = refusal({.modules = {folder_.string()}});
  EXPECT_NE(folder.find("is no zip file of modules that could be sent to a node"), std::string::npos)
      << folder;
  auto missing = refusal({.modules = {path("no.zip")}});
  EXPECT_NE(missing.find("no.zip"), std::string::npos) << missing;
  auto here = rt().supervise({.children = {child("one", "", {.modules = {path("no.zip")}})}});
  ASSERT_FALSE(here);
  EXPECT_NE(ia::describe(here.error()).find("there are no modules at"), std::string::npos);
}

constexpr const char* user_of_venv = "import of_venv\ndef where(v): return of_venv.where.encode()\n";

TEST_F(RemoteCode, AVirtualEnvironmentThatTheNodeAllowsIsUsed) {
  start_node({"--slots", "2", "--allow", folder_.string()});
  EXPECT_EQ(call(at(supervise_one(user_of_venv, {.virtual_env = path("venv")}), "one"), "where"),
            "the environment");
}

TEST_F(RemoteCode, AVirtualEnvironmentIsUsedHereToo) {
  auto tree = supervise({.children = {child("one", user_of_venv, {.virtual_env = path("venv")})}});
  EXPECT_EQ(call(at(tree, "one"), "where"), "the environment");
}

TEST_F(RemoteCode, OtherVirtualEnvironmentsAreRefused) {
  std::filesystem::create_directories(folder_ / "allowed" / "empty");
  start_node({"--slots", "2", "--allow", path("allowed")});
  for (auto& each : {path("venv"), path("allowed/../venv"), path("allowed_not")}) {
    auto said = refusal({.virtual_env = each});
    EXPECT_NE(said.find("does not allow"), std::string::npos) << said;
  }
  auto none = refusal({.virtual_env = path("allowed/empty")});
  EXPECT_NE(none.find("is no virtual environment for this Python"), std::string::npos) << none;
}

} // namespace
