#include "interp_actors/net/module_store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

using namespace interp_actors;

namespace {

shared_bytes code(std::size_t size, char letter) {
  return shared_bytes::adopt(std::string(size, letter));
}

std::string content_of(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

TEST(ModuleStore, ForgetsTheOldestAndNeverTheLast) {
  module_store store{100};
  store.keep("aa", code(60, 'a'));
  store.keep("aa", code(60, 'a')); // no second time
  store.keep("bb", code(40, 'b'));
  EXPECT_TRUE(store.find("aa") && store.find("bb"));
  store.keep("cc", code(1, 'c'));
  EXPECT_FALSE(store.find("aa"));
  EXPECT_TRUE(store.find("bb") && store.find("cc"));
  store.keep("dd", code(1000, 'd'));
  EXPECT_FALSE(store.find("bb") || store.find("cc"));
  EXPECT_EQ(store.find("dd")->size(), 1000u);
}

TEST(ModuleStore, FilesAreWholeAndGoWithIt) {
  std::string path;
  {
    module_store store;
    path = store.path_of("ab", "modules.zip", code(100, 'x'));
    EXPECT_EQ(content_of(path), std::string(100, 'x'));
    EXPECT_EQ(store.path_of("ab", "modules.zip", code(100, 'x')), path); // not written again
    EXPECT_NE(store.path_of("cd", "modules.zip", code(100, 'y')), path);
    EXPECT_EQ(std::filesystem::path{path}.filename(), "modules.zip");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ModuleStore, NoNameLeadsOutOfItsFolder) {
  module_store store;
  for (auto* name : {"", ".", "..", "../x.zip", "/tmp/x.zip", "a/b.zip", ".hidden"})
    EXPECT_THROW(store.path_of("ab", name, code(1, 'x')), std::runtime_error) << name;
  EXPECT_THROW(store.path_of("ab", std::string("a\0b", 3), code(1, 'x')), std::runtime_error);
  EXPECT_THROW(store.path_of("ab", std::string(300, 'x'), code(1, 'x')), std::runtime_error);
  for (auto* hash : {"", "..", "../ab", "AB", "xy"})
    EXPECT_THROW(store.path_of(hash, "x.zip", code(1, 'x')), std::runtime_error) << hash;
}

} // namespace
