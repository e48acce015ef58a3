"""What everything that keeps a budget must do."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager.domain.errors import BudgetExceeded
from llm_manager.ports import Budget
from llm_manager.testing import VirtualClock

pytestmark = pytest.mark.anyio

MakeBudget = Callable[[float], Budget]


async def granted(budget: Budget, usd: float, max_wait_s: float = 0.0, clock: VirtualClock | None = None) -> bool:
    return isinstance(await budget.reserve(usd, max_wait_s, clock or VirtualClock()), Success)


async def test_what_is_reserved_is_not_there_for_others_until_it_is_settled(make_budget: MakeBudget) -> None:
    budget, clock = make_budget(1.0), VirtualClock()
    assert await budget.reserve(0.75, 0.0, clock) == Success(None)
    assert await budget.reserve(0.5, 0.0, clock) == Failure(BudgetExceeded(1.0, 0.0, reserved_usd=0.75))
    await budget.settle(0.75, 0.25)
    assert await budget.spent_usd() == 0.25
    assert await budget.reserve(0.75, 0.0, clock) == Success(None)
    assert await budget.reserve(0.001, 0.0, clock) == Failure(BudgetExceeded(1.0, 0.25, reserved_usd=0.75))


async def test_a_budget_can_be_spent_to_the_last_cent_however_it_is_divided(make_budget: MakeBudget) -> None:
    budget = make_budget(0.7)
    assert [await granted(budget, 0.07) for _ in range(10)] == [True] * 10
    assert not await granted(budget, 0.000_001)


async def test_who_used_more_than_was_reserved_has_spent_it(make_budget: MakeBudget) -> None:
    budget, clock = make_budget(1.0), VirtualClock()
    assert await granted(budget, 0.5)
    await budget.settle(0.5, 1.5)
    assert await budget.spent_usd() == 1.5
    assert await budget.reserve(0.0, inf, clock) == Failure(BudgetExceeded(1.0, 1.5))


async def test_what_costs_nothing_needs_nothing(make_budget: MakeBudget) -> None:
    budget = make_budget(0.0)
    assert await granted(budget, 0.0)
    await budget.settle(0.0, 0.0)
    assert await budget.spent_usd() == 0.0


async def test_a_hundred_at_once_get_no_more_than_there_is(make_budget: MakeBudget) -> None:
    budget, grants = make_budget(1.0), list[bool]()

    async def ask() -> None:
        grants.append(await granted(budget, 0.03))

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(ask)
    assert sum(grants) == 33


async def test_what_others_have_reserved_is_waited_for_in_the_order_of_arrival(make_budget: MakeBudget) -> None:
    budget, clock = make_budget(1.0), VirtualClock()
    assert await granted(budget, 0.5)
    times: dict[str, float] = {}

    async def wait(name: str, usd: float) -> None:
        assert await granted(budget, usd, 60.0, clock)
        times[name] = clock.monotonic()

    async with anyio.create_task_group() as group:
        for name, usd in (("large", 0.75), ("small", 0.25), ("last", 0.5)):
            group.start_soon(wait, name, usd)
            await clock.advance(1.0)
        await budget.settle(0.5, 0.0)
        await clock.advance(1.0)
        await budget.settle(0.75, 0.25)
    assert times == {"large": 3.0, "small": 3.0, "last": 4.0}


async def test_the_wait_for_what_is_reserved_ends_and_leaves_nothing_behind(make_budget: MakeBudget) -> None:
    budget, clock = make_budget(1.0), VirtualClock()
    assert await granted(budget, 0.5)
    told: list[tuple[float, object]] = []

    async def wait(usd: float, max_wait_s: float) -> None:
        outcome = await budget.reserve(usd, max_wait_s, clock)
        told.append((clock.monotonic(), outcome))

    async with anyio.create_task_group() as group:
        group.start_soon(wait, 1.0, 5.0)
        await clock.advance(1.0)
        group.start_soon(wait, 0.5, 60.0)  # there is room for it as soon as the first has left
        await clock.advance(10.0)
    assert told == [(5.0, Failure(BudgetExceeded(1.0, 0.0, reserved_usd=0.5))), (5.0, Success(None))]
    await budget.settle(0.5, 0.0)
    await budget.settle(0.5, 0.0)
    assert await granted(budget, 1.0)


async def test_what_is_spent_is_not_waited_for(make_budget: MakeBudget) -> None:
    budget, clock = make_budget(1.0), VirtualClock()
    assert await granted(budget, 0.5)
    assert await granted(budget, 0.5)
    told: list[object] = []

    async def wait() -> None:
        told.append(await budget.reserve(0.75, inf, clock))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.advance(1.0)
        assert told == []
        await budget.settle(0.5, 0.5)
    assert told == [Failure(BudgetExceeded(1.0, 0.5, reserved_usd=0.5))]


async def test_who_can_never_be_served_does_not_stand_in_line(make_budget: MakeBudget) -> None:
    budget, clock = make_budget(1.0), VirtualClock()
    assert await granted(budget, 0.5)
    async with anyio.create_task_group() as group:
        group.start_soon(budget.reserve, 0.75, inf, clock)
        await clock.advance(1.0)
        assert await budget.reserve(1.5, inf, clock) == Failure(BudgetExceeded(1.0, 0.0, reserved_usd=0.5))
        group.cancel_scope.cancel()


async def test_a_cancelled_waiter_holds_nothing_and_lets_the_next_one_pass(make_budget: MakeBudget) -> None:
    budget, clock = make_budget(1.0), VirtualClock()
    assert await granted(budget, 0.5)
    order: list[str] = []

    async def wait(name: str, usd: float) -> None:
        assert await granted(budget, usd, inf, clock)
        order.append(name)

    async with anyio.create_task_group() as group, anyio.create_task_group() as leaving:
        leaving.start_soon(wait, "leaves", 0.75)
        await clock.advance(1.0)
        group.start_soon(wait, "stays", 0.5)
        await clock.advance(1.0)
        assert order == []
        leaving.cancel_scope.cancel()
    assert order == ["stays"]
