#pragma once

#include "interp_actors/base/value.hpp"
#include "interp_actors/python/conversion.hpp"

#include <vector>

namespace interp_actors::python {

/// Reads a Python object as a value: exact types and their subclasses, dataclass instances and dicts as
/// structures, bytes and memoryviews as payloads. Python code that runs meanwhile may change what is read;
/// then the reading fails or sees the change, and nothing worse.
/// Errors: `value_error` for what does not fit, `raised` where Python raises.
/// Thread: the one that holds the GIL.
class object_source final : public value_source {
public:
  object_source(const gil_held& gil, conversion& with, PyObject* value);

  value_kind next() override;
  std::string describe() override;
  void nil() override;
  bool boolean() override;
  std::int64_t integer() override;
  std::uint64_t unsigned_integer() override;
  double real() override;
  std::string_view text() override;
  enumeration_value enumeration() override;
  shared_bytes payload() override;
  std::chrono::nanoseconds duration() override;
  std::chrono::nanoseconds time() override;
  error_value error() override;
  actor_reference_ptr actor() override;
  std::size_t begin_list() override;
  std::size_t begin_tuple() override;
  std::size_t begin_set() override;
  std::size_t begin_map() override;
  std::size_t begin_struct() override;
  bool field(std::string_view name) override;
  std::string_view next_field() override;
  void end() override;
  std::string struct_name() override;
  position mark() override;
  void rewind(position where) override;

private:
  enum class container { list, tuple, map, structure };

  struct level {
    container what = container::list;
    object made_of;        // list, tuple, tuple of a map's keys and values, or the structure
    object fields;         // a tuple of a structure's field names, where they were asked for
    object part;           // the one that was fetched last
    std::ptrdiff_t at = 0; // of the part that comes next
    std::size_t found = 0;
    bool consumed = true;
  };

  PyObject* current();
  void consume();
  [[noreturn]] void mismatch(const char* expected);
  std::size_t begin(container what, object made_of, std::ptrdiff_t size);
  object items_of(PyObject* dict);
  object field_names(PyObject* structure);
  bool is_structure(PyObject* value);
  std::chrono::nanoseconds nanoseconds_of(PyObject* timedelta);

  const gil_held& gil_;
  conversion& with_;
  object root_;
  std::vector<level> levels_;
};

} // namespace interp_actors::python
