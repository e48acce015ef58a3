"""What everything that keeps retry budgets must do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.ports import RetryBudgets

pytestmark = pytest.mark.anyio


async def test_retry_budgets_are_apart_by_key(
    make_retry_budgets: Callable[[RetryBudgetSettings], RetryBudgets],
) -> None:
    budgets = make_retry_budgets(RetryBudgetSettings(capacity=1, per_second=0))
    assert await budgets.spend("a", 0.0)
    assert not await budgets.spend("a", 0.0)
    assert await budgets.spend("b", 0.0)


async def test_ten_successes_earn_a_retry_and_a_full_budget_earns_nothing(
    make_retry_budgets: Callable[[RetryBudgetSettings], RetryBudgets],
) -> None:
    budgets = make_retry_budgets(RetryBudgetSettings(capacity=1, per_second=0))
    for _ in range(10):
        await budgets.earn("a", 0.0)
    assert [await budgets.spend("a", 0.0) for _ in range(2)] == [True, False]
    for _ in range(10):
        await budgets.earn("a", 0.0)
    assert [await budgets.spend("a", 0.0) for _ in range(2)] == [True, False]
