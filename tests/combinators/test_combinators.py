"""Each combinator on its own, on operations that do nothing but what is being tested."""

from __future__ import annotations

from dataclasses import replace
from typing import Never

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    AuthenticationFailed,
    CircuitOpen,
    ComputedCost,
    Context,
    Effect,
    InvalidRequest,
    LimiterSettings,
    LLMConfig,
    LLMError,
    LLMResponse,
    MalformedResponse,
    NetworkError,
    Op,
    Outcome,
    RateLimitExceeded,
    RequestTimedOut,
    RetrySettings,
    ServerError,
    StoreUnavailable,
    Usage,
    cached,
    circuit_breaker,
    deadline,
    default_schedule,
    effect,
    exponential,
    fallback,
    fallback_on,
    observed,
    pipe,
    provide,
    rate_limit,
    recover,
    recurs,
    replacing,
    retry,
    retry_after,
    run,
    spaced,
    succeed,
    through,
    timeout,
    transient_only,
)
from llm_manager.domain.events import Event, RetryScheduled, SpanFinished
from llm_manager.effect.schedule import both, choose
from llm_manager.ports import Cached
from llm_manager.testing import scripted
from tests.combinators.saying import Saying, took

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
INVALID = InvalidRequest(())
LAYER = scripted({})


def now() -> Op[float]:
    async def reading(context: Context) -> Outcome[float, LLMError]:
        return Success(context.clock.monotonic())

    return effect(reading)


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


async def test_a_timeout_cancels_and_says_what_ran_out() -> None:
    slow = Saying(["late"], takes_s=10)
    assert await took(timeout(3, model="gpt")(slow.op)) == (Failure(RequestTimedOut("gpt", 3)), 3.0)
    assert await took(timeout(30)(slow.op)) == (Success("late"), 10.0)


@pytest.mark.parametrize(("outer", "inner"), [(2, 5), (5, 2)])
async def test_nested_timeouts_are_their_minimum(outer: float, inner: float) -> None:
    slow = Saying(["late"], takes_s=10)
    assert (await took(timeout(outer)(timeout(inner)(slow.op))))[1] == 2.0


async def test_a_timeout_never_outlasts_the_deadline() -> None:
    slow = Saying(["late"], takes_s=10)
    outcome, at_s = await took(deadline(4)(timeout(9)(slow.op)))
    assert isinstance(outcome.failure(), RequestTimedOut)
    assert at_s == 4.0


async def test_a_deadline_bounds_retries_and_their_pauses() -> None:
    slow = Saying([BUSY], takes_s=3)
    outcome, at_s = await took(through(slow.op, retry(spaced(1)), deadline(10)))
    assert outcome == Failure(RequestTimedOut("", 10))
    assert at_s == 10.0


async def test_an_outer_deadline_that_is_sooner_stands() -> None:
    slow = Saying(["late"], takes_s=10)
    assert (await took(deadline(2)(deadline(5)(slow.op))))[1] == 2.0


async def test_after_the_deadline_nothing_begins() -> None:
    async with LAYER as context:
        late = replace(context, deadline_s=context.clock.monotonic())
        saying = Saying(["x"])
        assert isinstance((await run(timeout(1)(saying.op), late)).failure(), RequestTimedOut)
        assert saying.runs == 0


async def test_fallback_asks_the_next_one_after_what_it_may_answer_differently() -> None:
    assert (await took(fallback(Saying(["second"]).op)(Saying([BUSY]).op)))[0] == Success("second")


async def test_fallback_does_not_ask_another_about_an_invalid_request() -> None:
    second = Saying(["second"])
    assert (await took(fallback(second.op)(Saying([INVALID]).op)))[0] == Failure(INVALID)
    assert second.runs == 0


async def test_when_all_fail_each_failure_is_told_in_order_nested_ones_too() -> None:
    other = ServerError("claude", 500)
    nested = fallback(Saying([other]).op)(Saying([BUSY]).op)
    outcome, _ = await took(fallback(nested)(Saying([ServerError("llama", 500)]).op))
    assert outcome == Failure(AllModelsFailed((("llama", ServerError("llama", 500)), ("gpt", BUSY), ("claude", other))))


async def test_fallback_on_asks_when_its_predicate_says() -> None:
    def is_invalid(error: LLMError) -> bool:
        return error == INVALID

    assert (await took(fallback_on(is_invalid, Saying(["x"]).op)(Saying([INVALID]).op)))[0] == Success("x")
    assert (await took(fallback_on(is_invalid, Saying(["x"]).op)(Saying([BUSY]).op)))[0] == Failure(BUSY)


async def test_recover_takes_one_error_out_of_the_union() -> None:
    def by_its_status(error: ServerError) -> Effect[str, Never, Context]:
        return succeed(f"status {error.status_code}")

    narrowed = pipe(Saying([BUSY]).op, recover(ServerError, by_its_status))
    assert await provide(narrowed, LAYER) == Success("status 503")


async def test_a_breaker_opens_and_sends_nothing_then() -> None:
    saying = Saying([BUSY])
    async with LAYER as context:
        for _ in range(5):
            await run(circuit_breaker("k")(saying.op), context)
        outcome = await run(circuit_breaker("k", model="gpt")(saying.op), context)
    assert outcome == Failure(CircuitOpen("gpt", 60.0))
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
        await context.clock.sleep(61)
        for _ in range(5):
            await run(guarded(Saying([RateLimitExceeded("m", 1.0)]).op), context)
        assert (await context.breakers.state("k", context.clock.monotonic()))[0] == "half-open"


async def test_a_cancelled_probe_gives_its_lease_back() -> None:
    async with LAYER as context:
        guarded = circuit_breaker("k")
        for _ in range(5):
            await run(guarded(Saying([BUSY]).op), context)
        await context.clock.sleep(61)
        probe = timeout(1)(guarded(Saying(["late"], takes_s=10).op))
        assert isinstance((await run(probe, context)).failure(), RequestTimedOut)
        assert await run(guarded(Saying(["ok"]).op), context) == Success("ok")


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


async def test_a_cached_value_is_not_asked_for_twice_until_its_time_is_over() -> None:
    saying = Saying(["one", "two"])
    async with LAYER as context:
        op = cached("k", 10)(saying.op)
        assert [(await run(op, context)).unwrap() for _ in range(2)] == ["one", "one"]
        await context.clock.sleep(10)
        assert (await run(op, context)).unwrap() == "two"


async def test_a_failure_and_what_is_not_to_be_kept_are_not_cached() -> None:
    async with LAYER as context:
        saying = Saying([BUSY, "one", "two"])
        op = cached("k", 10, keep=lambda value: value != "one")(saying.op)
        assert [await run(op, context) for _ in range(3)] == [Failure(BUSY), Success("one"), Success("two")]


async def test_a_cached_response_says_so_and_costs_nothing() -> None:
    response = LLMResponse(content="x", model="m", usage=Usage(cost=ComputedCost(1.0)))
    async with LAYER as context:
        op = cached("k", 10)(succeed(response))
        await run(op, context)
        again = (await run(op, context)).unwrap()
    assert isinstance(again, LLMResponse)
    assert again.metadata.cached
    assert again.usage.cost == ComputedCost(0.0)


class Away:
    """A cache that cannot be reached."""

    async def get(self, _key: str, _now_s: float, /) -> Outcome[Cached | None, StoreUnavailable]:
        return Failure(StoreUnavailable("away"))

    async def put(self, _key: str, _value: object, _now_s: float, _ttl_s: float, /) -> Outcome[None, StoreUnavailable]:
        return Failure(StoreUnavailable("away"))

    async def status(self) -> Outcome[object, StoreUnavailable]:
        return Failure(StoreUnavailable("away"))


async def test_a_cache_that_is_away_is_a_miss_and_not_a_failure() -> None:
    layer = LAYER | replacing(cache=Away())  # type: ignore[arg-type]  # its status is never asked for
    assert await provide(cached("k", 10)(Saying(["x"]).op), layer) == Success("x")


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)


async def test_an_observed_piece_tells_its_name_its_time_and_its_error() -> None:
    listener = Listener()
    await provide(observed("mine")(Saying([BUSY], takes_s=2).op), scripted({}, observer=listener))
    await provide(observed("good")(Saying(["x"]).op), scripted({}, observer=listener))
    assert listener.events == [
        SpanFinished(at_s=2.0, name="mine", latency_ms=2000.0, error=BUSY),
        SpanFinished(at_s=0.0, name="good", latency_ms=0.0, error=None),
    ]


async def test_a_retry_tells_when_it_will_be() -> None:
    listener = Listener()
    await provide(retry(exponential(1))(Saying([BUSY, "x"]).op), scripted({}, observer=listener))
    assert listener.events == [RetryScheduled(at_s=0.0, model="gpt", delay_s=1.0, error=BUSY)]


async def test_through_puts_the_first_policy_innermost() -> None:
    saying = Saying([BUSY, BUSY, BUSY, "done"])
    op = through(saying.op, retry(recurs(1)), retry(recurs(1)))
    assert (await took(op))[0] == Success("done")
    assert await provide(now(), LAYER) == Success(0.0)
