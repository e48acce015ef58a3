"""The retry budget against its ledger, and what it may cost in any history."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.policies import retry_budget
from property_tests.ledgers import Ledger
from property_tests.moments import gaps_s

settings_of_budgets = st.builds(
    RetryBudgetSettings,
    capacity=st.sampled_from([0.0, 0.5, 1.0, 10.0, 1e6]),
    cost=st.sampled_from([0.0, 0.25, 1.0, 3.0]),
    per_success=st.sampled_from([0.0, 0.1, 1.0]),
    per_second=st.sampled_from([0.0, 0.1, 100.0]),
)


def meant(amount: float) -> Fraction:
    """The decimal that was written, and not the float nearest to it."""
    return Fraction(str(amount))


class Against(RuleBasedStateMachine):
    """The model: a ledger of all retries and successes."""

    @initialize(settings=settings_of_budgets)
    def begins(self, settings: RetryBudgetSettings) -> None:
        self.settings = settings
        self.balance = retry_budget.full(0.0, settings)
        self.now_s = 0.0
        self.ledger = Ledger(meant(settings.capacity), meant(settings.per_second))

    @rule(gap_s=gaps_s)
    def time_passes(self, gap_s: float) -> None:
        self.now_s += gap_s

    @rule(count=st.sampled_from([1, 2, 12]))
    def retries_are_asked_for(self, count: int) -> None:
        for _ in range(count):
            self.balance, enough = retry_budget.spend(self.balance, self.now_s, self.settings)
            assert enough == (self.ledger.level(self.now_s) >= meant(self.settings.cost))
            if enough:
                self.ledger.entries.append((Fraction(self.now_s), -meant(self.settings.cost)))

    @rule(count=st.sampled_from([1, 2, 12]))
    def requests_succeed(self, count: int) -> None:
        for _ in range(count):
            self.balance = retry_budget.earn(self.balance, self.now_s, self.settings)
            self.ledger.entries.append((Fraction(self.now_s), meant(self.settings.per_success)))

    @rule(gap_s=gaps_s)
    def somebody_tells_an_earlier_time(self, gap_s: float) -> None:
        """Two who come at once may tell their times in the wrong order: that gives nothing twice."""
        before = self.balance
        told_s = before.at_s - gap_s
        earned = min(before.left + self.settings.per_success, self.settings.capacity)
        assert retry_budget.earn(before, told_s, self.settings) == retry_budget.Balance(earned, before.at_s)

    @invariant()
    def the_balance_is_that_of_the_ledger(self) -> None:
        now = retry_budget.earn(self.balance, self.now_s, replace(self.settings, per_success=0.0))
        assert now.left == pytest.approx(float(self.ledger.level(self.now_s)), rel=1e-9, abs=1e-6)
        assert now.left <= self.settings.capacity


TestRetryBudget = pytest.mark.machine(Against.TestCase)


@given(steps=st.lists(st.tuples(gaps_s, st.booleans()), max_size=80))
def test_retries_stay_within_the_capacity_the_trickle_and_a_tenth_of_the_successes(
    steps: list[tuple[float, bool]],
) -> None:
    plain = RetryBudgetSettings()
    balance, now_s, retries, successes = retry_budget.full(0.0, plain), 0.0, 0, 0
    for gap_s, failed in steps:
        now_s += gap_s
        if failed:
            balance, enough = retry_budget.spend(balance, now_s, plain)
            retries += enough
        else:
            balance = retry_budget.earn(balance, now_s, plain)
            successes += 1
        assert retries <= 10 + successes * 0.1 + now_s * 0.1 + 1e-6
        assert balance.left <= 10
