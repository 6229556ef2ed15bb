#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

struct outcome {
  int code = -1;
  std::string output;
};

/// Runs the program with `arguments` and returns its exit code and what it printed on both streams.
outcome run(const std::string& arguments, const std::string& folder = ".") {
  auto command = "cd '" + folder + "' && exec " + MAIN_PROGRAM + " " + arguments + " 2>&1";
  auto* pipe = ::popen(command.c_str(), "r");
  if (!pipe)
    return {};
  outcome result;
  std::array<char, 4096> chunk;
  for (std::size_t n = 0; (n = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    result.output.append(chunk.data(), n);
  auto status = ::pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
  return result;
}

TEST(RunMain, ReturnsWhatTheFunctionReturns) {
  auto result = run("--what=return");
  EXPECT_EQ(result.code, 7) << result.output;
  EXPECT_EQ(result.output, "");
}

TEST(RunMain, AnExceptionEndsWithCodeOneAndItsText) {
  auto result = run("--what=throw");
  EXPECT_EQ(result.code, 1);
  EXPECT_NE(result.output.find(
                "  File \"source.py\", line 1, in <module>\n    raise ValueError('from the source')\n"
                "ValueError: from the source"),
            std::string::npos)
      << result.output;
}

TEST(RunMain, AfterAnAbandonmentTheExitCodeIsKept) {
  auto result = run("--what=abandon --interp-actors.grace=50ms");
  EXPECT_EQ(result.code, 5);
  EXPECT_EQ(result.output, "deadline_exceeded: the request was not done within its deadline\n");
  EXPECT_EQ(run("--what=abandon-and-throw --interp-actors.grace=50ms").code, 1);
}

TEST(RunMain, EndsWhileABytesPinIsHeld) {
  auto result = run("--what=pin --interp-actors.shutdown-timeout=200ms");
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.output, "1000000 bytes held\n");
}

TEST(RunMain, PassesTheRemainderAsArgv) {
  auto result = run("--what=argv one two");
  EXPECT_EQ(result.code, 0);
  EXPECT_NE(result.output.find("'one', 'two']"), std::string::npos) << result.output;
}

TEST(RunMain, ReadsOptionsFromTheCommandLineAndTheConfigurationFile) {
  EXPECT_EQ(run("--what=path '--interp-actors.sys-path=[\"/from/line\"]'").output, "/from/line\n");
  auto folder = std::filesystem::path{::testing::TempDir()} / ("run_main_test_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream{folder / "caf-application.conf"} << "interp-actors { sys-path = [\"/from/file\"] }\n";
  EXPECT_EQ(run("--what=path", folder.string()).output, "/from/file\n");
  std::filesystem::remove_all(folder);
}

TEST(RunMain, CallsOfPythonCodeWaitAsLongAsTheCommandLineSays) {
  auto result = run("--what=wait --interp-actors.call-timeout=50ms --interp-actors.shutdown-timeout=200ms");
  EXPECT_EQ(result.output, "timed out\n");
  EXPECT_EQ(result.code, 0);
}

TEST(RunMain, WrongOptionsEndWithUsageCodeAndSayWhich) {
  auto unknown = run("--no-such-option=1");
  EXPECT_EQ(unknown.code, 64);
  EXPECT_NE(unknown.output.find("no-such-option"), std::string::npos) << unknown.output;
  for (std::string key :
       {"grace", "shutdown-timeout", "call-timeout", "teardown-timeout", "linger-timeout", "node-timeout"})
    for (auto* value : {"-1s", "0s"}) {
      auto refused = run("--interp-actors." + key + "=" + value);
      EXPECT_EQ(refused.code, 64) << key;
      EXPECT_NE(refused.output.find("interp-actors." + key), std::string::npos) << refused.output;
    }
  auto no_choice = run("--interp-actors.isolated=perhaps");
  EXPECT_EQ(no_choice.code, 64);
  EXPECT_NE(no_choice.output.find("interp-actors.isolated"), std::string::npos) << no_choice.output;
  auto no_size = run("--interp-actors.pin-threshold-bytes=-1");
  EXPECT_EQ(no_size.code, 64) << no_size.output;
}

TEST(RunMain, IsolationIsTheDefaultAndCanBeTurnedOff) {
  ::setenv("PYTHONPATH", "/from/environment", 1);
  auto isolated = run("--what=path");
  EXPECT_EQ(isolated.code, 0);
  EXPECT_EQ(isolated.output.find("/from/environment"), std::string::npos) << isolated.output;
  EXPECT_EQ(run("--what=path --interp-actors.isolated=false").output, "/from/environment\n");
  EXPECT_EQ(run("--what=path --interp-actors.isolated=true").output, isolated.output);
  auto folder = std::filesystem::path{::testing::TempDir()} / ("run_main_test_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream{folder / "caf-application.conf"} << "interp-actors { isolated = false }\n";
  EXPECT_EQ(run("--what=path", folder.string()).output, "/from/environment\n");
  std::filesystem::remove_all(folder);
}

TEST(RunMain, EverySettingTakesAnyGoodValue) {
  for (auto* setting :
       {"grace=1ms", "grace=1h", "shutdown-timeout=1ms", "shutdown-timeout=1h", "call-timeout=1ms",
        "call-timeout=1h", "teardown-timeout=1ms", "teardown-timeout=1h", "linger-timeout=1ms",
        "linger-timeout=1h", "pin-threshold-bytes=0", "pin-threshold-bytes=1000000000000", "node-timeout=1ms",
        "node-timeout=1h", "node-message-bytes=0", "node-message-bytes=1000000000000"}) {
    auto result = run("--what=argv --interp-actors." + std::string{setting});
    EXPECT_EQ(result.code, 0) << setting << ": " << result.output;
  }
}

TEST(RunMain, NodesAndCertificatesThatCannotBeAreUnavailable) {
  auto nowhere = run("--what=argv '--interp-actors.nodes=[\"nowhere\"]'");
  EXPECT_EQ(nowhere.code, 69);
  EXPECT_NE(nowhere.output.find("interp-actors.nodes: refused: 'nowhere' names no node"), std::string::npos)
      << nowhere.output;
  auto abroad = run("--what=argv '--interp-actors.nodes=[\"192.0.2.1:4242\"]'");
  EXPECT_EQ(abroad.code, 69);
  EXPECT_NE(abroad.output.find("nothing leaves this one without certificates"), std::string::npos)
      << abroad.output;
  auto half = run("--what=argv --interp-actors.certificate=/no/such.pem");
  EXPECT_EQ(half.code, 69);
  EXPECT_NE(half.output.find("the key is missing"), std::string::npos) << half.output;
}

TEST(RunMain, ANodeThatIsNotThereKeepsNobodyWaiting) {
  auto result = run("--what=return '--interp-actors.nodes=[\"127.0.0.1:1\"]'");
  EXPECT_EQ(result.code, 7) << result.output;
}

TEST(RunMain, MissingVirtualEnvironmentIsUnavailable) {
  auto result = run("--interp-actors.virtual-env=/no/such/place");
  EXPECT_EQ(result.code, 69);
  EXPECT_NE(result.output.find("/no/such/place"), std::string::npos) << result.output;
}

TEST(RunMain, HelpListsTheOptions) {
  auto result = run("--long-help");
  EXPECT_EQ(result.code, 0);
  for (auto* key :
       {"virtual-env", "sys-path", "grace", "shutdown-timeout", "call-timeout", "linger-timeout",
        "pin-threshold-bytes", "nodes", "node-timeout", "node-message-bytes", "certificate", "workers"})
    EXPECT_NE(result.output.find(key), std::string::npos) << key;
}

} // namespace
