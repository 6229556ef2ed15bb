#include "interp_actors/base/type_shape.hpp"

#include <algorithm>

namespace interp_actors {

namespace {

/// Types that contain themselves have endless names; this is where they are cut.
constexpr int max_name_levels = 6;

std::string name_of(const type_shape& shape, bool python, int level);

std::string names_of_parts(const type_shape& shape, const char* separator, bool python, int level) {
  std::string result;
  for (auto part : shape.parts)
    result += (result.empty() ? "" : separator) + name_of(part(), python, level);
  return result;
}

std::string python_name_of(const type_shape& shape, int level) {
  using kind = type_shape::kind;
  switch (shape.what) {
  case kind::nil:
    return "None";
  case kind::boolean:
    return "bool";
  case kind::integer:
    return "int";
  case kind::real:
    return "float";
  case kind::text:
    return "str";
  case kind::enumeration:
    return shape.has_names ? "str" : "int";
  case kind::payload:
    return "memoryview";
  case kind::duration:
    return "timedelta";
  case kind::time:
    return "datetime";
  case kind::error:
    return "ActorError";
  case kind::actor:
    return "Reference";
  case kind::optional:
    return names_of_parts(shape, "", true, level) + " | None";
  case kind::variant:
    return names_of_parts(shape, " | ", true, level);
  case kind::list:
    return "list[" + names_of_parts(shape, ", ", true, level) + "]";
  case kind::array:
    return "tuple[" + names_of_parts(shape, ", ", true, level) + ", ...]";
  case kind::tuple:
    return "tuple[" + (shape.parts.empty() ? "()" : names_of_parts(shape, ", ", true, level)) + "]";
  case kind::set:
    return "set[" + names_of_parts(shape, ", ", true, level) + "]";
  case kind::map:
    return "dict[" + names_of_parts(shape, ", ", true, level) + "]";
  case kind::structure: {
    auto colon = shape.name.rfind(':');
    return colon == std::string::npos ? shape.name : shape.name.substr(colon + 1);
  }
  }
  return {};
}

std::string cpp_name_of(const type_shape& shape, int level) {
  using kind = type_shape::kind;
  if (!shape.name.empty())
    return shape.name;
  auto parts = names_of_parts(shape, ", ", false, level);
  switch (shape.what) {
  case kind::optional:
    return "std::optional<" + parts + ">";
  case kind::variant:
    return "std::variant<" + parts + ">";
  case kind::list:
    return "std::vector<" + parts + ">";
  case kind::array:
    return "std::array<" + parts + ", " + std::to_string(shape.size) + ">";
  case kind::tuple:
    return "std::tuple<" + parts + ">";
  case kind::set:
    return "std::set<" + parts + ">";
  case kind::map:
    return "std::map<" + parts + ">";
  default:
    return python_name_of(shape, level);
  }
}

std::string name_of(const type_shape& shape, bool python, int level) {
  if (level > max_name_levels)
    return "...";
  return python ? python_name_of(shape, level + 1) : cpp_name_of(shape, level + 1);
}

} // namespace

std::string cpp_name(const type_shape& shape) {
  return name_of(shape, false, 0);
}

std::string python_name(const type_shape& shape) {
  return name_of(shape, true, 0);
}

bool is_named(const type_shape& shape, std::string_view python_class) {
  auto without_end = [](std::string_view name) {
    while (name.ends_with('_'))
      name.remove_suffix(1);
    return name;
  };
  python_class = without_end(python_class);
  if (python_class.empty())
    return false;
  std::string with_namespace;
  for (auto c : shape.name)
    if (c != ':')
      with_namespace += c;
    else if (!with_namespace.ends_with('_'))
      with_namespace += '_';
  return without_end(shape.name) == python_class || without_end(python_name(shape)) == python_class
         || without_end(with_namespace) == python_class;
}

fitness fit(const type_shape& shape, value_kind kind) {
  using what = type_shape::kind;
  auto exactly = [](bool yes) { return yes ? fitness::exact : fitness::none; };
  auto either = [](bool exact, bool converted) {
    return exact ? fitness::exact : converted ? fitness::converted : fitness::none;
  };
  switch (shape.what) {
  case what::nil:
    return exactly(kind == value_kind::nil);
  case what::boolean:
    return exactly(kind == value_kind::boolean);
  case what::integer:
    return either(kind == value_kind::integer, kind == value_kind::boolean);
  case what::real:
    return either(kind == value_kind::real, kind == value_kind::integer || kind == value_kind::boolean);
  case what::text:
    return exactly(kind == value_kind::text);
  case what::enumeration:
    return either(kind == value_kind::enumeration, kind == value_kind::text || kind == value_kind::integer);
  case what::payload:
    return either(kind == value_kind::payload, kind == value_kind::nil);
  case what::duration:
    return exactly(kind == value_kind::duration);
  case what::time:
    return exactly(kind == value_kind::time);
  case what::error:
    return either(kind == value_kind::error, kind == value_kind::nil);
  case what::actor:
    return either(kind == value_kind::actor, kind == value_kind::nil);
  case what::list:
  case what::array:
    return either(kind == value_kind::list, kind == value_kind::tuple);
  case what::tuple:
    return either(kind == value_kind::tuple, kind == value_kind::list);
  case what::set:
    return exactly(kind == value_kind::set);
  case what::map:
    return either(kind == value_kind::map, kind == value_kind::structure);
  case what::structure:
    return either(kind == value_kind::structure, kind == value_kind::map);
  case what::optional:
    return kind == value_kind::nil ? fitness::exact : fit(shape.parts.front()(), kind);
  case what::variant: {
    auto best = fitness::none;
    for (auto part : shape.parts)
      best = std::max(best, fit(part(), kind));
    return best;
  }
  }
  return fitness::none;
}

} // namespace interp_actors
