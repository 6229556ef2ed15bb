#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace interp_actors {

/// How the bytes of a payload are to be read: the fields of a Python buffer without its memory. A plain
/// value.
/// Source: PEP 3118; CPython 3.14, "Buffer Protocol".
struct buffer_format {
  /// Element type in the syntax of Python's `struct` module, for example "B", "f" or "<i".
  std::string format = "B";

  /// Size of one element in bytes, at least 1.
  std::size_t itemsize = 1;

  /// Number of elements along each dimension; empty for a single element.
  std::vector<std::ptrdiff_t> shape;

  /// Bytes from one element to the next along each dimension; empty means C-contiguous, row by row.
  std::vector<std::ptrdiff_t> strides;

  friend bool operator==(const buffer_format&, const buffer_format&) = default;
};

/// Size in bytes of an element of `format`, a single code of Python's `struct` module; 0 for anything else.
std::size_t size_of_code(std::string_view format);

/// Returns `format` with its strides filled in, after checking that it describes memory inside of `size`
/// bytes. A C-contiguous format must fill the `size` bytes exactly; strides may leave gaps, and are never
/// negative.
/// Errors: std::invalid_argument that names the field, the value and what would fit.
buffer_format checked(buffer_format format, std::size_t size);

} // namespace interp_actors
