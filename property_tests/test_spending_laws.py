"""The budget against a plain model: a list of what was reserved and a list of what was spent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llm_manager.policies import spending

prices = st.sampled_from(["0", "0.000001", "0.01", "0.1", "0.3", "1", "2.5", "1000"])
"""As decimals: a model that adds floats would share the faults it is to find."""


class Against(RuleBasedStateMachine):
    """The model: receipts."""

    @initialize(limit=st.sampled_from(["0", "0.3", "1", "10", "2500.7"]))
    def begins(self, limit: str) -> None:
        self.limit = Decimal(limit)
        self.spending = spending.Spending(float(limit))
        self.reserved: list[Decimal] = []
        self.spent: list[Decimal] = []
        self.beyond = Decimal(0)

    @rule(worst=prices, count=st.sampled_from([1, 1, 3, 12]))
    def somebody_wants_to_spend(self, worst: str, count: int) -> None:
        for _ in range(count):
            before = self.spending
            self.spending, enough = spending.reserve(self.spending, float(worst))
            assert enough == (sum(self.reserved) + sum(self.spent) + Decimal(worst) <= self.limit)
            if enough:
                self.reserved.append(Decimal(worst))
            else:
                assert self.spending == before

    @precondition(lambda self: self.reserved)
    @rule(which=st.integers(0, 10**6), part=st.sampled_from(["0", "0.1", "0.5", "1", "1.7"]))
    def a_request_is_over(self, which: int, part: str) -> None:
        """It cost nothing, a part of what was reserved, all of it, or even more."""
        worst = self.reserved.pop(which % len(self.reserved))
        used = worst * Decimal(part)
        self.spending = spending.settle(self.spending, float(worst), float(used))
        self.spent.append(used)
        self.beyond += max(used - worst, Decimal(0))

    @invariant()
    def the_sums_agree(self) -> None:
        assert self.spending.limit_usd == float(self.limit)
        assert self.spending.reserved_usd == pytest.approx(float(sum(self.reserved)), abs=spending.DUST_USD)
        assert self.spending.spent_usd == pytest.approx(float(sum(self.spent)), abs=spending.DUST_USD)

    @invariant()
    def never_is_more_taken_than_there_is_unless_an_answer_cost_more_than_its_worst(self) -> None:
        assert self.spending.taken_usd <= float(self.limit + self.beyond) + 2 * spending.DUST_USD


TestSpending = pytest.mark.machine(Against.TestCase)
