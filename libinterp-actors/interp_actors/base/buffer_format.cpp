#include "interp_actors/base/buffer_format.hpp"

#include <limits>
#include <stdexcept>
#include <string_view>

namespace interp_actors {

namespace {

/// Source: CPython 3.14, PyBUF_MAX_NDIM.
constexpr std::size_t max_dimensions = 64;

[[noreturn]] void refuse(const buffer_format& format, const std::string& why) {
  throw std::invalid_argument("buffer format '" + std::string{format.format.c_str()} + "': " + why);
}

[[noreturn]] void refuse_overflow(const buffer_format& format) {
  refuse(format, "its shape describes more memory than can be addressed");
}

constexpr auto addressable = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());

std::size_t times(const buffer_format& format, std::size_t lhs, std::size_t rhs) {
  std::size_t result = 0;
  if (__builtin_mul_overflow(lhs, rhs, &result) || result > addressable)
    refuse_overflow(format);
  return result;
}

std::size_t plus(const buffer_format& format, std::size_t lhs, std::size_t rhs) {
  std::size_t result = 0;
  if (__builtin_add_overflow(lhs, rhs, &result) || result > addressable)
    refuse_overflow(format);
  return result;
}

} // namespace

std::size_t size_of_code(std::string_view format) {
  bool native = true;
  if (!format.empty() && std::string_view{"@=<>!"}.find(format.front()) != std::string_view::npos) {
    native = format.front() == '@';
    format.remove_prefix(1);
  }
  if (format == "Zf" || format == "F") // complex numbers
    return 8;
  if (format == "Zd" || format == "D")
    return 16;
  if (format.size() != 1)
    return 0;
  switch (format.front()) {
  case 'c':
  case 'b':
  case 'B':
  case '?':
    return 1;
  case 'h':
  case 'H':
  case 'e':
    return 2;
  case 'i':
  case 'I':
  case 'f':
    return 4;
  case 'l':
  case 'L':
    return native ? sizeof(long) : 4;
  case 'q':
  case 'Q':
  case 'd':
    return 8;
  case 'n':
  case 'N':
  case 'P':
    return native ? sizeof(std::size_t) : 0;
  default:
    return 0;
  }
}

buffer_format checked(buffer_format format, std::size_t size) {
  if (format.shape.size() > max_dimensions)
    refuse(format, std::to_string(format.shape.size()) + " dimensions; Python's buffers have at most "
                       + std::to_string(max_dimensions));
  if (format.format.empty())
    refuse(format, "the format is empty; give a code of Python's struct module, such as \"B\"");
  // CPython reads up to the first one, and would take the rest for other elements than were checked here.
  if (format.format.find('\0') != std::string::npos)
    refuse(format, "the format holds a null character");
  if (format.itemsize == 0)
    refuse(format, "the item size is 0; give the size of one element in bytes");
  if (auto expected = size_of_code(format.format); expected != 0 && expected != format.itemsize)
    refuse(format, "the item size is " + std::to_string(format.itemsize) + ", but one such element takes "
                       + std::to_string(expected) + " bytes");
  auto bytes = times(format, format.itemsize, 1);
  for (auto n : format.shape) {
    if (n < 0)
      refuse(format, "the shape holds a negative length (" + std::to_string(n) + ")");
    bytes = times(format, bytes, static_cast<std::size_t>(n));
  }
  if (format.strides.empty()) {
    if (bytes != size)
      refuse(format, "item size and shape make " + std::to_string(bytes) + " bytes, but the payload has "
                         + std::to_string(size));
    format.strides.resize(format.shape.size());
    auto step = format.itemsize;
    for (auto i = format.shape.size(); i-- > 0;) {
      format.strides[i] = static_cast<std::ptrdiff_t>(step);
      if (i > 0) // may overflow although there are no elements: a length before is 0
        step = times(format, step, static_cast<std::size_t>(format.shape[i]));
    }
    return format;
  }
  if (format.strides.size() != format.shape.size())
    refuse(format, std::to_string(format.strides.size()) + " strides for "
                       + std::to_string(format.shape.size()) + " dimensions");
  std::size_t end = bytes == 0 ? 0 : format.itemsize;
  for (std::size_t i = 0; i < format.shape.size(); ++i) {
    if (format.strides[i] < 0)
      refuse(format, "negative strides are not supported (" + std::to_string(format.strides[i]) + ")");
    if (bytes != 0)
      end = plus(format, end,
                 times(format, static_cast<std::size_t>(format.shape[i] - 1),
                       static_cast<std::size_t>(format.strides[i])));
  }
  if (end > size)
    refuse(format, "shape and strides reach to byte " + std::to_string(end) + ", but the payload has "
                       + std::to_string(size));
  return format;
}

} // namespace interp_actors
