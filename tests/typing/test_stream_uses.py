"""The three things that are built on streams, in small: what the checkers infer of them, and that they run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Never, TypeAlias, assert_type

import pytest
from returns.maybe import Maybe, Some
from returns.result import Failure, Success

from llm_manager import LLMRequest, LLMResponse, Op, Outcome
from llm_manager.domain.errors import LLMError
from llm_manager.effect.context import Context
from llm_manager.effect.op import Effect, effect, fail, flat_map, run, succeed
from llm_manager.effect.opened import END, Opened, Pulled
from llm_manager.effect.sources import from_iterable, from_resource, unwrap
from llm_manager.effect.stream import Stream

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Delta:
    """Some text of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The whole answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The connection went away; *partial* is what had come."""

    partial: str


@dataclass(frozen=True, slots=True)
class NotANumber:
    """The answer does not fit the schema."""

    text: str


Event: TypeAlias = Delta | Finished


class Connection:
    """Gives events of an answer, and breaks when it is told to."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.given = ""
        self.closed = False

    async def next(self) -> Pulled[Event, Broken]:
        if not self.words:
            return END
        word = self.words.pop(0)
        if word == "broken":
            return Failure(Broken(self.given))
        self.given += word
        return Success(Delta(word) if self.words else Finished(self.given))

    async def close(self) -> None:
        self.closed = True


def answering(*words: str) -> Stream[Event, Broken, object]:
    async def connect(_: object) -> Outcome[Connection, Never]:
        return Success(Connection(list(words)))

    return from_resource(effect(connect), Connection.next, Connection.close)


def text(event: Event) -> Maybe[str]:
    return Some(event.text) if isinstance(event, Delta) else Maybe.empty


def number(event: Event) -> Effect[int, NotANumber, object]:
    return succeed(int(event.text)) if event.text.isdigit() else fail(NotANumber(event.text))


async def test_a_stream_of_events_reads_as_text_and_says_how_it_broke() -> None:
    events = answering("Be", "cause", "broken")
    assert_type(events.opened(None), Opened[Event, Broken])
    assert_type(events.filter_map(text), Stream[str, Broken, object])
    assert_type(events.map_error(str), Stream[Event, str, object])
    async with events.filter_map(text).opened(None) as answer:
        assert_type(await answer.pull(), Pulled[str, Broken])
        rest = [word async for word in answer]
    assert (rest, answer.failure) == (["cause"], Failure(Broken("Because")))


async def test_an_answer_of_a_type_grows_and_its_last_value_is_judged() -> None:
    growing = answering("4", "2").scan(Delta(""), lambda seen, event: Delta(seen.text + event.text))
    assert_type(growing, Stream[Delta, Broken, object])
    judged = answering("4", "x").map_effect(number)
    assert_type(judged, Stream[int, Broken | NotANumber, object])
    assert_type(judged.collect(), Effect[tuple[int, ...], Broken | NotANumber, object])
    assert await run(judged.collect(), None) == Failure(NotANumber("4x"))


def batch(requests: list[LLMRequest], ask: Op[LLMResponse]) -> None:
    """Checked by mypy and pyright, never run."""
    outcomes = from_iterable(requests).settle(lambda _: ask, 8)
    assert_type(outcomes, Stream[tuple[int, Outcome[LLMResponse, LLMError]], Never, Context])
    assert_type(
        outcomes.fold(0, lambda count, _: count + 1),
        Effect[int, Never, Context],
    )


def summed(numbers: Effect[Stream[int, str, object], Never, object], more: Stream[int, int, object]) -> None:
    """Checked by mypy and pyright, never run: failures add up, and where there is none, none appears."""
    assert_type(unwrap(numbers), Stream[int, str, object])
    assert_type(unwrap(numbers).then(more), Stream[int, str | int, object])
    assert_type(unwrap(succeed(from_iterable([1]))), Stream[int, Never, object])
    assert_type(from_iterable(["a"]).then(more), Stream[str | int, int, object])
    assert_type(more.flat_map(lambda _: unwrap(numbers)), Stream[int, int | str, object])
    assert_type(from_iterable([1]).tap(lambda _: fail("no")), Stream[int, str, object])
    assert_type(flat_map(succeed(1), succeed), Effect[int, Never, object])


async def test_a_stream_read_by_matching_is_read_exhaustively() -> None:
    async def reading(stream: Stream[Event, Broken, object]) -> str:
        async with stream.opened(None) as answer:
            while True:
                match await answer.pull():
                    case Success(Delta()):
                        continue
                    case Success(Finished(whole)):
                        return whole
                    case Failure(Broken(partial)):
                        return f"{partial}..."
                    case _:
                        return "nothing"

    assert await reading(answering("a", "b")) == "ab"
    assert await reading(answering("a", "broken")) == "a..."
    assert await reading(answering()) == "nothing"
