#include "interp_actors/message/inspect.hpp"

namespace interp_actors::detail {

namespace {

enum : std::uint8_t { holds_nothing = 0, plain = 1, formatted = 2 };

int digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

} // namespace

bool save_payload(caf::binary_serializer& sink, const shared_bytes& bytes) {
  auto* format = bytes.format();
  auto kind = static_cast<std::uint8_t>(!bytes ? holds_nothing : format ? formatted : plain);
  if (!sink.value(kind) || kind == holds_nothing)
    return kind == holds_nothing;
  if (format) {
    auto copy = *format;
    if (!inspect(sink, copy))
      return false;
  }
  return sink.begin_sequence(bytes.size()) && compat::save_bulk(sink, bytes.as_span()) && sink.end_sequence();
}

bool load_payload(caf::binary_deserializer& source, shared_bytes& bytes) {
  std::uint8_t kind = 0;
  if (!source.value(kind))
    return false;
  if (kind == holds_nothing) {
    bytes = {};
    return true;
  }
  if (kind > formatted) {
    source.emplace_error(caf::sec::invalid_argument, "unknown kind of payload");
    return false;
  }
  buffer_format format;
  if (kind == formatted && !inspect(source, format))
    return false;
  std::size_t size = 0;
  if (!source.begin_sequence(size))
    return false;
  // Before anything is allocated: a peer may announce what it never sends.
  if (size > source.remaining()) {
    source.emplace_error(caf::sec::end_of_stream, "a payload announces more bytes than its message has");
    return false;
  }
  bytes_builder builder{size};
  if (!compat::load_bulk(source, builder.memory()) || !source.end_sequence())
    return false;
  bytes = builder.freeze();
  if (kind == formatted) {
    try {
      bytes = bytes.with_format(std::move(format));
    } catch (const std::invalid_argument& problem) {
      source.emplace_error(caf::sec::invalid_argument, problem.what());
      return false;
    }
  }
  return true;
}

std::string to_hex(std::span<const std::byte> bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  result.reserve(bytes.size() * 2);
  for (auto byte : bytes) {
    result += digits[std::to_integer<std::size_t>(byte) >> 4];
    result += digits[std::to_integer<std::size_t>(byte) & 0xF];
  }
  return result;
}

bool from_hex(std::string_view text, std::vector<std::byte>& bytes) {
  if (text.size() % 2 != 0)
    return false;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    auto high = digit(text[i]);
    auto low = digit(text[i + 1]);
    if (high < 0 || low < 0)
      return false;
    bytes.push_back(static_cast<std::byte>(high * 16 + low));
  }
  return true;
}

bool assemble(bool exists, std::vector<std::byte> bytes, std::optional<buffer_format> format,
              shared_bytes& out) {
  out = exists ? shared_bytes::adopt(std::move(bytes)) : shared_bytes{};
  if (!format)
    return exists || bytes.empty();
  try {
    out = out.with_format(std::move(*format));
    return exists;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

} // namespace interp_actors::detail
