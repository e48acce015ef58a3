"""Leaving alone what is broken."""

from __future__ import annotations

import pytest
from returns.result import Failure, Success

from llm_manager import (
    CircuitOpen,
    InvalidRequest,
    RateLimitExceeded,
    RequestTimedOut,
    ServerError,
    circuit_breaker,
    run,
    timeout,
)
from llm_manager.testing import scripted
from tests.combinators.saying import Saying

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
INVALID = InvalidRequest(())
LAYER = scripted({})


async def test_a_breaker_opens_and_sends_nothing_then() -> None:
    saying = Saying([BUSY])
    async with LAYER as context:
        for _ in range(5):
            await run(circuit_breaker("k")(saying.op), context)
        outcome = await run(circuit_breaker("k", model="gpt")(saying.op), context)
    assert outcome == Failure(CircuitOpen("gpt", 60.0))
    assert saying.runs == 5


async def test_an_error_that_is_not_about_the_target_says_neither_good_nor_bad_of_it() -> None:
    async with LAYER as context:
        guarded = circuit_breaker("k")
        for _ in range(4):
            await run(guarded(Saying([BUSY]).op), context)
        await run(guarded(Saying([INVALID]).op), context)
        assert (await context.breakers.state("k", 0.0))[0] == "closed"
        await run(guarded(Saying([BUSY]).op), context)
        assert (await context.breakers.state("k", 0.0))[0] == "open"


async def test_a_probe_that_finds_no_key_does_not_close_the_circuit() -> None:
    async with LAYER as context:
        guarded = circuit_breaker("k")
        for _ in range(5):
            await run(guarded(Saying([BUSY]).op), context)
        await context.clock.sleep(61)
        for _ in range(5):
            await run(guarded(Saying([RateLimitExceeded("m", 1.0)]).op), context)
        assert (await context.breakers.state("k", context.clock.monotonic()))[0] == "half-open"


async def test_a_cancelled_probe_gives_its_lease_back() -> None:
    async with LAYER as context:
        guarded = circuit_breaker("k")
        for _ in range(5):
            await run(guarded(Saying([BUSY]).op), context)
        await context.clock.sleep(61)
        probe = timeout(1)(guarded(Saying(["late"], takes_s=10).op))
        assert isinstance((await run(probe, context)).failure(), RequestTimedOut)
        assert await run(guarded(Saying(["ok"]).op), context) == Success("ok")
