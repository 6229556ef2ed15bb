#include "interp_actors/base/buffer_format.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>

using namespace interp_actors;

namespace {

/// What `checked` says about `format`; empty where it accepts it.
std::string refusal(buffer_format format, std::size_t size) {
  try {
    checked(std::move(format), size);
    return {};
  } catch (const std::invalid_argument& problem) {
    return problem.what();
  }
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr std::ptrdiff_t huge = std::ptrdiff_t{1} << 62;

TEST(BufferFormat, DefaultIsOneByte) {
  EXPECT_EQ(checked({}, 1), (buffer_format{"B", 1, {}, {}}));
  EXPECT_TRUE(holds(refusal({}, 2), "make 1 bytes, but the payload has 2"));
}

TEST(BufferFormat, ContiguousStridesAreFilledInRowByRow) {
  EXPECT_EQ(checked({"f", 4, {2, 3}, {}}, 24).strides, (std::vector<std::ptrdiff_t>{12, 4}));
  EXPECT_EQ(checked({"B", 1, {7}, {}}, 7).strides, (std::vector<std::ptrdiff_t>{1}));
  EXPECT_EQ(checked({"d", 8, {2, 3, 4}, {}}, 192).strides, (std::vector<std::ptrdiff_t>{96, 32, 8}));
  EXPECT_EQ(checked({"d", 8, {}, {}}, 8).strides, std::vector<std::ptrdiff_t>{});
}

TEST(BufferFormat, GivenStridesAreKept) {
  buffer_format columns{"i", 4, {2, 3}, {4, 8}};
  EXPECT_EQ(checked(columns, 24), columns);
}

TEST(BufferFormat, StridesMayLeaveGapsAndRepeat) {
  EXPECT_EQ(refusal({"i", 4, {3}, {8}}, 20), "");
  EXPECT_EQ(refusal({"i", 4, {3}, {8}}, 100), "");
  EXPECT_EQ(refusal({"i", 4, {1000}, {0}}, 4), "");
}

TEST(BufferFormat, ItemSizeMustFitTheCode) {
  for (auto& [code, size] : std::initializer_list<std::pair<const char*, std::size_t>>{
           {"c", 1}, {"b", 1},  {"B", 1},  {"?", 1},  {"h", 2},  {"H", 2},  {"e", 2},  {"i", 4},
           {"I", 4}, {"f", 4},  {"l", 8},  {"L", 8},  {"q", 8},  {"Q", 8},  {"d", 8},  {"n", 8},
           {"N", 8}, {"@l", 8}, {"=l", 4}, {"<l", 4}, {">L", 4}, {"!i", 4}, {"<d", 8}, {"@n", 8}}) {
    EXPECT_EQ(refusal({code, size, {1}, {}}, size), "") << code;
    EXPECT_TRUE(holds(refusal({code, size + 1, {1}, {}}, size + 1),
                      "buffer format '" + std::string{code} + "': the item size is "
                          + std::to_string(size + 1) + ", but one such element takes " + std::to_string(size)
                          + " bytes"))
        << code;
  }
}

TEST(BufferFormat, UnknownCodesMayHaveAnyItemSize) {
  EXPECT_EQ(refusal({"T{i:x:d:y:}", 12, {2}, {}}, 24), "");
  EXPECT_EQ(refusal({"Zd", 16, {1}, {}}, 16), "");
  EXPECT_EQ(refusal({"<n", 5, {1}, {}}, 5), ""); // has no standard size
}

TEST(BufferFormat, EveryCodeThatPythonReadsHasItsSize) {
  for (auto* code : {"P", "@P", "n", "@N", "Zf", "Zd", "F", "D", "e", "?", "q", "d"})
    EXPECT_TRUE(holds(refusal({code, 64, {1}, {}}, 64), "one such element takes")) << code;
  // The standard sizes know neither pointers nor sizes.
  EXPECT_EQ(refusal({"=P", 1, {4}, {}}, 4), "");
}

TEST(BufferFormat, NullCharacterIsRefused) {
  EXPECT_TRUE(holds(refusal({std::string{"d\0", 2}, 1, {4}, {}}, 4), "null character"));
}

TEST(BufferFormat, EmptyFormatIsRefused) {
  EXPECT_TRUE(holds(refusal({"", 1, {1}, {}}, 1), "the format is empty"));
}

TEST(BufferFormat, ItemSizeZeroIsRefused) {
  EXPECT_TRUE(holds(refusal({"B", 0, {1}, {}}, 0), "the item size is 0"));
}

TEST(BufferFormat, NegativeLengthIsRefused) {
  EXPECT_TRUE(holds(refusal({"B", 1, {2, -3}, {}}, 6), "the shape holds a negative length (-3)"));
  EXPECT_TRUE(holds(refusal({"B", 1, {-1}, {1}}, 6), "negative length (-1)"));
}

TEST(BufferFormat, SizeThatIsNotFilledIsRefused) {
  EXPECT_TRUE(
      holds(refusal({"i", 4, {2}, {}}, 9), "item size and shape make 8 bytes, but the payload has 9"));
  EXPECT_TRUE(holds(refusal({"i", 4, {2}, {}}, 7), "make 8 bytes, but the payload has 7"));
}

TEST(BufferFormat, StridesForOtherDimensionsAreRefused) {
  EXPECT_TRUE(holds(refusal({"B", 1, {2, 2}, {1}}, 4), "1 strides for 2 dimensions"));
  EXPECT_TRUE(holds(refusal({"B", 1, {}, {1}}, 4), "1 strides for 0 dimensions"));
}

TEST(BufferFormat, NegativeStridesAreRefused) {
  EXPECT_TRUE(holds(refusal({"B", 1, {2}, {-1}}, 4), "negative strides are not supported (-1)"));
  EXPECT_TRUE(holds(refusal({"B", 1, {0}, {-1}}, 4), "negative strides"));
}

TEST(BufferFormat, StridesBeyondTheEndAreRefused) {
  EXPECT_TRUE(holds(refusal({"i", 4, {3}, {8}}, 19), "reach to byte 20, but the payload has 19"));
  EXPECT_TRUE(holds(refusal({"B", 1, {2}, {1}}, 0), "reach to byte 2"));
}

TEST(BufferFormat, NoElementsFitAnywhere) {
  EXPECT_EQ(refusal({"i", 4, {0}, {}}, 0), "");
  EXPECT_EQ(refusal({"i", 4, {0, 5}, {}}, 0), "");
  EXPECT_EQ(refusal({"i", 4, {5, 0}, {}}, 0), "");
  EXPECT_EQ(refusal({"i", 4, {5, 0}, {1000, 1000}}, 3), "");
  EXPECT_TRUE(holds(refusal({"i", 4, {0}, {}}, 1), "make 0 bytes"));
}

TEST(BufferFormat, OverflowIsRefused) {
  auto too_much = "its shape describes more memory than can be addressed";
  EXPECT_TRUE(holds(refusal({"B", 1, {huge, 4}, {}}, 0), too_much));
  EXPECT_TRUE(holds(refusal({"d", 8, {huge}, {}}, 0), too_much));
  EXPECT_TRUE(holds(refusal({"B", 1, {huge, huge, huge}, {0, 0, 0}}, 1), too_much));
  EXPECT_TRUE(holds(refusal({"B", 1, {3}, {huge}}, 1), too_much));
  EXPECT_TRUE(
      holds(refusal({"x", static_cast<std::size_t>(-1), {}, {}}, static_cast<std::size_t>(-1)), too_much));
}

TEST(BufferFormat, StridesWhoseSumOverflowsAreRefused) {
  // Four steps of 2^62 bytes make 2^64, which is 0 again.
  EXPECT_TRUE(holds(refusal({"B", 1, {2, 2, 2, 2}, {huge, huge, huge, huge}}, 16),
                    "more memory than can be addressed"));
}

TEST(BufferFormat, StepsOfAnEmptyShapeMustNotOverflowEither) {
  // 8 * 2^60 bytes cannot be addressed; a single power less can.
  constexpr std::ptrdiff_t too_many = std::ptrdiff_t{1} << 60;
  EXPECT_TRUE(holds(refusal({"d", 8, {0, huge}, {}}, 0), "more memory than can be addressed"));
  EXPECT_TRUE(holds(refusal({"d", 8, {0, too_many}, {}}, 0), "more memory than can be addressed"));
  EXPECT_EQ(refusal({"d", 8, {0, too_many / 2}, {}}, 0), "");
  EXPECT_TRUE(holds(refusal({"d", 8, {0, 2, huge}, {}}, 0), "more memory than can be addressed"));
}

TEST(BufferFormat, MoreDimensionsThanPythonHasAreRefused) {
  interp_actors::buffer_format format{"B", 1, std::vector<std::ptrdiff_t>(64, 1), {}};
  EXPECT_NO_THROW(interp_actors::checked(format, 1));
  format.shape.push_back(1);
  EXPECT_THROW(interp_actors::checked(format, 1), std::invalid_argument);
}

} // namespace
