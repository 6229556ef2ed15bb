#include "interp_actors/actor/read_value.hpp"
#include "interp_actors/actor/write_value.hpp"
#include "interp_actors/base/packed_value.hpp"
#include "interp_actors/python/interpreter.hpp"
#include "interp_actors/python/object_sink.hpp"
#include "interp_actors/python/object_source.hpp"

#include <Python.h>
#include <gtest/gtest.h>

#include <random>

#include "actor/value_types.hpp"

using namespace ia_test;
using namespace std::chrono_literals;
namespace py = interp_actors::python;

namespace {

template <class T>
ia::packed_value pack(const T& x) {
  ia::packed_value result;
  ia::packed_writer writer{result};
  ia::write_value(writer, x);
  return result;
}

template <class T>
T unpack(const ia::packed_value& packed) {
  ia::packed_reader reader{packed};
  auto result = ia::read_value<T>(reader);
  EXPECT_TRUE(reader.at_end());
  return result;
}

/// An interpreter of its own, in the test's thread.
class Convert : public ::testing::Test {
protected:
  Convert() {
    ia::detail::init_types();
    caf::init_global_meta_objects<caf::id_block::value_types>();
    system_.emplace(config_);
    engine_ = std::make_unique<py::engine>(py::engine_options{});
    link_ = std::make_unique<py::interpreter_link>(std::make_shared<ia::bell>());
    interpreter_ = std::make_unique<py::interpreter>(*engine_, *link_, 4096);
    actor_ =
        system_->spawn([](caf::event_based_actor*) -> caf::behavior { return {[](int x) { return x; }}; });
    greeter_ = system_->spawn([]() -> greeter::behavior_type {
      return {[](greet_atom, const std::string& whom) { return "Hello, " + whom; }};
    });
  }

  ~Convert() override {
    interpreter_->with_gil([this](const py::gil_held& gil) {
      PyGC_Collect();
      EXPECT_TRUE(interpreter_->let_go(gil, std::chrono::seconds{10})); // else it would be abandoned
    });
    interpreter_.reset();
    engine_.reset();
    EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
    caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown);
    actor_ = nullptr;
    greeter_ = nullptr;
  }

  template <class F>
  decltype(auto) in_python(F f) {
    return interpreter_->with_gil(std::move(f));
  }

  /// Runs code that the expressions of the test use.
  void run(const std::string& code) {
    in_python([&](const py::gil_held& gil) { interpreter_->execute(gil, code); });
  }

  py::object evaluate(const py::gil_held& gil, const std::string& expression) {
    auto main = py::steal(gil, PyImport_ImportModule("__main__"));
    auto* names = PyModule_GetDict(main.get());
    auto result = py::steal(gil, PyRun_String(expression.c_str(), Py_eval_input, names, names));
    if (!result)
      PyErr_Print();
    return result;
  }

  template <class T>
  py::object to_object(const py::gil_held& gil, const T& x) {
    py::object_sink sink{gil, interpreter_->values()};
    ia::write_value(sink, x);
    return sink.take();
  }

  /// What Python's repr() says of `x`.
  template <class T>
  std::string repr(const T& x) {
    return in_python([&](const py::gil_held& gil) {
      auto made = to_object(gil, x);
      auto text = py::steal(gil, PyObject_Repr(made.get()));
      return std::string{PyUnicode_AsUTF8(text.get())};
    });
  }

  /// The value of a Python expression, or the text of the error behind "error: ".
  template <class T>
  T value_of(const std::string& expression) {
    return in_python([&](const py::gil_held& gil) {
      auto object = evaluate(gil, expression);
      py::object_source source{gil, interpreter_->values(), object.get()};
      return ia::read_value<T>(source);
    });
  }

  template <class T>
  std::string problem_with(const std::string& expression) {
    try {
      std::ignore = value_of<T>(expression);
    } catch (const ia::value_error& problem) {
      return problem.what();
    }
    return "no problem";
  }

  /// To Python and back, to the byte form and back, and through both ends in a row.
  template <class T>
  void round_trip(const T& x, const std::string& python = "") {
    if (!python.empty()) {
      EXPECT_EQ(repr(x), python);
    }
    in_python([&](const py::gil_held& gil) {
      auto made = to_object(gil, x);
      py::object_source source{gil, interpreter_->values(), made.get()};
      EXPECT_EQ(ia::read_value<T>(source), x);
    });
    EXPECT_EQ(unpack<T>(pack(x)), x);
    in_python([&](const py::gil_held& gil) {
      auto first = pack(x);
      ia::packed_reader reader{first};
      py::object_sink sink{gil, interpreter_->values()};
      ia::transfer(reader, sink);
      EXPECT_TRUE(reader.at_end());
      auto made = sink.take();
      py::object_source source{gil, interpreter_->values(), made.get()};
      ia::packed_value second;
      ia::packed_writer writer{second};
      ia::transfer(source, writer);
      EXPECT_EQ(unpack<T>(second), x);
    });
  }

  everything full() {
    everything x;
    x.flag = true;
    x.tiny = -128;
    x.large = 18'446'744'073'709'551'615u;
    x.half = 0.5f;
    x.text = "grün 😀";
    x.shade = colour::blue;
    x.height = level::high;
    x.readings = {reading{"a", 1.5, 3}, std::nullopt, reading{"b", -0.25, std::nullopt}};
    x.numbers = {3, 1, 2};
    x.series = {{"x", {1, 2}}, {"y", {}}};
    x.mixed = {7, "seven", true};
    x.pair = {"p", 2};
    x.point = {1, 2, 3};
    x.either = reading{"c", 2, 1};
    x.wait = 1500ms;
    x.when = caf::timestamp{1'700'000'000'123'456'000ns};
    x.data = ia::shared_bytes::copy("payload");
    x.problem = ia::make_error(ia::errc::mailbox_full, "try later");
    x.who = actor_;
    x.bits = {true, false, true};
    return x;
  }

  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::unique_ptr<py::engine> engine_;
  std::unique_ptr<py::interpreter_link> link_;
  std::unique_ptr<py::interpreter> interpreter_;
  caf::actor actor_;
  greeter greeter_;
};

TEST_F(Convert, BooleansNumbersAndTextsComeBack) {
  round_trip(true, "True");
  round_trip(false, "False");
  round_trip(std::int8_t{-128}, "-128");
  round_trip(std::uint8_t{255}, "255");
  round_trip(std::int16_t{-32'768}, "-32768");
  round_trip(std::uint16_t{65'535}, "65535");
  round_trip(std::int32_t{-2'147'483'647 - 1}, "-2147483648");
  round_trip(std::uint32_t{4'294'967'295u}, "4294967295");
  round_trip(std::numeric_limits<std::int64_t>::min(), "-9223372036854775808");
  round_trip(std::numeric_limits<std::int64_t>::max(), "9223372036854775807");
  round_trip(std::numeric_limits<std::uint64_t>::max(), "18446744073709551615");
  round_trip(0, "0");
  round_trip(-1, "-1");
  round_trip(23, "23");
  round_trip(24, "24");
  round_trip(-25, "-25");
  round_trip(1.5, "1.5");
  round_trip(1.5f, "1.5");
  round_trip(std::numeric_limits<double>::infinity(), "inf");
  round_trip(std::string{}, "''");
  round_trip(std::string{"grün 😀"}, "'grün 😀'");
  round_trip(std::string("a\0b", 3), "'a\\x00b'");
  round_trip(std::byte{7}, "7");
  round_trip(caf::unit, "None");
}

TEST_F(Convert, EnumerationsAreTheirNamesOrNumbers) {
  round_trip(colour::green, "'green'");
  round_trip(level::high, "300");
  round_trip(level::low, "-5");
  round_trip(ia::errc::crashed, "'crashed'");
  EXPECT_EQ(value_of<colour>("2"), colour::blue);
  EXPECT_EQ(value_of<level>("-5"), level::low);
  EXPECT_EQ(problem_with<colour>("'pink'"), "str 'pink', where a value of ia_test::colour was expected");
  EXPECT_EQ(problem_with<colour>("3"), "int 3, where a value of ia_test::colour was expected");
  EXPECT_EQ(problem_with<level>("40000"), "int 40000, where a value of enum was expected");
  EXPECT_EQ(problem_with<colour>("None"), "None, where str was expected");
  run("import enum\nclass Shade(enum.StrEnum):\n  BLUE = 'blue'\n");
  EXPECT_EQ(value_of<colour>("Shade.BLUE"), colour::blue);
}

TEST_F(Convert, ContainersComeBack) {
  round_trip(std::vector<std::int32_t>{1, 2, 3}, "[1, 2, 3]");
  round_trip(std::vector<std::int32_t>{}, "[]");
  round_trip(std::vector<bool>{true, false}, "[True, False]");
  round_trip(std::set<std::string>{"one"}, "{'one'}");
  round_trip(std::set<std::string>{}, "set()");
  round_trip(std::unordered_set<int>{5}, "{5}");
  round_trip(std::map<std::string, int>{{"a", 1}, {"b", 2}}, "{'a': 1, 'b': 2}");
  round_trip(std::unordered_map<int, double>{{1, 0.5}}, "{1: 0.5}");
  round_trip(std::tuple<int, std::string, bool>{1, "x", false}, "(1, 'x', False)");
  round_trip(std::tuple<>{}, "()");
  round_trip(std::pair<std::string, int>{"a", 1}, "('a', 1)");
  round_trip(std::array<double, 2>{1, 2}, "(1.0, 2.0)");
  round_trip(std::vector<std::vector<std::map<std::string, std::set<int>>>>{{{{"a", {1}}}}, {}},
             "[[{'a': {1}}], []]");
  round_trip(std::list<int>{1, 2}, "[1, 2]");
}

TEST_F(Convert, OptionalsAndVariantsComeBack) {
  round_trip(std::optional<int>{}, "None");
  round_trip(std::optional<int>{3}, "3");
  round_trip(std::vector<std::optional<std::string>>{"a", std::nullopt}, "['a', None]");
  using either = std::variant<std::int32_t, std::string, reading, bool, double, std::vector<std::int32_t>>;
  round_trip(either{5}, "5");
  round_trip(either{std::string{"five"}}, "'five'");
  round_trip(either{true}, "True");
  round_trip(either{0.5}, "0.5");
  round_trip(either{std::vector<std::int32_t>{1}}, "[1]");
  round_trip(either{reading{"s", 1, 2}}, "{'sensor': 's', 'value': 1.0, 'quality': 2}");
  round_trip(std::variant<std::monostate, int>{}, "None");
  EXPECT_EQ(problem_with<either>("{1, 2}"),
            "set, where int | str | reading | bool | float | list[int] was expected");
  EXPECT_EQ((problem_with<std::variant<std::string, std::int32_t>>("2 ** 40")),
            "int 1099511627776, where int from -2147483648 to 2147483647 was expected");
}

TEST_F(Convert, AVariantTakesTheStructureThatSaysItsName) {
  using either = std::variant<account, reading>;
  run("import dataclasses\n@dataclasses.dataclass\nclass reading:\n  sensor: str\n  value: float\n  quality: "
      "int\n"
      "  id: int = 1\n  owner: str = 'o'\n");
  EXPECT_EQ(value_of<either>("reading('s', 1.0, 2)").index(), 1u);
  EXPECT_EQ(value_of<either>("{'id': 1, 'owner': 'me'}").index(), 0u);
  EXPECT_EQ(value_of<either>("{'sensor': 's', 'value': 1.0}").index(), 1u);
  round_trip(either{reading{"s", 1, 2}});
  round_trip(either{account{1, "me", "note"}});
}

TEST_F(Convert, DurationsAndTimesComeBack) {
  round_trip(std::chrono::milliseconds{1500}, "datetime.timedelta(seconds=1, microseconds=500000)");
  round_trip(std::chrono::microseconds{-1},
             "datetime.timedelta(days=-1, seconds=86399, microseconds=999999)");
  round_trip(std::chrono::hours{48}, "datetime.timedelta(days=2)");
  round_trip(std::chrono::duration<double>{0.25}, "datetime.timedelta(microseconds=250000)");
  round_trip(caf::timespan{2us}, "datetime.timedelta(microseconds=2)");
  using seconds_point = std::chrono::sys_seconds;
  round_trip(seconds_point{std::chrono::seconds{0}},
             "datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)");
  round_trip(caf::timestamp{1'700'000'000'123'456us},
             "datetime.datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=datetime.timezone.utc)");
  round_trip(caf::timestamp{-1us});
  // Python counts microseconds.
  EXPECT_EQ(repr(std::chrono::nanoseconds{1999}), "datetime.timedelta(microseconds=1)");
  EXPECT_EQ(unpack<std::chrono::nanoseconds>(pack(std::chrono::nanoseconds{1999})), 1999ns);
}

TEST_F(Convert, TimesOfOtherZonesAreConverted) {
  run("import datetime as d\nzone = d.timezone(d.timedelta(hours=2))\n");
  EXPECT_EQ(value_of<std::chrono::sys_seconds>("d.datetime(1970, 1, 1, 2, 0, 1, tzinfo=zone)"),
            std::chrono::sys_seconds{1s});
  EXPECT_EQ(problem_with<std::chrono::sys_seconds>("d.datetime(1970, 1, 1)"),
            "datetime.datetime, where datetime with a time zone (datetime.now(timezone.utc)) was expected");
}

TEST_F(Convert, WhatNoDurationCanHoldIsAnError) {
  EXPECT_THROW(pack(std::chrono::hours::max()), ia::value_error);
  EXPECT_THROW(pack(std::chrono::duration<double>{1e30}), ia::value_error);
  EXPECT_THROW(pack(std::chrono::duration<double>{NAN}), ia::value_error);
  run("import datetime as d\n");
  EXPECT_NE(problem_with<std::chrono::seconds>("d.timedelta.max").find("more than 292 years"),
            std::string::npos);
  EXPECT_NE(problem_with<std::chrono::seconds>("d.timedelta.min").find("more than 292 years"),
            std::string::npos);
  EXPECT_NE(
      problem_with<caf::timestamp>("d.datetime(9999, 1, 1, tzinfo=d.timezone.utc)").find("more than 292"),
      std::string::npos);
  using short_duration = std::chrono::duration<std::int8_t>;
  EXPECT_EQ(problem_with<short_duration>("d.timedelta(seconds=200)"), "a duration that its type cannot hold");
  run("class Liar(d.timedelta):\n  days = 10 ** 40\n  seconds = property(lambda self: 1 // 0)\n");
  EXPECT_NE(problem_with<std::chrono::seconds>("Liar()").find("Liar without proper days"), std::string::npos);
  run("class Text(d.timedelta):\n  days = 'many'\n");
  EXPECT_NE(problem_with<std::chrono::seconds>("Text()").find("Text without proper days"), std::string::npos);
}

TEST_F(Convert, StructuresComeBackAsDicts) {
  round_trip(reading{"s", 1.5, 3}, "{'sensor': 's', 'value': 1.5, 'quality': 3}");
  round_trip(reading{"s", 1.5, std::nullopt}, "{'sensor': 's', 'value': 1.5, 'quality': None}");
  round_trip(account{7, "me", "note"}, "{'id': 7, 'limit': 100, 'owner': 'me', 'note': 'note'}");
  round_trip(account{7, "me", std::nullopt}, "{'id': 7, 'limit': 100, 'owner': 'me', 'note': None}");
  round_trip(nothing{}, "{}");
  tree x{1, {tree{2, {}}, tree{3, {tree{4, {}}}}}};
  round_trip(x,
             "{'value': 1, 'children': [{'value': 2, 'children': []}, {'value': 3, 'children': [{'value': 4, "
             "'children': []}]}]}");
}

TEST_F(Convert, EverythingAtOnceComesBack) {
  auto x = full();
  round_trip(x);
  round_trip(std::vector<everything>{x, everything{}, x});
}

TEST_F(Convert, DictsMayLeaveOutWhatIsOptional) {
  auto x = value_of<account>("{'id': 3, 'owner': 'me'}");
  EXPECT_EQ(x, (account{3, "me", std::nullopt}));
  EXPECT_EQ(value_of<account>("{'id': 3, 'owner': 'me', 'limit': None}").limit, 100);
  EXPECT_EQ(value_of<account>("{'limit': 5, 'owner': 'me', 'id': 3}").limit, 5);
  EXPECT_EQ(problem_with<account>("{'id': 3}"), "a structure without the field 'owner'");
  EXPECT_EQ(problem_with<account>("{'id': 1000, 'owner': 'me'}"),
            "a value whose .id is a value that does not fit: it breaks the field's invariant");
  EXPECT_EQ(problem_with<account>("{'id': 1, 'owner': ''}"),
            "a value whose .owner is a value that does not fit: its setter refused it");
  EXPECT_EQ(problem_with<reading>("{'sensor': 's', 'value': 1.0, 'qualty': 3}"),
            "dict with 3 entries, of which its type knows 2");
  EXPECT_EQ(problem_with<reading>("{'sensor': 's', 'value': 'x'}"),
            "a value whose .value is str 'x', where float was expected");
  EXPECT_EQ(problem_with<std::vector<reading>>("[{'sensor': 's', 'value': 1}, {'sensor': 5, 'value': 1}]"),
            "a value whose [1].sensor is int 5, where str was expected");
}

TEST_F(Convert, DataclassInstancesAreStructures) {
  run("from dataclasses import dataclass\n@dataclass\nclass R:\n  sensor: str\n  value: float\n  quality: "
      "int | None "
      "= None\n@dataclass(slots=True)\nclass S(R):\n  more: int = 0\n");
  EXPECT_EQ(value_of<reading>("R('a', 2.0)"), (reading{"a", 2, std::nullopt}));
  EXPECT_EQ(value_of<reading>("S('a', 2.0, 5)"), (reading{"a", 2, 5}));
  EXPECT_EQ(problem_with<reading>("R"), "type, where reading was expected");
  run("broken = R('a', 2.0)\ndel broken.sensor\nR.sensor = 3");
  EXPECT_EQ(problem_with<reading>("broken"), "a value whose .sensor is int 3, where str was expected");
}

TEST_F(Convert, PayloadsAreTheSameMemory) {
  auto bytes = ia::shared_bytes::copy("0123456789");
  round_trip(bytes);
  round_trip(ia::shared_bytes{}, "None");
  round_trip(std::vector<ia::shared_bytes>{bytes, {}, bytes});
  auto floats = ia::shared_bytes::copy(std::string(8, '\0')).with_format({"f", 4, {2}, {}});
  round_trip(floats);
  auto packed = pack(bytes);
  EXPECT_EQ(unpack<ia::shared_bytes>(packed).data(), bytes.data());
  in_python([&](const py::gil_held& gil) {
    auto view = to_object(gil, bytes);
    EXPECT_TRUE(PyMemoryView_Check(view.get()));
    py::object_source source{gil, interpreter_->values(), view.get()};
    EXPECT_EQ(ia::read_value<ia::shared_bytes>(source).data(), bytes.data());
  });
  EXPECT_EQ(value_of<ia::shared_bytes>("b'abc'").as_string_view(), "abc");
  EXPECT_NE(problem_with<ia::shared_bytes>("bytearray(3)").find("bytearray, where bytes or memoryview"),
            std::string::npos);
  EXPECT_NE(problem_with<ia::shared_bytes>("memoryview(bytearray(3))").find("copy it with bytes"),
            std::string::npos);
}

TEST_F(Convert, ErrorsComeBackAndCanBeRaised) {
  round_trip(caf::error{}, "None");
  round_trip(ia::make_error(ia::errc::mailbox_full, "later"));
  round_trip(caf::make_error(caf::sec::request_timeout));
  round_trip(caf::make_error(caf::exit_reason::kill));
  ia::python_error raised;
  raised.exceptions.push_back({.type = "ValueError",
                               .message = "no",
                               .notes = {"a note"},
                               .frames = {{"f.py", 3, "f", "raise", 2}},
                               .frames_left_out = 1,
                               .left_out_at = 1,
                               .syntax = ia::python_syntax_location{"f.py", 1, 2, 3, "text"},
                               .cause = 1,
                               .is_group = true,
                               .group = {1}});
  raised.exceptions.push_back({.type = "KeyError", .suppress_context = true});
  raised.exit_code = 3;
  raised.left_out = 2;
  round_trip(ia::make_error(ia::errc::python_exception, raised));
  auto back = unpack<caf::error>(pack(ia::make_error(ia::errc::python_exception, raised)));
  EXPECT_EQ(ia::python_error_of(back), raised);
  auto read = value_of<caf::error>("ValueError('broken')");
  EXPECT_EQ(ia::python_error_of(read)->summary(), "ValueError: broken");
  EXPECT_EQ(problem_with<caf::error>("'broken'"), "str 'broken', where an exception was expected");
  EXPECT_EQ(repr(ia::make_error(ia::errc::mailbox_full, "later")), "ActorError('mailbox_full: later')");
}

TEST_F(Convert, HandlesAreReferences) {
  round_trip(actor_);
  round_trip(greeter_);
  round_trip(caf::actor_cast<caf::strong_actor_ptr>(actor_));
  round_trip(caf::actor{}, "None");
  round_trip(std::map<std::string, std::vector<caf::actor>>{{"all", {actor_, actor_}}});
  EXPECT_EQ(repr(actor_).find("<interp_actors.Reference to actor "), 0u) << repr(actor_);
  in_python([&](const py::gil_held& gil) {
    auto one = to_object(gil, actor_);
    auto same = to_object(gil, actor_);
    auto other = to_object(gil, greeter_);
    EXPECT_EQ(PyObject_RichCompareBool(one.get(), same.get(), Py_EQ), 1);
    EXPECT_EQ(PyObject_RichCompareBool(one.get(), other.get(), Py_EQ), 0);
    EXPECT_EQ(PyObject_Hash(one.get()), PyObject_Hash(same.get()));
    py::object_source source{gil, interpreter_->values(), other.get()};
    try {
      ia::read_value<parter>(source);
      ADD_FAILURE() << "a handle of another type was accepted";
    } catch (const ia::value_error& problem) {
      EXPECT_NE(std::string{problem.what()}.find("does not understand all of its messages"),
                std::string::npos);
    }
  });
  EXPECT_EQ(problem_with<caf::actor>("'me'"), "str 'me', where Reference was expected");
}

TEST_F(Convert, OverflowNamesTheValueAndTheRange) {
  EXPECT_EQ(problem_with<std::int8_t>("128"), "int 128, where int from -128 to 127 was expected");
  EXPECT_EQ(problem_with<std::int8_t>("-129"), "int -129, where int from -128 to 127 was expected");
  EXPECT_EQ(problem_with<std::uint8_t>("256"), "int 256, where int from 0 to 255 was expected");
  EXPECT_EQ(problem_with<std::uint32_t>("-1"), "int -1, where int from 0 to 4294967295 was expected");
  EXPECT_EQ(
      problem_with<std::int64_t>("2 ** 63"),
      "int 9223372036854775808, where int from -9223372036854775808 to 9223372036854775807 was expected");
  EXPECT_EQ(problem_with<std::uint64_t>("2 ** 64"),
            "int of more than 64 bits, where int from 0 to 18446744073709551615 was expected");
  EXPECT_EQ(
      problem_with<std::int64_t>("-(10 ** 100000)"),
      "int of less than -2**63, where int from -9223372036854775808 to 9223372036854775807 was expected");
  EXPECT_EQ(problem_with<std::optional<std::uint8_t>>("256"),
            "int 256, where int from 0 to 255 was expected");
  EXPECT_EQ(problem_with<double>("10 ** 400"), "int of more than 64 bits, where float was expected");
  EXPECT_THROW(unpack<std::uint8_t>(pack(256)), ia::value_error);
  EXPECT_THROW(unpack<std::int64_t>(pack(std::numeric_limits<std::uint64_t>::max())), ia::value_error);
}

TEST_F(Convert, WrongTypesAreNamed) {
  EXPECT_EQ(problem_with<double>("'abc'"), "str 'abc', where float was expected");
  EXPECT_EQ(problem_with<std::string>("b'abc'"), "bytes, where str was expected");
  EXPECT_EQ(problem_with<bool>("1"), "int 1, where bool was expected");
  EXPECT_EQ(problem_with<int>("1.0"), "float 1.0, where int was expected");
  EXPECT_EQ(problem_with<std::vector<double>>("'abc'"), "str 'abc', where list[float] was expected");
  EXPECT_EQ(problem_with<std::vector<double>>("[1.0, 'x']"),
            "a value whose [1] is str 'x', where float was expected");
  EXPECT_EQ(problem_with<std::set<int>>("[1]"), "list of 1, where set[int] was expected");
  EXPECT_EQ((problem_with<std::map<std::string, int>>("[1]")),
            "list of 1, where dict[str, int] was expected");
  EXPECT_EQ((problem_with<std::map<std::string, int>>("{'a': 'b'}")),
            "a value whose [str 'a'] is str 'b', where int was expected");
  EXPECT_EQ((problem_with<std::tuple<int, int>>("(1, 2, 3)")),
            "tuple of 3, where tuple[int, int] of 2 was expected");
  EXPECT_EQ((problem_with<std::tuple<int, int>>("(1, 'x')")),
            "a value whose [1] is str 'x', where int was expected");
  EXPECT_EQ((problem_with<std::array<int, 2>>("[1]")), "list of 1, where tuple[int, ...] of 2 was expected");
  EXPECT_EQ(problem_with<caf::unit_t>("0"), "int 0, where None was expected");
  EXPECT_EQ(problem_with<int>("object()"), "object, which cannot be converted");
  EXPECT_EQ(problem_with<std::optional<int>>("'x'"), "str 'x', where int | None was expected");
  EXPECT_EQ(problem_with<std::string>("'x' * 1000"), "no problem");
  EXPECT_EQ(problem_with<int>("'x' * 1000"), "str '" + std::string(60, 'x') + "...', where int was expected");
  EXPECT_EQ(problem_with<std::string>("'\\ud800'"),
            "str '\\ud800', where str without lone surrogates was expected");
}

TEST_F(Convert, WhatPythonTakesAsTheSameIsTaken) {
  EXPECT_EQ(value_of<double>("3"), 3.0);
  EXPECT_EQ(value_of<int>("True"), 1);
  EXPECT_EQ(value_of<std::vector<int>>("(1, 2)"), (std::vector<int>{1, 2}));
  EXPECT_EQ((value_of<std::tuple<int, int>>("[1, 2]")), (std::tuple{1, 2}));
  EXPECT_EQ(value_of<std::set<int>>("frozenset({1})"), (std::set<int>{1}));
}

TEST_F(Convert, TextThatIsNotUtf8IsAnError) {
  try {
    repr(std::string{"\xFF"});
    ADD_FAILURE();
  } catch (const ia::value_error& problem) {
    EXPECT_STREQ(problem.what(), "a text that is not UTF-8, where str was expected");
  }
  EXPECT_EQ(unpack<std::string>(pack(std::string{"\xFF"})), "\xFF");
}

TEST_F(Convert, SetsAndKeysHoldWhatCanBeHashed) {
  round_trip(std::set<std::vector<int>>{{1, 2}}, "{(1, 2)}");
  round_trip(std::set<std::set<int>>{{1}}, "{frozenset({1})}");
  round_trip(std::set<std::tuple<int, std::vector<std::set<int>>>>{{1, {{2}}}}, "{(1, (frozenset({2}),))}");
  round_trip(std::map<std::vector<int>, std::vector<int>>{{{1}, {2}}}, "{(1,): [2]}");
  EXPECT_THROW((repr(std::set<std::map<int, int>>{{{1, 2}}})), ia::value_error);
  EXPECT_THROW((repr(std::map<std::set<std::map<int, int>>, int>{{{{{1, 2}}}, 1}})), ia::value_error);
}

TEST_F(Convert, DeepNestingIsAnErrorAtEveryEnd) {
  tree deep;
  auto* at = &deep;
  for (int i = 0; i < 200; ++i)
    at = &at->children.emplace_back();
  EXPECT_THROW(pack(deep), ia::value_error);
  EXPECT_THROW(repr(deep), ia::value_error);
  run("deep = {'value': 1, 'children': []}\nfor _ in range(200):\n  deep = {'value': 1, 'children': [deep]}\n"
      "ring = []\nring.append(ring)\n");
  EXPECT_NE(problem_with<tree>("deep").find("nested deeper than 64 levels"), std::string::npos);
  in_python([&](const py::gil_held& gil) {
    auto ring = evaluate(gil, "ring");
    py::object_source source{gil, interpreter_->values(), ring.get()};
    ia::packed_value out;
    ia::packed_writer writer{out};
    EXPECT_THROW(ia::transfer(source, writer), ia::value_error);
  });
}

TEST_F(Convert, ObjectsThatChangeOrLieAreNotBelieved) {
  run(R"(
import datetime as d
class L(list):
    def __len__(self): return 1000
    def __iter__(self): raise ValueError('iter')
    def __getitem__(self, i): raise ValueError('item')
class D(dict):
    def __len__(self): return 1000
    def items(self): return None
    def __getitem__(self, key): raise ValueError('item')
class T(tuple):
    def __len__(self): return 1000
class I(int):
    def __index__(self): return 10 ** 30
    def __int__(self): raise ValueError('int')
class S(set):
    def __iter__(self): return iter([1, 2, 3])
victim = [1, 2, 3]
class Z(d.tzinfo):
    def utcoffset(self, when):
        victim.clear()
        return d.timedelta(0)
mixed = [d.datetime(2020, 1, 1, tzinfo=Z()), d.datetime(2020, 1, 1, tzinfo=Z())]
victim = mixed
)");
  EXPECT_EQ(value_of<std::vector<int>>("L([1, 2])"), (std::vector<int>{1, 2}));
  EXPECT_EQ((value_of<std::map<std::string, int>>("D(a=1)")), (std::map<std::string, int>{{"a", 1}}));
  EXPECT_EQ(value_of<reading>("D(sensor='s', value=1.0)"), (reading{"s", 1, std::nullopt}));
  EXPECT_EQ(value_of<std::vector<int>>("T((1, 2))"), (std::vector<int>{1, 2}));
  EXPECT_EQ(value_of<int>("I(5)"), 5);
  EXPECT_EQ(value_of<std::set<int>>("S()"), (std::set<int>{1, 2, 3}));
  EXPECT_EQ(problem_with<std::vector<caf::timestamp>>("mixed"),
            "a value whose [1] is a list that was changed while it was read");
}

TEST_F(Convert, ExceptionsOfTheObjectsGoThrough) {
  run("from dataclasses import dataclass\n@dataclass\nclass R:\n  sensor: str\nR.value = property(lambda "
      "self: 1 // 0)\n");
  in_python([&](const py::gil_held& gil) {
    auto object = evaluate(gil, "R('a')");
    py::object_source source{gil, interpreter_->values(), object.get()};
    EXPECT_THROW(ia::read_value<reading>(source), py::raised);
    EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_ZeroDivisionError));
    PyErr_Clear();
  });
}

TEST_F(Convert, AnInterruptIsNotTakenForAnExceptionOfTheObject) {
  run("class Meta(type):\n  def __getattr__(self, name): raise Meta.problem\n"
      "class C(metaclass=Meta): pass\n");
  in_python([&](const py::gil_held& gil) {
    auto object = evaluate(gil, "[setattr(Meta, 'problem', ValueError), C()][1]");
    py::object_source source{gil, interpreter_->values(), object.get()};
    EXPECT_THROW(source.next(), ia::value_error);
    EXPECT_FALSE(PyErr_Occurred());
    evaluate(gil, "setattr(Meta, 'problem', __import__('interp_actors').Interrupted)");
    EXPECT_THROW(source.next(), py::raised);
    EXPECT_TRUE(PyErr_ExceptionMatches(PyExc_KeyboardInterrupt));
    PyErr_Clear();
  });
}

TEST_F(Convert, PythonObjectsPackThemselves) {
  run("import datetime as d\nfrom dataclasses import dataclass\n@dataclass\nclass reading:\n  sensor: str\n  "
      "value: "
      "float\n  quality: int\n");
  in_python([&](const py::gil_held& gil) {
    auto object =
        evaluate(gil, "[None, True, 2 ** 64 - 1, -3, 1.5, 'text', b'bytes', (1, 2), {3}, {'a': [4]}, "
                      "d.timedelta(1), d.datetime(2020, 1, 1, tzinfo=d.timezone.utc), "
                      "ValueError('v'), reading('s', 1.0, 2)]");
    py::object_source source{gil, interpreter_->values(), object.get()};
    ia::packed_value packed;
    ia::packed_writer writer{packed};
    ia::transfer(source, writer);
    ia::packed_reader reader{packed};
    using kind = ia::value_kind;
    EXPECT_EQ(reader.begin_list(), 14u);
    std::vector<kind> kinds;
    for (int i = 0; i < 14; ++i) {
      kinds.push_back(reader.next());
      if (i == 13) {
        EXPECT_EQ(ia::read_value<reading>(reader), (reading{"s", 1, 2}));
      } else {
        py::object_sink sink{gil, interpreter_->values()};
        ia::transfer(reader, sink);
      }
    }
    EXPECT_EQ(kinds, (std::vector{kind::nil, kind::boolean, kind::integer, kind::integer, kind::real,
                                  kind::text, kind::payload, kind::tuple, kind::set, kind::map,
                                  kind::duration, kind::time, kind::error, kind::structure}));
    auto odd = evaluate(gil, "object()");
    py::object_source other{gil, interpreter_->values(), odd.get()};
    EXPECT_THROW(ia::transfer(other, writer), ia::value_error);
  });
}

// -- the byte form, whoever wrote it
// -------------------------------------------------------------------------------------

TEST_F(Convert, PackedValuesThatEndTooEarlyAreErrors) {
  auto whole = pack(full());
  for (std::size_t size = 0; size < whole.bytes.size(); ++size) {
    auto cut = whole;
    cut.bytes.resize(size);
    ia::packed_reader reader{cut};
    EXPECT_THROW(ia::read_value<everything>(reader), ia::value_error) << size;
    ia::packed_reader again{cut};
    ia::packed_value out;
    ia::packed_writer writer{out};
    EXPECT_THROW(ia::transfer(again, writer), ia::value_error) << size;
  }
}

TEST_F(Convert, DamagedPackedValuesAreErrorsOrOtherValues) {
#ifdef INTERP_ACTORS_SANITIZED // every byte that is read costs many times as much
  constexpr int rounds = 2'000;
#else
  constexpr int rounds = 20'000;
#endif
  auto whole = pack(full());
  std::mt19937 random{1};
  std::size_t errors = 0;
  for (int round = 0; round < rounds; ++round) {
    auto damaged = whole;
    for (int i = 0; i < 1 + round % 4; ++i)
      damaged.bytes[random() % damaged.bytes.size()] = static_cast<std::byte>(random());
    try {
      ia::packed_reader reader{damaged};
      ia::read_value<everything>(reader);
    } catch (const ia::value_error&) {
      ++errors;
    }
    in_python([&](const py::gil_held& gil) {
      try {
        ia::packed_reader reader{damaged};
        py::object_sink sink{gil, interpreter_->values()};
        ia::transfer(reader, sink);
      } catch (const ia::value_error&) {
      } catch (const py::raised&) {
        PyErr_Clear();
      }
    });
  }
  EXPECT_GT(errors, 1000u);
}

} // namespace
