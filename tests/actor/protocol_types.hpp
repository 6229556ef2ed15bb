#pragma once

#include <cstddef>
#include <deque>

#include "actor/value_types.hpp"

/// A type with all that a printed protocol has to say in its own way.
namespace ia_test::shop {

struct item {
  std::string name;
  friend bool operator==(const item&, const item&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, item& x) {
  return f.object(x).fields(f.field("name", x.name));
}

} // namespace ia_test::shop

namespace ia_test::store {

/// Has the name of another structure, and the same fields.
struct item {
  std::string name;
  friend bool operator==(const item&, const item&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, item& x) {
  return f.object(x).fields(f.field("name", x.name));
}

} // namespace ia_test::store

namespace ia_test {

/// Lies in keys, where lists are tuples, and elsewhere.
struct place {
  std::string room;
  std::vector<std::int32_t> path;
  auto operator<=>(const place&) const = default;
};
template <class Inspector>
bool inspect(Inspector& f, place& x) {
  return f.object(x).fields(f.field("room", x.room), f.field("path", x.path));
}

/// Its fields are called as their types are in Python, and one contains itself.
struct event {
  std::string str;
  caf::timestamp datetime{};
  std::vector<event> event;
  std::optional<std::string> text;
  friend bool operator==(const struct event&, const struct event&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, struct event& x) {
  return f.object(x).fields(f.field("str", x.str), f.field("datetime", x.datetime), f.field("event", x.event),
                            f.field("text", x.text));
}

/// A name that Python needs itself, and that of a field that no class can have.
struct list {
  std::int32_t size = 0;
  friend bool operator==(const list&, const list&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, list& x) {
  return f.object(x).fields(f.field("size", x.size));
}
struct odd {
  std::int32_t value = 0;
  friend bool operator==(const odd&, const odd&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, odd& x) {
  return f.object(x).fields(f.field("class", x.value));
}

/// CAF has no name for it.
struct unnamed {
  list sizes;
  odd what;
  friend bool operator==(const unnamed&, const unnamed&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, unnamed& x) {
  return f.object(x).fields(f.field("sizes", x.sizes), f.field("what", x.what));
}

/// The types that are left.
struct rest {
  std::byte byte{};
  caf::unit_t nothing;
  std::deque<std::int16_t> small;
  std::unordered_set<std::int32_t> numbers;
  std::unordered_map<bool, float> halves;
  std::array<std::int32_t, 17> many{};
  std::tuple<> none;
  std::optional<std::variant<std::int32_t, std::string>> either;
  std::vector<caf::actor> actors;
  std::optional<caf::error> problem;
  std::set<std::pair<colour, caf::timespan>> keys;
  std::optional<ia::shared_bytes> data;
  friend bool operator==(const rest&, const rest&) = default;
};
template <class Inspector>
bool inspect(Inspector& f, rest& x) {
  return f.object(x).fields(f.field("byte", x.byte), f.field("nothing", x.nothing), f.field("small", x.small),
                            f.field("numbers", x.numbers), f.field("halves", x.halves),
                            f.field("many", x.many), f.field("none", x.none), f.field("either", x.either),
                            f.field("actors", x.actors), f.field("problem", x.problem),
                            f.field("keys", x.keys), f.field("data", x.data));
}

using either_item = std::variant<shop::item, store::item>;
using routes = std::map<place, std::set<std::vector<std::int32_t>>>;
using unnamed_list = std::vector<unnamed>;
using nested = std::set<std::set<std::string>>;
using shades = std::map<colour, level>;

struct echo_atom;
struct add_atom;
struct reading_atom;
struct list_atom;
struct choose_atom;
struct follow_atom;
struct flatten_atom;
struct occur_atom;
struct pass_atom;
struct note_atom;
struct ping_atom;
struct split_atom;
struct check_atom;
struct visit_atom;
struct mix_atom;
struct keep_atom;

using weather_station = caf::typed_actor<
    caf::result<everything>(echo_atom, everything), caf::result<std::int64_t>(add_atom, std::int64_t),
    caf::result<std::string>(add_atom, std::string), caf::result<std::int64_t>(add_atom, std::int32_t),
    caf::result<reading>(reading_atom, reading, bool),
    caf::result<std::vector<reading>>(list_atom, std::vector<reading>),
    caf::result<either_item>(choose_atom, either_item), caf::result<routes>(follow_atom, routes),
    caf::result<nested>(flatten_atom, nested),
    caf::result<event>(occur_atom, event, caf::timespan, caf::timestamp), caf::result<std::string>(pass_atom),
    caf::result<void>(note_atom, std::string), caf::result<bool>(ping_atom),
    caf::result<std::int32_t, std::string>(split_atom, ia::shared_bytes),
    caf::result<ia::shared_bytes>(check_atom, ia::shared_bytes, caf::error),
    caf::result<place>(visit_atom, place, greeter), caf::result<unnamed_list>(mix_atom, unnamed_list, shades),
    caf::result<std::vector<ia::shared_bytes>, rest>(keep_atom, rest, caf::unit_t)>;

using small_one = caf::typed_actor<caf::result<double>(add_atom, double)>;

} // namespace ia_test

CAF_BEGIN_TYPE_ID_BLOCK(protocol_types, caf::first_custom_type_id + 100)
CAF_ADD_ATOM(protocol_types, ia_test, echo_atom)
CAF_ADD_ATOM(protocol_types, ia_test, add_atom)
CAF_ADD_ATOM(protocol_types, ia_test, reading_atom)
CAF_ADD_ATOM(protocol_types, ia_test, list_atom)
CAF_ADD_ATOM(protocol_types, ia_test, choose_atom)
CAF_ADD_ATOM(protocol_types, ia_test, follow_atom)
CAF_ADD_ATOM(protocol_types, ia_test, flatten_atom)
CAF_ADD_ATOM(protocol_types, ia_test, occur_atom)
CAF_ADD_ATOM(protocol_types, ia_test, pass_atom)
CAF_ADD_ATOM(protocol_types, ia_test, note_atom)
CAF_ADD_ATOM(protocol_types, ia_test, ping_atom)
CAF_ADD_ATOM(protocol_types, ia_test, split_atom)
CAF_ADD_ATOM(protocol_types, ia_test, check_atom)
CAF_ADD_ATOM(protocol_types, ia_test, visit_atom)
CAF_ADD_ATOM(protocol_types, ia_test, mix_atom)
CAF_ADD_ATOM(protocol_types, ia_test, keep_atom)
CAF_ADD_TYPE_ID(protocol_types, (ia_test::everything))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::account))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::shop::item))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::store::item))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::place))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::event))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::list))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::odd))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::rest))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::either_item))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::routes))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::unnamed_list))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::nested))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::shades))
CAF_ADD_TYPE_ID(protocol_types, (std::vector<ia_test::reading>))
CAF_ADD_TYPE_ID(protocol_types, (ia_test::weather_station))
CAF_END_TYPE_ID_BLOCK(protocol_types)
