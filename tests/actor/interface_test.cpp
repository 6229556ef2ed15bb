#include "interp_actors/base/packed_value.hpp"

#include <caf/all.hpp>

#include "actor/value_types.hpp"
#include "support.hpp"

namespace ia_test {

struct score_atom;
struct echo_atom;
struct read_atom;
struct split_atom;
struct note_atom;
struct wait_atom;
struct add_atom;
struct pass_atom;
struct tiny_atom;
struct plant_atom;
struct pick_atom;
struct group_atom;

/// A structure that sets can hold.
struct place {
  std::string name;

  friend bool operator<(const place& a, const place& b) { return a.name < b.name; }
};

template <class Inspector>
bool inspect(Inspector& f, place& x) {
  return f.object(x).fields(f.field("name", x.name));
}

using grouper = caf::typed_actor<caf::result<std::int32_t>(group_atom, std::set<place>)>;
using picked = std::variant<std::int32_t, reading, account>;
using scorer = caf::typed_actor<caf::result<double>(score_atom, double, std::string)>;
using echoer = caf::typed_actor<caf::result<everything>(echo_atom, everything)>;
using counter = caf::typed_actor<caf::result<std::int64_t>(add_atom, std::int64_t),
                                 caf::result<std::string>(add_atom, std::string)>;
using worker = caf::typed_actor<
    caf::result<std::vector<reading>>(read_atom, std::map<std::string, std::vector<reading>>),
    caf::result<std::int32_t, std::string>(split_atom, std::pair<std::int32_t, std::string>),
    caf::result<void>(note_atom, std::string), caf::result<caf::timespan>(wait_atom, caf::timespan),
    caf::result<ia::shared_bytes>(pass_atom, ia::shared_bytes),
    caf::result<std::int8_t>(tiny_atom, std::int32_t), caf::result<tree>(plant_atom, tree),
    caf::result<picked>(pick_atom, picked)>;
using introducer = caf::typed_actor<caf::result<greeter>(pass_atom, greeter)>;

} // namespace ia_test

CAF_BEGIN_TYPE_ID_BLOCK(interface_test, caf::first_custom_type_id + 100)
CAF_ADD_ATOM(interface_test, ia_test, score_atom)
CAF_ADD_ATOM(interface_test, ia_test, echo_atom)
CAF_ADD_ATOM(interface_test, ia_test, read_atom)
CAF_ADD_ATOM(interface_test, ia_test, split_atom)
CAF_ADD_ATOM(interface_test, ia_test, note_atom)
CAF_ADD_ATOM(interface_test, ia_test, wait_atom)
CAF_ADD_ATOM(interface_test, ia_test, add_atom)
CAF_ADD_ATOM(interface_test, ia_test, pass_atom)
CAF_ADD_ATOM(interface_test, ia_test, tiny_atom)
CAF_ADD_ATOM(interface_test, ia_test, plant_atom)
CAF_ADD_ATOM(interface_test, ia_test, pick_atom)
CAF_ADD_ATOM(interface_test, ia_test, group_atom)
CAF_ADD_TYPE_ID(interface_test, (ia_test::account))
CAF_ADD_TYPE_ID(interface_test, (ia_test::tree))
CAF_ADD_TYPE_ID(interface_test, (ia_test::everything))
CAF_ADD_TYPE_ID(interface_test, (ia_test::picked))
CAF_ADD_TYPE_ID(interface_test, (ia_test::place))
CAF_ADD_TYPE_ID(interface_test, (std::set<ia_test::place>))
CAF_ADD_TYPE_ID(interface_test, (std::vector<ia_test::reading>))
CAF_ADD_TYPE_ID(interface_test, (std::map<std::string, std::vector<ia_test::reading>>))
CAF_ADD_TYPE_ID(interface_test, (std::pair<std::int32_t, std::string>))
CAF_END_TYPE_ID_BLOCK(interface_test)

using namespace ia_test;

namespace {

struct registered_types {
  registered_types() {
    caf::init_global_meta_objects<caf::id_block::value_types>();
    caf::init_global_meta_objects<caf::id_block::interface_test>();
  }
};

class Interface : private registered_types, public with_runtime {
protected:
  template <class Handle, class... Args>
  Handle start(const std::string& code, ia::spawn_options options = {}, const Args&... args) {
    auto result = rt().spawn<Handle>(ia::text(code, "test.py"), std::move(options), args...);
    EXPECT_TRUE(result) << ia::describe(result.error());
    return result ? *result : Handle{};
  }

  /// Why `code` does not implement `Handle`.
  template <class Handle, class... Args>
  std::string refusal(const std::string& code, ia::spawn_options options = {}, const Args&... args) {
    auto result = rt().spawn<Handle>(ia::text(code, "test.py"), std::move(options), args...);
    return result ? "accepted" : ia::describe(result.error());
  }

  /// The answer to a request, or its error.
  template <class Result, class Handle, class... Args>
  caf::expected<Result> ask(const Handle& actor, const Args&... args) {
    auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(actor), caf::make_message(args...),
                               caf::timespan{patience});
    if (!answer)
      return std::move(answer.error());
    if (!answer->template match_elements<Result>())
      return caf::make_error(caf::sec::unexpected_response);
    return answer->template get_as<Result>(0);
  }

  template <class Handle, class... Args>
  caf::error error_of(const Handle& actor, const Args&... args) {
    auto answer = me().request(caf::actor_cast<caf::strong_actor_ptr>(actor), caf::make_message(args...),
                               caf::timespan{patience});
    return answer ? caf::error{} : std::move(answer.error());
  }

  template <class Handle, class... Args>
  std::string problem_of(const Handle& actor, const Args&... args) {
    return ia::describe(error_of(actor, args...));
  }
};

TEST_F(Interface, AtomsNameFunctions) {
  auto actor = start<scorer>("def score(weight: float, text: str) -> float:\n  return weight * len(text)\n");
  EXPECT_EQ(ask<double>(actor, score_atom_v, 0.5, std::string{"four"}), 2.0);
  caf::scoped_actor self{system()};
  double answer = 0;
  ia::compat::request(self, actor, caf::timespan{patience}, score_atom_v, 2.0, std::string{"grün"})
      .receive([&](double x) { answer = x; },
               [](const caf::error& problem) { ADD_FAILURE() << ia::describe(problem); });
  EXPECT_EQ(answer, 8.0);
}

TEST_F(Interface, StateLivesInAnInstance) {
  auto actor = start<counter>(R"(
class Counter:
    def __init__(self, name: str, total: int = 0):
        self.name, self.total = name, total
    def add(self, n):
        if isinstance(n, str):
            return f'{self.name}: {n}'
        self.total += n
        return self.total
)",
                              {.class_name = "Counter"}, "me", 40);
  EXPECT_EQ(ask<std::int64_t>(actor, add_atom_v, std::int64_t{1}), 41);
  EXPECT_EQ(ask<std::int64_t>(actor, add_atom_v, std::int64_t{1}), 42);
  EXPECT_EQ(ask<std::string>(actor, add_atom_v, std::string{"two signatures, one handler"}),
            "me: two signatures, one handler");
}

TEST_F(Interface, EverythingGoesThroughAHandler) {
  auto actor = start<echoer>("def echo(x): return x\n");
  auto greeting = system().spawn([]() -> greeter::behavior_type {
    return {[](greet_atom, const std::string& whom) { return "Hello, " + whom; }};
  });
  everything x;
  x.flag = true;
  x.tiny = -128;
  x.large = 18'446'744'073'709'551'615u;
  x.half = 0.5f;
  x.text = "grün";
  x.shade = colour::blue;
  x.height = level::low;
  x.readings = {reading{"a", 1, 2}, std::nullopt};
  x.numbers = {1, 2};
  x.series = {{"x", {1, 2}}};
  x.mixed = {1, "one", true};
  x.pair = {"p", 1};
  x.point = {1, 2, 3};
  x.either = "text";
  x.wait = 5ms;
  x.when = caf::timestamp{1us};
  x.data = ia::shared_bytes::copy("payload");
  x.problem = ia::make_error(ia::errc::mailbox_full, "later");
  x.who = caf::actor_cast<caf::actor>(greeting);
  x.bits = {true, false};
  EXPECT_EQ(ask<everything>(actor, echo_atom_v, x), x);
}

constexpr const char* worker_code = R"(
def read(groups): return [one for group in groups.values() for one in group]
def split(pair): return pair
def note(text): pass
def wait(span): return span
def tiny(n): return n
def plant(tree): return tree
def pick(x): return x
)";

TEST_F(Interface, ContainersSeveralResultsAndNoneAreConverted) {
  auto actor = start<worker>(std::string{worker_code} + "globals()['pass'] = lambda x: x\n");
  std::map<std::string, std::vector<reading>> groups{{"x", {{"a", 1, 2}}}, {"y", {{"b", 3, std::nullopt}}}};
  EXPECT_EQ(ask<std::vector<reading>>(actor, read_atom_v, groups),
            (std::vector<reading>{{"a", 1, 2}, {"b", 3, std::nullopt}}));
  auto both = me().request(caf::actor_cast<caf::strong_actor_ptr>(actor),
                           caf::make_message(split_atom_v, std::pair{std::int32_t{7}, std::string{"seven"}}));
  ASSERT_TRUE(both) << ia::describe(both.error());
  ASSERT_TRUE((both->match_elements<std::int32_t, std::string>()));
  EXPECT_EQ(both->get_as<std::int32_t>(0), 7);
  EXPECT_EQ(both->get_as<std::string>(1), "seven");
  auto none = me().request(caf::actor_cast<caf::strong_actor_ptr>(actor),
                           caf::make_message(note_atom_v, std::string{"x"}));
  ASSERT_TRUE(none) << ia::describe(none.error());
  EXPECT_TRUE(none->empty());
  EXPECT_EQ(ask<caf::timespan>(actor, wait_atom_v, caf::timespan{3s}), caf::timespan{3s});
  auto payload = ia::shared_bytes::copy("0123456789");
  auto back = ask<ia::shared_bytes>(actor, pass_atom_v, payload);
  ASSERT_TRUE(back) << ia::describe(back.error());
  EXPECT_EQ(back->data(), payload.data());
}

TEST_F(Interface, AnnotatedDataclassesAreMade) {
  auto actor = start<worker>(R"(
from dataclasses import dataclass, field
@dataclass(frozen=True)
class Reading:
    sensor: str
    value: float
    quality: int | None
    more: list = field(default_factory=list)
@dataclass
class account:
    id: int
    limit: int
    owner: str
    note: str | None = None
@dataclass
class Tree:
    value: int
    children: 'list[Tree]'
def read(groups: dict[str, list[Reading]]) -> list[Reading]:
    for group in groups.values():
        assert all(type(one) is Reading for one in group), groups
    return [one for group in groups.values() for one in group]
def split(pair: tuple[int, str]): return pair
def note(text: str) -> None: pass
def wait(span): return span
def tiny(n: int) -> int: return n
def plant(tree: Tree) -> Tree:
    def check(one):
        assert type(one) is Tree
        for child in one.children: check(child)
        one.value += 1
    check(tree)
    return tree
def pick(x: Reading | account | int):
    return x if type(x) in (Reading, account, int) else None
globals()['pass'] = lambda x: x
)");
  std::map<std::string, std::vector<reading>> groups{{"x", {{"a", 1, 2}, {"b", 3, std::nullopt}}}};
  EXPECT_EQ(ask<std::vector<reading>>(actor, read_atom_v, groups), groups["x"]);
  tree x{1, {tree{2, {tree{3, {}}}}}};
  auto grown = ask<tree>(actor, plant_atom_v, x);
  ASSERT_TRUE(grown) << ia::describe(grown.error());
  EXPECT_EQ(grown->value, 2);
  EXPECT_EQ(ask<picked>(actor, pick_atom_v, picked{reading{"a", 1, 2}}), picked{(reading{"a", 1, 2})});
  EXPECT_EQ(ask<picked>(actor, pick_atom_v, picked{account{1, "me", "n"}}), picked{(account{1, "me", "n"})});
  EXPECT_EQ(ask<picked>(actor, pick_atom_v, picked{std::int32_t{3}}), picked{std::int32_t{3}});
}

// -- the check at the start
// -------------------------------------------------------------------------------------------------

TEST_F(Interface, HandlersThatDoNotFitAreTheSpawnsError) {
  struct misfit {
    const char* code;
    const char* said;
  };
  const misfit misfits[] = {
      {"x = 1",
       "there is no handler 'score' of 'test.py'; the interface asks for score(float, str) -> float"},
      {"score = 5", "handler 'score' of 'test.py' is a int, which cannot be called"},
      {"def score(a): pass",
       "handler 'score' of 'test.py' takes 1 parameter, where the interface gives 2: (float, str)"},
      {"def score(): pass", "takes 0 parameters, where the interface gives 2"},
      {"def score(a, b, c): pass", "takes 3 parameters, where the interface gives 2"},
      {"def score(a, b, c, d=1): pass", "takes at least 3 parameters, where the interface gives 2"},
      {"def score(a=1): pass", "takes at most 1 parameter, where the interface gives 2"},
      {"def score(a, b, *, c): pass", "needs the keyword 'c', which it cannot be given"},
      {"async def score(a, b): pass", "is a coroutine; it must be a plain function"},
      {"def score(a, b): yield 1", "is a generator; it must be a plain function"},
      {"def score(weight: str, text): pass", "parameter 'weight' of handler 'score' of 'test.py' is "
                                             "annotated str, where the interface gives double "
                                             "(float in Python)"},
      {"def score(weight: int, text): pass", "'weight' of handler 'score' of 'test.py' is annotated int"},
      {"def score(weight: None, text): pass", "is annotated None"},
      {"def score(weight, text: bytes): pass",
       "is annotated bytes, where the interface gives std::string (str in Python)"},
      {"def score(weight, text: list[str]): pass", "is annotated list[str]"},
      {"def score(weight, text: int | None): pass", "is annotated int | None"},
      {"from __future__ import annotations\ndef score(weight, text: int): pass", "is annotated 'int'"},
      {"def score(weight, text: 'list[int]'): pass", "is annotated 'list[int]'"},
      {"class Text: pass\ndef score(weight, text: Text): pass", "is annotated Text"},
      {"from dataclasses import dataclass\n@dataclass\nclass D:\n  x: int\ndef score(weight: D, text): pass",
       "is annotated D"},
      {"def score(weight, text) -> str: pass",
       "handler 'score' of 'test.py' is annotated to return str, where the interface wants double (float in "
       "Python)"},
      {"def score(weight, text) -> None: pass", "is annotated to return None"},
      {"def score(weight, text) -> float | None: pass", "is annotated to return float | None"},
      {"class R: pass\ndef score(weight, text) -> R: pass", "is annotated to return R"},
      {"import datetime\ndef score(weight, text) -> datetime.timedelta: pass",
       "is annotated to return timedelta"},
  };
  for (auto& one : misfits) {
    auto said = refusal<scorer>(one.code);
    EXPECT_EQ(said.find("wrong_type: "), 0u) << one.code << "\n" << said;
    EXPECT_NE(said.find(one.said), std::string::npos) << one.code << "\n" << said;
  }
}

TEST_F(Interface, HandlersThatFitAreAccepted) {
  const char* fitting[] = {
      "def score(a, b): return 1.0",
      "def score(a, b, c=1): return 1.0",
      "def score(a, /, b, *more, c=1, **rest): return 1.0",
      "def score(*args): return 1.0",
      "def score(a: float, b: str) -> float: return 1.0",
      "def score(a: object, b: object) -> object: return 1.0",
      "def score(a: float | None, b: str | int) -> int: return 1",
      "def score(a: NotThere, b: str) -> float: return 1.0",
      "def score(a: 'NotThere', b: 'this is no code') -> 'also[not': return 1.0",
      "from typing import Any, Optional, Annotated, Literal, TypeVar\nT = TypeVar('T')\n"
      "def score(a: Optional[float], b: Annotated[str, 'text']) -> Any: return 1.0",
      "from typing import Any, Protocol\nclass P(Protocol): pass\ndef score(a: P, b: Any) -> bool: return "
      "True",
      "import functools\nscore = functools.partial(lambda x, a, b: 1.0, 0)",
      "class C:\n  def __call__(self, a, b): return 1.0\nscore = C()",
      "class C:\n  def m(self, a: float, b: str) -> float: return 1.0\nscore = C().m",
      "def score(a: 1 // 0, b: str) -> float: return 1.0",
      "def score(a: float, b: str) -> float: return 1.0\nscore.__annotations__ = {'a': 5, 'b': [], 'return': "
      "()}",
  };
  for (auto* code : fitting) {
    auto actor = start<scorer>(code);
    ASSERT_TRUE(actor) << code;
    EXPECT_EQ(ask<double>(actor, score_atom_v, 1.0, std::string{"x"}), 1.0) << code;
  }
}

TEST_F(Interface, PartsOfAnnotationsAreChecked) {
  auto with = [](const std::string& line) {
    return std::string{worker_code} + "globals()['pass'] = lambda x: x\n" + line;
  };
  struct one {
    std::string code;
    const char* said;
  };
  const one ones[] = {
      {"def read(groups: dict[str, list[int]]): pass",
       "is annotated dict[str, list[int]], where the interface gives"},
      {"def read(groups: dict[int, list]): pass", "is annotated dict[int, list]"},
      {"def read(groups: list): pass", "is annotated list, where"},
      {"def read(groups) -> list[str]: pass", "is annotated to return list[str]"},
      {"def read(groups: dict) -> list: return []", "accepted"},
      {"from typing import Annotated as A\ndef read(groups: A[dict, 1]) -> A[list, 1]: pass", "accepted"},
      {"from typing import Annotated as A\ndef read(groups: A[A[dict[str, A[list, 1]], 2], 3]) -> "
       "list[A[A[dict, 1], 2]]: pass",
       "accepted"},
      {"from typing import Annotated as A\ndef read(groups: A[dict | None, 1]) -> A[list | tuple, 1]: pass",
       "accepted"},
      {"from typing import Annotated as A\ndef read(groups: A['dict[str, list]', 1]): pass", "accepted"},
      {"from typing import Annotated as A\ndef read(groups: A[list, 1]): pass", "is annotated"},
      {"from typing import Annotated as A\ndef read(groups: A[dict[str, A[list[int], 1]], 2]): pass",
       "is annotated"},
      {"from typing import Annotated as A\ndef read(groups: A[int | None, 1]): pass", "is annotated"},
      {"from typing import Annotated as A\ndef read(groups: A['dict[int, list]', 1]): pass", "is annotated"},
      {"from typing import Annotated as A\ndef read(groups) -> A[dict, 1]: pass", "is annotated to return"},
      {"from collections.abc import Mapping\ndef read(groups: Mapping[str, list[dict]]) -> tuple[dict, ...]: "
       "pass",
       "accepted"},
      {"def split(pair: tuple[int, int]): pass", "is annotated tuple[int, int]"},
      {"def split(pair: tuple[int]): pass", "is annotated tuple[int]"},
      {"def split(pair: tuple[int, str]) -> tuple[int, str]: pass", "accepted"},
      {"def split(pair) -> tuple[str, int]: pass", "is annotated to return tuple[str, int]"},
      {"def note(text) -> int: pass", "is annotated to return int, where the interface wants caf::unit_t"},
      {"import datetime\ndef wait(span: datetime.timedelta) -> datetime.timedelta: pass", "accepted"},
      {"import datetime\ndef wait(span: datetime.datetime): pass", "is annotated datetime"},
      {"def wait(span: float): pass", "is annotated float"},
      {"def pick(x: int | dict): pass", "accepted"},
      {"def pick(x: int): pass", "is annotated int"},
      {"from dataclasses import dataclass\n@dataclass\nclass R:\n  sensor: str\n  value: float\n"
       "def read(groups: dict[str, list[R]]): pass",
       "(R has no field 'quality')"},
      {"from dataclasses import dataclass\n@dataclass\nclass R:\n  sensor: str\n  value: str\n  quality: int "
       "| None\n"
       "def read(groups: dict[str, list[R]]): pass",
       "(field 'value' of R is str, where the interface has double)"},
      {"from dataclasses import dataclass\n@dataclass\nclass R:\n  sensor: str\n  value: float\n  quality: "
       "int\n"
       "def read(groups: dict[str, list[R]]): pass",
       "(field 'quality' of R is int, where the interface has std::optional<int32_t>)"},
      {"from dataclasses import dataclass\n@dataclass\nclass R:\n  sensor: str\n  value: float\n  quality: "
       "int | None\n"
       "  extra: int\ndef read(groups: dict[str, list[R]]): pass",
       "(R needs a field 'extra', which the interface does not have)"},
      {"from dataclasses import dataclass\n@dataclass\nclass R:\n  value: float\ndef read(groups) -> "
       "list[R]: pass",
       "(R has no field 'sensor')"},
      {"from dataclasses import dataclass\n@dataclass\nclass T:\n  value: int\n  children: list[int]\n"
       "def plant(tree: T): pass",
       "(field 'children' of T is list[int], where the interface has std::vector<ia_test::tree>)"},
  };
  for (auto& each : ones) {
    auto said = refusal<worker>(with(each.code));
    EXPECT_NE(said.find(each.said), std::string::npos) << each.code << "\n" << said;
  }
}

TEST_F(Interface, ClassesAndTheirConstructorsAreChecked) {
  const std::string method = "  def add(self, n): return n\n";
  auto said = [&](const std::string& code) { return refusal<counter>(code, {.class_name = "C"}, "text", 1); };
  EXPECT_NE(said("x = 1").find("'test.py' has no class 'C'"), std::string::npos);
  EXPECT_NE(said("C = 1").find("'C' of 'test.py' is no class but a int"), std::string::npos);
  EXPECT_NE(said("class C:\n  def __init__(self, a, b): pass\n")
                .find("there is no handler 'add' of class C of 'test.py'"),
            std::string::npos);
  EXPECT_NE(
      said("class C:\n  def __init__(self, a): pass\n" + method)
          .find("the constructor of class C of 'test.py' takes 1 parameter, where the interface gives 2"),
      std::string::npos);
  EXPECT_NE(said("class C:\n  def __init__(self, a: int, b): pass\n" + method).find("is annotated int"),
            std::string::npos);
  EXPECT_NE(said("class C:\n" + method).find("TypeError: C() takes no arguments"), std::string::npos);
  EXPECT_NE(
      said("class C:\n  def __init__(self, a, b): raise ValueError(a)\n" + method).find("ValueError: text"),
      std::string::npos);
  EXPECT_NE(
      said("class C:\n  def __init__(self, a, b): pass\n  def add(self): pass\n").find("takes 0 parameters"),
      std::string::npos);
  EXPECT_EQ(said("class C:\n  def __init__(self, *all): pass\n" + method), "accepted");
  EXPECT_EQ(
      said("class C:\n  def __init__(self, a, b): pass\n  @staticmethod\n  def add(n: object): return n\n"),
      "accepted");
  EXPECT_EQ(said("from dataclasses import dataclass\n@dataclass\nclass C:\n  a: str\n  b: int\n" + method),
            "accepted");
  EXPECT_NE(refusal<counter>("def add(n): return n", {}, 1).find("name it in spawn_options::class_name"),
            std::string::npos);
  auto generic = rt().spawn(ia::text("x = 1"), {.class_name = "C"});
  EXPECT_FALSE(generic);
}

TEST_F(Interface, ConstructorsGetStructuresPayloadsAndHandles) {
  auto payload = ia::shared_bytes::copy("payload");
  auto greeting = system().spawn([]() -> greeter::behavior_type {
    return {[](greet_atom, const std::string& whom) { return "Hello, " + whom; }};
  });
  auto actor = start<counter>(R"(
from dataclasses import dataclass
import interp_actors
@dataclass
class Reading:
    sensor: str
    value: float
    quality: int | None
class C:
    def __init__(self, first: Reading, data: memoryview, shade: str, who: interp_actors.Reference):
        self.text = f'{first.sensor} {bytes(data).decode()} {shade} {type(who).__name__}'
    def add(self, n):
        return self.text
)",
                              {.class_name = "C"}, reading{"s", 1, 2}, payload, colour::green, greeting);
  EXPECT_EQ(ask<std::string>(actor, add_atom_v, std::string{"x"}), "s payload green Reference");
}

// -- at run time
// ------------------------------------------------------------------------------------------------------------

TEST_F(Interface, AWrongResultNamesHandlerExpectedAndGot) {
  auto actor = start<scorer>("def score(a, b): return eval(b)\n");
  auto problem = error_of(actor, score_atom_v, 1.0, std::string{"'abc'"});
  EXPECT_EQ(code_of(problem), ia::errc::wrong_type);
  EXPECT_EQ(ia::describe(problem),
            "wrong_type: handler 'score' of 'test.py' returned str 'abc', where float was expected");
  EXPECT_NE(problem_of(actor, score_atom_v, 1.0, std::string{"None"}).find("returned None, where float"),
            std::string::npos);
  EXPECT_NE(
      problem_of(actor, score_atom_v, 1.0, std::string{"object()"}).find("returned object, where float"),
      std::string::npos);
  EXPECT_EQ(ask<double>(actor, score_atom_v, 1.0, std::string{"5"}), 5.0) << "it lives on";
  auto many = start<worker>(
      std::string{worker_code}
      + "globals()['pass'] = lambda x: bytearray(b'x')\n"
        "def read(groups): return [{'sensor': 's', 'value': 1.0}, {'sensor': 5, 'value': 1.0}]\n"
        "def note(text): return text\n");
  EXPECT_NE(
      problem_of(many, tiny_atom_v, std::int32_t{128})
          .find("handler 'tiny' of 'test.py' returned int 128, where int from -128 to 127 was expected"),
      std::string::npos);
  EXPECT_NE(problem_of(many, read_atom_v, std::map<std::string, std::vector<reading>>{})
                .find("returned a value whose [1].sensor is int 5, where str was expected"),
            std::string::npos);
  EXPECT_NE(problem_of(many, note_atom_v, std::string{"x"}).find("returned str 'x', where None was expected"),
            std::string::npos);
  EXPECT_NE(
      problem_of(many, pass_atom_v, ia::shared_bytes::copy("x")).find("bytearray, where bytes or memoryview"),
      std::string::npos);
}

TEST_F(Interface, AWrongArgumentIsNamedAndEndsNobody) {
  auto actor = start<scorer>("def score(weight, text): return weight\n");
  auto problem = error_of(actor, score_atom_v, 1.0, std::string{"\xFF"});
  EXPECT_EQ(code_of(problem), ia::errc::wrong_type);
  EXPECT_EQ(ia::describe(problem),
            "wrong_type: argument 'text' of handler 'score' of 'test.py' is a text that is not "
            "UTF-8, where str was expected");
  ia::compat::anonymous_send(actor, score_atom_v, 1.0, std::string{"\xFF"});
  EXPECT_EQ(ask<double>(actor, score_atom_v, 3.0, std::string{"x"}), 3.0);
}

TEST_F(Interface, ExceptionsAreThoseOfTheGenericInterface) {
  auto actor = start<scorer>("def score(a, b): raise ValueError(b)\n");
  auto problem = error_of(actor, score_atom_v, 1.0, std::string{"no"});
  EXPECT_EQ(code_of(problem), ia::errc::python_exception);
  EXPECT_EQ(ia::python_error_of(problem)->summary(), "ValueError: no");
  caf::scoped_actor self{system()};
  self->monitor(actor);
  ia::compat::anonymous_send(actor, score_atom_v, 1.0, std::string{"nobody waits"});
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
}

TEST_F(Interface, WithFailOnExceptionsAWrongResultEndsTheActor) {
  auto actor = start<scorer>("def score(a, b): return b\n", {.fail_on = ia::fail_on::exceptions});
  caf::scoped_actor self{system()};
  self->monitor(actor);
  EXPECT_EQ(code_of(error_of(actor, score_atom_v, 1.0, std::string{"x"})), ia::errc::wrong_type);
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::wrong_type);
}

TEST_F(Interface, WithFailOnExceptionsAWrongArgumentEndsNobody) {
  auto actor = start<worker>(std::string{worker_code}
                                 + "globals()['pass'] = lambda x: x\n"
                                   "def note(text): exec(text, globals())\n"
                                   "def plant(tree): raise TypeError('of its own')\n",
                             {.fail_on = ia::fail_on::exceptions});
  auto invoke = [&](std::int64_t n) {
    return error_of(actor, ia::invoke_atom_v, std::string{"tiny"}, ia::pack_arguments(n));
  };
  EXPECT_EQ(code_of(error_of(actor, note_atom_v, std::string{"\xFF"})), ia::errc::wrong_type);
  EXPECT_EQ(code_of(invoke(std::int64_t{1} << 40)), ia::errc::wrong_type) << "overflow";
  EXPECT_EQ(ask<std::int8_t>(actor, tiny_atom_v, std::int32_t{1}), 1);
  ASSERT_FALSE(error_of(actor, note_atom_v, std::string{"def tiny(): pass"}));
  auto problem = error_of(actor, tiny_atom_v, std::int32_t{1});
  EXPECT_EQ(code_of(problem), ia::errc::python_exception) << "arity";
  EXPECT_EQ(ia::python_error_of(problem)->type(), "TypeError");
  ia::compat::anonymous_send(actor, tiny_atom_v, std::int32_t{1});
  ASSERT_FALSE(error_of(actor, note_atom_v, std::string{"del tiny"}));
  EXPECT_EQ(code_of(error_of(actor, tiny_atom_v, std::int32_t{1})), ia::errc::wrong_type) << "gone";
  EXPECT_EQ(ask<caf::timespan>(actor, wait_atom_v, caf::timespan{3s}), caf::timespan{3s});
  EXPECT_EQ(rt().dead_letters(), 1u);
  // What the code itself raises does end it.
  caf::scoped_actor self{system()};
  self->monitor(actor);
  EXPECT_EQ(code_of(error_of(actor, plant_atom_v, tree{1, {}})), ia::errc::python_exception);
  EXPECT_EQ(code_of(down_reason(self)), ia::errc::crashed);
}

TEST_F(Interface, AClassThatRefusesItsFieldsMakesAWrongArgument) {
  auto actor = start<worker>(std::string{worker_code} + R"(
from dataclasses import dataclass
@dataclass
class Tree:
    value: int
    children: 'list[Tree]'
    def __post_init__(self):
        if self.value < 0: raise ValueError(f'{self.value} is no value')
def plant(tree: Tree): return tree
globals()['pass'] = lambda x: x
)",
                             {.fail_on = ia::fail_on::exceptions});
  tree bad{1, {tree{-1, {}}}};
  EXPECT_EQ(
      problem_of(actor, plant_atom_v, bad),
      "wrong_type: argument 'tree' of handler 'plant' of 'test.py' cannot be made: ValueError: -1 is no "
      "value");
  ia::compat::anonymous_send(actor, plant_atom_v, bad);
  EXPECT_EQ(ask<tree>(actor, plant_atom_v, (tree{1, {tree{2, {}}}})), (tree{1, {tree{2, {}}}}));
  EXPECT_EQ(rt().dead_letters(), 1u);
}

TEST_F(Interface, WhatCannotBeHashedIsAWrongArgument) {
  auto actor = start<grouper>(R"(
from dataclasses import dataclass
@dataclass
class Place:
    name: str
def group(places: set[Place]): return 1
)");
  std::set<place> places{{"here"}};
  EXPECT_NE(problem_of(actor, group_atom_v, places).find("TypeError: "), std::string::npos);
  ia::compat::anonymous_send(actor, group_atom_v, places);
  EXPECT_EQ(ask<std::int32_t>(actor, group_atom_v, std::set<place>{}), 1);
  EXPECT_EQ(rt().dead_letters(), 1u);
}

TEST_F(Interface, ResultsThatNobodyWaitsForAreNotLookedAt) {
  auto actor = start<counter>(
      "seen = []\ndef add(n):\n  seen.append(n)\n  return len(seen) if n == 0 else object()\n");
  ia::compat::anonymous_send(actor, add_atom_v, std::int64_t{5});
  EXPECT_EQ(ask<std::int64_t>(actor, add_atom_v, std::int64_t{0}), 2);
}

TEST_F(Interface, OtherMessagesAreNotUnderstood) {
  auto actor = start<scorer>("def score(a, b): return a\n");
  EXPECT_EQ(error_of(actor, score_atom_v, 1.0), caf::sec::unexpected_message);
  EXPECT_EQ(error_of(actor, ia::execute_atom_v, std::string{"x = 1"}), caf::sec::unexpected_message);
  EXPECT_EQ(error_of(actor, ia::call_atom_v, std::string{"score"}, ia::shared_bytes{}),
            caf::sec::unexpected_message);
  ia::compat::anonymous_send(caf::actor_cast<caf::actor>(actor), 5);
  EXPECT_EQ(ask<double>(actor, score_atom_v, 2.0, std::string{}), 2.0);
  auto generic = spawn("def score(a): return a");
  EXPECT_EQ(error_of(generic, score_atom_v, 1.0, std::string{}), caf::sec::unexpected_message);
}

TEST_F(Interface, DeadlinesOfHandlersAreFoundByTheirNames) {
  auto actor = start<worker>(std::string{worker_code}
                                 + "globals()['pass'] = lambda x: x\n"
                                   "def tiny(n):\n  while True: pass\n",
                             {.handler_deadlines = {{"tiny", 50ms}}});
  EXPECT_EQ(code_of(error_of(actor, tiny_atom_v, std::int32_t{1})), ia::errc::deadline_exceeded);
  // An argument of that type is no deadline, as it is in the generic interface.
  EXPECT_EQ(ask<caf::timespan>(actor, wait_atom_v, caf::timespan{1us}), caf::timespan{1us});
}

TEST_F(Interface, RunningRequestsCanBeCancelled) {
  auto actor = start<counter>("def add(n):\n  arrive()\n  while True: pass\n" + gate.python());
  caf::scoped_actor self{system()};
  auto request = ia::compat::request(self, actor, caf::timespan{patience}, add_atom_v, std::int64_t{1});
  ASSERT_TRUE(gate.arrived());
  EXPECT_EQ(ask<bool>(actor, ia::cancel_atom_v), true);
  caf::error problem;
  std::move(request).receive([](std::int64_t) { ADD_FAILURE(); },
                             [&](const caf::error& what) { problem = what; });
  EXPECT_EQ(code_of(problem), ia::errc::cancelled);
}

TEST_F(Interface, HandlersMayBeRedefinedAndEvenGo) {
  auto actor = start<scorer>("def score(a, b):\n  exec(b, globals())\n  return a\n");
  EXPECT_EQ(ask<double>(actor, score_atom_v, 1.0,
                        std::string{"def score(a, b):\n  exec(b, globals())\n  return 2 * a\n"}),
            1.0);
  EXPECT_EQ(ask<double>(actor, score_atom_v, 1.0, std::string{"del score"}), 2.0);
  auto problem = error_of(actor, score_atom_v, 1.0, std::string{});
  EXPECT_EQ(code_of(problem), ia::errc::wrong_type);
  EXPECT_NE(ia::describe(problem).find("there is no handler 'score'"), std::string::npos);
}

TEST_F(Interface, WhatAnAbandonedActorHoldsIsLeftAlone) {
  // Its instance, plans and names belong to an interpreter that nobody may touch any more.
  auto actor = start<worker>(std::string{R"(
import _thread, time, datetime
from dataclasses import dataclass
@dataclass
class Tree:
    value: int
    children: 'list[Tree]'
class C:
    def __init__(self): _thread.start_new_thread(time.sleep, (1000,))
    def read(self, groups): return []
    def split(self, pair): return pair
    def note(self, text): pass
    def wait(self, span): return span
    def tiny(self, n): return n
    def plant(self, tree: Tree): return tree
    def pick(self, x): return x
setattr(C, 'pass', lambda self, x: x)
)"},
                             {.class_name = "C"});
  EXPECT_EQ(ask<tree>(actor, plant_atom_v, tree{1, {tree{2, {}}}}), (tree{1, {tree{2, {}}}}));
  EXPECT_EQ(ask<caf::timespan>(actor, wait_atom_v, caf::timespan{1us}), caf::timespan{1us});
  rt().stop();
  expected_abandoned_ = 1;
}

TEST_F(Interface, AnInstanceLetsGoOfPayloadsAtItsEnd) {
  auto payload = ia::shared_bytes::copy("payload");
  {
    auto actor = start<worker>(std::string{worker_code}
                               + "kept = []\nglobals()['pass'] = lambda x: kept.append(x) or x\n");
    EXPECT_EQ(ask<ia::shared_bytes>(actor, pass_atom_v, payload), payload);
    caf::scoped_actor self{system()};
    self->monitor(actor);
    self->send_exit(actor, caf::exit_reason::user_shutdown);
    EXPECT_EQ(down_reason(self), caf::exit_reason::user_shutdown);
  }
  rt().stop();
  payload = {};
  EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
}

TEST_F(Interface, PayloadsCountForTheMailboxesBytes) {
  auto actor =
      start<worker>(std::string{worker_code} + gate.python()
                        + "def note(text):\n  arrive()\n  wait_at_gate()\nglobals()['pass'] = lambda x: x\n",
                    {.mailbox = {.bytes = 10}});
  ia::compat::anonymous_send(actor, note_atom_v, std::string{"now running"});
  ASSERT_TRUE(gate.arrived());
  auto payload = ia::shared_bytes::copy("123456");
  caf::scoped_actor self{system()};
  auto waiting = ia::compat::request(self, actor, caf::timespan{patience}, pass_atom_v, payload);
  EXPECT_EQ(code_of(error_of(actor, pass_atom_v, payload)), ia::errc::mailbox_full);
  gate.open();
  std::move(waiting).receive([&](const ia::shared_bytes& back) { EXPECT_EQ(back, payload); },
                             [](const caf::error& problem) { ADD_FAILURE() << ia::describe(problem); });
}

// -- both languages behind one type
// -----------------------------------------------------------------------------------------

TEST_F(Interface, ImplementationsInBothLanguagesAreInterchangeable) {
  auto use = [this](const scorer& actor) {
    std::vector<double> results;
    for (double weight : {0.0, 1.5, -2.0}) {
      auto result = ask<double>(actor, score_atom_v, weight, std::string{"text"});
      results.push_back(result ? *result : -1);
    }
    EXPECT_EQ(error_of(actor, score_atom_v, 1.0), caf::sec::unexpected_message);
    caf::scoped_actor self{system()};
    self->monitor(actor);
    self->send_exit(actor, caf::exit_reason::user_shutdown);
    EXPECT_EQ(down_reason(self), caf::exit_reason::user_shutdown);
    return results;
  };
  scorer in_cpp = system().spawn([]() -> scorer::behavior_type {
    return {[](score_atom, double weight, const std::string& text) {
      return weight * static_cast<double>(text.size());
    }};
  });
  auto in_python = start<scorer>("def score(weight: float, text: str) -> float: return weight * len(text)\n");
  EXPECT_EQ(use(in_cpp), use(in_python));
}

TEST_F(Interface, HandlesOfPythonActorsHaveTheirType) {
  auto actor = start<introducer>("globals()['pass'] = lambda who: who\n");
  auto python = start<greeter>("def greet(whom: str) -> str: return f'Hello, {whom}!'\n");
  auto back = ask<greeter>(actor, pass_atom_v, python);
  ASSERT_TRUE(back) << ia::describe(back.error());
  EXPECT_EQ(*back, python);
  EXPECT_EQ(ask<std::string>(*back, greet_atom_v, std::string{"you"}), "Hello, you!");
  auto other = start<scorer>("def score(a, b): return a\n");
  auto wrong = caf::actor_cast<greeter>(caf::actor_cast<caf::strong_actor_ptr>(other));
  EXPECT_NE(problem_of(actor, pass_atom_v, wrong).find("which does not understand all of its messages"),
            std::string::npos);
  EXPECT_EQ(ask<greeter>(actor, pass_atom_v, greeter{}), greeter{});
}

TEST_F(Interface, ReadsArgumentsAndWritesResultsWithoutTheTypes) {
  auto& type = ia::interface_of<worker>();
  EXPECT_EQ(type.find("nowhere"), nullptr);
  auto* split = type.find("split");
  ASSERT_NE(split, nullptr);
  ia::packed_value arguments;
  ia::packed_writer writer{arguments};
  ia::write_value(writer, std::tuple<std::pair<std::int32_t, std::string>>{{5, "five"}});
  ia::packed_reader reader{arguments};
  auto message = split->read_arguments(reader);
  EXPECT_EQ(type.find(message), split);
  EXPECT_EQ((message.get_as<std::pair<std::int32_t, std::string>>(1)),
            (std::pair<std::int32_t, std::string>{5, "five"}));
  ia::packed_value result;
  ia::packed_writer result_writer{result};
  split->write_result(caf::make_message(std::int32_t{1}, std::string{"one"}), result_writer);
  ia::packed_reader result_reader{result};
  EXPECT_EQ((ia::read_value<std::tuple<std::int32_t, std::string>>(result_reader)),
            (std::tuple<std::int32_t, std::string>{1, "one"}));
  ia::packed_reader too_few{result};
  EXPECT_THROW(split->read_arguments(too_few), ia::value_error);
  ia::packed_value none;
  ia::packed_writer none_writer{none};
  type.find("note")->write_result({}, none_writer);
  ia::packed_reader none_reader{none};
  EXPECT_EQ(none_reader.next(), ia::value_kind::nil);
}

TEST_F(Interface, ModulesOfThePathAreNeverImportedForAnnotations) {
  auto actor = start<counter>(
      "from __future__ import annotations\nimport sys\n"
      "def add(n: int | str) -> object:\n"
      "  return sum(name in sys.modules for name in ('typing', 'inspect', 'annotationlib'))\n");
  EXPECT_EQ(ask<std::int64_t>(actor, add_atom_v, std::int64_t{0}), 0);
}

} // namespace
