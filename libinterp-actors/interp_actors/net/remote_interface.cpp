#include "interp_actors/net/remote_interface.hpp"

#include "interp_actors/actor/packing.hpp"

#include <algorithm>
#include <deque>
#include <unordered_map>

namespace interp_actors {

namespace {

/// Interfaces have a few dozens of types; more come from somebody who means no good.
constexpr std::size_t most_shapes = 10'000;

/// Gives each shape a place in the list.
class shape_writer {
public:
  explicit shape_writer(std::vector<shape_record>& out) : out_{out} {}

  std::uint32_t place_of(const shape_ref& ref) {
    auto& shape = ref();
    auto [known, is_new] = places_.try_emplace(&shape, static_cast<std::uint32_t>(out_.size()));
    auto place = known->second;
    if (!is_new)
      return place;
    out_.emplace_back(); // before its parts: a type may contain itself
    shape_record record{.what = static_cast<std::uint8_t>(shape.what),
                        .name = shape.name,
                        .min = shape.min,
                        .max = shape.max,
                        .size = shape.size,
                        .has_names = shape.has_names};
    for (auto& part : shape.parts)
      record.parts.push_back(place_of(part));
    for (auto& field : shape.fields)
      record.fields.push_back({field.name, place_of(field.shape), field.may_be_missing});
    out_[place] = std::move(record);
    return place;
  }

  std::vector<std::uint32_t> places_of(const std::vector<shape_ref>& refs) {
    std::vector<std::uint32_t> result;
    for (auto& ref : refs)
      result.push_back(place_of(ref));
    return result;
  }

private:
  std::vector<shape_record>& out_;
  std::unordered_map<const type_shape*, std::uint32_t> places_;
};

/// An interface with the shapes that its signatures name.
struct restored {
  std::deque<type_shape> shapes;
  interface type;
  typed_start start;

  shape_ref at(std::uint32_t place) const {
    if (place >= shapes.size())
      throw value_error("an interface that names a type which it does not describe");
    return shape_ref{&shapes[place]};
  }

  std::vector<shape_ref> at(const std::vector<std::uint32_t>& places) const {
    std::vector<shape_ref> result;
    for (auto place : places)
      result.push_back(at(place));
    return result;
  }
};

/// Whether shapes of this kind have as many parts as they must.
bool has_its_parts(const type_shape& shape) {
  using kind = type_shape::kind;
  switch (shape.what) {
  case kind::optional:
  case kind::list:
  case kind::array:
  case kind::set:
    return shape.parts.size() == 1;
  case kind::map:
    return shape.parts.size() == 2;
  default:
    return true;
  }
}

} // namespace

interface_record describe_interface(const typed_start& start) {
  interface_record result{.name = start.type->name};
  shape_writer writer{result.shapes};
  for (auto& method : start.type->methods)
    result.methods.push_back({.name = method.signature.name,
                              .arguments = writer.places_of(method.signature.arguments),
                              .result = writer.place_of(method.signature.result)});
  result.constructor = writer.places_of(start.shapes);
  return result;
}

packed_message pack_constructor(const typed_start& start) {
  packed_value all;
  packed_writer writer{all};
  writer.begin_tuple(start.arguments.size());
  for (auto& argument : start.arguments) {
    packed_reader reader{argument};
    transfer(reader, writer);
  }
  writer.end();
  return to_message(std::move(all));
}

std::shared_ptr<const typed_start> restore_interface(const interface_record& record,
                                                     const packed_message& arguments) {
  if (record.shapes.size() > most_shapes)
    throw value_error("an interface of " + std::to_string(record.shapes.size()) + " types");
  auto result = std::make_shared<restored>();
  result->shapes.resize(record.shapes.size());
  for (std::size_t i = 0; i < record.shapes.size(); ++i) {
    auto& from = record.shapes[i];
    auto& to = result->shapes[i];
    if (from.what > static_cast<std::uint8_t>(type_shape::kind::structure))
      throw value_error("an interface with a kind of type that is unknown here");
    to = {.what = static_cast<type_shape::kind>(from.what),
          .name = from.name,
          .min = from.min,
          .max = from.max,
          .size = static_cast<std::size_t>(from.size),
          .has_names = from.has_names,
          .parts = result->at(from.parts)};
    for (auto& field : from.fields)
      to.fields.push_back({field.name, result->at(field.shape), field.may_be_missing});
    if (!has_its_parts(to))
      throw value_error("an interface with a container of too few or too many types");
  }
  result->type.name = record.name;
  for (auto& method : record.methods)
    result->type.methods.push_back(
        {.signature = {method.name, result->at(method.arguments), result->at(method.result)}});
  result->start.type = &result->type;
  result->start.shapes = result->at(record.constructor);
  auto packed = to_value(arguments);
  packed_reader reader{packed};
  auto count = record.constructor.empty() && packed.bytes.empty() ? 0 : reader.begin_tuple();
  if (count != record.constructor.size())
    throw value_error(std::to_string(count) + " arguments of a constructor",
                      std::to_string(record.constructor.size()) + " of them");
  for (std::size_t i = 0; i < count; ++i) {
    packed_writer writer{result->start.arguments.emplace_back()};
    transfer(reader, writer);
  }
  auto* start = &result->start;
  return {std::move(result), start};
}

} // namespace interp_actors
