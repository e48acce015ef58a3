"""Ordinary traffic is boring: a burst, one 429, a slow answer or a blip costs time, and no call.

Each figure of "Waiting is not failing" in ``docs/explanation/reliability.md`` is one of these, in virtual time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    BudgetExceeded,
    BudgetSettings,
    CacheSettings,
    CircuitOpen,
    Context,
    KeySettings,
    LimiterSettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    Outcome,
    Preferences,
    RateLimitExceeded,
    RetrySettings,
    RoutingSettings,
    Secret,
    ServerError,
    batch,
    generate,
    run,
)
from llm_manager.ports import Dispatch
from tests.promises.vendors import Answer, served_by

pytestmark = pytest.mark.anyio

Answering = Callable[[int, Dispatch, float], Answer]

ALONE = LLMConfig(
    keys=KeySettings(providers={"openai": (Secret("the-only-key-there-is"),)}), cache=CacheSettings(enabled=False)
)
TWO = replace(
    ALONE,
    keys=KeySettings(providers={"openai": (Secret("the-first-key"),), "groq": (Secret("the-second-key"),)}),
    models={"second": ModelSettings(provider="groq", model="second")},
    routing=RoutingSettings(chains={"general": ("gpt-4o", "second")}),
)


def question(number: int, max_tokens: int | None = None) -> LLMRequest:
    preferences = Preferences(model="gpt-4o", fallback="none", max_tokens=max_tokens)
    return LLMRequest(prompt=f"question {number}", preferences=preferences)


def limited(retry_after_s: float | None) -> RateLimitExceeded:
    return RateLimitExceeded("gpt-4o", retry_after_s, "slow down")


def busy() -> ServerError:
    return ServerError("gpt-4o", 503, "restarting")


def well(_number: int, _dispatch: Dispatch, _now_s: float) -> Answer:
    return "fine"


async def at_once(context: Context, requests: Sequence[LLMRequest]) -> list[Outcome[LLMResponse, LLMError]]:
    """All *requests* at the same moment; their outcomes in order."""
    outcomes: dict[int, Outcome[LLMResponse, LLMError]] = {}

    async def ask(number: int, request: LLMRequest) -> None:
        outcomes[number] = await run(generate(request), context)

    async with anyio.create_task_group() as group:
        for number, request in enumerate(requests):
            group.start_soon(ask, number, request)
    return [outcomes[number] for number in range(len(requests))]


async def fed(context: Context, count: int, concurrency: int) -> list[Outcome[LLMResponse, LLMError]]:
    """A batch of *count* questions."""
    outcomes: list[Outcome[LLMResponse, LLMError]] = []
    async with batch(map(question, range(count)), concurrency=concurrency).opened(context) as stream:
        async for _, outcome in stream:
            outcomes.append(outcome)
    return outcomes


def failures(outcomes: Sequence[Outcome[LLMResponse, LLMError]]) -> Counter[str]:
    return Counter(outcome.failure().tag for outcome in outcomes if isinstance(outcome, Failure))


async def test_a_batch_that_is_told_to_wait_a_second_now_and_then_loses_no_row() -> None:
    def now_and_then(number: int, _dispatch: Dispatch, _now_s: float) -> Answer:
        return limited(1.0) if number % 40 == 7 else "fine"

    layer, vendors = served_by({"openai": now_and_then}, ALONE)
    async with layer as context:
        outcomes = await fed(context, 200, concurrency=20)
    assert failures(outcomes) == {}
    assert len(vendors["openai"].sent) <= 200 + 8


async def test_one_rate_limit_among_fifty_calls_costs_a_second_and_no_call() -> None:
    layer, vendors = served_by({"openai": lambda number, _, __: limited(1.0) if number == 0 else "fine"}, ALONE)
    async with layer as context:
        outcomes = await at_once(context, [question(number) for number in range(50)])
        took_s = context.clock.monotonic()
    assert failures(outcomes) == {}
    assert len(vendors["openai"].sent) == 51
    assert took_s == pytest.approx(1.1, abs=0.1)


@pytest.mark.parametrize("retry_after_s", [1.0, None])
async def test_fifty_calls_that_are_each_limited_once_are_answered_a_second_later(retry_after_s: float | None) -> None:
    told: set[str] = set()

    def once_each(_number: int, dispatch: Dispatch, _now_s: float) -> Answer:
        is_new = dispatch.request.prompt not in told
        told.add(dispatch.request.prompt)
        return limited(retry_after_s) if is_new else "fine"

    layer, vendors = served_by({"openai": once_each}, ALONE)
    async with layer as context:
        outcomes = await at_once(context, [question(number) for number in range(50)])
        took_s = context.clock.monotonic()
    assert failures(outcomes) == {}
    assert (len(vendors["openai"].sent), took_s < 3.0) == (100, True)


@pytest.mark.parametrize("down_s", [0.3, 2.0, 90.0])
async def test_a_batch_goes_on_after_an_outage_of_its_only_vendor(down_s: float) -> None:
    layer, vendors = served_by({"openai": lambda _, __, now_s: busy() if now_s < down_s else "fine"}, ALONE)
    async with layer as context:
        outcomes = await fed(context, 500, concurrency=20)
    assert failures(outcomes) == {}
    assert len(vendors["openai"].sent) < 600


async def test_five_refusals_among_forty_calls_are_a_blip_and_no_outage() -> None:
    layer, vendors = served_by({"openai": lambda number, _, __: busy() if number < 5 else "fine"}, ALONE)
    async with layer as context:
        outcomes = await at_once(context, [question(number) for number in range(40)])
    assert failures(outcomes) == {}
    assert len(vendors["openai"].sent) == 45


@pytest.mark.parametrize("retry_after_s", [61.0, 3600.0])
async def test_a_feed_pauses_for_as_long_as_a_vendor_asks(retry_after_s: float) -> None:
    layer, vendors = served_by(
        {"openai": lambda number, _, __: limited(retry_after_s) if number == 10 else "fine"}, ALONE
    )
    async with layer as context:
        outcomes = await fed(context, 100, concurrency=10)
        took_s = context.clock.monotonic()
    assert failures(outcomes) == {}
    assert retry_after_s < took_s < retry_after_s + 5
    assert len(vendors["openai"].sent) == 101


async def test_a_batch_waits_for_the_limit_that_was_set_for_it() -> None:
    layer, _ = served_by({"openai": well}, replace(ALONE, rate_limit=LimiterSettings(requests_per_minute=60)))
    async with layer as context:
        outcomes = await fed(context, 300, concurrency=100)
        took_s = context.clock.monotonic()
    assert failures(outcomes) == {}
    assert took_s == pytest.approx(240, abs=2)


async def test_what_others_have_reserved_of_a_budget_is_waited_for() -> None:
    priced = ModelSettings(prompt_usd=1.0, completion_usd=100.0)
    config = replace(ALONE, models={"gpt-4o": priced}, budget=BudgetSettings(limit_usd=0.02))
    layer, vendors = served_by({"openai": well}, config)
    async with layer as context:
        requests = [question(number, max_tokens=29) for number in range(50)]  # each at most 0.003, and then 0.002
        outcomes = await at_once(context, requests)
        assert context.budget is not None
        spent_usd = await context.budget.spent_usd()
    refused = [outcome.failure() for outcome in outcomes if isinstance(outcome, Failure)]
    assert len(vendors["openai"].sent) == 9
    assert spent_usd == pytest.approx(9 * 0.00201)
    for error in refused:
        assert isinstance(error, BudgetExceeded)
        assert error.spent_usd == pytest.approx(spent_usd)
        assert error.reserved_usd == pytest.approx(0.0, abs=1e-12)


async def test_forty_calls_with_one_key_and_a_slow_vendor_are_all_answered() -> None:
    layer, _ = served_by({"openai": well}, ALONE, takes_s=30.0)
    async with layer as context:
        outcomes = await at_once(context, [question(number) for number in range(40)])
        assert context.clock.monotonic() == 30.0
    assert failures(outcomes) == {}


async def test_more_calls_than_connections_wait_for_one_as_long_as_it_takes() -> None:
    layer, _ = served_by({"openai": well}, replace(ALONE, http=replace(ALONE.http, max_connections=10)), takes_s=30.0)
    async with layer as context:
        outcomes = await at_once(context, [question(number) for number in range(100)])
        assert context.clock.monotonic() == 300.0
    assert failures(outcomes) == {}


async def chained(context: Context, count: int) -> list[tuple[str, float]]:
    """Which model answered each of *count* calls, one after the other, and how long that took."""
    answered: list[tuple[str, float]] = []
    for number in range(count):
        began_s = context.clock.monotonic()
        response = (await run(generate(LLMRequest(prompt=f"question {number}")), context)).unwrap()
        answered.append((response.model, round(context.clock.monotonic() - began_s, 3)))
    return answered


async def test_where_our_own_limit_may_not_be_waited_for_the_second_model_answers_at_once() -> None:
    limits = LimiterSettings(requests_per_minute=1, max_wait_s=0.0)
    layer, _ = served_by({"openai": well, "groq": well}, replace(TWO, rate_limit=limits))
    async with layer as context:
        assert await chained(context, 2) == [("gpt-4o", 0.05), ("second", 0.05)]


async def test_somebody_who_is_well_comes_before_a_long_wait() -> None:
    layer, vendors = served_by({"openai": lambda _, __, now_s: limited(30.0), "groq": well}, TWO)
    async with layer as context:
        assert await chained(context, 3) == [("second", 0.1), ("second", 0.05), ("second", 0.05)]
    assert len(vendors["openai"].sent) == 1


async def test_a_short_wait_is_waited_for_even_where_another_model_could_be_asked() -> None:
    layer, _ = served_by({"openai": lambda number, _, __: "fine" if number else limited(1.0), "groq": well}, TWO)
    async with layer as context:
        assert await chained(context, 1) == [("gpt-4o", 1.1)]


async def test_when_all_models_are_limited_the_first_that_may_be_asked_again_answers() -> None:
    def until(moment_s: float, model: str) -> Answering:
        return lambda _, __, now_s: "fine" if now_s >= moment_s else RateLimitExceeded(model, moment_s - now_s)

    layer, vendors = served_by({"openai": until(40.0, "gpt-4o"), "groq": until(20.0, "second")}, TWO)
    async with layer as context:
        [(model, took_s)] = await chained(context, 1)
    assert model == "second"
    assert took_s == pytest.approx(20.1, abs=0.1)
    assert [len(vendors[name].sent) for name in ("openai", "groq")] == [1, 2]


async def test_an_outage_of_the_only_provider_is_sent_a_tenth_of_a_request_a_call_at_most() -> None:
    layer, vendors = served_by({"openai": lambda _, __, now_s: busy() if now_s < 600 else "fine"}, ALONE)
    outcomes: list[Outcome[LLMResponse, LLMError]] = []
    async with layer as context:

        async def ask(number: int) -> None:
            outcomes.append(await run(generate(question(number)), context))

        async with anyio.create_task_group() as group:
            for number in range(6000):
                group.start_soon(ask, number)
                await context.clock.sleep(0.1)
    assert len(vendors["openai"].sent) <= 0.1 * 6000
    assert set(failures(outcomes)) <= {"CircuitOpen", "ServerError"}


async def test_a_service_with_one_provider_is_back_seconds_after_its_vendor() -> None:
    layer, _ = served_by({"openai": lambda _, __, now_s: busy() if now_s < 20 else "fine"}, ALONE)
    back_s: list[float] = []
    async with layer as context:

        async def ask(number: int) -> None:
            await context.clock.sleep(number / 10)
            if isinstance(await run(generate(question(number)), context), Success):
                back_s.append(context.clock.monotonic())

        async with anyio.create_task_group() as group:
            for number in range(500):
                group.start_soon(ask, number)
    assert 20 < min(back_s) < 20 + 20, "no longer in the dark than the outage took"


async def test_a_key_that_was_refused_rests_for_a_minute_and_is_tried_again() -> None:
    layer, vendors = served_by(
        {"openai": lambda number, _, __: "fine" if number else AuthenticationFailed("gpt-4o", message="try later")},
        ALONE,
    )
    async with layer as context:
        first = await run(generate(question(0)), context)
        again = await run(generate(question(1)), context)
        await context.clock.sleep(60)
        later = await run(generate(question(2)), context)
    refused = AuthenticationFailed("gpt-4o", message="try later")
    assert (first, again, later.unwrap().content) == (Failure(refused), Failure(refused), "fine")
    assert len(vendors["openai"].sent) == 2


@pytest.mark.parametrize("retry_after_s", [0.0, 0.01, 1.0, None])
async def test_a_vendor_that_limits_for_ever_is_asked_a_bounded_number_of_times(retry_after_s: float | None) -> None:
    layer, vendors = served_by({"openai": lambda _, __, ___: limited(retry_after_s)}, ALONE)
    async with layer as context:
        outcome = await run(generate(question(0)), context)
        assert context.clock.monotonic() < 400
    assert isinstance(outcome, Failure)
    assert len(vendors["openai"].sent) <= 12


async def test_an_ambiguous_failure_is_answered_by_the_next_model_or_by_one_more_request() -> None:
    lost = ServerError("gpt-4o", 504)
    for config, sent in ((TWO, 1), (ALONE, 2), (replace(ALONE, retry=RetrySettings(ambiguous=False)), 1)):
        request = LLMRequest(prompt="hi") if config is TWO else question(0)
        layer, vendors = served_by({"openai": lambda _, __, ___: lost, "groq": well}, config)
        async with layer as context:
            outcome = await run(generate(request), context)
        assert (len(vendors["openai"].sent), isinstance(outcome, Success)) == (sent, config is TWO)


async def test_an_open_circuit_says_when_it_will_be_asked_again() -> None:
    layer, _ = served_by({"openai": lambda _, __, ___: busy()}, ALONE)
    async with layer as context:
        for number in range(20):
            await run(generate(question(number)), context)
        error = (await run(generate(question(20)), context)).failure()
    assert isinstance(error, CircuitOpen)
    assert error.retry_after_s is not None
    assert 10 < error.retry_after_s <= 66
