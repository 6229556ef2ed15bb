#include "interp_actors/base/array.hpp"
#include "interp_actors/base/payload_stats.hpp"

#include <gtest/gtest.h>

namespace ia = interp_actors;

namespace {

struct particle {
  double position;
  std::int16_t kind;
  float mass;
};

} // namespace

template <>
struct ia::element_format<particle>
    : ia::struct_format<&particle::position, &particle::kind, &particle::mass> {};

namespace {

TEST(Array, TakesOverItsVector) {
  std::vector<double> values{1.5, 2.5, 3.5};
  auto* memory = values.data();
  {
    ia::array<double> array{std::move(values)};
    EXPECT_EQ(array.data(), memory);
    EXPECT_EQ(array.size(), 3u);
    EXPECT_EQ(array[1], 2.5);
    EXPECT_EQ(array.bytes().size(), 24u);
    EXPECT_EQ(array.bytes().format()->format, "d");
    EXPECT_EQ(ia::read_payload_stats().live_bytes, 24u);
    auto copy = array;
    EXPECT_EQ(copy.data(), memory);
  }
  EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
}

TEST(Array, ReadsAPayloadInPlaceOrRefuses) {
  auto bytes = ia::shared_bytes::adopt(std::vector<std::byte>(16));
  ia::array<float> floats{bytes};
  EXPECT_EQ(static_cast<const void*>(floats.data()), bytes.data());
  EXPECT_EQ(floats.size(), 4u);
  ia::array<float> square{bytes, {2, 2}};
  EXPECT_EQ(square.shape(), (std::vector<std::ptrdiff_t>{2, 2}));
  EXPECT_THROW((ia::array<float>{bytes, {3}}), std::invalid_argument);
  EXPECT_THROW(ia::array<double>{floats.bytes()}, std::invalid_argument) << "another format";
  EXPECT_THROW(ia::array<double>{bytes.sub_range(0, 12)}, std::invalid_argument);
  EXPECT_THROW(ia::array<double>{bytes.sub_range(1, 8)}, std::invalid_argument) << "not aligned";
}

TEST(Array, FormatsOfNumbersAreNativeCodes) {
  EXPECT_EQ(ia::element_format<bool>::format(), "?");
  EXPECT_EQ(ia::element_format<std::byte>::format(), "B");
  EXPECT_EQ(ia::element_format<std::int8_t>::format(), "b");
  EXPECT_EQ(ia::element_format<std::uint16_t>::format(), "H");
  EXPECT_EQ(ia::element_format<std::int32_t>::format(), "i");
  EXPECT_EQ(ia::element_format<long>::format(), "q");
  EXPECT_EQ(ia::element_format<std::uint64_t>::format(), "Q");
  EXPECT_EQ(ia::element_format<float>::format(), "f");
}

TEST(Array, FormatOfAStructSaysItsGaps) {
  EXPECT_EQ(ia::element_format<particle>::format(), "=dh2xf");
  ia::array<particle> particles{{1.0, 2, 3.0f}, {4.0, 5, 6.0f}};
  EXPECT_EQ(particles.bytes().format()->itemsize, sizeof(particle));
  EXPECT_EQ(particles[1].kind, 5);
}

TEST(Array, NothingIsAnEmptyArray) {
  ia::array<int> nothing;
  EXPECT_EQ(nothing.size(), 0u);
  EXPECT_FALSE(nothing.bytes());
  ia::array<int> empty{std::vector<int>{}};
  EXPECT_EQ(empty.size(), 0u);
  EXPECT_TRUE(empty.bytes());
}

} // namespace
