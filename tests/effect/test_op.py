"""Effects succeed, fail, chain, and mix with plain `returns` values."""

from __future__ import annotations

import pytest
from returns.context import RequiresContextFutureResult
from returns.result import Failure, Success

from llm_manager.effect.do import Do, do
from llm_manager.effect.op import Effect, fail, flat_map, local, map_, map_error, recover, run, service, succeed

pytestmark = pytest.mark.anyio


def doubled(value: int) -> Effect[int, str, object]:
    return succeed(value * 2)


async def test_a_success_passes_through_map_and_flat_map() -> None:
    start: Effect[int, str, object] = succeed(20)
    more: Effect[int, str, object] = map_(start, lambda value: value + 1)
    op = flat_map(more, doubled)
    assert await run(op, None) == Success(42)


async def test_a_failure_skips_what_follows() -> None:
    op: Effect[int, str, object] = fail("no")
    assert await run(flat_map(map_(op, lambda value: value + 1), lambda _: succeed(0)), None) == Failure("no")


async def test_map_error_changes_failures_and_leaves_successes() -> None:
    number: Effect[int, str, object] = succeed(1)
    assert await run(map_error(fail("four"), len), None) == Failure(4)
    assert await run(map_error(number, len), None) == Success(1)


async def test_service_reads_the_context_and_local_changes_it() -> None:
    following: Effect[int, str, int] = service(lambda number: number + 1)
    op: Effect[int, str, str] = local(len, following)
    assert await run(op, "abc") == Success(4)


async def test_catch_handles_its_own_type_and_lets_others_by() -> None:
    found: Effect[str, ValueError, object] = succeed("found")
    handle = recover(KeyError, lambda _: found)
    key: Effect[str, KeyError | ValueError, object] = fail(KeyError("k"))
    error = ValueError("v")
    value: Effect[str, KeyError | ValueError, object] = fail(error)
    fine: Effect[str, KeyError | ValueError, object] = succeed("fine")
    narrowed: list[Effect[str, ValueError, object]] = [handle(key), handle(value), handle(fine)]
    assert [await run(op, None) for op in narrowed] == [Success("found"), Failure(error), Success("fine")]


async def test_plain_returns_values_mix_with_ours() -> None:
    plain: RequiresContextFutureResult[int, str, object] = RequiresContextFutureResult.from_value(20)
    ours = flat_map(plain.map(lambda value: value + 1), lambda value: succeed(value * 2))
    assert await run(ours, None) == Success(42)

    def refuse(value: int) -> RequiresContextFutureResult[int, str, object]:
        return RequiresContextFutureResult.from_failure(f"was {value}")

    back: Effect[int, str, object] = ours.bind(refuse)  # pyright: ignore[reportUnknownMemberType]  # returns spells it with KindN
    assert await run(back, None) == Failure("was 42")


async def test_an_effect_runs_anew_each_time() -> None:
    seen: list[int] = []

    def note(number: int) -> int:
        seen.append(number)
        return number

    op = service(note)
    await run(op, 1)
    await run(op, 2)
    assert seen == [1, 2]


async def test_do_runs_straight_through_and_stops_at_a_failure() -> None:
    @do
    async def total(_: Do[str, int], extra: int) -> int:
        return extra + await _(service(lambda number: number))

    @do
    async def failing(_: Do[str, int]) -> int:
        await _(fail("stop"))
        return 0

    assert await run(total(2), 40) == Success(42)
    assert await run(failing(), 0) == Failure("stop")


async def test_a_failure_awaited_through_an_outer_block_ends_the_outer_block() -> None:
    @do
    async def outer(_: Do[str, object]) -> str:
        outer_notation = _

        @do
        async def inner(_: Do[str, object]) -> str:
            return await outer_notation(fail("outer"))

        @do
        async def recovered(_: Do[str, object]) -> str:
            return "recovered"

        return await _(recover(str, lambda _error: recovered())(inner()))

    assert await run(outer(), None) == Failure("outer")
