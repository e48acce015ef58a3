"""Staying within what a provider allows in a minute."""

from __future__ import annotations

import pytest

from llm_manager import (
    CircuitOpen,
    LimiterSettings,
    LLMConfig,
    LLMResponse,
    RateLimitExceeded,
    Usage,
    deadline,
    rate_limit,
    run,
    succeed,
)
from llm_manager.testing import scripted
from tests.combinators.saying import Saying

pytestmark = pytest.mark.anyio

LIMITED = LLMConfig(rate_limit=LimiterSettings(requests_per_minute=60, tokens_per_minute=600))


async def test_a_rate_limit_waits_its_turn() -> None:
    async with scripted({}, config=LIMITED) as context:
        for _ in range(61):
            await run(rate_limit("k")(Saying(["x"]).op), context)
        assert context.clock.monotonic() == pytest.approx(1.0)


async def test_an_answer_with_usage_settles_the_estimate() -> None:
    answer = LLMResponse(content="x", model="m", usage=Usage(total_tokens=10))
    async with scripted({}, config=LIMITED) as context:
        for _ in range(2):
            await run(rate_limit("k", 500)(succeed(answer)), context)
        assert context.clock.monotonic() == 0.0


async def test_a_rate_limit_that_would_outlast_the_deadline_fails_at_once() -> None:
    async with scripted({}, config=LIMITED) as context:
        await run(rate_limit("k", 600)(Saying(["x"]).op), context)
        outcome = await run(deadline(5)(rate_limit("k", 600, model="gpt")(Saying(["x"]).op)), context)
        assert outcome.failure() == RateLimitExceeded(
            "gpt", 60.0, "our own limit: the queue is longer than the wait allowed"
        )
        assert context.clock.monotonic() == 0.0


async def test_what_never_left_is_given_back_to_the_limiter() -> None:
    async with scripted({}, config=LIMITED) as context:
        await run(rate_limit("k", 600)(Saying([CircuitOpen("m")]).op), context)
        await run(rate_limit("k", 600)(Saying(["x"]).op), context)
        assert context.clock.monotonic() == 0.0
