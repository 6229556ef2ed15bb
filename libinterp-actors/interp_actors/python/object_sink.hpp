#pragma once

#include "interp_actors/base/value.hpp"
#include "interp_actors/python/conversion.hpp"

#include <string>
#include <utility>
#include <vector>

namespace interp_actors::python {

/// Which classes a handler's annotation wants for the structures in a value, part by part; null stands for
/// none. Plans of types that contain themselves lead back to themselves.
/// Owner: a `class_plans`, which outlives its use.
struct class_plan {
  object made_of; // called with the structure's fields, by name
  std::vector<std::pair<std::string, const class_plan*>> fields;
  std::vector<const class_plan*> parts;                           // as those of the type's shape
  std::vector<std::pair<std::string, const class_plan*>> choices; // of a variant, by the type's name
};

/// Makes a Python object of a value: payloads become memoryviews, structures dicts or what the plan says,
/// enumerators texts. What must be hashable gets tuples and frozensets for lists and sets.
/// Errors: `value_error` for what Python cannot hold, `raised` where Python raises.
/// Thread: the one that holds the GIL.
class object_sink final : public value_sink {
public:
  object_sink(const gil_held& gil, conversion& with, const class_plan* plan = nullptr)
      : gil_{gil}, with_{with}, plan_{plan} {}

  /// The object, once the value is whole.
  object take() { return std::move(result_); }

  void nil() override;
  void boolean(bool value) override;
  void integer(std::int64_t value) override;
  void unsigned_integer(std::uint64_t value) override;
  void real(double value) override;
  void text(std::string_view value) override;
  void enumeration(const enumeration_value& value) override;
  void payload(const shared_bytes& value) override;
  void duration(std::chrono::nanoseconds value) override;
  void time(std::chrono::nanoseconds value) override;
  void error(const error_value& value) override;
  void actor(const actor_reference_ptr& value) override;
  void begin_list(std::size_t size) override;
  void begin_tuple(std::size_t size) override;
  void begin_set(std::size_t size) override;
  void begin_map(std::size_t size) override;
  void begin_struct(std::string_view type, std::size_t fields) override;
  void field(std::string_view name) override;
  void end() override;

private:
  enum class container { list, tuple, set, map, structure };

  struct level {
    container what = container::list;
    bool hashable = false; // it and its parts must be
    object made;           // list, tuple, set or dict
    object key;            // of a map or structure, while its value comes
    std::size_t done = 0;
    std::size_t size = 0;
    const class_plan* plan = nullptr;
    const class_plan* field_plan = nullptr;
  };

  void give(object made);
  void begin(container what, object made, std::size_t size, const class_plan* plan);
  bool part_must_be_hashable() const;
  const class_plan* plan_of_part(std::string_view type = {}) const;
  const class_plan* plan_in_container() const;
  object timedelta(std::chrono::nanoseconds value);

  const gil_held& gil_;
  conversion& with_;
  const class_plan* plan_;
  object result_;
  std::vector<level> levels_;
};

} // namespace interp_actors::python
