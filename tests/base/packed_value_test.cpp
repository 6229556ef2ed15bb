#include "interp_actors/base/packed_value.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace ia = interp_actors;
using namespace std::chrono_literals;

namespace {

ia::packed_value of(std::initializer_list<unsigned> bytes) {
  ia::packed_value result;
  for (auto byte : bytes)
    result.bytes.push_back(static_cast<std::byte>(byte));
  return result;
}

class port final : public ia::actor_reference {
public:
  bool equals(const ia::actor_reference& other) const noexcept override { return this == &other; }
  std::size_t hash() const noexcept override { return 1; }
  std::string to_string() const override { return "port"; }
};

/// One value of each kind, in a list.
ia::packed_value one_of_each() {
  ia::packed_value result;
  ia::packed_writer writer{result};
  writer.begin_list(15);
  writer.nil();
  writer.boolean(true);
  writer.integer(std::numeric_limits<std::int64_t>::min());
  writer.unsigned_integer(std::numeric_limits<std::uint64_t>::max());
  writer.real(-0.5);
  writer.text("text");
  writer.enumeration({"red", 2});
  writer.payload(ia::shared_bytes::copy("payload"));
  writer.duration(-3ns);
  writer.time(5ns);
  ia::python_error raised;
  raised.exceptions.push_back(
      {.type = "ValueError", .message = "no", .frames = {{"f.py", 1, "f", "raise", 1}}});
  writer.error({"caf::sec", 3, "description", "text", raised});
  writer.actor(std::make_shared<port>());
  writer.begin_tuple(1);
  writer.begin_set(1);
  writer.integer(300);
  writer.end();
  writer.end();
  writer.begin_map(1);
  writer.text("key");
  writer.integer(70'000);
  writer.end();
  writer.begin_struct("some::type", 2);
  writer.field("first");
  writer.integer(1);
  writer.field("second");
  writer.begin_list(0);
  writer.end();
  writer.end();
  writer.end();
  return result;
}

/// Reads the value by what it says of itself and writes it again.
ia::packed_value copy_of(const ia::packed_value& in) {
  ia::packed_value result;
  ia::packed_writer writer{result};
  ia::packed_reader reader{in};
  ia::transfer(reader, writer);
  if (!reader.at_end())
    throw ia::value_error("bytes behind the value");
  return result;
}

std::string problem_with(const ia::packed_value& in) {
  try {
    copy_of(in);
  } catch (const ia::value_error& problem) {
    return problem.what();
  }
  return "no problem";
}

TEST(PackedValue, ReadsWhatItWrote) {
  auto packed = one_of_each();
  ia::packed_reader reader{packed};
  EXPECT_EQ(reader.begin_list(), 15u);
  reader.nil();
  EXPECT_TRUE(reader.boolean());
  EXPECT_EQ(reader.integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_THROW(reader.integer(), ia::value_error); // and takes nothing
  EXPECT_EQ(reader.unsigned_integer(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(reader.real(), -0.5);
  EXPECT_EQ(reader.text(), "text");
  auto colour = reader.enumeration();
  EXPECT_EQ(colour.name, "red");
  EXPECT_EQ(colour.number, 2);
  EXPECT_EQ(reader.payload().data(), packed.payloads[0].data());
  EXPECT_EQ(reader.duration(), -3ns);
  EXPECT_EQ(reader.time(), 5ns);
  auto error = reader.error();
  EXPECT_EQ(error.category, "caf::sec");
  EXPECT_EQ(error.text, "text");
  EXPECT_EQ(error.python->summary(), "ValueError: no");
  EXPECT_EQ(reader.actor(), packed.actors[0]);
  EXPECT_EQ(reader.begin_tuple(), 1u);
  EXPECT_EQ(reader.begin_set(), 1u);
  EXPECT_EQ(reader.integer(), 300);
  reader.end();
  reader.end();
  EXPECT_EQ(reader.begin_map(), 1u);
  EXPECT_EQ(reader.text(), "key");
  EXPECT_EQ(reader.integer(), 70'000);
  reader.end();
  EXPECT_EQ(reader.struct_name(), "some::type");
  EXPECT_EQ(reader.begin_struct(), 2u);
  EXPECT_TRUE(reader.field("second"));
  EXPECT_EQ(reader.begin_list(), 0u);
  reader.end();
  EXPECT_FALSE(reader.field("third"));
  EXPECT_TRUE(reader.field("first"));
  EXPECT_EQ(reader.integer(), 1);
  reader.end();
  reader.end();
  EXPECT_TRUE(reader.at_end());
}

TEST(PackedValue, IsCborThatOthersCanRead) {
  ia::packed_value packed;
  ia::packed_writer writer{packed};
  writer.begin_map(1);
  writer.text("a");
  writer.begin_list(3);
  writer.integer(-500);
  writer.real(1.0);
  writer.boolean(false);
  writer.end();
  writer.end();
  EXPECT_EQ(packed.bytes,
            of({0xA1, 0x61, 'a', 0x83, 0x39, 0x01, 0xF3, 0xFB, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0xF4}).bytes);
}

TEST(PackedValue, CopiesOfItselfAreTheSame) {
  auto packed = one_of_each();
  auto copy = copy_of(packed);
  EXPECT_EQ(copy.bytes, packed.bytes);
  EXPECT_EQ(copy.payloads, packed.payloads);
  EXPECT_EQ(copy.actors, packed.actors);
}

TEST(PackedValue, IsAnErrorWhereverItIsCut) {
  auto whole = one_of_each();
  for (std::size_t size = 0; size < whole.bytes.size(); ++size) {
    auto cut = whole;
    cut.bytes.resize(size);
    EXPECT_NE(problem_with(cut), "no problem") << size;
  }
}

TEST(PackedValue, RefusesWhatIsAnnouncedButNotThere) {
  EXPECT_NE(problem_with(of({0x9B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})).find("ends too early"),
            std::string::npos);
  EXPECT_NE(problem_with(of({0x9A, 0x40, 0, 0, 0, 1, 2, 3})).find("ends too early"), std::string::npos);
  EXPECT_NE(problem_with(of({0xBB, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 1})).find("ends too early"),
            std::string::npos);
  EXPECT_NE(
      problem_with(of({0x7B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 'a'})).find("ends too early"),
      std::string::npos);
  EXPECT_NE(problem_with(of({0xDA, 0x00, 0x41, 0x2E, 0xB8, 0x05})).find("which is not there"),
            std::string::npos);
  EXPECT_NE(problem_with(of({0xDA, 0x00, 0x41, 0x2E, 0xB9, 0x00})).find("which is not there"),
            std::string::npos);
}

TEST(PackedValue, RefusesWhatItNeverWrites) {
  for (auto& bytes : {of({0x9F, 0xFF}), of({0x5F, 0xFF}), of({0xF7}), of({0xE0}), of({0xF9, 0x3C, 0x00}),
                      of({0xFA, 0, 0, 0, 0}), of({0x41, 'a'}), of({0xC1, 0x01}), of({0xF8, 0x16}), of({0x1C}),
                      of({0xDA, 0x00, 0x41, 0x2E, 0xBF, 0x01})})
    EXPECT_NE(problem_with(bytes), "no problem") << static_cast<int>(bytes.bytes[0]);
}

TEST(PackedValue, DeepNestingIsAnErrorAndNoCrash) {
  auto nested = [](std::size_t levels) {
    ia::packed_value result;
    result.bytes.assign(levels, std::byte{0x81});
    result.bytes.push_back(std::byte{0x01});
    return result;
  };
  EXPECT_EQ(problem_with(nested(ia::max_value_levels)), "no problem");
  EXPECT_NE(problem_with(nested(ia::max_value_levels + 1)).find("nested deeper"), std::string::npos);
  EXPECT_NE(problem_with(nested(1'000'000)).find("nested deeper"), std::string::npos);
  ia::packed_value tags;
  tags.bytes.assign(1'000'000, std::byte{0xC1});
  EXPECT_NE(problem_with(tags), "no problem");
  // Passing over a field of a structure has no levels at all.
  ia::packed_value wide;
  ia::packed_writer writer{wide};
  writer.begin_struct("t", 1);
  writer.field("deep");
  auto deep = nested(1'000'000);
  wide.bytes.insert(wide.bytes.end(), deep.bytes.begin(), deep.bytes.end());
  ia::packed_reader reader{wide};
  reader.begin_struct();
  EXPECT_TRUE(reader.field("deep"));
}

TEST(PackedValue, FieldsThatNobodyKnowsAreErrors) {
  ia::packed_value packed;
  ia::packed_writer writer{packed};
  writer.begin_struct("t", 2);
  writer.field("a");
  writer.integer(1);
  writer.field("b");
  writer.integer(2);
  writer.end();
  ia::packed_reader reader{packed};
  reader.begin_struct();
  EXPECT_TRUE(reader.field("a"));
  EXPECT_EQ(reader.integer(), 1);
  EXPECT_THROW(reader.end(), ia::value_error);
}

TEST(PackedValue, ReadersGoBackToWhereTheyWere) {
  auto packed = one_of_each();
  ia::packed_reader reader{packed};
  auto start = reader.mark();
  for (int i = 0; i < 3; ++i) {
    reader.begin_list();
    reader.nil();
    reader.rewind(start);
  }
  ia::packed_value copy;
  ia::packed_writer writer{copy};
  ia::transfer(reader, writer);
  EXPECT_EQ(copy.bytes, packed.bytes);
}

TEST(PackedValue, AWholeExceptionComesBackAsItWas) {
  using kind = ia::python_argument::kind;
  ia::python_error raised;
  raised.exceptions.push_back(
      {.type = "SyntaxError",
       .message = "no",
       .notes = {"first", "second"},
       .frames = {{"f.py", 1, "f", "raise", 1}, {"f.py", -1, "g", "", 1000}},
       .frames_left_out = 5,
       .left_out_at = 1,
       .syntax = ia::python_syntax_location{"f.py", 3, 4, 5, "x = ("},
       .cause = 1,
       .context = -1,
       .suppress_context = true,
       .is_group = true,
       .group = {1},
       .args = std::vector<ia::python_argument>{{kind::none, {}},
                                                {kind::boolean, "True"},
                                                {kind::integer, "-5"},
                                                {kind::real, "inf"},
                                                {kind::text, "text \xED\xA0\x80"},
                                                {kind::bytes, std::string{"\0\xFF", 2}}}});
  raised.exceptions.push_back({.type = "KeyError", .args = std::vector<ia::python_argument>{}});
  raised.exit_code = 3;
  raised.left_out = 2;
  ia::packed_value packed;
  ia::packed_writer writer{packed};
  writer.error({"caf::sec", 3, "description", "text", raised});
  ia::packed_reader reader{packed};
  EXPECT_EQ(reader.error().python, raised);
  EXPECT_TRUE(reader.at_end());
}

TEST(PackedValue, AnExceptionThatRefersToNothingIsRefused) {
  for (auto place : {-2, 1, 1000}) {
    ia::python_error raised;
    raised.exceptions.push_back({.type = "E", .cause = place});
    ia::packed_value packed;
    ia::packed_writer writer{packed};
    writer.error({"c", 1, "d", {}, raised});
    EXPECT_NE(problem_with(packed).find("refers to others"), std::string::npos) << place;
  }
}

TEST(PackedValue, RandomBytesAreErrorsOrValues) {
  std::mt19937 random{7};
  auto whole = one_of_each();
  for (int round = 0; round < 20'000; ++round) {
    auto damaged = whole;
    if (round % 2 == 0) {
      damaged.bytes.resize(random() % 64);
      for (auto& byte : damaged.bytes)
        byte = static_cast<std::byte>(random());
    } else {
      for (int i = 0; i < 3; ++i)
        damaged.bytes[random() % damaged.bytes.size()] = static_cast<std::byte>(random());
    }
    problem_with(damaged);
  }
}

} // namespace
