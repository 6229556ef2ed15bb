#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
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
  EXPECT_EQ(run("--interp-actors.call-timeout=0s").code, 64);
  auto negative = run("--interp-actors.grace=-1s");
  EXPECT_EQ(negative.code, 64);
  EXPECT_NE(negative.output.find("interp-actors.grace"), std::string::npos) << negative.output;
}

TEST(RunMain, MissingVirtualEnvironmentIsUnavailable) {
  auto result = run("--interp-actors.virtual-env=/no/such/place");
  EXPECT_EQ(result.code, 69);
  EXPECT_NE(result.output.find("/no/such/place"), std::string::npos) << result.output;
}

TEST(RunMain, HelpListsTheOptions) {
  auto result = run("--long-help");
  EXPECT_EQ(result.code, 0);
  for (auto* key : {"virtual-env", "sys-path", "grace", "shutdown-timeout", "call-timeout", "linger-timeout",
                    "pin-threshold-bytes"})
    EXPECT_NE(result.output.find(key), std::string::npos) << key;
}

} // namespace
