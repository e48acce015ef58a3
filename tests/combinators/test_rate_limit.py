"""Staying within what a provider allows in a minute."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    CircuitOpen,
    LimiterSettings,
    LLMConfig,
    LLMResponse,
    RateLimitExceeded,
    ServerError,
    Usage,
    deadline,
    rate_limit,
    run,
    succeed,
)
from llm_manager.testing import scripted
from tests.combinators.saying import Saying, later

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
            "gpt", 60.0, "the queue is longer than the wait allowed", local=True
        )
        assert context.clock.monotonic() == 0.0


async def test_what_never_left_is_given_back_to_the_limiter() -> None:
    async with scripted({}, config=LIMITED) as context:
        await run(rate_limit("k", 600)(Saying([CircuitOpen("m")]).op), context)
        await run(rate_limit("k", 600)(Saying(["x"]).op), context)
        assert context.clock.monotonic() == 0.0


async def test_without_an_estimate_no_tokens_are_taken() -> None:
    config = LLMConfig(rate_limit=LimiterSettings(tokens_per_minute=1))
    async with scripted({}, config=config) as context:
        for _ in range(3):
            await run(rate_limit("k")(Saying(["x"]).op), context)
        assert context.clock.monotonic() == 0.0


async def test_what_is_left_until_the_deadline_is_all_that_a_request_waits_for_room() -> None:
    async with scripted({}, config=LIMITED) as context:
        await later(context, rate_limit("k", 600)(Saying(["x"]).op), 20)
        at_last = replace(context, deadline_s=50.0)
        refused = RateLimitExceeded("k", 40.0, "the queue is longer than the wait allowed", local=True)
        assert await run(rate_limit("k", 400)(Saying(["x"]).op), at_last) == Failure(refused)
        assert await later(at_last, rate_limit("k", 300)(Saying(["x"]).op), 0) == (Success("x"), 50.0)


async def test_no_request_waits_longer_than_is_configured() -> None:
    impatient = LLMConfig(rate_limit=LimiterSettings(tokens_per_minute=600, max_wait_s=10.0))
    async with scripted({}, config=impatient) as context:
        await run(rate_limit("k", 600)(Saying(["x"]).op), context)
        outcome = await run(deadline(99)(rate_limit("k", 101)(Saying(["x"]).op)), context)
        assert isinstance(outcome.failure(), RateLimitExceeded)
        assert await later(context, deadline(99)(rate_limit("k", 100)(Saying(["x"]).op)), 0) == (Success("x"), 10.0)


async def test_an_answer_without_usage_and_a_failure_that_was_sent_keep_their_estimate() -> None:
    async with scripted({}, config=LIMITED) as context:
        await run(rate_limit("k", 300)(Saying(["x"]).op), context)
        await run(rate_limit("k", 300)(Saying([ServerError("m", 500)]).op), context)
        assert await later(context, rate_limit("k", 10)(Saying(["x"]).op), 0) == (Success("x"), 1.0)
