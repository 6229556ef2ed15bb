"""ia_test::weather_station as a protocol for its handlers in Python.

Printed from the C++ type. A class with these methods, or a module with these functions, implements it.
A payload or an actor that is null in C++ is None, which these types leave out.
"""

# mypy: disable-error-code="overload-overlap, overload-cannot-match"

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, overload

from interp_actors import ActorError, Reference


@dataclass
class reading:
    """ia_test::reading in C++."""

    sensor: str
    value: float
    quality: int | None = None


@dataclass
class structure:
    """A structure that CAF has no name for."""


@dataclass
class everything:
    """ia_test::everything in C++."""

    flag: bool
    tiny: int
    large: int
    half: float
    text: str
    shade: str
    height: int
    readings: list[reading | None]
    numbers: set[int]
    series: dict[str, list[float]]
    mixed: tuple[int, str, bool]
    pair: tuple[str, int]
    point: tuple[float, float, float]
    either: int | str | reading
    wait: timedelta
    when: datetime
    data: memoryview
    problem: ActorError | None
    who: Reference
    bits: list[bool]
    none: structure


@dataclass
class ia_test_shop_item:
    """ia_test::shop::item in C++."""

    name: str


@dataclass
class ia_test_store_item:
    """ia_test::store::item in C++."""

    name: str


@dataclass(frozen=True)
class place:
    """ia_test::place in C++."""

    room: str
    path: list[int] | tuple[int, ...]


_str = str
_datetime = datetime


@dataclass
class event:
    """ia_test::event in C++."""

    str: _str
    datetime: _datetime
    event: "list[_event]"
    text: _str | None = None


_event = event


@dataclass
class ia_test_list:
    """ia_test::list in C++."""

    size: int


@dataclass
class structure_:
    """A structure that CAF has no name for."""

    sizes: ia_test_list
    what: dict[str, object]


@dataclass
class rest:
    """ia_test::rest in C++."""

    byte: int
    nothing: None
    small: list[int]
    numbers: set[int]
    halves: dict[bool, float]
    many: tuple[int, ...]
    none: tuple[()]
    either: int | str | None
    actors: list[Reference]
    problem: ActorError | None
    keys: set[tuple[str, timedelta]]
    data: memoryview | None = None


_reading = reading
_list = list


class WeatherStation(Protocol):
    """ia_test::weather_station in C++."""

    def echo(self, a0: everything, /) -> everything:
        """In C++: (ia_test::everything) -> ia_test::everything."""

    @overload
    def add(self, a0: int, /) -> int:
        """In C++: (int64_t) -> int64_t."""

    @overload
    def add(self, a0: str, /) -> str:
        """In C++: (std::string) -> std::string."""

    def reading(self, a0: _reading, a1: bool, /) -> _reading:
        """In C++: (ia_test::reading, bool) -> ia_test::reading."""

    def list(self, a0: _list[_reading], /) -> _list[_reading]:
        """In C++: (std::vector<ia_test::reading>) -> std::vector<ia_test::reading>."""

    def choose(self, a0: ia_test_shop_item | ia_test_store_item, /) -> ia_test_shop_item | ia_test_store_item:
        """In C++: (std::variant<ia_test::shop::item, ia_test::store::item>) -> std::variant<ia_test::shop::item, ia_test::store::item>."""

    def follow(self, a0: dict[place, set[tuple[int, ...]]], /) -> dict[place, set[tuple[int, ...]]]:
        """In C++: (std::map<ia_test::place, std::set<std::vector<int32_t>>>) -> std::map<ia_test::place, std::set<std::vector<int32_t>>>."""

    def flatten(self, a0: set[frozenset[str]], /) -> set[frozenset[str]]:
        """In C++: (std::set<std::set<std::string>>) -> std::set<std::set<std::string>>."""

    def occur(self, a0: event, a1: timedelta, a2: datetime, /) -> event:
        """In C++: (ia_test::event, std::chrono::duration, std::chrono::system_clock::time_point) -> ia_test::event."""

    # Not here, for no class can say it: a handler that is called 'pass'.

    def note(self, a0: str, /) -> None:
        """In C++: (std::string) -> void."""

    def ping(self, /) -> bool:
        """In C++: () -> bool."""

    def split(self, a0: memoryview, /) -> tuple[int, str]:
        """In C++: (interp_actors::shared_bytes) -> std::tuple<int32_t, std::string>."""

    def check(self, a0: memoryview, a1: ActorError | None, /) -> bytes | memoryview:
        """In C++: (interp_actors::shared_bytes, caf::error) -> interp_actors::shared_bytes."""

    def visit(self, a0: place, a1: Reference, /) -> place:
        """In C++: (ia_test::place, ia_test::greeter) -> ia_test::place."""

    def mix(self, a0: _list[structure_], a1: dict[str, int], /) -> _list[structure_]:
        """In C++: (std::vector<structure>, std::map<ia_test::colour, enum>) -> std::vector<structure>."""

    def keep(self, a0: rest, a1: None, /) -> tuple[_list[bytes | memoryview], rest]:
        """In C++: (ia_test::rest, caf::unit_t) -> std::tuple<std::vector<interp_actors::shared_bytes>, ia_test::rest>."""
