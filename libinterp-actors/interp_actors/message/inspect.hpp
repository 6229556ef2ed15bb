#pragma once

#include "interp_actors/base/array.hpp"
#include "interp_actors/base/errc.hpp"
#include "interp_actors/base/python_error.hpp"
#include "interp_actors/base/shared_bytes.hpp"
#include "interp_actors/compat.hpp"

#include <caf/sec.hpp>

#include <cstdint>
#include <stdexcept>
#include <type_traits>

namespace interp_actors {

template <class Inspector>
bool inspect(Inspector& f, buffer_format& x) {
  if constexpr (Inspector::is_loading)
    x.format.clear(); // the JSON reader of CAF 0.18 appends
  return f.object(x).fields(f.field("format", x.format), f.field("itemsize", x.itemsize),
                            f.field("shape", x.shape), f.field("strides", x.strides));
}

namespace detail {

bool save_payload(caf::binary_serializer& sink, const shared_bytes& bytes);
bool load_payload(caf::binary_deserializer& source, shared_bytes& bytes);
std::string to_hex(std::span<const std::byte> bytes);
bool from_hex(std::string_view text, std::vector<std::byte>& bytes);

/// Restores a payload from its parts; false where the format does not fit.
bool assemble(bool exists, std::vector<std::byte> bytes, std::optional<buffer_format> format,
              shared_bytes& out);

} // namespace detail

/// A payload travels in bulk in CAF's binary format, and as hexadecimal text in formats for humans. Copies
/// it.
template <class Inspector>
bool inspect(Inspector& f, shared_bytes& x) {
  if constexpr (std::is_same_v<Inspector, caf::binary_serializer>) {
    return detail::save_payload(f, x);
  } else if constexpr (std::is_same_v<Inspector, caf::binary_deserializer>) {
    return detail::load_payload(f, x);
  } else {
    bool exists = static_cast<bool>(x);
    std::string hex;
    std::optional<buffer_format> format;
    if constexpr (!Inspector::is_loading) {
      hex = detail::to_hex(x.as_span());
      if (auto* known = x.format())
        format = *known;
    }
    if (!f.object(x).fields(f.field("exists", exists), f.field("bytes", hex), f.field("format", format)))
      return false;
    if constexpr (Inspector::is_loading) {
      std::vector<std::byte> bytes;
      if (!detail::from_hex(hex, bytes)
          || !detail::assemble(exists, std::move(bytes), std::move(format), x)) {
        f.emplace_error(caf::sec::invalid_argument,
                        "a payload needs hexadecimal bytes and a format that fits them");
        return false;
      }
    }
    return true;
  }
}

/// An array travels as its payload, and must be one when it arrives.
template <class Inspector, class T>
bool inspect(Inspector& f, array<T>& x) {
  auto bytes = x.bytes();
  if (!f.object(x).fields(f.field("elements", bytes)))
    return false;
  if constexpr (Inspector::is_loading) {
    try {
      x = bytes ? array<T>{std::move(bytes)} : array<T>{};
    } catch (const std::invalid_argument& problem) {
      f.emplace_error(caf::sec::invalid_argument, problem.what());
      return false;
    }
  }
  return true;
}

template <class Inspector>
bool inspect(Inspector& f, python_frame& x) {
  return f.object(x).fields(f.field("file", x.file), f.field("line", x.line), f.field("function", x.function),
                            f.field("source_line", x.source_line), f.field("times", x.times));
}

template <class Inspector>
bool inspect(Inspector& f, python_syntax_location& x) {
  return f.object(x).fields(f.field("file", x.file), f.field("line", x.line), f.field("column", x.column),
                            f.field("end_column", x.end_column), f.field("text", x.text));
}

template <class Inspector>
bool inspect(Inspector& f, python_argument& x) {
  auto get = [&x] { return static_cast<std::uint8_t>(x.type); };
  auto set = [&x](std::uint8_t value) {
    x.type = static_cast<python_argument::kind>(value);
    return x.type <= python_argument::kind::bytes;
  };
  return f.object(x).fields(f.field("type", get, set), f.field("text", x.text));
}

template <class Inspector>
bool inspect(Inspector& f, python_exception_data& x) {
  return f.object(x).fields(f.field("type", x.type), f.field("message", x.message), f.field("notes", x.notes),
                            f.field("frames", x.frames), f.field("frames_left_out", x.frames_left_out),
                            f.field("left_out_at", x.left_out_at), f.field("syntax", x.syntax),
                            f.field("cause", x.cause), f.field("context", x.context),
                            f.field("suppress_context", x.suppress_context), f.field("is_group", x.is_group),
                            f.field("group", x.group), f.field("args", x.args));
}

template <class Inspector>
bool inspect(Inspector& f, python_error& x) {
  return f.object(x).fields(f.field("exceptions", x.exceptions), f.field("exit_code", x.exit_code),
                            f.field("left_out", x.left_out));
}

} // namespace interp_actors
