"""How many retries a target may cost."""

from __future__ import annotations

from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.policies import retry_budget


def test_a_retry_budget_allows_ten_and_then_one_for_ten_successes() -> None:
    settings = RetryBudgetSettings(per_success=0.1, per_second=0.0)
    balance = retry_budget.full(0.0, settings)
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


PLAIN = RetryBudgetSettings(per_success=0.1)


def test_a_retry_budget_begins_full() -> None:
    assert retry_budget.full(5.0, PLAIN) == retry_budget.Balance(10.0, 5.0)


def test_time_and_successes_fill_a_retry_budget_up_to_its_capacity() -> None:
    assert retry_budget.earn(retry_budget.Balance(2.0, 0.0), 10.0, PLAIN) == retry_budget.Balance(3.1, 10.0)
    assert retry_budget.earn(retry_budget.Balance(9.95, 0.0), 10.0, PLAIN) == retry_budget.Balance(10.0, 10.0)


def test_a_retry_takes_its_cost_once_time_has_been_counted() -> None:
    empty = retry_budget.Balance(0.0, 20.0)
    assert retry_budget.spend(empty, 35.0, PLAIN) == (retry_budget.Balance(0.5, 35.0), True)
    assert retry_budget.spend(empty, 25.0, PLAIN) == (retry_budget.Balance(0.5, 25.0), False)


def test_a_clock_behind_the_balance_neither_fills_it_nor_sets_it_back() -> None:
    late = retry_budget.Balance(2.0, 10.0)
    assert retry_budget.earn(late, 5.0, PLAIN) == retry_budget.Balance(2.1, 10.0)


def test_what_only_rounding_took_is_enough_for_a_retry() -> None:
    exactly, less = 1.0 - retry_budget.DUST, 1.0 - 2 * retry_budget.DUST
    assert retry_budget.spend(retry_budget.Balance(exactly, 0.0), 0.0, PLAIN)[1]
    assert not retry_budget.spend(retry_budget.Balance(less, 0.0), 0.0, PLAIN)[1]


def test_each_success_pays_a_retry_so_that_half_a_vendor_can_be_lived_with_and_none_of_it_cannot() -> None:
    settings = RetryBudgetSettings()
    empty = retry_budget.Balance(0.0, 0.0)
    assert not retry_budget.spend(empty, 0.0, settings)[1]
    assert retry_budget.spend(retry_budget.earn(empty, 0.0, settings), 0.0, settings)[1]
