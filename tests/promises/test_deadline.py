"""A deadline is total: no vendor can stretch it by saying something now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from returns.result import Failure

from llm_manager import (
    CacheSettings,
    Context,
    HttpSettings,
    LLMError,
    LLMRequest,
    LLMResponse,
    Outcome,
    collect,
    custom,
    generate,
    generate_stream,
    run,
)
from llm_manager.testing.simulator import Fault, Reply, Say, Simulator
from tests.adapters.chosen import CHOSEN, ENGINES
from tests.providers.checks import ASK
from tests.providers.providers import PROVIDERS

pytestmark = pytest.mark.anyio

LIMIT_S, SLACK_S = 0.2, 0.05
TRIES = 5
"""A machine that is busy wakes late; one try of these must be in time."""

SLOW: dict[str, tuple[bool, Reply]] = {
    "silence": (False, Fault("hang")),
    "a byte now and then": (False, Fault("drip", gap_s=0.02)),
    "pings": (True, Fault("pings", gap_s=0.02)),
    "a word now and then": (True, Say("word " * 100, gap_s=0.02)),
}


@pytest.fixture(params=ENGINES, ids="-".join)
def anyio_backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The loop, and the engine that goes with it."""
    loop, CHOSEN.engine = request.param
    yield loop
    CHOSEN.engine = "httpx2"


async def took_s(context: Context, *, streamed: bool) -> float:
    """How long it is until the failure is there."""
    request = replace(ASK, deadline_s=LIMIT_S)
    begun_s = time.monotonic()
    outcome = await (_streamed(request, context) if streamed else run(generate(request), context))
    assert outcome.failure().tag == "RequestTimedOut"
    return time.monotonic() - begun_s


async def _streamed(request: LLMRequest, context: Context) -> Outcome[LLMResponse, LLMError]:
    opened = await run(generate_stream(request), context)
    return opened if isinstance(opened, Failure) else await collect(opened.unwrap())


@pytest.mark.parametrize("kind", SLOW)
async def test_a_deadline_is_kept_to_fifty_milliseconds_whatever_the_vendor_does(kind: str) -> None:
    streamed, reply = SLOW[kind]
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [reply] * TRIES)
        config = PROVIDERS["OpenAI"].config(simulator.url)
        http = HttpSettings(engine=CHOSEN.engine, base_urls=config.http.base_urls)
        async with custom(replace(config, http=http, cache=CacheSettings(enabled=False))) as context:
            for _ in range(TRIES):
                spent_s = await took_s(context, streamed=streamed)
                assert spent_s >= LIMIT_S - 0.001
                if spent_s <= LIMIT_S + SLACK_S:
                    return
    pytest.fail("not one of the tries ended in time")
