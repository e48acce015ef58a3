"""Leaving alone what is broken."""

from __future__ import annotations

from dataclasses import replace

import anyio
import anyio.lowlevel
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
from llm_manager.ports import Breakers, Permit, Verdict
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
    assert outcome == Failure(CircuitOpen("gpt", 2.0))
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
        await context.clock.sleep(3)
        for _ in range(5):
            await run(guarded(Saying([RateLimitExceeded("m", 1.0)]).op), context)
        assert (await context.breakers.state("k", context.clock.monotonic()))[0] == "half-open"


async def test_a_cancelled_probe_gives_its_lease_back() -> None:
    async with LAYER as context:
        guarded = circuit_breaker("k")
        for _ in range(5):
            await run(guarded(Saying([BUSY]).op), context)
        await context.clock.sleep(3)
        probe = timeout(1)(guarded(Saying(["late"], takes_s=10).op))
        assert isinstance((await run(probe, context)).failure(), RequestTimedOut)
        assert await run(guarded(Saying(["ok"]).op), context) == Success("ok")


class Unhurried:
    """Breakers that take their time to remember, as a store on the network does."""

    def __init__(self, inner: Breakers) -> None:
        self._inner = inner
        self.admit = inner.admit
        self.state = inner.state

    async def record(self, permit: Permit, verdict: Verdict, now_s: float, chance: float, /) -> None:
        await anyio.lowlevel.checkpoint()
        await self._inner.record(permit, verdict, now_s, chance)


async def test_a_cancelled_probe_gives_its_lease_back_however_long_that_takes() -> None:
    async with LAYER as context:
        slow = replace(context, breakers=Unhurried(context.breakers))
        guarded = circuit_breaker("k")
        for _ in range(5):
            await run(guarded(Saying([BUSY]).op), slow)
        await slow.clock.sleep(3)
        await run(timeout(1)(guarded(Saying(["late"], takes_s=10).op)), slow)
        assert await run(guarded(Saying(["ok"]).op), slow) == Success("ok")


async def test_a_breaker_without_the_name_of_a_model_tells_its_key() -> None:
    async with LAYER as context:
        for _ in range(5):
            await run(circuit_breaker("k")(Saying([BUSY]).op), context)
        assert await run(circuit_breaker("k")(Saying(["x"]).op), context) == Failure(CircuitOpen("k", 2.0))
