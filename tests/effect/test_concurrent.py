"""Many effects at once keep their order, their failures and no losers."""

from __future__ import annotations

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager.effect.concurrent import gather, race, settle
from llm_manager.effect.op import Effect, Outcome, effect, fail, run, succeed

pytestmark = pytest.mark.anyio


def endless(log: list[str]) -> Effect[int, str, object]:
    async def waiting(_: object) -> Outcome[int, str]:
        try:
            await anyio.sleep_forever()
        finally:
            log.append("cancelled")
        return Success(0)

    return effect(waiting)


def raising() -> Effect[int, str, object]:
    async def broken(_: object) -> Outcome[int, str]:
        raise ValueError("bug")

    return effect(broken)


async def test_gather_keeps_the_order_of_its_ops() -> None:
    assert await run(gather([succeed(1), succeed(2), succeed(3)], limit=2), None) == Success((1, 2, 3))
    assert await run(gather([succeed(1)]), None) == Success((1,))
    none: list[Effect[int, str, object]] = []
    assert await run(gather(none), None) == Success(())


async def test_gather_fails_with_the_first_failure_and_cancels_the_rest() -> None:
    log: list[str] = []
    assert await run(gather([endless(log), fail("no")]), None) == Failure("no")
    assert log == ["cancelled"]


async def test_gather_runs_no_more_than_its_limit_at_once() -> None:
    running = most = 0

    async def counting(_: object) -> Outcome[None, str]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1
        return Success(None)

    await run(gather([effect(counting)] * 10, limit=3), None)
    assert most == 3


async def test_settle_keeps_every_outcome() -> None:
    ops: list[Effect[int, str, object]] = [succeed(1), fail("no"), succeed(3)]
    assert await run(settle(ops), None) == Success((Success(1), Failure("no"), Success(3)))


async def test_race_takes_the_first_success_and_cancels_the_losers() -> None:
    log: list[str] = []
    assert await run(race([endless(log), fail("no"), succeed(3)], list), None) == Success(3)
    assert log in (["cancelled"], [])  # trio may run the winner before the loser starts


async def test_race_without_a_winner_gives_every_error_in_order() -> None:
    ops: list[Effect[int, str, object]] = [fail("a"), fail("b")]
    assert await run(race(ops, list), None) == Failure(["a", "b"])


async def test_a_bug_in_a_child_comes_out_bare() -> None:
    log: list[str] = []
    with pytest.raises(ValueError, match="bug"):
        await run(gather([endless(log), raising()]), None)
