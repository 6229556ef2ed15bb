#include <caf/all.hpp>

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "actor/protocol_types.hpp"
#include "support.hpp"

using namespace ia_test;

namespace {

struct registered_types {
  registered_types() {
    caf::init_global_meta_objects<caf::id_block::value_types>();
    caf::init_global_meta_objects<caf::id_block::protocol_types>();
  }
};

template <class Handle>
std::string printed(std::string_view name = {}) {
  std::ostringstream out;
  ia::write_protocol<Handle>(out, name);
  return std::move(out).str();
}

/// The atom `pass` has no place in a class of Python's.
constexpr const char* pass_handler = "setattr(Station, 'pass', lambda self: 'passed')\n";

class Protocol : private registered_types, public with_runtime {
protected:
  weather_station start(const std::string& code) {
    auto result = rt().spawn<weather_station>(ia::text(printed<weather_station>() + code, "station.py"),
                                              {.class_name = "Station"});
    EXPECT_TRUE(result) << ia::describe(result.error());
    return result ? *result : weather_station{};
  }

  template <class Result, class... Args>
  Result ask(const weather_station& actor, const Args&... args) {
    auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(actor), caf::make_message(args...),
                               caf::timespan{patience});
    if (!answer || !answer->template match_elements<Result>()) {
      ADD_FAILURE() << (answer ? "another type" : ia::describe(answer.error()));
      return Result{};
    }
    return answer->template get_as<Result>(0);
  }
};

TEST_F(Protocol, TextIsThatOfTheFile) {
  std::ifstream file{INTERP_ACTORS_TEST_PROTOCOL};
  std::ostringstream expected;
  expected << file.rdbuf();
  EXPECT_EQ(printed<weather_station>(), expected.str());
  EXPECT_EQ(printed<weather_station>(), printed<weather_station>());
}

TEST_F(Protocol, NeedsNoMoreImportsThanItsTypesDo) {
  EXPECT_EQ(printed<small_one>(), R"("""caf::typed_actor<...> as a protocol for its handlers in Python.

Printed from the C++ type. A class with these methods, or a module with these functions, implements it.
"""

from typing import Protocol


class Interface(Protocol):
    """caf::typed_actor<...> in C++."""

    def add(self, a0: float, /) -> float:
        """In C++: (double) -> double."""
)");
}

TEST_F(Protocol, NamesAreThoseThatAreAskedFor) {
  EXPECT_NE(printed<small_one>("Adder").find("class Adder(Protocol):"), std::string::npos);
  for (auto* name : {"two words", "class", "__name", "list", "Protocol", "1st"})
    EXPECT_THROW(printed<small_one>(name), std::invalid_argument) << name;
  // A structure of that name gives way.
  auto text = printed<weather_station>("place");
  EXPECT_NE(text.find("class place(Protocol):"), std::string::npos);
  EXPECT_NE(text.find("class ia_test_place:"), std::string::npos);
}

TEST_F(Protocol, StartCheckAcceptsWhatIsPrinted) {
  // The methods of the protocol are the handlers, with the annotations that were printed.
  start(std::string{"class Station(WeatherStation): pass\n"} + pass_handler);
  // They are read, not passed over.
  auto refused = rt().spawn<weather_station>(
      ia::text(printed<weather_station>()
                   + "class Station(WeatherStation):\n  def visit(self, a, b) -> event: ...\n" + pass_handler,
               "station.py"),
      {.class_name = "Station"});
  EXPECT_FALSE(refused);
}

TEST_F(Protocol, StartCheckKnowsThatWhatIsInSetsIsHashable) {
  auto refusal = [this](const std::string& code) {
    auto result = rt().spawn<weather_station>(
        ia::text(printed<weather_station>() + "class Station(WeatherStation):\n" + code + pass_handler,
                 "station.py"),
        {.class_name = "Station"});
    return result ? "accepted" : ia::describe(result.error());
  };
  EXPECT_EQ(refusal("  def flatten(self, x: set[frozenset[str]]): ...\n"), "accepted");
  EXPECT_NE(refusal("  def flatten(self, x: set[set[str]]): ...\n").find("is annotated set[set[str]]"),
            std::string::npos);
  EXPECT_EQ(refusal("  def follow(self, x: dict[place, set[tuple[int, ...]]]): ...\n"), "accepted");
  EXPECT_NE(refusal("  def follow(self, x: dict[place, set[list[int]]]): ...\n").find("is annotated dict["),
            std::string::npos);
}

TEST_F(Protocol, HandlersGetAndGiveThePrintedClasses) {
  auto actor = start(std::string{R"(
class Station:
    def echo(self, x: everything, /) -> everything:
        assert type(x) is everything and type(x.readings[0]) is reading and type(x.none) is structure
        assert type(x.either) is reading and type(x.wait) is timedelta and type(x.when) is datetime
        assert type(x.data) is memoryview and type(x.problem) is ActorError and type(x.who) is Reference
        return x
    def add(self, x): return x
    def reading(self, what: _reading, flag: bool) -> _reading:
        assert type(what) is _reading
        return _reading(what.sensor, what.value + 1)
    def list(self, all: _list[_reading]) -> _list[_reading]:
        assert [type(one) for one in all] == [_reading]
        return all[::-1]
    def choose(self, x: ia_test_shop_item | ia_test_store_item) -> ia_test_shop_item | ia_test_store_item:
        assert type(x) in (ia_test_shop_item, ia_test_store_item)
        return x
    def follow(self, x: dict[place, set[tuple[int, ...]]]) -> dict[place, set[tuple[int, ...]]]:
        for at, paths in x.items():
            assert type(at) is place and type(at.path) is tuple and all(type(one) is tuple for one in paths)
        return x
    def flatten(self, x: set[frozenset[str]]) -> set[frozenset[str]]: return x
    def occur(self, x: event, span: timedelta, at: datetime) -> event:
        assert type(x.event[0]) is event and x.datetime + span == at
        return event(x.str, at, x.event)
    def note(self, text: str) -> None: pass
    def ping(self) -> bool: return True
    def split(self, x: memoryview) -> tuple[int, str]: return len(x), 'parts'
    def check(self, x: memoryview, problem: ActorError | None) -> bytes | memoryview: return x if problem is None else b''
    def visit(self, x: place, who: Reference) -> place:
        assert type(x) is place and type(x.path) is list
        return place(who.greet(x.room), x.path)
    def mix(self, x: _list[structure_], shades: dict[str, int]) -> _list[structure_]:
        assert type(x[0]) is structure_ and type(x[0].sizes) is ia_test_list and type(x[0].what) is dict
        assert shades == {'blue': 300}
        return x
    def keep(self, x: rest, nothing: None) -> tuple[_list[bytes | memoryview], rest]:
        assert type(x) is rest and x.nothing is None and nothing is None
        return [b'one', memoryview(b'two')], x
)"} + pass_handler);
  everything x;
  x.readings = {reading{"a", 1, 2}, std::nullopt};
  x.either = reading{"b", 2, std::nullopt};
  x.wait = 5ms;
  x.when = caf::timestamp{1us};
  x.data = ia::shared_bytes::copy("payload");
  x.problem = ia::make_error(ia::errc::mailbox_full, "later");
  auto greeting = system().spawn([]() -> greeter::behavior_type {
    return {[](greet_atom, const std::string& whom) { return "Hello, " + whom; }};
  });
  x.who = caf::actor_cast<caf::actor>(greeting);
  EXPECT_EQ(ask<everything>(actor, echo_atom_v, x), x);
  EXPECT_EQ(ask<std::int64_t>(actor, add_atom_v, std::int64_t{1}), 1);
  EXPECT_EQ(ask<reading>(actor, reading_atom_v, reading{"a", 1, 2}, true), (reading{"a", 2, std::nullopt}));
  std::vector<reading> one{{"a", 1, 2}};
  EXPECT_EQ(ask<std::vector<reading>>(actor, list_atom_v, one), one);
  // Two structures with the same fields and the same name stay apart.
  EXPECT_EQ(ask<either_item>(actor, choose_atom_v, either_item{shop::item{"x"}}),
            either_item{shop::item{"x"}});
  EXPECT_EQ(ask<either_item>(actor, choose_atom_v, either_item{store::item{"x"}}),
            either_item{store::item{"x"}});
  routes ways{{place{"kitchen", {1, 2}}, {{1, 2, 3}, {4}}}};
  EXPECT_EQ(ask<routes>(actor, follow_atom_v, ways), ways);
  nested names{{"a", "b"}, {"c"}};
  EXPECT_EQ(ask<nested>(actor, flatten_atom_v, names), names);
  event happened{"x", caf::timestamp{1s}, {event{"y", {}, {}, "inner"}}, "outer"};
  EXPECT_EQ(ask<event>(actor, occur_atom_v, happened, caf::timespan{1s}, caf::timestamp{2s}),
            (event{"x", caf::timestamp{2s}, {event{"y", {}, {}, "inner"}}, std::nullopt}));
  EXPECT_EQ(ask<std::string>(actor, pass_atom_v), "passed");
  EXPECT_EQ(ask<bool>(actor, ping_atom_v), true);
  auto bytes = ia::shared_bytes::copy("bytes");
  EXPECT_EQ(ask<ia::shared_bytes>(actor, check_atom_v, bytes, caf::error{}).data(), bytes.data());
  EXPECT_EQ(ask<place>(actor, visit_atom_v, place{"hall", {7}}, greeting), (place{"Hello, hall", {7}}));
  unnamed_list all{{{1}, {2}}};
  EXPECT_EQ(ask<unnamed_list>(actor, mix_atom_v, all, shades{{colour::blue, level::high}}), all);
  rest last;
  last.small = {1, -2};
  last.numbers = {1, 2};
  last.halves = {{true, 0.5f}};
  last.either = std::string{"x"};
  last.keys = {{colour::red, caf::timespan{1us}}};
  auto both = me().request(caf::actor_cast<caf::strong_actor_ptr>(actor),
                           caf::make_message(keep_atom_v, last, caf::unit));
  ASSERT_TRUE(both) << ia::describe(both.error());
  ASSERT_TRUE((both->match_elements<std::vector<ia::shared_bytes>, rest>()));
  EXPECT_EQ(both->get_as<std::vector<ia::shared_bytes>>(0)[1].as_string_view(), "two");
  EXPECT_EQ(both->get_as<rest>(1), last);
}

} // namespace
