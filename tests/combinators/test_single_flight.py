"""Fifty who want the same at the same time."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BudgetExceeded,
    Context,
    LLMError,
    LLMRequest,
    LLMResponse,
    Op,
    Outcome,
    RequestTimedOut,
    ServerError,
    cached,
    deadline,
    generate,
    run,
)
from llm_manager.testing import Pause, VirtualClock, scripted
from tests.combinators.saying import Saying

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
ONCE = cached("key", 60)


async def at_once(context: Context, ops: list[Op[Any]]) -> list[Outcome[Any, LLMError]]:
    outcomes: dict[int, Outcome[Any, LLMError]] = {}

    async def go(index: int) -> None:
        outcomes[index] = await run(ops[index], context)

    async with anyio.create_task_group() as group:
        for index in range(len(ops)):
            group.start_soon(go, index)
    return [outcomes[index] for index in range(len(ops))]


async def test_fifty_equal_misses_ask_once() -> None:
    saying = Saying(["answer", "never"], takes_s=5)
    async with scripted({}) as context:
        assert await at_once(context, [ONCE(saying.op)] * 50) == [Success("answer")] * 50
        assert context.clock.monotonic() == 5.0
    assert saying.runs == 1


async def test_different_keys_do_not_wait_for_each_other() -> None:
    saying = Saying(["answer"], takes_s=5)
    async with scripted({}) as context:
        await at_once(context, [cached(str(number), 60)(saying.op) for number in range(3)])
        assert (saying.runs, context.clock.monotonic()) == (3, 5.0)


async def test_a_failure_is_one_for_all_and_is_not_kept() -> None:
    saying = Saying([BUSY, "answer"], takes_s=5)
    async with scripted({}) as context:
        assert await at_once(context, [ONCE(saying.op)] * 10) == [Failure(BUSY)] * 10
        assert await run(ONCE(saying.op), context) == Success("answer")
    assert saying.runs == 2


async def test_when_the_leader_is_cancelled_one_of_the_others_goes_on() -> None:
    clock = VirtualClock()
    saying = Saying(["answer"], takes_s=5)
    async with scripted({}, clock=clock) as context:
        outcomes: list[Outcome[str, LLMError]] = []

        async def go(scope: anyio.CancelScope) -> None:
            with scope:
                outcomes.append(await run(ONCE(saying.op), context))

        leader = anyio.CancelScope()
        async with anyio.create_task_group() as group:
            group.start_soon(go, leader)
            await anyio.wait_all_tasks_blocked()
            for _ in range(20):
                group.start_soon(go, anyio.CancelScope())
            await clock.advance(1)
            leader.cancel()
            await clock.advance(5)
    assert outcomes == [Success("answer")] * 20
    assert saying.runs == 2


@pytest.mark.parametrize("own", [RequestTimedOut("", 5, "total"), BudgetExceeded(1.0, 1.0)])
async def test_what_the_leader_lacked_the_others_may_have(own: LLMError) -> None:
    saying = Saying([own, "answer"], takes_s=5)
    async with scripted({}) as context:
        outcomes = await at_once(context, [ONCE(saying.op)] * 5)
    assert sorted(outcomes, key=repr) == [Failure(own), *[Success("answer")] * 4]
    assert saying.runs == 2


async def test_who_waits_keeps_a_deadline_of_their_own() -> None:
    saying = Saying(["answer"], takes_s=5)
    async with scripted({}) as context:
        patient, hasty = await at_once(context, [ONCE(saying.op), deadline(2)(ONCE(saying.op))])
    assert (patient, hasty) == (Success("answer"), Failure(RequestTimedOut("", 2, "total")))


async def test_only_the_leader_pays() -> None:
    async with scripted({"gpt": [Pause(5, "It scatters.")]}) as context:
        ops = [generate(LLMRequest(prompt="Why is the sky blue?"))] * 4
        responses = [outcome.unwrap() for outcome in await at_once(context, ops)]
        assert all(isinstance(each, LLMResponse) for each in responses)
        assert [each.content for each in responses] == ["It scatters."] * 4
        assert sorted(each.metadata.cached for each in responses) == [False, True, True, True]
        assert [len(each.metadata.attempts) for each in responses].count(1) == 1
        assert context.metrics.snapshot().totals.requests == 4
