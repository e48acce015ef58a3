"""How many retries a target may cost."""

from __future__ import annotations

from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.policies import retry_budget


def test_a_retry_budget_allows_ten_and_then_one_for_ten_successes() -> None:
    balance = retry_budget.full(0.0, RetryBudgetSettings(per_second=0.0))
    settings = RetryBudgetSettings(per_second=0.0)
    spent = 0
    for _ in range(20):
        balance, enough = retry_budget.spend(balance, 0.0, settings)
        spent += enough
    assert spent == 10
    for _ in range(10):
        assert not retry_budget.spend(balance, 0.0, settings)[1]
        balance = retry_budget.earn(balance, 0.0, settings)
    assert retry_budget.spend(balance, 0.0, settings)[1]


def test_a_retry_budget_refills_by_a_tenth_a_second() -> None:
    empty = retry_budget.Balance(0.0, 0.0)
    assert not retry_budget.spend(empty, 9.0, RetryBudgetSettings())[1]
    assert retry_budget.spend(empty, 10.0, RetryBudgetSettings())[1]
