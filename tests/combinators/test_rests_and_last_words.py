"""Time that is up: what a retry waits for, and what is still told at a deadline."""

from __future__ import annotations

import pytest
from returns.result import Failure, Success

from llm_manager import (
    BreakerSettings,
    LLMConfig,
    LLMError,
    RateLimitExceeded,
    RequestTimedOut,
    RetrySettings,
    ServerError,
    circuit_breaker,
    deadline,
    default_schedule,
    run,
    timeout,
)
from llm_manager.combinators.circuit_breaker import breaker_gate
from llm_manager.domain.errors import TimeoutPhase
from llm_manager.effect.gate import gated
from llm_manager.effect.schedule import Continue, Done
from llm_manager.testing import scripted
from tests.combinators.saying import Saying, took

pytestmark = pytest.mark.anyio

PHASES: tuple[TimeoutPhase, ...] = ("total", "attempt")


async def test_what_heeds_the_deadline_ends_at_it_and_says_who_did_not_answer() -> None:
    slow = Saying(["late"], takes_s=60)
    named = deadline(4, grace_s=0.5)(timeout(9, model="gpt")(slow.op))
    assert await took(named) == (Failure(RequestTimedOut("gpt", 4.0)), 4.0)


async def test_what_does_not_heed_the_deadline_is_cut_off_when_its_grace_is_over() -> None:
    slow = Saying(["late"], takes_s=60)
    assert await took(deadline(4, grace_s=0.5)(slow.op)) == (Failure(RequestTimedOut("", 4)), 4.5)


async def test_a_deadline_without_time_lets_nothing_begin() -> None:
    saying = Saying(["x"])
    outcome, _ = await took(deadline(0, grace_s=0.5)(saying.op))
    assert outcome == Failure(RequestTimedOut("", 0, message="the deadline had passed before it began"))
    assert saying.runs == 0


async def test_a_deadline_of_the_caller_says_nothing_of_the_target_and_the_limit_of_an_attempt_does() -> None:
    async with scripted({}, config=LLMConfig(circuit_breaker=BreakerSettings(failure_threshold=1))) as context:
        states: list[str] = []
        for phase in PHASES:
            await run(circuit_breaker("k")(Saying([RequestTimedOut("gpt", 1, phase)]).op), context)
            states.append((await context.breakers.state("k", 0.0))[0])
    assert states == ["closed", "open"]


def _never(_: LLMError) -> bool:
    return False


def _always(_: LLMError) -> bool:
    return True


async def test_who_runs_a_breaker_may_say_which_failures_are_the_target_s_own() -> None:
    async with scripted({}, config=LLMConfig(circuit_breaker=BreakerSettings(failure_threshold=1))) as context:
        states: list[str] = []
        for is_own in (_never, _always):
            gate = breaker_gate("k", counts=is_own)
            await run(gated(gate)(Saying([ServerError("gpt", 503)]).op), context)
            states.append((await context.breakers.state("k", 0.0))[0])
    assert states == ["closed", "open"]


async def test_half_a_second_is_time_enough_to_begin() -> None:
    assert await took(deadline(0.5)(Saying(["quick"]).op)) == (Success("quick"), 0.0)


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        (RateLimitExceeded("m", 8.0), 8.4),
        (RateLimitExceeded("m", 60.0), 63.0),
        (ServerError("m", 503, retry_after_s=8.0), 8.4),
        (RateLimitExceeded("m"), 0.0),
        (ServerError("m", 503), 0.0),
    ],
    ids=["as long as was asked, and a little", "up to a minute", "by a server too", "no time", "nor by a server"],
)
def test_a_retry_waits_as_long_as_was_asked_and_half_of_a_tenth_by_this_chance(error: LLMError, pause_s: float) -> None:
    """The backoff is too short to be seen: what is left is what the error asks for."""
    drive = default_schedule(RetrySettings(base_s=1e-12, cap_s=1e-12)).driver()
    decision = drive(0.0, Half(), error)
    assert isinstance(decision, Continue)
    assert decision.delay_s == pytest.approx(pause_s, abs=1e-9)


def test_more_than_a_minute_is_not_waited_for() -> None:
    assert default_schedule(RetrySettings()).driver()(0.0, Half(), RateLimitExceeded("m", 60.1)) == Done()


class Half:
    """The chance that is always a half."""

    def random(self) -> float:
        return 0.5
