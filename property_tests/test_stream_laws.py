"""Laws of streams: what they give, and that what they hold is released once, however they end."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from typing import Literal, Never, assert_never

import anyio
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.effect.op import Effect, Outcome, effect, fail, run, succeed
from llm_manager.effect.opened import END, Pulled
from llm_manager.effect.sources import from_iterable, from_resource
from llm_manager.effect.stream import Stream

numbers = st.lists(st.integers(), max_size=6)
Ending = Literal["end", "failure", "bug"]


def of(values: list[int]) -> Stream[int, str, object]:
    return from_iterable(values)


def collected(stream: Stream[int, str, object]) -> Outcome[tuple[int, ...], str]:
    async def main() -> Outcome[tuple[int, ...], str]:
        return await run(stream.collect(), None)

    return anyio.run(main)


def double(value: int) -> int:
    return value * 2


def increase(value: int) -> int:
    return value + 1


@given(numbers)
def test_a_stream_of_values_gives_them_in_order(values: list[int]) -> None:
    assert collected(of(values)) == Success(tuple(values))


@given(numbers)
def test_map_is_a_functor(values: list[int]) -> None:
    assert collected(of(values).map(lambda value: value)) == collected(of(values))
    fused = of(values).map(lambda value: increase(double(value)))
    assert collected(of(values).map(double).map(increase)) == collected(fused)


@given(numbers, numbers, numbers)
def test_then_is_associative_and_the_empty_stream_its_identity(a: list[int], b: list[int], c: list[int]) -> None:
    left, right = of(a).then(of(b)).then(of(c)), of(a).then(of(b).then(of(c)))
    assert collected(left) == collected(right) == Success((*a, *b, *c))
    assert collected(of([]).then(of(a))) == collected(of(a).then(of([]))) == collected(of(a))


@given(numbers, st.lists(numbers, max_size=4), numbers)
def test_flat_map_is_a_monad(a: list[int], b: list[list[int]], c: list[int]) -> None:
    def one(value: int) -> Stream[int, str, object]:
        return of([value])

    def some(value: int) -> Stream[int, str, object]:
        return of(b[value % len(b)] if b else [])

    def more(value: int) -> Stream[int, str, object]:
        return of([value, *c])

    assert collected(of(a).flat_map(one)) == collected(of(a))
    assert collected(one(len(a)).flat_map(some)) == collected(some(len(a)))
    inside = of(a).flat_map(lambda value: some(value).flat_map(more))
    assert collected(of(a).flat_map(some).flat_map(more)) == collected(inside)


@given(numbers, numbers, st.integers(0, 14))
def test_take_goes_over_the_seam_of_two_streams(a: list[int], b: list[int], count: int) -> None:
    seam = of(a).take(count).then(of(b).take(max(0, count - len(a))))
    assert collected(of(a).then(of(b)).take(count)) == collected(seam)


@given(numbers)
def test_the_last_of_a_scan_is_the_fold(values: list[int]) -> None:
    scanned = collected(of(values).scan(0, lambda total, value: total * 3 + value)).unwrap()
    assert (0, *scanned)[-1] == reduce(lambda total, value: total * 3 + value, values, 0)
    assert len(scanned) == len(values)


@given(numbers, st.sets(st.integers(0, 5)), st.integers(1, 4))
def test_settling_gives_every_outcome_once_whatever_the_limit(values: list[int], odd: set[int], limit: int) -> None:
    def work(position: int) -> Effect[int, str, object]:
        return fail(str(position)) if position in odd else succeed(position)

    async def main() -> Outcome[tuple[tuple[int, Outcome[int, str]], ...], Never]:
        return await run(from_iterable(range(len(values))).settle(work, limit).collect(), None)

    expected = [(at, Failure(str(at)) if at in odd else Success(at)) for at in range(len(values))]
    assert sorted(anyio.run(main).unwrap(), key=lambda each: each[0]) == expected


@given(numbers, st.integers(0, 8))
def test_take_gives_a_prefix(values: list[int], count: int) -> None:
    assert collected(of(values).take(count)) == Success(tuple(values[:count]))


@given(numbers)
def test_fold_is_collect_and_reduce(values: list[int]) -> None:
    async def main() -> Outcome[int, str]:
        return await run(of(values).fold(0, lambda total, value: total * 3 + value), None)

    assert anyio.run(main) == Success(reduce(lambda total, value: total * 3 + value, values, 0))


class Source:
    """Gives *count* values and ends as told; counts how often it is acquired and released."""

    def __init__(self, name: str, count: int, ending: Ending, log: list[str]) -> None:
        self.name, self.count, self.ending, self.log = name, count, ending, log

    def stream(self) -> Stream[int, str, object]:
        async def acquire(_: object) -> Outcome[list[int], str]:
            self.log.append(f"+{self.name}")
            return Success([0])

        async def pull(given_: list[int]) -> Pulled[int, str]:
            await anyio.lowlevel.checkpoint()
            if given_[0] < self.count:
                given_[0] += 1
                return Success(given_[0])
            if self.ending == "bug":
                raise ZeroDivisionError
            return END if self.ending == "end" else Failure(self.name)

        async def release(_: list[int]) -> None:
            self.log.append(f"-{self.name}")

        return from_resource(effect(acquire), pull, release)


endings: st.SearchStrategy[Ending] = st.sampled_from(["end", "failure", "bug"])
Shape = Literal["then", "flat_map", "settle"]
shapes: st.SearchStrategy[Shape] = st.sampled_from(["then", "flat_map", "settle"])


def shaped(shape: Shape, a: Stream[int, str, object], b: Stream[int, str, object]) -> Stream[int, str, object]:
    """Two sources in one stream; *b* may be opened never, once, or many times."""
    match shape:
        case "then":
            return a.then(b)
        case "flat_map":
            return a.flat_map(lambda _: b)
        case "settle":
            return a.settle(lambda _: b.collect(), 2).map(lambda each: each[0])
    assert_never(shape)


@given(shapes, st.integers(0, 4), endings, st.integers(0, 4), endings, st.integers(0, 10), st.booleans())
def test_what_is_acquired_is_released_once_however_it_ends(
    shape: Shape, first: int, first_ends: Ending, second: int, second_ends: Ending, reads: int, cancelled: bool
) -> None:
    log: list[str] = []
    both = shaped(shape, Source("a", first, first_ends, log).stream(), Source("b", second, second_ends, log).stream())

    async def main() -> None:
        with anyio.CancelScope() as scope:
            async with both.map(double).opened(None) as source:
                for _ in range(reads):
                    await source.pull()
                if cancelled:
                    scope.cancel()
                    await source.pull()

    for backend in ("asyncio", "trio"):
        log.clear()
        with suppress(ZeroDivisionError):
            anyio.run(main, backend=backend)
        assert log.count("+a") == log.count("-a") == 1
        assert log.count("+b") == log.count("-b")
        assert log[0] == "+a"
        assert shape == "then" or log[-1] == "-a"


@given(st.integers(1, 5), st.integers(0, 6))
def test_what_is_acquired_last_is_released_first(depth: int, reads: int) -> None:
    log: list[str] = []

    def nested(level: int) -> Stream[int, str, object]:
        source = Source(str(level), 2, "end", log).stream()
        return source if level == depth else source.flat_map(lambda _: nested(level + 1))

    async def main() -> None:
        async with nested(1).opened(None) as source:
            for _ in range(reads):
                await source.pull()

    anyio.run(main)
    held: list[str] = []
    for entry in log:
        if entry[0] == "+":
            held.append(entry[1:])
        else:
            assert held.pop() == entry[1:]
    assert held == []


def test_an_effect_is_run_for_each_value_and_its_failure_ends_the_stream() -> None:
    async def odd(_: object) -> Outcome[int, str]:
        return Failure("odd")

    def only_even(value: int) -> Effect[int, str, object]:
        return effect(odd) if value % 2 else succeed(value)

    assert collected(of([2, 4]).map_effect(only_even)) == Success((2, 4))
    assert collected(of([2, 3, 4]).map_effect(only_even)) == Failure("odd")
    assert collected(of([1, 2, 3]).filter(lambda value: value != 2)) == Success((1, 3))
    assert collected(of([1, 2, 1]).take_while(lambda value: value < 2)) == Success((1,))


def test_a_source_that_cannot_be_acquired_is_the_failure_and_says_so_again() -> None:
    async def away(_: object) -> Outcome[int, str]:
        return Failure("away")

    async def pull(_: int) -> Pulled[int, str]:
        raise AssertionError

    async def main() -> list[object]:
        stream = from_resource(effect(away), pull, lambda _: anyio.lowlevel.checkpoint())
        async with stream.opened(None) as source:
            seen: list[object] = [await source.pull(), await source.pull()]
        return [*seen, source.failure, await run(stream.fold(0, lambda total, value: total + value), None)]

    assert anyio.run(main) == [Failure("away")] * 4


def test_a_bug_while_opening_releases_what_was_acquired() -> None:
    log: list[str] = []

    async def broken(_context: object, scope: object) -> object:
        raise ZeroDivisionError

    async def main() -> None:
        stream: Stream[int, str, object] = Stream(broken)  # type: ignore[arg-type]  # it never gets that far
        async with stream.opened(None):
            log.append("opened")

    try:
        anyio.run(main)
    except ZeroDivisionError:
        log.append("raised")
    assert log == ["raised"]
    assert repr(END) == "END"
