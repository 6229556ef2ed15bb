#pragma once

#include "interp_actors/base/buffer_format.hpp"
#include "interp_actors/python/object.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace interp_actors::python {

/// Puts the arguments of a call, as CPython's vectorcall has them, in the order of `names`; null for those not
/// given. The first `positional` ones may be given without their name, the first `required` ones must be
/// given. Returns false with a TypeError set.
bool take_arguments(const char* function, std::span<const char* const> names, std::size_t required,
                    std::size_t positional, PyObject* const* values, std::ptrdiff_t count, PyObject* keywords,
                    std::span<PyObject*> out);

/// Reads a timeout in seconds, where null and None are no limit. Returns false with a TypeError or ValueError
/// set.
bool read_timeout(const gil_held& gil, PyObject* value, std::chrono::steady_clock::time_point& until);

/// The text of a str, as UTF-8, for as long as that lives. Nothing with an exception set where it cannot be had.
std::optional<std::string_view> utf8_of(PyObject* text);

/// A str of UTF-8, where all else is escaped; null with an exception set without memory.
object to_str(const gil_held& gil, std::string_view text);

/// Reads a str without a null character, as UTF-8. Nothing with an exception set that names `what`.
std::optional<std::string> read_text(const gil_held& gil, PyObject* value, const char* what);

/// Whether `callback` can be called with `argument`, which is for the TypeError that is set if not.
bool check_callback(PyObject* callback, const char* argument);

/// Reads a number of things, at least 0. Returns false with an exception set that names `what`.
bool read_size(const gil_held& gil, const char* what, PyObject* value, std::size_t& size);

/// Whether an argument was given and is not None.
bool is_given(PyObject* value) noexcept;

/// Reads a format of the module struct, and the size of its element where it is a single code; else the size is 0.
/// Returns false with an exception set.
bool read_format(const gil_held& gil, PyObject* value, buffer_format& how);

/// Reads lengths along each dimension, or the only one. Returns false with an exception set.
bool read_shape(const gil_held& gil, PyObject* value, std::vector<std::ptrdiff_t>& lengths);

} // namespace interp_actors::python
