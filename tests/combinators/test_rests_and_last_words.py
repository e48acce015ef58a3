"""Time that is up: what a retry waits for although nobody said so, and what is still told at a deadline."""

from __future__ import annotations

from functools import partial

import pytest
from returns.result import Failure, Success

from llm_manager import (
    BreakerSettings,
    LLMConfig,
    RateLimitExceeded,
    RequestTimedOut,
    RetrySettings,
    circuit_breaker,
    deadline,
    default_schedule,
    retry,
    run,
    timeout,
)
from llm_manager.testing import scripted
from tests.combinators.saying import Saying, took

pytestmark = pytest.mark.anyio


async def test_after_a_rate_limit_without_a_time_no_retry_is_sooner_than_its_key_has_rested() -> None:
    saying = Saying([RateLimitExceeded("m"), "done"])
    schedule = default_schedule(RetrySettings(base_s=0.001), rest_s=5.0)
    assert await took(retry(schedule)(saying.op)) == (Success("done"), 5.0)


async def test_what_heeds_the_deadline_ends_at_it_and_says_who_did_not_answer() -> None:
    slow = Saying(["late"], takes_s=60)
    named = deadline(4, grace_s=0.5)(timeout(9, model="gpt")(slow.op))
    assert await took(named) == (Failure(RequestTimedOut("gpt", 4.0)), 4.0)


async def test_what_does_not_heed_the_deadline_is_cut_off_when_its_grace_is_over() -> None:
    slow = Saying(["late"], takes_s=60)
    assert await took(deadline(4, grace_s=0.5)(slow.op)) == (Failure(RequestTimedOut("", 4)), 4.5)


@pytest.mark.parametrize("seconds", [0.0, -1.0])
async def test_a_deadline_that_has_passed_lets_nothing_begin(seconds: float) -> None:
    saying = Saying(["x"])
    outcome, _ = await took(deadline(seconds, grace_s=0.5)(saying.op))
    assert outcome == Failure(RequestTimedOut("", seconds, message="the deadline had passed before it began"))
    assert saying.runs == 0


async def test_a_failure_in_which_the_target_had_no_part_speaks_against_nobody() -> None:
    async with scripted({}, config=LLMConfig(circuit_breaker=BreakerSettings(failure_threshold=1))) as context:
        states: list[str] = []
        for was_asked in (False, True):
            guarded = circuit_breaker("k", was_asked=partial(bool, was_asked))
            await run(guarded(Saying([RequestTimedOut("gpt", 1)]).op), context)
            states.append((await context.breakers.state("k", 0.0))[0])
    assert states == ["closed", "open"]
