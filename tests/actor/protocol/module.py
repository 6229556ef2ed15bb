"""A module that implements the protocol, for mypy."""

import builtins
from datetime import datetime, timedelta
from typing import Any

import interp_actors as ia
import weather_station as p


def echo(x: p.everything) -> p.everything:
    return x


def add(x: int | str) -> Any:  # one function for several signatures: no one type says it
    return x


def reading(what: p.reading, flag: bool) -> p.reading:
    return p.reading(what.sensor, what.value, 3 if flag else None)


def list(all: builtins.list[p.reading]) -> builtins.list[p.reading]:
    return all


def choose(x: p.ia_test_shop_item | p.ia_test_store_item) -> p.ia_test_shop_item:
    return p.ia_test_shop_item(x.name)


def follow(x: dict[p.place, set[tuple[int, ...]]]) -> dict[p.place, set[tuple[int, ...]]]:
    x[p.place("hall", (1, 2))] = {(3,)}
    return x


def flatten(x: set[frozenset[str]]) -> set[frozenset[str]]:
    return x


def occur(happened: p.event, span: timedelta, at: datetime) -> p.event:
    return p.event(happened.str, at + span, [happened])


def note(text: str) -> None:
    print(text)


def ping() -> bool:
    return True


def split(view: memoryview) -> tuple[int, str]:
    return len(view), str(view, "utf-8")


def check(view: memoryview, problem: ia.ActorError | None) -> bytes:
    return b"" if problem else bytes(view)


def visit(where: p.place, who: ia.Reference) -> p.place:
    who.greet.send(where.room)
    return where


def mix(all: builtins.list[p.structure_], shades: dict[str, int]) -> builtins.list[p.structure_]:
    return all[: shades["red"]]


def keep(x: p.rest, nothing: None) -> tuple[builtins.list[bytes | memoryview], p.rest]:
    return [x.data or b""], x
