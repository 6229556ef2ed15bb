#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <stdexcept>

#include "../../../tools/program/item_source.hpp"

namespace {

namespace fs = std::filesystem;

using namespace ia_program;

class LinesOfFiles : public testing::Test {
protected:
  void SetUp() override { fs::create_directories(folder); }
  void TearDown() override { fs::remove_all(folder); }

  std::string file(const std::string& name, const std::string& content) {
    std::ofstream{folder / name} << content;
    return (folder / name).string();
  }

  static std::vector<std::string> all(item_source& source) {
    std::vector<std::string> result;
    while (auto one = source.next())
      result.push_back(*one);
    return result;
  }

  const fs::path folder = fs::path{testing::TempDir()} / ("item_source_test_" + std::to_string(::getpid()));
};

TEST_F(LinesOfFiles, AreThoseOfAllFilesInOrder) {
  lines_of_files source{{file("a", "one\n\ntwo\n"), file("b", ""), file("c", "three"), file("d", "four\n")}};
  EXPECT_EQ(all(source), (std::vector<std::string>{"one", "", "two", "three", "four"}));
  EXPECT_EQ(source.next(), std::nullopt);
}

TEST_F(LinesOfFiles, MayBeOfAnyLength) {
  std::string longest(200'000, 'x');
  lines_of_files source{{file("a", "short\n" + longest + "\nend")}};
  EXPECT_EQ(all(source), (std::vector<std::string>{"short", longest, "end"}));
}

TEST_F(LinesOfFiles, AFileThatIsNotThereIsNamed) {
  lines_of_files source{{file("a", "one\n"), "/no/such/file"}};
  EXPECT_EQ(source.next(), "one");
  try {
    (void)source.next();
    FAIL();
  } catch (const std::runtime_error& problem) {
    EXPECT_EQ(std::string{problem.what()}, "cannot read '/no/such/file': No such file or directory");
  }
}

TEST_F(LinesOfFiles, AStopReleasesWhoWaits) {
  auto pipe = (folder / "pipe").string();
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::fstream writer{pipe}; // both ends, so that opening does not wait
  writer << "one\nhal" << std::flush;
  lines_of_files source{{pipe}};
  EXPECT_EQ(source.next(), "one");
  auto waiter = std::async(std::launch::async, [&] { return source.next(); });
  source.stop();
  EXPECT_EQ(waiter.get(), std::nullopt);
  EXPECT_EQ(source.next(), std::nullopt);
}

TEST(ListedItems, AreThemselves) {
  listed_items items{{"a", "b"}};
  EXPECT_EQ(items.count(), 2U);
  EXPECT_EQ(items.next(), "a");
  EXPECT_EQ(items.next(), "b");
  EXPECT_EQ(items.next(), std::nullopt);
}

} // namespace
