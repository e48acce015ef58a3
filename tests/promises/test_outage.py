"""A total outage is not made worse by those who suffer from it."""

from __future__ import annotations

import anyio
import pytest
from returns.result import Failure

from llm_manager import (
    BreakerSettings,
    LLMConfig,
    LLMRequest,
    Preferences,
    ServerError,
    generate,
    run,
)
from llm_manager.testing import ScriptedProvider, scripted

pytestmark = pytest.mark.anyio

CALLS, A_SECOND = 1_000, 10


@pytest.mark.parametrize(("breaker", "most"), [(False, 1.05), (True, 0.05)])
async def test_retries_add_at_most_a_twentieth_and_the_breaker_takes_most_of_the_rest_away(
    breaker: bool, most: float
) -> None:
    config = LLMConfig(circuit_breaker=BreakerSettings(enabled=breaker))
    async with scripted({"gpt": [ServerError("gpt", 503)] * 4 * CALLS}, config=config) as context:
        provider = context.providers["custom"]
        failed = 0

        async def ask(number: int) -> None:
            nonlocal failed
            await context.clock.sleep(number / A_SECOND)
            request = LLMRequest(prompt=f"question {number}", preferences=Preferences(model="gpt"))
            outcome = await run(generate(request), context)
            failed += isinstance(outcome, Failure)

        async with anyio.create_task_group() as group:
            for number in range(CALLS):
                group.start_soon(ask, number)
        assert failed == CALLS
        assert isinstance(provider, ScriptedProvider)
        assert len(provider.received) <= most * CALLS
