"""What everything that keeps a budget must do."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager.domain.errors import BudgetExceeded
from llm_manager.ports import Budget

pytestmark = pytest.mark.anyio

MakeBudget = Callable[[float], Budget]


async def test_what_is_reserved_is_not_there_for_others_until_it_is_settled(make_budget: MakeBudget) -> None:
    budget = make_budget(1.0)
    assert await budget.reserve(0.7) == Success(None)
    assert await budget.reserve(0.7) == Failure(BudgetExceeded(1.0, 0.7))
    await budget.settle(0.7, 0.25)
    assert await budget.spent_usd() == 0.25
    assert await budget.reserve(0.75) == Success(None)
    assert await budget.reserve(0.001) == Failure(BudgetExceeded(1.0, 1.0))


async def test_a_budget_can_be_spent_to_the_last_cent_however_it_is_divided(make_budget: MakeBudget) -> None:
    budget = make_budget(0.7)
    for _ in range(10):
        assert await budget.reserve(0.07) == Success(None)
    assert isinstance(await budget.reserve(0.000_001), Failure)


async def test_who_used_more_than_was_reserved_has_spent_it(make_budget: MakeBudget) -> None:
    budget = make_budget(1.0)
    await budget.reserve(0.5)
    await budget.settle(0.5, 1.5)
    assert await budget.spent_usd() == 1.5
    assert await budget.reserve(0.0) == Failure(BudgetExceeded(1.0, 1.5))


async def test_what_costs_nothing_needs_nothing(make_budget: MakeBudget) -> None:
    budget = make_budget(0.0)
    assert await budget.reserve(0.0) == Success(None)
    await budget.settle(0.0, 0.0)
    assert await budget.spent_usd() == 0.0


async def test_a_hundred_at_once_get_no_more_than_there_is(make_budget: MakeBudget) -> None:
    budget = make_budget(1.0)
    granted = 0

    async def ask() -> None:
        nonlocal granted
        granted += isinstance(await budget.reserve(0.03), Success)

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(ask)
    assert granted == 33
