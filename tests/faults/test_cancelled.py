"""The caller cancels: that passes through untouched, and leaves neither a mark nor anything held."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from returns.result import Failure

from llm_manager import BreakerSettings, Context, StreamBroken, collect, generate, generate_stream, run
from llm_manager.testing.simulator import Fault, Reply, Say, Simulator, Status
from tests.faults.places import MODEL, Place, replying
from tests.faults.rows import FaultRow, Way
from tests.faults.watched import ASK, Counter, breaker_is_open, configured, once, opened

pytestmark = pytest.mark.anyio

ALONE = replace(ASK, preferences=replace(ASK.preferences, fallback="none"))
ROW = FaultRow("cancelled", replying(), StreamBroken(MODEL), "n", "n", "n", "-")
MOMENTS: list[tuple[Way, Reply]] = [
    ("whole", Fault("hang")),
    ("whole", Fault("drip")),
    ("stream", Fault("hang")),
    ("stream", Fault("idle_stream")),
]


async def asked(context: Context, way: Way) -> str:
    """What the model says."""
    if way == "whole":
        return (await run(generate(ALONE), context)).unwrap().content
    return (await collect((await run(generate_stream(ALONE), context)).unwrap())).unwrap().content


@pytest.mark.parametrize(
    ("way", "reply"), MOMENTS, ids=["before its head", "in its body", "stream before its head", "stream in its middle"]
)
async def test_a_cancelled_call_is_sent_once_and_leaves_no_mark_on_breaker_or_key(way: Way, reply: Reply) -> None:
    """With one key for one call at a time, and a breaker whose only probe it was."""
    async with Simulator() as simulator:
        place = Place(f"{simulator.url}/v1")
        config = once(configured(ROW, place, simulator.url, allowed=True))
        one = replace(config, http=replace(config.http, max_connections=1))
        one = replace(one, circuit_breaker=BreakerSettings(failure_threshold=1, success_threshold=1))
        async with opened(place, one, Counter()) as context:
            simulator.script(MODEL, [Status(500), reply, Say("back")])
            assert isinstance(await run(generate(ALONE), context), Failure)
            await context.clock.sleep(61.0)
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as group:
                    group.start_soon(asked, context, way)
                    while len(simulator.received) < 2:
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()
            assert scope.cancelled_caught
            assert await asked(context, way) == "back"
            assert not await breaker_is_open(context)
            assert len(simulator.received) == 3
