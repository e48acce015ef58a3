"""Only so many at once."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import Context, LLMError, Op, Outcome, RequestTimedOut, bulkhead, effect, run, timeout
from llm_manager.testing import VirtualClock, scripted
from tests.combinators.saying import Saying

pytestmark = pytest.mark.anyio


async def ran(op: Op[Any], context: Context) -> None:
    await run(op, context)


async def test_a_bulkhead_lets_so_many_through_in_their_order() -> None:
    clock, begun, policy = VirtualClock(), list[tuple[float, int]](), bulkhead(2)

    def one(number: int) -> Op[None]:
        async def inside(context: Context) -> Outcome[None, LLMError]:
            begun.append((context.clock.monotonic(), number))
            await context.clock.sleep(1)
            return Success(None)

        return effect(inside)

    async with scripted({}, clock=clock) as context, anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(ran, policy(one(number)), context)
            await anyio.wait_all_tasks_blocked()
        await clock.advance(3)
    assert [(at_s, number) for at_s, number in begun if at_s == 0] == [(0, 0), (0, 1)]
    assert sorted(begun) == [(0, 0), (0, 1), (1, 2), (1, 3), (2, 4), (2, 5)]


async def test_who_gives_up_waiting_for_a_place_leaves_the_queue() -> None:
    clock, policy = VirtualClock(), bulkhead(1)
    outcomes: list[Outcome[str, LLMError]] = []
    ops = [
        policy(Saying(["slow"], takes_s=10).op),
        timeout(2)(policy(Saying(["never"]).op)),
        policy(Saying(["late"]).op),
    ]
    async with scripted({}, clock=clock) as context:

        async def go(op: Op[str]) -> None:
            outcomes.append(await run(op, context))

        async with anyio.create_task_group() as group:
            for op in ops:
                group.start_soon(go, op)
                await anyio.wait_all_tasks_blocked()
            await clock.advance(10)
    assert outcomes == [Failure(RequestTimedOut("", 2, "attempt")), Success("slow"), Success("late")]


async def test_two_bulkheads_share_their_places_by_a_key_alone() -> None:
    async def both(one: Op[str], two: Op[str]) -> float:
        async with scripted({}) as context:
            async with anyio.create_task_group() as group:
                group.start_soon(ran, one, context)
                group.start_soon(ran, two, context)
            return context.clock.monotonic()

    op = Saying(["x"], takes_s=5).op
    assert await both(bulkhead(1)(op), bulkhead(1)(op)) == 5.0
    assert await both(bulkhead(1, "gpu")(op), bulkhead(1, "gpu")(op)) == 10.0


def test_a_bulkhead_without_places_is_a_fault_of_the_program() -> None:
    with pytest.raises(ValueError, match="bulkhead takes how many run at the same time, 1 or more"):
        bulkhead(0)


async def test_who_is_cancelled_inside_leaves_the_place_to_the_next() -> None:
    policy = bulkhead(1)
    async with scripted({}) as context:
        slow = timeout(2)(policy(Saying(["late"], takes_s=10).op))
        assert await run(slow, context) == Failure(RequestTimedOut("", 2, "attempt"))
        assert await run(timeout(1)(policy(Saying(["next"]).op)), context) == Success("next")


def test_a_bulkhead_of_one_place_is_one() -> None:
    assert callable(bulkhead(1))
