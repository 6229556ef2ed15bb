#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "../../tools/bench_program/affinity.hpp"

namespace {

namespace fs = std::filesystem;

/// A copy of the kernel's folder of cores, in which each entry of `lists` is one core's thread_siblings_list.
class topology {
public:
  explicit topology(const std::vector<std::string>& lists) : path_{fs::path{testing::TempDir()} / name()} {
    for (std::size_t core = 0; core < lists.size(); ++core) {
      auto folder = path_ / ("cpu" + std::to_string(core)) / "topology";
      fs::create_directories(folder);
      std::ofstream{folder / "thread_siblings_list"} << lists[core] << '\n';
    }
  }
  topology(const topology&) = delete;
  topology& operator=(const topology&) = delete;
  ~topology() { fs::remove_all(path_); }

  const fs::path& path() const { return path_; }

private:
  static std::string name() {
    return std::string{"ia-topology-"} + testing::UnitTest::GetInstance()->current_test_info()->name();
  }

  fs::path path_;
};

using cores = std::vector<int>;

TEST(Affinity, CoresWithoutHyperthreadsAllCount) {
  topology one{{"0", "1", "2"}};
  EXPECT_EQ(ia_bench::without_siblings({0, 1, 2}, one.path()), (cores{0, 1, 2}));
}

TEST(Affinity, NeighbouringHyperthreadsCountAsOneCore) {
  topology one{{"0-1", "0-1", "2-3", "2-3"}};
  EXPECT_EQ(ia_bench::without_siblings({0, 1, 2, 3}, one.path()), (cores{0, 2}));
}

TEST(Affinity, DistantHyperthreadsCountAsOneCore) {
  topology one{{"0,2", "1,3", "0,2", "1,3"}};
  EXPECT_EQ(ia_bench::without_siblings({0, 1, 2, 3}, one.path()), (cores{0, 1}));
}

TEST(Affinity, TheCoreOfALeftOutSiblingCounts) {
  topology one{{"0-1", "0-1", "2-3", "2-3"}};
  EXPECT_EQ(ia_bench::without_siblings({1, 2, 3}, one.path()), (cores{1, 2}));
}

TEST(Affinity, RangesAndSinglesMix) {
  topology one{{"0-1,4", "0-1,4", "2", "3", "0-1,4"}};
  EXPECT_EQ(ia_bench::without_siblings({1, 2, 3, 4}, one.path()), (cores{1, 2, 3}));
}

TEST(Affinity, CoresThatTheKernelSaysNothingAboutAllCount) {
  EXPECT_EQ(ia_bench::without_siblings({0, 1}, "/nowhere"), (cores{0, 1}));
}

} // namespace
