#include "interp_actors/base/payload_stats.hpp"
#include "interp_actors/base/shared_bytes.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <latch>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

using namespace interp_actors;
namespace fs = std::filesystem;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

/// Every test ends as it began: without a live block.
class SharedBytes : public ::testing::Test {
protected:
  SharedBytes() {
    std::string pattern = (fs::temp_directory_path() / "shared_bytes_test.XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
      throw std::runtime_error("mkdtemp");
    folder_ = pattern;
  }
  ~SharedBytes() override { fs::remove_all(folder_); }

  void TearDown() override {
    auto stats = read_payload_stats();
    EXPECT_EQ(stats.live_blocks, 0u);
    EXPECT_EQ(stats.live_bytes, 0u);
  }

  fs::path make_file(std::string_view content, const char* name = "file") {
    auto path = folder_ / name;
    std::ofstream{path, std::ios::binary} << content;
    return path;
  }

  template <class F>
  static std::system_error failure_of(F f) {
    try {
      f();
    } catch (const std::system_error& problem) {
      return problem;
    }
    ADD_FAILURE() << "nothing was thrown";
    return std::system_error{std::error_code{}};
  }

  fs::path folder_;
};

using SharedBytesFile = SharedBytes;
using BytesBuilder = SharedBytes;
using PayloadStats = SharedBytes;

TEST_F(SharedBytes, DefaultConstructedHoldsNothing) {
  shared_bytes nothing;
  EXPECT_FALSE(nothing);
  EXPECT_EQ(nothing.data(), nullptr);
  EXPECT_EQ(nothing.size(), 0u);
  EXPECT_TRUE(nothing.empty());
  EXPECT_EQ(nothing.owner(), nullptr);
  EXPECT_EQ(nothing.format(), nullptr);
  EXPECT_EQ(read_payload_stats().live_blocks, 0u);
}

TEST_F(SharedBytes, EmptyIsNotNothing) {
  for (auto& empty : {shared_bytes::copy(""), shared_bytes::adopt(std::string{}),
                      shared_bytes::adopt(std::vector<std::byte>{}), bytes_builder{0}.freeze(),
                      shared_bytes::map_file(make_file("")), shared_bytes::read_file(make_file(""))}) {
    EXPECT_TRUE(empty);
    EXPECT_TRUE(empty.empty());
    EXPECT_NE(empty, shared_bytes{});
    EXPECT_EQ(empty, shared_bytes::copy(""));
  }
}

TEST_F(SharedBytes, CopyTakesMemoryOfItsOwn) {
  std::string text = "content that changes";
  auto from_text = shared_bytes::copy(text);
  auto from_span = shared_bytes::copy(bytes_of(text));
  text[0] = 'X';
  EXPECT_EQ(from_text.as_string_view(), "content that changes");
  EXPECT_EQ(from_span.as_string_view(), "content that changes");
  EXPECT_NE(from_text.data(), from_span.data());
}

TEST_F(SharedBytes, AdoptedStringKeepsItsMemory) {
  std::string text(1000, 'x');
  auto* before = text.data();
  auto bytes = shared_bytes::adopt(std::move(text));
  EXPECT_EQ(static_cast<const void*>(bytes.data()), before);
  EXPECT_EQ(bytes.as_string_view(), std::string(1000, 'x'));
}

TEST_F(SharedBytes, AdoptedShortStringKeepsItsText) {
  // Its characters lie inside of the string object, so they move with it.
  auto bytes = shared_bytes::adopt(std::string{"short"});
  auto other = bytes;
  bytes = {};
  EXPECT_EQ(other.as_string_view(), "short");
}

TEST_F(SharedBytes, AdoptedVectorKeepsItsMemory) {
  std::vector<std::byte> content(1000, std::byte{7});
  auto* before = content.data();
  auto bytes = shared_bytes::adopt(std::move(content));
  EXPECT_EQ(bytes.data(), before);
  EXPECT_EQ(bytes.size(), 1000u);
  EXPECT_EQ(bytes.as_span()[999], std::byte{7});
}

TEST_F(SharedBytes, CopyingAHandleSharesTheBytes) {
  auto first = shared_bytes::copy("shared");
  auto second = first;
  shared_bytes third;
  third = second;
  EXPECT_EQ(second.data(), first.data());
  EXPECT_EQ(third.data(), first.data());
  EXPECT_EQ(first.owner()->references.load(), 3u);
  EXPECT_EQ(read_payload_stats().live_blocks, 1u);
  first = {};
  second = {};
  EXPECT_EQ(third.as_string_view(), "shared");
}

TEST_F(SharedBytes, MovingAHandleLeavesNothing) {
  auto first = shared_bytes::copy("moved");
  auto second = std::move(first);
  EXPECT_FALSE(first); // NOLINT(bugprone-use-after-move): what is left is a promise
  EXPECT_EQ(first.size(), 0u);
  EXPECT_EQ(second.as_string_view(), "moved");
  EXPECT_EQ(second.owner()->references.load(), 1u);
  static_assert(std::is_nothrow_move_constructible_v<shared_bytes>);
}

TEST_F(SharedBytes, AssigningToItselfKeepsTheBytes) {
  auto bytes = shared_bytes::copy("self");
  auto& same = bytes;
  bytes = same;
  EXPECT_EQ(bytes.as_string_view(), "self");
  EXPECT_EQ(bytes.owner()->references.load(), 1u);
}

TEST_F(SharedBytesFile, MapFileShowsTheContent) {
  std::string content(10'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i)
    content[i] = static_cast<char>(i * 7);
  auto path = make_file(content);
  auto mapped = shared_bytes::map_file(path);
  EXPECT_EQ(mapped.as_string_view(), content);
  EXPECT_EQ(read_payload_stats().live_bytes, content.size());
  fs::remove(path);
  EXPECT_EQ(mapped.as_string_view(), content);
}

TEST_F(SharedBytesFile, MapFileIsTheFilesMemoryAndReadFileIsNot) {
  auto path = make_file("before");
  auto mapped = shared_bytes::map_file(path);
  auto read = shared_bytes::read_file(path);
  std::fstream{path, std::ios::in | std::ios::out} << "AFTER!";
  EXPECT_EQ(mapped.as_string_view(), "AFTER!");
  EXPECT_EQ(read.as_string_view(), "before");
}

TEST_F(SharedBytesFile, ReadFileTakesTheWholeContent) {
  std::string content(300'000, 'r');
  content += "end";
  EXPECT_EQ(shared_bytes::read_file(make_file(content)).as_string_view(), content);
}

TEST_F(SharedBytesFile, ReadFileReadsFilesThatDoNotSayHowLongTheyAre) {
  auto text = shared_bytes::read_file("/proc/self/status");
  EXPECT_EQ(text.as_string_view().substr(0, 5), "Name:");
}

TEST_F(SharedBytes, TextForLogsIsShort) {
  EXPECT_EQ(to_string(shared_bytes{}), "no payload");
  EXPECT_EQ(to_string(shared_bytes::copy("")), "0 bytes");
  EXPECT_EQ(to_string(shared_bytes::copy("hello")), "5 bytes: 68656c6c6f");
  EXPECT_EQ(to_string(shared_bytes::copy(std::string(1000, 'a'))),
            "1000 bytes: 61616161616161616161616161616161...");
}

TEST_F(SharedBytesFile, MapFileNamesTheMissingFile) {
  auto problem = failure_of([&] { shared_bytes::map_file(folder_ / "missing"); });
  EXPECT_EQ(problem.code(), std::errc::no_such_file_or_directory);
  EXPECT_EQ(std::string{problem.what()},
            "map_file: cannot open '" + (folder_ / "missing").string() + "': No such file or directory");
}

TEST_F(SharedBytesFile, ReadFileNamesTheMissingFile) {
  auto problem = failure_of([&] { shared_bytes::read_file(folder_ / "missing"); });
  EXPECT_EQ(problem.code(), std::errc::no_such_file_or_directory);
  EXPECT_NE(std::string{problem.what()}.find("read_file: cannot open '" + (folder_ / "missing").string()),
            std::string::npos);
}

TEST_F(SharedBytesFile, DirectoryIsNoRegularFile) {
  for (auto* open : {&shared_bytes::map_file, &shared_bytes::read_file}) {
    auto problem = failure_of([&] { open(folder_); });
    EXPECT_EQ(problem.code(), std::errc::is_a_directory);
    EXPECT_NE(std::string{problem.what()}.find("not a regular file: '" + folder_.string() + "'"),
              std::string::npos);
  }
}

TEST_F(SharedBytesFile, FifoAndDeviceAreRefusedWithoutWaiting) {
  auto fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (auto& path : {fifo, fs::path{"/dev/zero"}})
    for (auto* open : {&shared_bytes::map_file, &shared_bytes::read_file}) {
      auto problem = failure_of([&] { open(path); });
      EXPECT_NE(std::string{problem.what()}.find("not a regular file: '" + path.string() + "'"),
                std::string::npos);
    }
}

TEST_F(SharedBytesFile, FailedOpeningLeavesNoDescriptorOpen) {
  auto count = [] {
    return std::distance(fs::directory_iterator{"/proc/self/fd"}, fs::directory_iterator{});
  };
  auto before = count();
  for (int i = 0; i < 10; ++i) {
    failure_of([&] { shared_bytes::map_file(folder_); });
    failure_of([&] { shared_bytes::read_file(folder_ / "missing"); });
    shared_bytes::map_file(make_file("x"));
    shared_bytes::read_file(make_file("x"));
  }
  EXPECT_EQ(count(), before);
}

TEST_F(SharedBytes, SubRangeSharesTheBytes) {
  auto whole = shared_bytes::copy("0123456789");
  auto part = whole.sub_range(2, 3);
  EXPECT_EQ(part.as_string_view(), "234");
  EXPECT_EQ(part.data(), whole.data() + 2);
  EXPECT_EQ(part.owner(), whole.owner());
  EXPECT_EQ(part.sub_range(1).data(), whole.data() + 3);
  EXPECT_EQ(part.sub_range(1).as_string_view(), "34");
  whole = {};
  EXPECT_EQ(part.as_string_view(), "234");
}

TEST_F(SharedBytes, SubRangeIsCutToWhatThereIs) {
  auto whole = shared_bytes::copy("0123456789");
  constexpr auto far = static_cast<std::size_t>(-1);
  EXPECT_EQ(whole.sub_range(0).as_string_view(), "0123456789");
  EXPECT_EQ(whole.sub_range(8, 5).as_string_view(), "89");
  EXPECT_EQ(whole.sub_range(8, far).as_string_view(), "89");
  EXPECT_EQ(whole.sub_range(3, 0).as_string_view(), "");
  for (auto offset : {std::size_t{10}, std::size_t{11}, far}) {
    auto beyond = whole.sub_range(offset, far);
    EXPECT_TRUE(beyond);
    EXPECT_TRUE(beyond.empty());
  }
}

TEST_F(SharedBytes, SubRangeOfNothingIsNothing) {
  EXPECT_FALSE(shared_bytes{}.sub_range(0));
  EXPECT_FALSE(shared_bytes{}.sub_range(3, 4));
}

TEST_F(SharedBytes, SubRangeOfFormattedBytesIsPlain) {
  auto formatted = shared_bytes::copy("01234567").with_format({"i", 4, {2}, {}});
  for (auto& part : {formatted.sub_range(0), formatted.sub_range(4), formatted.sub_range(0, 8)})
    EXPECT_EQ(part.format(), nullptr);
  EXPECT_EQ(formatted.sub_range(4).data(), formatted.data() + 4);
  EXPECT_EQ(formatted.sub_range(0), shared_bytes::copy("01234567"));
}

TEST_F(SharedBytes, WithFormatReadsTheSameBytes) {
  auto plain = shared_bytes::copy("01234567");
  EXPECT_EQ(plain.format(), nullptr);
  auto formatted = plain.with_format({"h", 2, {2, 2}, {}});
  EXPECT_EQ(formatted.data(), plain.data());
  EXPECT_EQ(formatted.size(), 8u);
  ASSERT_NE(formatted.format(), nullptr);
  EXPECT_EQ(*formatted.format(), (buffer_format{"h", 2, {2, 2}, {4, 2}}));
  EXPECT_EQ(plain.format(), nullptr);
  auto copy = formatted;
  EXPECT_EQ(copy.format(), formatted.format());
  EXPECT_EQ(read_payload_stats().live_blocks, 1u); // the format is no payload
}

TEST_F(SharedBytes, WithFormatReplacesAFormat) {
  auto first = shared_bytes::copy("01234567").with_format({"h", 2, {4}, {}});
  auto second = first.with_format({"q", 8, {1}, {}});
  first = {};
  EXPECT_EQ(second.format()->format, "q");
  EXPECT_EQ(second.as_string_view(), "01234567");
}

TEST_F(SharedBytes, WithFormatRefusesWhatDoesNotFit) {
  auto plain = shared_bytes::copy("01234567");
  EXPECT_THROW(plain.with_format({"i", 4, {3}, {}}), std::invalid_argument);
  EXPECT_THROW(shared_bytes{}.with_format({"B", 1, {1}, {}}), std::invalid_argument);
}

TEST_F(SharedBytes, WithFormatOfNothingIsEmpty) {
  auto empty = shared_bytes{}.with_format({"B", 1, {0}, {}});
  EXPECT_TRUE(empty);
  EXPECT_TRUE(empty.empty());
  ASSERT_NE(empty.format(), nullptr);
}

TEST_F(SharedBytes, EqualityComparesBytesAndFormat) {
  auto one = shared_bytes::copy("same bytes");
  auto other = shared_bytes::adopt(std::string{"same bytes"});
  EXPECT_EQ(one, other);
  EXPECT_EQ(one, shared_bytes::copy(">same bytes<").sub_range(1, 10));
  EXPECT_NE(one, shared_bytes::copy("same byteS"));
  EXPECT_NE(one, shared_bytes::copy("same byte"));
  EXPECT_EQ(shared_bytes{}, shared_bytes{});
  EXPECT_NE(shared_bytes{}, shared_bytes::copy(""));
  auto typed = one.with_format({"h", 2, {5}, {}});
  EXPECT_NE(one, typed);
  EXPECT_NE(typed, one);
  EXPECT_EQ(typed, other.with_format({"h", 2, {5}, {2}}));
  EXPECT_NE(typed, other.with_format({"H", 2, {5}, {}}));
  EXPECT_NE(typed, other.with_format({"h", 2, {5, 1}, {}}));
}

TEST_F(BytesBuilder, BeginsWithZeros) {
  bytes_builder builder{100};
  ASSERT_EQ(builder.memory().size(), 100u);
  for (auto byte : builder.memory())
    EXPECT_EQ(byte, std::byte{0});
}

TEST_F(BytesBuilder, FreezesWithoutACopy) {
  bytes_builder builder{5};
  auto memory = builder.memory();
  std::memcpy(memory.data(), "abcde", 5);
  auto bytes = builder.freeze();
  EXPECT_EQ(bytes.as_string_view(), "abcde");
  EXPECT_EQ(bytes.data(), memory.data());
}

TEST_F(BytesBuilder, SecondFreezeGivesNothing) {
  bytes_builder builder{5};
  auto bytes = builder.freeze();
  EXPECT_TRUE(builder.memory().empty());
  EXPECT_FALSE(builder.freeze());
  EXPECT_EQ(bytes.size(), 5u);
}

TEST_F(BytesBuilder, DropsWhatWasNeverFrozen) {
  bytes_builder builder{1000};
  EXPECT_EQ(read_payload_stats().live_bytes, 1000u);
}

TEST_F(BytesBuilder, ThrowsBadAllocForTooMuch) {
#if !defined(__SANITIZE_ADDRESS__)                                                                           \
    && !defined(__SANITIZE_THREAD__) // their allocators end the process instead
  EXPECT_THROW(bytes_builder{static_cast<std::size_t>(-1) / 2 - 4096}, std::bad_alloc);
#endif
  // With its header it would be more than there are addresses.
  EXPECT_THROW(bytes_builder{static_cast<std::size_t>(-1)}, std::bad_alloc);
}

TEST_F(PayloadStats, CountBlocksAndBytesWhileTheyLive) {
  {
    auto copied = shared_bytes::copy("12345");
    auto adopted = shared_bytes::adopt(std::string(100, 'a'));
    auto vector = shared_bytes::adopt(std::vector<std::byte>(20));
    auto mapped = shared_bytes::map_file(make_file("1234567"));
    auto read = shared_bytes::read_file(make_file("123", "other"));
    auto part = adopted.sub_range(10);
    adopted = {};
    auto stats = read_payload_stats();
    EXPECT_EQ(stats.live_blocks, 5u);
    EXPECT_EQ(stats.live_bytes, 5u + 100u + 20u + 7u + 3u); // a part keeps the whole
    EXPECT_EQ(stats.pinned_blocks, 0u);
  }
  EXPECT_EQ(read_payload_stats().live_blocks, 0u);
  EXPECT_EQ(read_payload_stats().live_bytes, 0u);
}

TEST_F(PayloadStats, CountAcrossThreads) {
  constexpr int threads = 8;
  constexpr int rounds = 2000;
  std::latch ready{threads};
  std::latch counted{threads + 1};
  std::latch done{threads};
  auto common = shared_bytes::copy(std::string(64, 'c'));
  {
    std::vector<std::jthread> pool;
    for (int t = 0; t < threads; ++t)
      pool.emplace_back([&, mine = common] {
        ready.arrive_and_wait();
        for (int i = 0; i < rounds; ++i) {
          auto fresh = shared_bytes::copy("0123456789");
          auto typed = fresh.with_format({"h", 2, {5}, {}});
          auto again = mine;
          fresh = again.sub_range(static_cast<std::size_t>(i % 64));
        }
        auto kept = shared_bytes::copy("kept");
        done.arrive_and_wait();
        counted.arrive_and_wait();
      });
    done.wait();
    EXPECT_EQ(read_payload_stats().live_blocks, 1u + threads);
    EXPECT_EQ(read_payload_stats().live_bytes, 64u + 4u * threads);
    counted.arrive_and_wait();
  }
  EXPECT_EQ(read_payload_stats().live_blocks, 1u);
  EXPECT_EQ(common.owner()->references.load(), 1u);
}

TEST_F(PayloadStats, LastHolderMayDropInAnyThread) {
  for (int i = 0; i < 200; ++i) {
    auto bytes = shared_bytes::adopt(std::string(100, 'x'));
    std::latch both{2};
    std::jthread other{[&both, mine = bytes]() mutable {
      both.arrive_and_wait();
      mine = {};
    }};
    both.arrive_and_wait();
    bytes = {};
  }
  EXPECT_EQ(read_payload_stats().live_blocks, 0u);
}

} // namespace
