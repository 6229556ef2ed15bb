#include "interp_actors/actor/packing.hpp"
#include "interp_actors/net/remote_interface.hpp"

#include <caf/all.hpp>

#include "actor/protocol_types.hpp"
#include "support.hpp"

namespace ia_test {

struct grow_atom;
struct paint_atom;

using gardener = caf::typed_actor<caf::result<list>(grow_atom, list, everything),
                                  caf::result<void>(paint_atom, account, nested)>;

} // namespace ia_test

CAF_BEGIN_TYPE_ID_BLOCK(remote_interface_test, caf::first_custom_type_id + 300)
CAF_ADD_ATOM(remote_interface_test, ia_test, grow_atom)
CAF_ADD_ATOM(remote_interface_test, ia_test, paint_atom)
CAF_END_TYPE_ID_BLOCK(remote_interface_test)

using namespace ia_test;

namespace {

/// All that a shape says, but for what is inside of itself.
std::string shown(const ia::type_shape& shape, int level = 0) {
  if (level > 5)
    return "...";
  auto result = std::to_string(static_cast<int>(shape.what)) + shape.name + "<" + std::to_string(shape.min)
                + "," + std::to_string(shape.max) + "," + std::to_string(shape.size)
                + (shape.has_names ? ",named" : "");
  for (auto& part : shape.parts)
    result += "|" + shown(part(), level + 1);
  for (auto& field : shape.fields)
    result += ";" + field.name + (field.may_be_missing ? "?" : "") + ":" + shown(field.shape(), level + 1);
  return result + ">";
}

ia::typed_start start_of_gardener() {
  ia::typed_start result;
  result.type = &ia::interface_of<gardener>();
  ia::detail::pack_arguments(result, std::string{"name"}, reading{"s", 1.5, {}});
  return result;
}

TEST(RemoteInterface, ComesBackWithoutItsTypes) {
  auto start = start_of_gardener();
  auto restored = ia::restore_interface(ia::describe_interface(start), ia::pack_constructor(start));
  EXPECT_EQ(restored->type->name, start.type->name);
  ASSERT_EQ(restored->type->methods.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    auto& before = start.type->methods[i].signature;
    auto& after = restored->type->methods[i].signature;
    EXPECT_EQ(after.name, before.name);
    EXPECT_EQ(shown(after.result()), shown(before.result()));
    ASSERT_EQ(after.arguments.size(), before.arguments.size());
    for (std::size_t j = 0; j < before.arguments.size(); ++j) {
      EXPECT_EQ(shown(after.arguments[j]()), shown(before.arguments[j]()));
      EXPECT_EQ(ia::python_name(after.arguments[j]()), ia::python_name(before.arguments[j]()));
    }
  }
  ASSERT_EQ(restored->arguments.size(), 2u);
  ia::packed_reader reader{restored->arguments[1]};
  EXPECT_EQ(ia::read_value<reading>(reader), (reading{"s", 1.5, {}}));
}

TEST(RemoteInterface, RefusesWhatMakesNoSense) {
  auto start = start_of_gardener();
  auto arguments = ia::pack_constructor(start);
  auto refusal = [&](ia::interface_record record) -> std::string {
    try {
      ia::restore_interface(record, arguments);
    } catch (const ia::value_error& problem) {
      return problem.what();
    }
    return "accepted";
  };
  auto good = ia::describe_interface(start);
  EXPECT_EQ(refusal(good), "accepted");
  auto bad = good;
  bad.methods[0].result = static_cast<std::uint32_t>(bad.shapes.size());
  EXPECT_NE(refusal(bad), "accepted");
  bad = good;
  bad.shapes[0].what = 200;
  EXPECT_NE(refusal(bad), "accepted");
  bad = good;
  for (auto& each : bad.shapes)
    each.parts.clear();
  EXPECT_NE(refusal(bad), "accepted");
  bad = good;
  bad.constructor.pop_back();
  EXPECT_NE(refusal(bad), "accepted");
  bad = good;
  bad.shapes.resize(100'000);
  EXPECT_NE(refusal(bad), "accepted");
}

} // namespace
