"""Enough is enough: limits on one operation, and deadlines on everything inside."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    Context,
    LLMError,
    Op,
    Outcome,
    RequestTimedOut,
    ServerError,
    deadline,
    effect,
    retry,
    run,
    spaced,
    through,
    timeout,
)
from llm_manager.testing import scripted
from tests.combinators.saying import Saying, later, took

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
LAYER = scripted({})


async def test_a_timeout_cancels_and_says_what_ran_out() -> None:
    slow = Saying(["late"], takes_s=10)
    assert await took(timeout(3, model="gpt")(slow.op)) == (Failure(RequestTimedOut("gpt", 3, "attempt")), 3.0)
    assert await took(timeout(30)(slow.op)) == (Success("late"), 10.0)


@pytest.mark.parametrize(("outer", "inner"), [(2, 5), (5, 2)])
async def test_nested_timeouts_are_their_minimum(outer: float, inner: float) -> None:
    slow = Saying(["late"], takes_s=10)
    assert (await took(timeout(outer)(timeout(inner)(slow.op))))[1] == 2.0


async def test_a_timeout_never_outlasts_the_deadline() -> None:
    slow = Saying(["late"], takes_s=10)
    outcome, at_s = await took(deadline(4)(timeout(9)(slow.op)))
    assert isinstance(outcome.failure(), RequestTimedOut)
    assert at_s == 4.0


async def test_a_deadline_bounds_retries_and_their_pauses() -> None:
    slow = Saying([BUSY], takes_s=3)
    outcome, at_s = await took(through(slow.op, retry(spaced(1)), deadline(10)))
    assert outcome == Failure(RequestTimedOut("", 10))
    assert at_s == 10.0


async def test_an_outer_deadline_that_is_sooner_stands() -> None:
    slow = Saying(["late"], takes_s=10)
    assert (await took(deadline(2)(deadline(5)(slow.op))))[1] == 2.0


async def test_after_the_deadline_nothing_begins() -> None:
    async with LAYER as context:
        late = replace(context, deadline_s=context.clock.monotonic())
        saying = Saying(["x"])
        assert isinstance((await run(timeout(1)(saying.op), late)).failure(), RequestTimedOut)
        assert saying.runs == 0


async def test_what_is_left_until_a_deadline_is_counted_from_now() -> None:
    slow = Saying(["late"], takes_s=10)
    async with LAYER as context:
        at_seven = replace(context, deadline_s=7.0)
        assert await later(at_seven, timeout(4, model="gpt")(slow.op), 5) == (Failure(RequestTimedOut("gpt", 2)), 7.0)


async def test_what_begins_after_its_deadline_says_so() -> None:
    said = "the deadline had passed before it began"
    async with LAYER as context:
        late = replace(context, deadline_s=4.0)
        for after_s in (4, 1):
            outcome, _ = await later(late, timeout(3, model="gpt")(Saying(["x"]).op), after_s)
            assert outcome == Failure(RequestTimedOut("gpt", 3, message=said))


async def test_a_deadline_is_told_to_everything_inside() -> None:
    told: list[float | None] = []

    async def looking(context: Context) -> Outcome[str, LLMError]:
        told.append(context.deadline_s)
        return Success("x")

    look: Op[str] = effect(looking)
    async with LAYER as context:
        await later(context, deadline(5)(look), 2)
        await run(deadline(5)(deadline(9)(look)), context)
        await run(deadline(9)(deadline(5)(look)), context)
    assert told == [7.0, 7.0, 7.0]
