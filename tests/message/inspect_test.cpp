#include "interp_actors/base/payload_stats.hpp"
#include "interp_actors/message/inspect.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/runtime/run_main.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/byte_buffer.hpp>
#include <caf/deep_to_string.hpp>
#include <caf/error.hpp>
#include <caf/json_reader.hpp>
#include <caf/json_writer.hpp>
#include <caf/message.hpp>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <random>

using namespace interp_actors;

namespace {

using buffer = std::vector<compat::caf_byte>;

#if CAF_MAJOR_VERSION >= 1
caf::binary_serializer writing(caf::byte_buffer& bytes) {
  return caf::binary_serializer{bytes};
}

caf::binary_deserializer reading(const buffer& bytes) {
  return caf::binary_deserializer{bytes.data(), bytes.size()};
}
#else
caf::binary_serializer writing(caf::byte_buffer& bytes) {
  return caf::binary_serializer{nullptr, bytes};
}

caf::binary_deserializer reading(const buffer& bytes) {
  return caf::binary_deserializer{nullptr, bytes.data(), bytes.size()};
}
#endif

template <class T>
buffer save(const T& value) {
  caf::byte_buffer bytes;
  auto sink = writing(bytes);
  EXPECT_TRUE(sink.apply(value)) << caf::deep_to_string(sink.get_error());
  return {bytes.begin(), bytes.end()};
}

template <class T>
std::optional<T> load(const buffer& bytes) {
  auto source = reading(bytes);
  T result;
  if (!source.apply(result) || source.remaining() != 0)
    return std::nullopt;
  return result;
}

template <class T>
void expect_round_trip(const T& value) {
  auto back = load<T>(save(value));
  ASSERT_TRUE(back) << caf::deep_to_string(value);
  EXPECT_EQ(*back, value);
}

template <class T>
void expect_json_round_trip(const T& value) {
  caf::json_writer writer;
  ASSERT_TRUE(writer.apply(value)) << caf::deep_to_string(writer.get_error());
  caf::json_reader reader;
  ASSERT_TRUE(reader.load(writer.str())) << caf::deep_to_string(reader.get_error()) << '\n' << writer.str();
  T back;
  ASSERT_TRUE(reader.apply(back)) << caf::deep_to_string(reader.get_error()) << '\n' << writer.str();
  EXPECT_EQ(back, value) << writer.str();
}

/// Bytes of the number of elements that CAF writes in front of a sequence.
buffer varint(std::uint64_t value) {
  buffer result;
  for (; value > 0x7F; value >>= 7)
    result.push_back(static_cast<compat::caf_byte>(value | 0x80));
  result.push_back(static_cast<compat::caf_byte>(value));
  return result;
}

shared_bytes formatted() {
  return shared_bytes::copy("012345678901234567890123").with_format({"<i", 4, {2, 3}, {}});
}

python_error everything() {
  python_error result;
  python_exception_data first;
  first.type = "pkg.mod.Error";
  first.message = "zwei\nZeilen, \"ä\" \\ \u2028 and \x01";
  first.notes = {"", "a note", "two\nlines"};
  first.frames = {{"a.py", 1, "f", "g()"}, {"dir/b.py", 2'000'000'000, "<module>", "", 998}};
  first.frames_left_out = 49'800;
  first.left_out_at = 1;
  first.cause = 1;
  first.context = 2;
  first.suppress_context = true;
  python_exception_data syntax;
  syntax.type = "SyntaxError";
  syntax.message = "invalid syntax";
  syntax.syntax = {"c.py", 3, 5, 9, "    x y\n"};
  python_exception_data members;
  members.type = "ExceptionGroup";
  members.is_group = true;
  members.group = {1, -1, 0};
  result.exceptions = {first, syntax, members};
  result.exit_code = -3;
  result.left_out = 12;
  return result;
}

class Inspect : public ::testing::Test {
protected:
  static void SetUpTestSuite() { interp_actors::detail::init_types(); }
  void TearDown() override { EXPECT_EQ(read_payload_stats().live_blocks, 0u); }
};

TEST_F(Inspect, PayloadsComeBack) {
  expect_round_trip(shared_bytes{});
  expect_round_trip(shared_bytes::copy(""));
  expect_round_trip(shared_bytes::copy("plain"));
  expect_round_trip(shared_bytes::copy(std::string(100'000, '\xFF')));
  expect_round_trip(shared_bytes::copy("0123456789").sub_range(3, 4));
}

TEST_F(Inspect, FormattedPayloadsComeBack) {
  expect_round_trip(formatted());
  expect_round_trip(shared_bytes::copy(std::string(24, 'x')).with_format({"i", 4, {2, 3}, {4, 8}}));
  expect_round_trip(shared_bytes::copy(std::string(8, 'x')).with_format({"d", 8, {}, {}}));
  expect_round_trip(shared_bytes{}.with_format({"d", 8, {0}, {}}));
}

TEST_F(Inspect, VectorsOfPayloadsComeBack) {
  expect_round_trip(std::vector<shared_bytes>{});
  expect_round_trip(std::vector<shared_bytes>{shared_bytes{}, shared_bytes::copy(""), shared_bytes::copy("x"),
                                              formatted()});
}

TEST_F(Inspect, PackedMessagesComeBack) {
  packed_message message{
      shared_bytes::copy("packed"), {shared_bytes::copy("x"), shared_bytes{}, formatted()}, {}};
  auto back = load<packed_message>(save(message));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->bytes, message.bytes);
  EXPECT_EQ(back->payloads, message.payloads);
  EXPECT_TRUE(back->actors.empty());
}

TEST_F(Inspect, FormatsComeBack) {
  expect_round_trip(buffer_format{});
  expect_round_trip(buffer_format{"T{i:x:}", 400, {1, 2, 3}, {-4, 5, 6}});
}

TEST_F(Inspect, ErrorsComeBackWithEverything) {
  expect_round_trip(python_error{});
  expect_round_trip(everything());
}

TEST_F(Inspect, CodesComeBackAndOthersAreRefused) {
  for (int value = 0; value < 256; ++value) {
    errc code{};
    if (from_integer(static_cast<std::uint8_t>(value), code))
      expect_round_trip(code);
    else
      EXPECT_FALSE(load<errc>({static_cast<compat::caf_byte>(value)})) << value;
  }
}

TEST_F(Inspect, CafErrorsCarryCodeAndContext) {
  auto error = caf::make_error(errc::python_exception, everything());
  auto back = load<caf::error>(save(error));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, errc::python_exception);
  ASSERT_TRUE(back->context().match_elements<python_error>());
  EXPECT_EQ(back->context().get_as<python_error>(0), everything());
}

TEST_F(Inspect, MessagesCarryAllTypes) {
  auto message = caf::make_message(call_atom_v, std::string{"f"}, std::vector<shared_bytes>{formatted()},
                                   everything(), shared_bytes::copy("x"), errc::stopped);
  auto back = load<caf::message>(save(message));
  ASSERT_TRUE(back);
  EXPECT_EQ(caf::to_string(*back), caf::to_string(message));
  EXPECT_EQ(back->get_as<std::vector<shared_bytes>>(2).at(0), formatted());
}

TEST_F(Inspect, PayloadsTravelInBulk) {
  constexpr std::size_t mebibyte = 1024 * 1024;
  auto plain = shared_bytes::copy(std::string(mebibyte, 'b'));
  EXPECT_GE(save(plain).size(), mebibyte);
  EXPECT_LT(save(plain).size(), mebibyte + 64);
  EXPECT_LT(save(plain.with_format({"f", 4, {512, 512}, {}})).size(), mebibyte + 64);
  EXPECT_LT(save(std::vector<shared_bytes>(3, plain)).size(), 3 * mebibyte + 64);
}

TEST_F(Inspect, AnythingCutShortIsRefused) {
  auto expect_refusal = [](const auto& value) {
    using type = std::decay_t<decltype(value)>;
    auto whole = save(value);
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(load<type>({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)})) << size;
  };
  expect_refusal(shared_bytes::copy("some bytes"));
  expect_refusal(formatted());
  expect_refusal(std::vector<shared_bytes>{shared_bytes{}, formatted()});
  expect_refusal(everything());
  expect_refusal(errc::stopped);
}

TEST_F(Inspect, UnknownKindOfPayloadIsRefused) {
  for (int kind = 3; kind < 256; ++kind)
    EXPECT_FALSE(load<shared_bytes>({static_cast<compat::caf_byte>(kind), compat::caf_byte{0}}));
}

TEST_F(Inspect, AnnouncedBytesThatDoNotFollowAreNotAllocated) {
  // With 64 MiB to spare, allocating what is announced would fail, and bad_alloc would leave the test.
  auto status = std::size_t{0};
  {
    FILE* file = std::fopen("/proc/self/statm", "r");
    ASSERT_NE(file, nullptr);
    ASSERT_EQ(std::fscanf(file, "%zu", &status), 1);
    std::fclose(file);
  }
  ::rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // sanitizers reserve terabytes
  ::rlimit less = before;
  less.rlim_cur = status * 4096 + 64 * 1024 * 1024;
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &less), 0);
#endif
  for (auto size :
       {std::uint64_t{1} << 30, std::uint64_t{1} << 40, std::uint64_t{1} << 62, ~std::uint64_t{0}}) {
    auto announced = varint(size);
    for (int kind : {1, 2}) {
      buffer bytes{static_cast<compat::caf_byte>(kind)};
      if (kind == 2) {
        auto format = save(buffer_format{"B", 1, {1 << 30}, {}});
        bytes.insert(bytes.end(), format.begin(), format.end());
      }
      bytes.insert(bytes.end(), announced.begin(), announced.end());
      bytes.resize(bytes.size() + 100);
      EXPECT_FALSE(load<shared_bytes>(bytes));
    }
    auto bytes = announced;
    bytes.resize(bytes.size() + 100);
    EXPECT_FALSE(load<std::vector<shared_bytes>>(bytes));
    EXPECT_FALSE(load<python_error>(bytes));
    EXPECT_FALSE(load<buffer_format>(bytes));
  }
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
}

TEST_F(Inspect, FormatsThatDoNotFitAreRefused) {
  auto lie = [](buffer_format format, std::size_t size) {
    buffer bytes{compat::caf_byte{2}};
    for (auto& part : {save(format), varint(size), buffer(size)})
      bytes.insert(bytes.end(), part.begin(), part.end());
    return bytes;
  };
  ASSERT_TRUE(load<shared_bytes>(lie({"i", 4, {4}, {4}}, 16)));
  EXPECT_FALSE(load<shared_bytes>(lie({"i", 4, {5}, {4}}, 16)));
  EXPECT_FALSE(load<shared_bytes>(lie({"i", 4, {4}, {8}}, 16)));
  EXPECT_FALSE(load<shared_bytes>(lie({"i", 4, {-1}, {}}, 16)));
  EXPECT_FALSE(load<shared_bytes>(lie({"i", 4, {4}, {-4}}, 16)));
  EXPECT_FALSE(load<shared_bytes>(lie({"i", 0, {4}, {}}, 16)));
  constexpr auto huge = std::ptrdiff_t{1} << 62;
  EXPECT_FALSE(load<shared_bytes>(lie({"B", 1, {2, 2, 2, 2}, {huge, huge, huge, huge}}, 16)));
}

/// Loads random changes of `value`'s bytes: what is accepted can be used, printed and saved again.
template <class T, class Use>
void expect_to_survive_mutations(const T& value, unsigned seed, Use use) {
  std::mt19937 random{seed};
  auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>{0, below - 1}(random);
  };
  auto original = save(value);
  for (int round = 0; round < 3000; ++round) {
    auto bytes = original;
    auto changes = 1 + pick(4);
    for (std::size_t i = 0; i < changes && !bytes.empty(); ++i) {
      auto place = bytes.begin() + static_cast<std::ptrdiff_t>(pick(bytes.size()));
      switch (pick(5)) {
      case 0:
        *place = static_cast<compat::caf_byte>(pick(256));
        break;
      case 1:
        *place = static_cast<compat::caf_byte>(static_cast<unsigned>(*place) ^ (1u << pick(8)));
        break;
      case 2:
        *place = compat::caf_byte{0xFF};
        break;
      case 3:
        bytes.erase(place);
        break;
      default:
        bytes.insert(place, static_cast<compat::caf_byte>(pick(256)));
      }
    }
    auto source = reading(bytes);
    T result;
    if (source.apply(result)) {
      use(result);
      save(result);
    }
  }
}

TEST_F(Inspect, MutatedPayloadsDoNoHarm) {
  std::size_t sum = 0;
  auto use = [&](const shared_bytes& bytes) {
    for (auto byte : bytes.as_span())
      sum += std::to_integer<std::size_t>(byte);
    if (auto* format = bytes.format()) {
      EXPECT_EQ(checked(*format, bytes.size()), *format);
    }
    caf::deep_to_string(bytes);
  };
  expect_to_survive_mutations(shared_bytes::copy("plain bytes"), 1, use);
  expect_to_survive_mutations(formatted(), 2, use);
  expect_to_survive_mutations(std::vector<shared_bytes>{shared_bytes::copy("a"), formatted(), shared_bytes{}},
                              3, [&](const std::vector<shared_bytes>& all) {
                                for (auto& bytes : all)
                                  use(bytes);
                              });
  EXPECT_GT(sum, 0u);
}

TEST_F(Inspect, MutatedErrorsDoNoHarm) {
  std::size_t printed = 0;
  auto use = [&](const python_error& error) {
    printed += error.traceback().size() + error.summary().size();
    caf::deep_to_string(error);
  };
  auto flat = everything();
  flat.exceptions[0].message = "m";
  expect_to_survive_mutations(flat, 4, use);
  python_error nested;
  for (int i = 0; i < 6; ++i) {
    nested.exceptions.emplace_back();
    nested.exceptions.back().type = "G";
    nested.exceptions.back().is_group = true;
    nested.exceptions.back().group = {(i + 1) % 6, (i + 2) % 6};
    nested.exceptions.back().cause = (i + 3) % 6;
  }
  expect_to_survive_mutations(nested, 5, use);
  EXPECT_GT(printed, 0u);
}

TEST_F(Inspect, PrintingWorksForEveryType) {
  EXPECT_NE(caf::deep_to_string(formatted()), "");
  EXPECT_NE(caf::deep_to_string(shared_bytes{}), "");
  EXPECT_NE(caf::deep_to_string(std::vector<shared_bytes>{shared_bytes{}, formatted()}), "");
  EXPECT_NE(caf::deep_to_string(buffer_format{}), "");
  EXPECT_EQ(caf::deep_to_string(errc::stopped), "stopped");
  EXPECT_EQ(caf::deep_to_string(everything()), everything().summary());
  EXPECT_NE(caf::deep_to_string(python_error{}), "(");
  auto error = caf::make_error(errc::python_exception, everything());
  EXPECT_NE(to_string(error).find("python_exception"), std::string::npos) << to_string(error);
  EXPECT_NE(to_string(error).find("pkg.mod.Error"), std::string::npos) << to_string(error);
}

TEST_F(Inspect, JsonRoundTrip) {
  expect_json_round_trip(shared_bytes{});
  expect_json_round_trip(shared_bytes::copy(""));
  expect_json_round_trip(shared_bytes::copy(std::string{"\0\x01\xFE\xFF", 4}));
  expect_json_round_trip(formatted());
  expect_json_round_trip(errc::stopped);
  expect_json_round_trip(everything()); // with quotes, control characters and all
  expect_json_round_trip(python_error{});
}

TEST_F(Inspect, JsonRefusesWhatIsNoPayload) {
  for (auto* text : {R"({"@type": "interp_actors::shared_bytes", "exists": true, "bytes": "0"})",
                     R"({"@type": "interp_actors::shared_bytes", "exists": true, "bytes": "0g"})",
                     R"({"@type": "interp_actors::shared_bytes", "exists": false, "bytes": "00"})",
                     R"({"@type": "interp_actors::shared_bytes", "exists": true})"}) {
    caf::json_reader reader;
    ASSERT_TRUE(reader.load(text));
    shared_bytes bytes;
    EXPECT_FALSE(reader.apply(bytes)) << text;
  }
}

} // namespace
