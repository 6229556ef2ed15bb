#pragma once

#include "interp_actors/all.hpp"

#include <caf/all.hpp>

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace ia_test {

enum class colour : std::uint8_t { red, green, blue };

inline std::string to_string(colour x) {
  return x == colour::red ? "red" : x == colour::green ? "green" : "blue";
}
template <class Text> // CAF has a kind of its own
bool from_string(const Text& text, colour& x) {
  for (auto one : {colour::red, colour::green, colour::blue})
    if (to_string(one) == std::string_view{text.data(), text.size()}) {
      x = one;
      return true;
    }
  return false;
}
inline bool from_integer(std::uint8_t value, colour& x) {
  x = static_cast<colour>(value);
  return value <= 2;
}
template <class Inspector>
bool inspect(Inspector& f, colour& x) {
  return caf::default_enum_inspect(f, x);
}

/// An enumeration without names.
enum class level : std::int16_t { low = -5, high = 300 };
template <class Inspector>
bool inspect(Inspector& f, level& x) {
  auto get = [&x] { return static_cast<std::int16_t>(x); };
  auto set = [&x](std::int16_t value) { x = static_cast<level>(value); };
  return f.apply(get, set);
}

struct reading {
  std::string sensor;
  double value = 0;
  std::optional<std::int32_t> quality;

  friend bool operator==(const reading&, const reading&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, reading& x) {
  return f.object(x).fields(f.field("sensor", x.sensor), f.field("value", x.value),
                            f.field("quality", x.quality));
}

/// With a fallback, a rule, and fields behind functions.
class account {
public:
  std::uint32_t id = 0;
  std::int64_t limit = 100;
  friend bool operator==(const account&, const account&) = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, account& x) {
    auto get_owner = [&x] { return x.owner_; };
    auto set_owner = [&x](std::string owner) {
      if (owner.empty())
        return false;
      x.owner_ = std::move(owner);
      return true;
    };
    auto has_note = [&x] { return x.note_.has_value(); };
    auto get_note = [&x] { return *x.note_; };
    auto reset_note = [&x] { x.note_.reset(); };
    auto set_note = [&x](std::string note) {
      x.note_ = std::move(note);
      return true;
    };
    return f.object(x).fields(f.field("id", x.id).invariant([](std::uint32_t id) { return id < 1000; }),
                              f.field("limit", x.limit).fallback(std::int64_t{100}),
                              f.field("owner", get_owner, set_owner),
                              f.field("note", has_note, get_note, reset_note, set_note));
  }

  account() = default;
  account(std::uint32_t number, std::string owner, std::optional<std::string> note)
      : id{number}, owner_{std::move(owner)}, note_{std::move(note)} {}

private:
  std::string owner_;
  std::optional<std::string> note_;
};

/// A structure that contains itself.
struct tree {
  int value = 0;
  std::vector<tree> children;

  friend bool operator==(const tree&, const tree&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, tree& x) {
  return f.object(x).fields(f.field("value", x.value), f.field("children", x.children));
}

struct nothing {
  friend bool operator==(const nothing&, const nothing&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, nothing& x) {
  return f.object(x).fields();
}

struct greet_atom;
using greeter = caf::typed_actor<caf::result<std::string>(greet_atom, std::string)>;
struct part_atom;
using parter = caf::typed_actor<caf::result<void>(part_atom)>;

/// All of them at once.
struct everything {
  bool flag = false;
  std::int8_t tiny = 0;
  std::uint64_t large = 0;
  float half = 0;
  std::string text;
  colour shade = colour::red;
  level height = level::low;
  std::vector<std::optional<reading>> readings;
  std::set<std::int32_t> numbers;
  std::map<std::string, std::vector<double>> series;
  std::tuple<std::int32_t, std::string, bool> mixed;
  std::pair<std::string, std::int32_t> pair;
  std::array<double, 3> point{};
  std::variant<std::int32_t, std::string, reading> either;
  std::chrono::milliseconds wait{0};
  caf::timestamp when{};
  ia::shared_bytes data;
  caf::error problem;
  caf::actor who;
  std::vector<bool> bits;
  nothing none;

  friend bool operator==(const everything&, const everything&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, everything& x) {
  return f.object(x).fields(
      f.field("flag", x.flag), f.field("tiny", x.tiny), f.field("large", x.large), f.field("half", x.half),
      f.field("text", x.text), f.field("shade", x.shade), f.field("height", x.height),
      f.field("readings", x.readings), f.field("numbers", x.numbers), f.field("series", x.series),
      f.field("mixed", x.mixed), f.field("pair", x.pair), f.field("point", x.point),
      f.field("either", x.either), f.field("wait", x.wait), f.field("when", x.when), f.field("data", x.data),
      f.field("problem", x.problem), f.field("who", x.who), f.field("bits", x.bits), f.field("none", x.none));
}

} // namespace ia_test

CAF_BEGIN_TYPE_ID_BLOCK(value_types, caf::first_custom_type_id)
CAF_ADD_ATOM(value_types, ia_test, greet_atom)
CAF_ADD_ATOM(value_types, ia_test, part_atom)
CAF_ADD_TYPE_ID(value_types, (ia_test::colour))
CAF_ADD_TYPE_ID(value_types, (ia_test::reading))
CAF_ADD_TYPE_ID(value_types, (ia_test::greeter))
CAF_END_TYPE_ID_BLOCK(value_types)
