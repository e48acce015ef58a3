"""Doing it again: when, how often, and after what pauses."""

from __future__ import annotations

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    CircuitOpen,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    NetworkError,
    RateLimitExceeded,
    RetrySettings,
    ServerError,
    deadline,
    default_schedule,
    exponential,
    provide,
    recurs,
    retry,
    retry_after,
    run,
    spaced,
    through,
    transient_only,
)
from llm_manager.domain.events import RetryScheduled
from llm_manager.effect.schedule import both, choose
from llm_manager.testing import scripted
from tests.combinators.saying import Listener, Saying, took

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
INVALID = InvalidRequest(())
LAYER = scripted({})


async def test_retry_runs_again_while_its_schedule_says() -> None:
    saying = Saying([BUSY, BUSY, "done"])
    assert await took(retry(spaced(2))(saying.op)) == (Success("done"), 4.0)


async def test_retry_of_no_times_is_the_operation_itself() -> None:
    saying = Saying([BUSY])
    assert await took(retry(recurs(0))(saying.op)) == (Failure(BUSY), 0.0)
    assert saying.runs == 1


async def test_retry_answers_with_the_last_failure() -> None:
    saying = Saying([BUSY, ServerError("gpt", 500)])
    assert (await took(retry(recurs(1))(saying.op)))[0] == Failure(ServerError("gpt", 500))


async def test_retry_waits_as_long_as_the_vendor_asked_and_a_tenth_longer_at_most() -> None:
    saying = Saying([RateLimitExceeded("gpt", 10.0), "done"])
    outcome, waited_s = await took(retry(retry_after)(saying.op))
    assert outcome == Success("done")
    assert 10.0 <= waited_s <= 11.0


async def test_retry_does_not_wait_longer_than_a_minute_for_a_vendor() -> None:
    saying = Saying([RateLimitExceeded("gpt", 3600.0), "done"])
    assert await took(retry(retry_after)(saying.op)) == (Failure(RateLimitExceeded("gpt", 3600.0)), 0.0)


async def test_retry_of_what_is_not_transient_does_not_happen() -> None:
    saying = Saying([INVALID, "done"])
    assert await took(retry(both(recurs(3), transient_only))(saying.op)) == (Failure(INVALID), 0.0)


async def test_retry_does_not_begin_what_could_not_end_before_the_deadline() -> None:
    saying = Saying([BUSY, "done"])
    assert await took(through(saying.op, retry(spaced(5)), deadline(4))) == (Failure(BUSY), 0.0)


async def test_retry_stops_when_its_budget_is_spent() -> None:
    async with LAYER as context:
        outcomes = [await run(retry(recurs(3), budget="k")(Saying([BUSY]).op), context) for _ in range(5)]
        spent = Saying([BUSY, "done"])
        assert await run(retry(recurs(3), budget="k")(spent.op), context) == Failure(BUSY)
    assert all(isinstance(outcome, Failure) for outcome in outcomes)
    assert spent.runs == 1


@pytest.mark.parametrize(
    ("errors", "keys", "runs"),
    [
        ([BUSY, BUSY, BUSY, BUSY, BUSY], 1, 4),
        ([INVALID], 1, 1),
        ([NetworkError("m", cause="dns"), NetworkError("m", cause="dns")], 1, 2),
        ([MalformedResponse("m", "empty"), MalformedResponse("m", "empty")], 1, 2),
        ([NetworkError("m", ambiguous=True)], 1, 1),
        ([AuthenticationFailed("m"), AuthenticationFailed("m"), AuthenticationFailed("m")], 2, 2),
        ([CircuitOpen("m")], 1, 1),
    ],
)
async def test_the_default_schedule_follows_the_fault_matrix(errors: list[LLMError], keys: int, runs: int) -> None:
    saying = Saying(errors)
    await took(retry(default_schedule(RetrySettings(), keys))(saying.op))
    assert saying.runs == runs


async def test_a_refused_key_is_replaced_without_waiting() -> None:
    saying = Saying([AuthenticationFailed("m"), "done"])
    assert await took(retry(default_schedule(RetrySettings(), keys=2))(saying.op)) == (Success("done"), 0.0)


async def test_an_ambiguous_failure_is_repeated_only_by_opt_in() -> None:
    saying = Saying([NetworkError("m", ambiguous=True), "done"])
    assert (await took(retry(default_schedule(RetrySettings(ambiguous=True)))(saying.op)))[0] == Success("done")


async def test_a_choice_of_schedules_counts_each_branch_apart() -> None:
    def is_busy(error: LLMError) -> bool:
        return error == BUSY

    saying = Saying([BUSY, INVALID, BUSY, INVALID])
    await took(retry(choose(is_busy, recurs(1), recurs(1)))(saying.op))
    assert saying.runs == 3


async def test_a_retry_tells_when_it_will_be() -> None:
    listener = Listener()
    await provide(retry(exponential(1))(Saying([BUSY, "x"]).op), scripted({}, observer=listener))
    assert listener.events == [RetryScheduled(at_s=0.0, model="gpt", delay_s=1.0, error=BUSY)]
