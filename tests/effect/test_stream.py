"""Streams give, end and release as they say, on both event loops, whoever leaves and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Never

import anyio
import pytest
from returns.maybe import Maybe, Some
from returns.result import Failure, Success

from llm_manager.effect.op import Effect, Outcome, effect, fail, run, succeed
from llm_manager.effect.opened import END, Pulled
from llm_manager.effect.sources import from_iterable, from_resource, unwrap
from llm_manager.effect.stream import Stream

pytestmark = pytest.mark.anyio

PATIENCE_S = 5.0


def counting(name: str, log: list[str], count: int) -> Stream[int, str, object]:
    """A source that gives *count* numbers and notes what happens to it."""

    async def acquire(_: object) -> Outcome[list[int], Never]:
        log.append(f"+{name}")
        return Success(list(range(count)))

    async def pull(left: list[int]) -> Pulled[int, str]:
        await anyio.lowlevel.checkpoint()
        return Success(left.pop(0)) if left else END

    async def release(_: list[int]) -> None:
        await anyio.lowlevel.checkpoint()
        log.append(f"-{name}")

    return from_resource(effect(acquire), pull, release)


def waiting(name: str, log: list[str], started: anyio.Event) -> Stream[int, str, object]:
    """A source that never answers."""

    async def acquire(_: object) -> Outcome[None, Never]:
        log.append(f"+{name}")
        return Success(None)

    async def pull(_: None) -> Pulled[int, str]:
        started.set()
        await anyio.sleep_forever()
        return END

    async def release(_: None) -> None:
        await anyio.lowlevel.checkpoint()
        log.append(f"-{name}")

    return from_resource(effect(acquire), pull, release)


def working(job: Callable[[int], Awaitable[Outcome[int, str]]]) -> Callable[[int], Effect[int, str, object]]:
    def work(value: int) -> Effect[int, str, object]:
        async def doing(_: object) -> Outcome[int, str]:
            return await job(value)

        return effect(doing)

    return work


def only_even(value: int) -> Effect[int, str, object]:
    return fail("odd") if value % 2 else succeed(value)


async def test_a_stream_read_to_its_end_says_so() -> None:
    log: list[str] = []
    async with counting("a", log, 2).opened(None) as source:
        before = source.ended
        values = [value async for value in source]
        log.append("block")
    assert (before, values, source.ended, source.failure) == (None, [0, 1], END, None)
    assert log == ["+a", "block", "-a"]


async def test_a_stream_that_fails_gives_what_came_before_and_then_its_failure() -> None:
    async with from_iterable([2, 4, 5, 6]).map_effect(only_even).opened(None) as source:
        values = [value async for value in source]
        again = await source.pull()
    assert (values, source.ended, source.failure, again) == ([2, 4], *[Failure("odd")] * 3)


async def test_a_stream_that_is_left_early_has_not_ended_and_is_released_at_once() -> None:
    log: list[str] = []
    async with counting("a", log, 9).opened(None) as source:
        async for value in source:
            if value == 1:
                break
    assert (source.ended, log, await source.pull()) == (None, ["+a", "-a"], END)


async def test_what_is_raised_in_the_block_comes_out_bare_and_after_the_release() -> None:
    log: list[str] = []
    with pytest.raises(ZeroDivisionError):
        async with counting("a", log, 9).opened(None) as source:
            async for value in source:
                log.append(str(1 // value))
    assert log == ["+a", "-a"]


async def test_an_opening_is_for_one_block() -> None:
    opened = from_iterable([1]).opened(None)
    async with opened:
        pass
    with pytest.raises(RuntimeError, match="one block"):
        async with opened:
            pass


async def test_leaving_a_block_that_was_never_entered_does_nothing() -> None:
    await from_iterable([1]).opened(None).__aexit__(None, None, None)


async def test_a_cancelled_reader_releases_its_source_and_stays_cancelled() -> None:
    log: list[str] = []
    started = anyio.Event()

    async def reading() -> None:
        async with waiting("a", log, started).opened(None) as source:
            await source.pull()
        log.append("not reached")

    async with anyio.create_task_group() as group:
        group.start_soon(reading)
        await started.wait()
        group.cancel_scope.cancel()
    assert log == ["+a", "-a"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_that_asyncio_cancels_releases_its_source_and_is_cancelled() -> None:
    log: list[str] = []
    started = anyio.Event()
    endless = waiting("a", log, started).settle(succeed, 2)
    task = asyncio.ensure_future(_awaited(run(endless.collect(), None)))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (log, task.cancelled()) == (["+a", "-a"], True)


async def _awaited(outcome: Awaitable[object]) -> None:
    await outcome


async def test_a_source_that_breaks_as_it_opens_releases_what_was_open_before() -> None:
    async def broken(_: object) -> Outcome[Stream[int, str, object], str]:
        raise ZeroDivisionError

    log: list[str] = []
    nested = counting("a", log, 1).flat_map(lambda _: unwrap(effect(broken)))
    with pytest.raises(ZeroDivisionError):
        await run(nested.collect(), None)
    with pytest.raises(ZeroDivisionError):
        async with unwrap(effect(broken)).opened(None):
            log.append("not reached")
    assert log == ["+a", "-a"]


async def test_each_inner_stream_is_released_before_the_next_is_opened() -> None:
    log: list[str] = []
    nested = counting("outer", log, 3).flat_map(lambda value: counting(str(value), log, value))
    assert await run(nested.collect(), None) == Success((0, 0, 1))
    assert log == ["+outer", "+0", "-0", "+1", "-1", "+2", "-2", "-outer"]


async def test_inner_streams_are_released_before_the_outer_one_when_the_reader_leaves() -> None:
    log: list[str] = []
    nested = counting("outer", log, 3).flat_map(lambda _: counting("inner", log, 3))
    assert await run(nested.take(2).collect(), None) == Success((0, 1))
    assert log == ["+outer", "+inner", "-inner", "-outer"]


async def test_a_thousand_streams_follow_each_other_without_recursion() -> None:
    many = from_iterable([from_iterable([1])] * 1_000)
    assert await run(many.flat_map(lambda stream: stream).fold(0, int.__add__), None) == Success(1_000)


async def test_the_next_stream_opens_when_the_first_is_released() -> None:
    log: list[str] = []
    assert await run(counting("a", log, 1).then(counting("b", log, 1)).collect(), None) == Success((0, 0))
    assert log == ["+a", "-a", "+b", "-b"]


async def test_a_stream_that_cannot_be_made_is_the_failure() -> None:
    async def unmade(_: object) -> Outcome[Stream[int, str, object], int]:
        return Failure(7)

    assert await run(unwrap(effect(unmade)).collect(), None) == Failure(7)
    assert await run(unwrap(succeed(from_iterable([1]))).collect(), None) == Success((1,))


async def test_values_and_failures_are_changed_left_out_looked_at_and_gathered() -> None:
    seen: list[int] = []

    def note(value: int) -> Effect[None, str, object]:
        seen.append(value)
        return fail("enough") if value == 3 else succeed(None)

    def positive(value: int) -> Maybe[str]:
        return Some(str(value)) if value > 0 else Maybe.empty

    noted = from_iterable([1, -1, 2, 3, 4]).tap(note).filter_map(positive)
    async with noted.scan("", str.__add__).map_error(len).opened(None) as source:
        texts = [text async for text in source]
    assert (texts, source.ended, seen) == (["1", "12"], Failure(6), [1, -1, 2, 3])
    assert await run(from_iterable([2, 4]).tap(only_even).collect(), None) == Success((2, 4))


async def test_outcomes_come_as_they_are_ready_and_none_is_lost() -> None:
    second_is_done = anyio.Event()

    async def job(value: int) -> Outcome[int, str]:
        if value == 0:
            await second_is_done.wait()
        return Failure("odd") if value % 2 else Success(value)

    seen: list[tuple[int, Outcome[int, str]]] = []
    with anyio.fail_after(PATIENCE_S):
        async with from_iterable(range(3)).settle(working(job), 2).opened(None) as source:
            async for index, outcome in source:
                seen.append((index, outcome))
                if index == 1:
                    second_is_done.set()
    assert seen[0] == (1, Failure("odd"))
    assert sorted(seen, key=lambda each: each[0]) == [(0, Success(0)), (1, Failure("odd")), (2, Success(2))]


async def test_nothing_runs_ahead_of_a_slow_reader() -> None:
    started: list[int] = []

    async def job(value: int) -> Outcome[int, str]:
        started.append(value)
        return Success(value)

    async with from_iterable(range(20)).settle(working(job), 3).opened(None) as source:
        await anyio.wait_all_tasks_blocked()
        ahead = [len(started)]
        for _ in range(4):
            await source.pull()
            await anyio.wait_all_tasks_blocked()
            ahead.append(len(started))
    assert ahead == [0, 4, 5, 6, 7]


async def test_the_failure_of_the_source_comes_after_the_outcomes_that_were_under_way() -> None:
    source = from_iterable([2, 4, 5, 6]).map_effect(only_even)
    async with source.settle(succeed, 8).opened(None) as settled:
        outcomes = sorted([each async for each in settled], key=lambda each: each[0])
    assert (outcomes, settled.ended) == ([(0, Success(2)), (1, Success(4))], Failure("odd"))


async def test_leaving_early_cancels_the_workers_before_the_source_is_released() -> None:
    log: list[str] = []

    async def job(value: int) -> Outcome[int, str]:
        if value == 0:
            return Success(value)
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")
        return Success(value)

    with anyio.fail_after(PATIENCE_S):
        async with counting("a", log, 9).settle(working(job), 2).opened(None) as source:
            first = await source.pull()
            await anyio.wait_all_tasks_blocked()
    assert (first, log) == (Success((0, Success(0))), ["+a", "cancelled", "cancelled", "-a"])


async def test_a_reader_cancelled_while_it_waits_loses_no_outcome() -> None:
    go = anyio.Event()

    async def job(value: int) -> Outcome[int, str]:
        await go.wait()
        return Success(value)

    async with from_iterable([7]).settle(working(job), 2).opened(None) as source:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await source.pull()
        go.set()
        await anyio.wait_all_tasks_blocked()
        assert [await source.pull(), await source.pull()] == [Success((0, Success(7))), END]


async def test_a_bug_in_a_worker_comes_out_bare_where_the_reader_is() -> None:
    async def job(value: int) -> Outcome[int, str]:
        return Success(1 // value)

    log: list[str] = []
    for limit in (1, 2):
        with pytest.raises(ZeroDivisionError) as raised:
            await run(counting("a", log, 2).settle(working(job), limit).collect(), None)
        assert not hasattr(raised.value, "__notes__")
    assert log == ["+a", "-a"] * 2


async def test_a_bug_in_a_worker_that_nobody_pulled_comes_out_when_the_block_is_left() -> None:
    go = anyio.Event()

    async def job(value: int) -> Outcome[int, str]:
        if value == 0:
            await go.wait()
        return Success(1 // value)

    with pytest.raises(ZeroDivisionError):
        async with from_iterable([1, 0]).settle(working(job), 2).opened(None) as source:
            assert await source.pull() == Success((0, Success(1)))
            go.set()
            await anyio.wait_all_tasks_blocked()


async def test_no_worker_starts_before_the_first_pull() -> None:
    log: list[str] = []

    async def job(value: int) -> Outcome[int, str]:
        log.append("worked")
        return Success(value)

    async with counting("a", log, 1).settle(working(job), 2).opened(None):
        await anyio.wait_all_tasks_blocked()
    assert log == ["+a", "-a"]


async def test_streams_with_workers_nest() -> None:
    inner = from_iterable(range(4)).settle(succeed, 2).map(lambda each: each[0])
    nested = inner.then(inner).flat_map(lambda _: inner).settle(succeed, 3)
    with anyio.fail_after(PATIENCE_S):
        total = await run(nested.fold(0, lambda sum_, each: sum_ + each[1].unwrap()), None)
    assert total == Success(8 * 6)


async def test_no_workers_at_all_is_a_bug() -> None:
    with pytest.raises(ValueError, match="settle takes how many effects run at the same time, 1 or more"):
        from_iterable([1]).settle(succeed, 0)
