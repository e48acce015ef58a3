"""The money that a batch at its vendor holds: until its answers are there, and not when nobody waits for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from returns.result import Success

from llm_manager import Context, Preferences, RedisSettings, batch_at_vendor, memory_journal, redis_budget
from llm_manager.adapters.limits.budget import MemoryBudget
from llm_manager.ports import Budget
from llm_manager.testing import VirtualClock
from llm_manager.testing.simulator import Course, Say, Simulator
from redis_server import RedisServer

from .vendor_batches import ASKED, OPENAI, Kept, context_for, told

pytestmark = pytest.mark.anyio

BRIEF = [replace(request, preferences=Preferences(max_tokens=100)) for request in ASKED[:2]]
LIMIT_USD = 0.01
COST_USD = 2 * (1000 * 0.5 + 100 * 2.5) / 1_000_000
NEVER = Course(("in_progress",))
ANSWERS = [Say("one", usage=(1000, 100))] * 2


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        server.script(OPENAI.model, ANSWERS)
        yield server


async def leave(context: Context, kept: Kept | None) -> None:
    """Hand the requests in, wait for a minute, and leave."""
    journal = None if kept is None else memory_journal(kept)
    stream = batch_at_vendor(BRIEF, model=OPENAI.model, journal=journal)
    async with stream.opened(context) as outcomes:
        with context.clock.move_on_after(60.0):
            await anext(outcomes)
        assert context.budget is not None
        refused = (await context.budget.reserve(LIMIT_USD, 0.0, context.clock)).failure()
        assert (refused.spent_usd, refused.reserved_usd > 0) == (0.0, True), "it is held while it is waited for"


async def free_usd(budget: Budget) -> float:
    """How much may still be spent, to a hundredth of a cent."""
    free = 0
    while isinstance(await budget.reserve(0.0001, 0.0, VirtualClock()), Success):
        free += 1
    await budget.settle(free * 0.0001, 0.0)
    return free * 0.0001


async def test_a_batch_that_is_left_holds_no_money_and_who_takes_it_up_counts_what_it_cost(
    simulator: Simulator,
) -> None:
    simulator.script_batches([Course(("in_progress",) * 12 + ("completed",))])
    budget = MemoryBudget(LIMIT_USD)
    kept: Kept = {}
    async with context_for(OPENAI, simulator) as context:
        await leave(replace(context, budget=budget), kept)
        assert await free_usd(budget) == pytest.approx(LIMIT_USD)
        await told(replace(context, budget=budget), OPENAI, BRIEF, kept=kept)
    assert await budget.spent_usd() == pytest.approx(COST_USD)
    assert len(simulator.room.batches) == 1


async def test_a_batch_that_nobody_can_take_up_counts_as_the_worst(simulator: Simulator) -> None:
    simulator.script_batches([NEVER])
    budget = MemoryBudget(LIMIT_USD)
    async with context_for(OPENAI, simulator) as context:
        await leave(replace(context, budget=budget), None)
    spent_usd = await budget.spent_usd()
    assert 0.0005 < spent_usd < 0.00075
    assert await free_usd(budget) == pytest.approx(LIMIT_USD - spent_usd, abs=0.0001)


@pytest.mark.parametrize("kept", [None, {}])
async def test_a_batch_that_takes_too_long_is_counted_as_one_that_is_left(
    simulator: Simulator, kept: Kept | None
) -> None:
    simulator.script_batches([NEVER])
    budget = MemoryBudget(LIMIT_USD)
    async with context_for(OPENAI, simulator) as context:
        journal = None if kept is None else memory_journal(kept)
        stream = batch_at_vendor(BRIEF, model=OPENAI.model, journal=journal, limit_s=600.0)
        async with stream.opened(replace(context, budget=budget)) as outcomes:
            assert [index async for index, _ in outcomes] == [0, 1]
    assert (await budget.spent_usd() > 0.0005) == (kept is None)


async def test_what_is_left_is_free_for_every_process_that_shares_the_budget(
    simulator: Simulator, redis: RedisServer
) -> None:
    simulator.script_batches([Course(("in_progress",) * 12 + ("completed",))])
    shared = RedisSettings(timeout_s=5.0)
    mine, theirs = (redis_budget(redis.url, LIMIT_USD, shared=shared) for _ in range(2))
    kept: Kept = {}
    async with context_for(OPENAI, simulator) as context:
        await leave(replace(context, budget=mine), kept)
        assert await theirs.reserve(LIMIT_USD, 0.0, context.clock) == Success(None)
        await theirs.settle(LIMIT_USD, 0.0)
        await told(replace(context, budget=theirs), OPENAI, BRIEF, kept=kept)
    assert await mine.spent_usd() == pytest.approx(COST_USD)
