"""What a call has taken before it is sent is given back when it is not: money, room under a limit, keys."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BudgetExceeded,
    BudgetSettings,
    CacheSettings,
    Context,
    HttpSettings,
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
    Secret,
    generate,
    run,
    within_budget,
)
from llm_manager.adapters.limits.budget import MemoryBudget
from llm_manager.policies.targets import resolve
from llm_manager.testing import VirtualClock
from tests.promises.vendors import served_by

pytestmark = pytest.mark.anyio

CONFIG = LLMConfig(
    models={"gpt-4o": ModelSettings(prompt_usd=1.0, completion_usd=100.0)},
    keys=KeySettings(providers={"openai": (Secret("the-only-key-there-is"),)}),
    http=HttpSettings(max_connections=1),
    rate_limit=LimiterSettings(requests_per_minute=10),
    budget=BudgetSettings(limit_usd=1.0),
    cache=CacheSettings(enabled=False),
)


def question(number: int, deadline_s: float | None = None) -> LLMRequest:
    preferences = Preferences(model="gpt-4o", fallback="none", max_tokens=29)
    return LLMRequest(prompt=f"question {number}", preferences=preferences, deadline_s=deadline_s)


async def ask(context: Context, number: int, deadline_s: float | None = None) -> None:
    await run(generate(question(number, deadline_s)), context)


async def test_a_call_that_is_cancelled_while_it_waits_for_a_key_leaves_no_trace() -> None:
    layer, vendors = served_by({"openai": lambda _, __, ___: "fine"}, CONFIG, takes_s=5.0)
    async with layer as context:

        async def impatient(number: int) -> None:
            with context.clock.move_on_after(1.0):
                await ask(context, number)

        async with anyio.create_task_group() as group:
            group.start_soon(ask, context, 0)
            await context.clock.sleep(0.1)
            for number in range(1, 6):
                group.start_soon(impatient, number)
        key = resolve(context.config, "gpt-4o").unwrap().key
        for _ in range(9):
            assert isinstance(await context.limiter.acquire(key, "gpt-4o", 0.0, 0.0, context.clock), Success)
        assert context.budget is not None
        spent_usd = await context.budget.spent_usd()
        assert spent_usd == pytest.approx(0.00201), "of the one answer"
        assert isinstance(await context.budget.reserve(1.0 - spent_usd, 0.0, context.clock), Success)
        assert isinstance(await context.keys.lease("openai", "gpt-4o", 0.0, context.clock), Success)
    assert len(vendors["openai"].sent) == 1


async def test_a_call_whose_deadline_passes_while_it_waits_for_a_key_speaks_against_nobody() -> None:
    layer, vendors = served_by({"openai": lambda _, __, ___: "fine"}, CONFIG, takes_s=50.0)
    async with layer as context:
        async with anyio.create_task_group() as group:
            group.start_soon(ask, context, 0)
            await context.clock.sleep(0.1)
            for number in range(1, 8):
                group.start_soon(ask, context, number, 1.0)
        key = resolve(context.config, "gpt-4o").unwrap().key
        assert await context.breakers.state(key, context.clock.monotonic()) == ("closed", 0.0)
    assert len(vendors["openai"].sent) == 1


async def test_an_outer_budget_that_answers_late_or_never_loses_nothing_of_the_inner_one() -> None:
    clock = VirtualClock(autojump=True)
    outer = MemoryBudget(1.0)
    assert await outer.reserve(0.9, 0.0, clock) == Success(None)
    inner = MemoryBudget(0.5, outer)
    with anyio.CancelScope() as scope:

        async def cancel() -> None:
            await clock.sleep(1.0)
            scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(cancel)
            await inner.reserve(0.4, 60.0, clock)
    assert await inner.reserve(0.5, 0.0, clock) == Failure(BudgetExceeded(1.0, 0.0, reserved_usd=0.9))
    await outer.settle(0.9, 0.0)
    assert await inner.reserve(0.5, 0.0, clock) == Success(None)


async def test_money_goes_to_those_who_wait_in_the_order_of_their_arrival() -> None:
    clock, budget, served = VirtualClock(autojump=True), MemoryBudget(1.0), list[str]()
    assert await budget.reserve(0.8, 0.0, clock) == Success(None)

    async def want(name: str, usd: float) -> None:
        assert await budget.reserve(usd, 60.0, clock) == Success(None)
        served.append(name)
        await clock.sleep(1.0)
        await budget.settle(usd, 0.0)

    async with anyio.create_task_group() as group:
        for name, usd in (("most", 0.9), ("much", 0.6), ("more", 0.55)):
            group.start_soon(want, name, usd)
            await clock.sleep(0.1)
        await budget.settle(0.8, 0.0)
    assert served == ["most", "much", "more"]


async def test_more_than_is_left_is_refused_at_once_with_what_is_spent_and_what_is_reserved() -> None:
    clock, budget = VirtualClock(), MemoryBudget(1.0)
    assert await budget.reserve(0.5, 0.0, clock) == Success(None)
    await budget.settle(0.5, 0.6)
    assert await budget.reserve(0.3, 0.0, clock) == Success(None)
    assert await budget.reserve(0.5, 60.0, clock) == Failure(BudgetExceeded(1.0, 0.6, reserved_usd=0.3))


async def test_a_wait_for_money_ends_with_its_deadline() -> None:
    layer, vendors = served_by({"openai": lambda _, __, ___: "fine"}, replace(CONFIG, rate_limit=LimiterSettings()))
    async with layer as context:
        assert context.budget is not None
        assert await context.budget.reserve(0.999, 0.0, context.clock) == Success(None)
        op = within_budget(5.0)(generate(question(0, deadline_s=2.0)))
        outcomes: list[Outcome[LLMResponse, LLMError]] = []

        async def wait() -> None:
            outcomes.append(await run(op, context))

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await context.clock.sleep(3.0)
    [outcome] = outcomes
    assert isinstance(outcome, Failure)
    refused = outcome.failure()
    assert isinstance(refused, BudgetExceeded)
    assert (refused.spent_usd, refused.reserved_usd) == (0.0, 0.999)
    assert vendors["openai"].sent == []


async def test_a_refusal_of_our_own_limit_is_told_as_ours() -> None:
    narrow = replace(CONFIG, rate_limit=LimiterSettings(requests_per_minute=1, max_wait_s=0.0))
    layer, vendors = served_by({"openai": lambda _, __, ___: "fine"}, narrow)
    async with layer as context:
        await run(generate(question(0)), context)
        error = (await run(generate(question(1)), context)).failure()
    assert isinstance(error, RateLimitExceeded)
    assert error.local
    assert len(vendors["openai"].sent) == 1
