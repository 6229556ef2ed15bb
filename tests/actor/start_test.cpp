#include <dlfcn.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

class Start : public with_runtime {
protected:
  caf::error refused(ia::source code, ia::spawn_options options = {}) {
    auto result = rt().spawn(std::move(code), std::move(options));
    EXPECT_FALSE(result);
    return result ? caf::error{} : result.error();
  }
};

TEST_F(Start, SyntaxErrorIsTheSpawnsErrorWithItsPlace) {
  auto problem = refused(ia::text("x = 1\ndef (:\n", "broken.py"));
  EXPECT_EQ(code_of(problem), ia::errc::start_failed);
  EXPECT_EQ(ia::python_error_of(problem)->traceback(), "  File \"broken.py\", line 2\n"
                                                       "    def (:\n"
                                                       "        ^\n"
                                                       "SyntaxError: invalid syntax\n");
}

TEST_F(Start, ImportErrorIsTheSpawnsErrorWithItsTraceback) {
  auto problem = refused(ia::text("import json\nimport no_such_module_here\n", "imports.py"));
  EXPECT_EQ(code_of(problem), ia::errc::start_failed);
  EXPECT_EQ(ia::python_error_of(problem)->traceback(),
            "Traceback (most recent call last):\n"
            "  File \"imports.py\", line 2, in <module>\n"
            "    import no_such_module_here\n"
            "ModuleNotFoundError: No module named 'no_such_module_here'\n");
}

TEST_F(Start, MissingFileAndModuleAreNamed) {
  auto file = refused(ia::file("/no/such/file.py"));
  EXPECT_NE(
      ia::describe(file).find("FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file.py'"),
      std::string::npos)
      << ia::describe(file);
  auto folder = refused(ia::file("/tmp"));
  EXPECT_NE(ia::describe(folder).find("IsADirectoryError: [Errno 21] Is a directory: '/tmp'"),
            std::string::npos)
      << ia::describe(folder);
  auto module = refused(ia::module("no_such_module_here"));
  EXPECT_NE(ia::describe(module).find("No module named 'no_such_module_here'"), std::string::npos);
}

TEST_F(Start, MissingFunctionsAreTheSpawnsError) {
  auto problem = refused(ia::text("x = 1\ndef f(v): pass", "some.py"), {.functions = {"f", "g"}});
  EXPECT_EQ(code_of(problem), ia::errc::no_such_function);
  EXPECT_NE(ia::describe(problem).find("no function 'g'"), std::string::npos);
  EXPECT_NE(ia::describe(problem).find("some.py"), std::string::npos);
  problem = refused(ia::text("x = 1", "some.py"), {.functions = {"x"}});
  EXPECT_NE(ia::describe(problem).find("'x' is a int, which cannot be called"), std::string::npos);
}

TEST_F(Start, SystemExitInTheSourceFailsTheStart) {
  auto problem = refused(ia::text("raise SystemExit(3)"));
  EXPECT_EQ(code_of(problem), ia::errc::start_failed);
  EXPECT_EQ(ia::python_error_of(problem)->exit_code, 3);
}

TEST_F(Start, SourceThatNeverEndsIsStoppedByTheStartDeadline) {
  auto problem = refused(ia::text("while True: pass", "loop.py"), {.start_deadline = 100ms});
  EXPECT_EQ(code_of(problem), ia::errc::deadline_exceeded);
  EXPECT_NE(ia::describe(problem).find("loop.py"), std::string::npos) << ia::describe(problem);
}

TEST_F(Start, SourceThatHangsInCIsAbandoned) {
  auto problem =
      refused(ia::text("import time; time.sleep(1000)"), {.name = "sleeper", .start_deadline = 100ms});
  EXPECT_EQ(code_of(problem), ia::errc::abandoned);
  EXPECT_NE(ia::describe(problem).find("'sleeper'"), std::string::npos) << ia::describe(problem);
  expected_abandoned_ = 1;
}

TEST_F(Start, FileIsRunWithItsNameAndModuleIsImported) {
  auto folder = std::filesystem::path{::testing::TempDir()} / ("start_test_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream{folder / "handler_mod.py"}
      << "def where(v): return __file__.encode() + b' ' + __name__.encode()\n"
         "def fail(v):\n    raise ValueError('no')\n";
  auto path = (folder / "handler_mod.py").string();
  auto actor = rt().spawn(ia::file(path));
  ASSERT_TRUE(actor) << ia::describe(actor.error());
  EXPECT_EQ(call(*actor, "where"), path + " __main__");
  EXPECT_NE(
      call(*actor, "fail").find("  File \"" + path + "\", line 3, in fail\n    raise ValueError('no')\n"),
      std::string::npos)
      << call(*actor, "fail");
  auto module =
      rt().spawn(ia::text("import sys; sys.path.insert(0, '" + folder.string() + "'); import handler_mod"));
  ASSERT_TRUE(module) << ia::describe(module.error());
  EXPECT_EQ(call(*module, "handler_mod:where"), path + " handler_mod");
  auto standard = rt().spawn(ia::module("json"), {.functions = {"dumps"}});
  ASSERT_TRUE(standard) << ia::describe(standard.error());
  std::filesystem::remove_all(folder);
}

// Each costs every interpreter time and memory.
TEST_F(Start, NoModuleOfTheStandardLibraryIsImportedForOurSake) {
  auto actor = rt().spawn(ia::text(R"(
import sys
loaded = ' '.join({'io', 'abc', '_collections_abc', 'os', 'site', 'threading'} & sys.modules.keys())
def imported(_): return loaded.encode()
)"));
  ASSERT_TRUE(actor) << ia::describe(actor.error());
  EXPECT_EQ(call(*actor, "imported"), "");
}

TEST_F(Start, SpawnAfterStopIsRefused) {
  rt().stop();
  EXPECT_EQ(code_of(refused(ia::text(""))), ia::errc::stopped);
}

TEST_F(Start, SecondRuntimeIsRefused) {
  EXPECT_THROW(ia::runtime(system(), {}), std::logic_error);
}

TEST_F(Start, ManyThreadsSpawnAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      ia::caller mine{system()};
      auto actor = rt().spawn(ia::text("import json\ndef f(v): return v"));
      if (actor
          && mine.call(*actor, "f", ia::shared_bytes::copy(std::to_string(i)))->as_string_view()
                 == std::to_string(i))
        ++good;
    });
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(good, 8);
}

class Options : public ::testing::Test {
protected:
  void run(const ia::runtime_options& options, const std::string& code, const std::string& expected) {
    ia::detail::init_types();
    caf::actor_system_config config;
    caf::actor_system system{config};
    ia::runtime rt{system, options};
    ia::caller me{system};
    auto actor = rt.spawn(ia::text(code));
    ASSERT_TRUE(actor) << ia::describe(actor.error());
    auto result = me.call(*actor, "f");
    ASSERT_TRUE(result) << ia::describe(result.error());
    EXPECT_EQ(result->as_string_view(), expected);
  }
};

TEST_F(Options, ArgvAndSysPathReachEveryInterpreter) {
  ia::runtime_options options;
  options.python.argv = {"program", "--flag", "ä"};
  options.python.sys_path = {"/some/where", "/else/where"};
  run(options, "import sys\ndef f(): return repr((sys.argv, sys.path[:2])).encode()",
      "(['program', '--flag', 'ä'], ['/some/where', '/else/where'])");
}

TEST_F(Options, IsolatedIgnoresTheEnvironment) {
  ::setenv("PYTHONPATH", "/from/environment", 1);
  run({}, "import sys\ndef f(): return b'%d' % ('/from/environment' in sys.path)", "0");
}

TEST_F(Options, NotIsolatedHeedsTheEnvironment) {
  ::setenv("PYTHONPATH", "/from/environment", 1);
  ia::runtime_options options;
  options.python.isolated = false;
  run(options, "import sys\ndef f(): return b'%d' % ('/from/environment' in sys.path)", "1");
}

TEST_F(Options, VirtualEnvironmentGivesItsPackages) {
  auto folder = std::filesystem::path{::testing::TempDir()} / ("venv_test_" + std::to_string(::getpid()));
  std::string version = std::to_string(PYTHON_VERSION_MAJOR) + "." + std::to_string(PYTHON_VERSION_MINOR);
  auto packages = folder / "lib" / ("python" + version) / "site-packages";
  std::filesystem::create_directories(packages);
  std::filesystem::create_directories(folder / "bin");
  std::filesystem::create_symlink("/usr/bin/python" + version, folder / "bin" / "python");
  std::ofstream{folder / "pyvenv.cfg"} << "home = /usr/bin\ninclude-system-site-packages = false\n";
  std::ofstream{packages / "only_in_venv.py"} << "value = b'from the environment'\n";
  ia::runtime_options options;
  options.python.virtual_env = folder;
  run(options, "import only_in_venv\ndef f(): return only_in_venv.value", "from the environment");
  std::filesystem::remove_all(folder);
}

TEST_F(Options, MissingVirtualEnvironmentIsNamed) {
  ia::detail::init_types();
  caf::actor_system_config config;
  caf::actor_system system{config};
  ia::runtime_options options;
  options.python.virtual_env = "/no/such/environment";
  try {
    ia::runtime rt{system, options};
    FAIL();
  } catch (const std::runtime_error& problem) {
    EXPECT_NE(std::string{problem.what()}.find("/no/such/environment"), std::string::npos);
  }
}

TEST_F(Start, FifoAsSourceIsRefused) {
  auto path = std::filesystem::path{::testing::TempDir()} / ("fifo" + std::to_string(::getpid()));
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  auto problem = refused(ia::file(path));
  std::filesystem::remove(path);
  EXPECT_EQ(code_of(problem), ia::errc::start_failed);
  EXPECT_NE(ia::describe(problem).find(path), std::string::npos) << ia::describe(problem);
}

/// Keeps CPython's main interpreter from everybody else: new interpreters wait for it.
class main_gil_held {
public:
  main_gil_held() : state_{function<int()>("PyGILState_Ensure")()} {}
  main_gil_held(const main_gil_held&) = delete;
  main_gil_held& operator=(const main_gil_held&) = delete;
  ~main_gil_held() { function<void(int)>("PyGILState_Release")(state_); }

private:
  template <class F>
  static F* function(const char* name) {
    return reinterpret_cast<F*>(::dlsym(RTLD_DEFAULT, name));
  }

  int state_;
};

TEST_F(Start, WhatIsAbandonedDuringItsCreationNeverRunsItsSource) {
  {
    main_gil_held held;
    auto problem = refused(ia::text(gate.python() + "arrive()\n"), {.start_deadline = 50ms});
    EXPECT_EQ(code_of(problem), ia::errc::abandoned) << ia::describe(problem);
  }
  wait_until([this] { return rt().counts().ended == 1; }, "its end");
  EXPECT_FALSE(gate.arrived(0ms));
}

TEST_F(Start, StopDuringTheStartIsTheSpawnsError) {
  std::thread stopping{[this] {
    EXPECT_TRUE(gate.arrived());
    rt().stop();
  }};
  auto problem = refused(ia::text(gate.python() + "arrive()\nwhile True: pass\n"));
  EXPECT_EQ(code_of(problem), ia::errc::stopped) << ia::describe(problem);
  stopping.join();
}

} // namespace
