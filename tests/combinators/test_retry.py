"""Doing it again: when, how often, and after what pauses."""

from __future__ import annotations

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    CircuitOpen,
    InvalidRequest,
    LLMConfig,
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
from llm_manager.combinators.retry import permitted
from llm_manager.domain.events import RetryScheduled
from llm_manager.domain.settings import RetryBudgetSettings
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


async def test_who_waits_for_a_rate_limit_or_a_circuit_spends_nothing_of_the_retry_budget() -> None:
    config = LLMConfig(retry=RetrySettings(budget=RetryBudgetSettings(capacity=1.0, per_second=0.0)))
    async with scripted({}, config=config) as context:
        patient = retry(recurs(3), budget="k")
        limited = Saying([RateLimitExceeded("gpt", 1.0), CircuitOpen("gpt", 1.0), RateLimitExceeded("gpt", 1.0), "x"])
        assert await run(patient(limited.op), context) == Success("x")
        assert await run(patient(Saying([BUSY, "x"]).op), context) == Success("x")


@pytest.mark.parametrize(
    ("errors", "keys", "runs"),
    [
        ([BUSY, BUSY, BUSY, BUSY, BUSY], 1, 4),
        ([INVALID], 1, 1),
        ([NetworkError("m", cause="dns"), NetworkError("m", cause="dns")], 1, 2),
        ([MalformedResponse("m", "empty"), MalformedResponse("m", "empty")], 1, 2),
        ([NetworkError("m", ambiguous=True)], 1, 2),
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


@pytest.mark.parametrize(("ambiguous", "runs"), [(True, 2), (False, 1)])
async def test_an_ambiguous_failure_is_repeated_once_unless_that_is_switched_off(ambiguous: bool, runs: int) -> None:
    saying = Saying([NetworkError("m", ambiguous=True)])
    await took(retry(default_schedule(RetrySettings(ambiguous=ambiguous)))(saying.op))
    assert saying.runs == runs


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


@pytest.mark.parametrize(("ends_s", "runs"), [(5.1, 2), (5.05, 1)])
async def test_a_retry_needs_a_tenth_of_a_second_before_the_deadline(ends_s: float, runs: int) -> None:
    saying = Saying([BUSY, "done"])
    await took(through(saying.op, retry(spaced(5)), deadline(ends_s)))
    assert saying.runs == runs


async def test_a_vendor_that_names_no_time_is_asked_again_at_once_and_one_that_names_a_minute_is_waited_for() -> None:
    assert await took(retry(retry_after)(Saying([BUSY, "done"]).op)) == (Success("done"), 0.0)
    outcome, waited_s = await took(retry(retry_after)(Saying([RateLimitExceeded("gpt", 60.0), "done"]).op))
    assert outcome == Success("done")
    assert 60.0 <= waited_s <= 66.0


@pytest.mark.parametrize(
    ("errors", "ambiguous", "runs"),
    [
        ([BUSY, BUSY, "done"], False, 3),
        ([NetworkError("m", cause="dns"), "done"], False, 2),
        ([NetworkError("m", cause="dns"), BUSY, NetworkError("m", cause="dns"), "done"], False, 3),
        ([NetworkError("m", ambiguous=True), "done"], False, 1),
        ([NetworkError("m", ambiguous=True), "done"], True, 2),
        ([NetworkError("m", ambiguous=True), NetworkError("m", ambiguous=True), "done"], True, 2),
        ([INVALID, "done"], True, 1),
    ],
)
async def test_what_the_fault_matrix_permits_is_done_again_at_once(
    errors: list[str | LLMError], ambiguous: bool, runs: int
) -> None:
    saying = Saying(errors)
    assert (await took(retry(permitted(ambiguous=ambiguous))(saying.op)))[1] == 0.0
    assert saying.runs == runs


async def test_a_success_earns_its_target_as_much_of_a_retry_as_is_set() -> None:
    settings = RetryBudgetSettings(capacity=1.0, per_success=0.1, per_second=0.0)
    config = LLMConfig(retry=RetrySettings(budget=settings))
    again = retry(recurs(1), budget="k")
    async with scripted({}, config=config) as context:
        await run(again(Saying([BUSY]).op), context)
        for _ in range(9):
            await run(again(Saying(["x"]).op), context)
        assert await run(again(Saying([BUSY, "x"]).op), context) == Failure(BUSY)
        await run(again(Saying(["x"]).op), context)
        assert await run(again(Saying([BUSY, "x"]).op), context) == Success("x")


async def test_the_default_schedule_backs_off_up_to_its_cap_and_counts_its_retries() -> None:
    settings = RetrySettings(max_retries=4, base_s=2.0, factor=3.0, cap_s=10.0)
    saying, listener = Saying([BUSY]), Listener()
    await provide(retry(default_schedule(settings))(saying.op), scripted({}, observer=listener))
    waits = [event.delay_s for event in listener.events if isinstance(event, RetryScheduled)]
    assert saying.runs == 5
    assert all(0 <= wait_s <= most_s for wait_s, most_s in zip(waits, (2.0, 6.0, 10.0, 10.0), strict=True))
