"""A piece of a pipeline tells how it went, and policies go around an operation in their order."""

from __future__ import annotations

import pytest
from returns.result import Success

from llm_manager import (
    Context,
    LLMError,
    Op,
    Outcome,
    ServerError,
    effect,
    observed,
    provide,
    recurs,
    retry,
    through,
)
from llm_manager.domain.events import SpanFinished, SpanStarted
from llm_manager.testing import scripted
from tests.combinators.saying import Listener, Saying, later, took

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
LAYER = scripted({})


def now() -> Op[float]:
    async def reading(context: Context) -> Outcome[float, LLMError]:
        return Success(context.clock.monotonic())

    return effect(reading)


async def test_an_observed_piece_tells_its_name_its_time_and_its_error() -> None:
    listener = Listener()
    await provide(observed("mine")(Saying([BUSY], takes_s=2).op), scripted({}, observer=listener))
    await provide(observed("good")(Saying(["x"]).op), scripted({}, observer=listener))
    [mine, _, good, _] = (event.run for event in listener.events if isinstance(event, SpanStarted | SpanFinished))
    assert listener.events == [
        SpanStarted(at_s=0.0, name="mine", run=mine),
        SpanFinished(at_s=2.0, name="mine", latency_ms=2000.0, error=BUSY, run=mine),
        SpanStarted(at_s=0.0, name="good", run=good),
        SpanFinished(at_s=0.0, name="good", latency_ms=0.0, error=None, run=good),
    ]


async def test_through_puts_the_first_policy_innermost() -> None:
    saying = Saying([BUSY, BUSY, BUSY, "done"])
    op = through(saying.op, retry(recurs(1)), retry(recurs(1)))
    assert (await took(op))[0] == Success("done")
    assert await provide(now(), LAYER) == Success(0.0)


async def test_what_came_before_is_no_part_of_an_observed_pieces_time() -> None:
    listener = Listener()
    async with scripted({}, observer=listener) as context:
        await later(context, observed("mine")(Saying(["x"], takes_s=2).op), 5)
    [begun, ended] = listener.events
    assert isinstance(begun, SpanStarted)
    assert ended == SpanFinished(at_s=7.0, name="mine", latency_ms=2000.0, error=None, run=begun.run)
