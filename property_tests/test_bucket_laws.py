"""The token buckets against their ledgers, and what they may give in any span of time."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llm_manager.domain.settings import LimiterSettings
from llm_manager.policies import bucket
from property_tests.ledgers import Ledger
from property_tests.moments import gaps_s

LIMITS = LimiterSettings(requests_per_minute=5, tokens_per_minute=600)
NEAR = 1e-6
"""A wait differs from the model's by this part of itself at most: that is rounding."""

rates = st.sampled_from([None, 1, 5, 60, 600, 1_000_000])
amounts = st.one_of(st.integers(0, 600), st.sampled_from([0.25, 599.5, 1_000_000, 2e6]))


def ledger_of(per_minute: int | None) -> Ledger | None:
    return None if per_minute is None else Ledger(Fraction(per_minute), Fraction(per_minute, 60))


class Against(RuleBasedStateMachine):
    """The model: for each of the two buckets a ledger of all that was ever taken and put back."""

    @initialize(requests=rates, tokens=rates)
    def begins(self, requests: int | None, tokens: int | None) -> None:
        self.settings = LimiterSettings(requests_per_minute=requests, tokens_per_minute=tokens)
        self.levels = bucket.full(0.0, self.settings)
        self.now_s = 0.0
        self.ledgers = (ledger_of(requests), ledger_of(tokens))
        self.held: list[float] = []

    @rule(gap_s=gaps_s, steps=st.sampled_from([1, 1, 7]))
    def time_passes(self, gap_s: float, steps: int) -> None:
        for _ in range(steps):
            self.now_s += gap_s
            self.levels = bucket.refilled(self.levels, self.now_s, self.settings)

    @rule(gap_s=gaps_s)
    def somebody_tells_an_earlier_time(self, gap_s: float) -> None:
        assert bucket.refilled(self.levels, self.now_s - gap_s, self.settings) == self.levels

    @rule(tokens=amounts)
    def somebody_asks(self, tokens: float) -> None:
        need = bucket.Need(tokens=tokens)
        told = bucket.wait_s(self.levels, need, self.settings)
        expected_s = self.expected_wait_s(need)
        if expected_s is None:
            assert told == bucket.TooLarge(float(self.settings.tokens_per_minute or "inf"))
            return
        assert isinstance(told, float)
        assert told == pytest.approx(expected_s, rel=NEAR, abs=self.dust_s() + NEAR)
        if told <= 0:
            self.take(need)

    @precondition(lambda self: not all(ledger is None for ledger in self.ledgers))
    @rule(tokens=st.integers(0, 600))
    def somebody_waits_for_the_turn(self, tokens: int) -> None:
        need = bucket.Need(tokens=tokens)
        wait_s = bucket.wait_s(self.levels, need, self.settings)
        if isinstance(wait_s, bucket.TooLarge) or wait_s > 2.0**22:
            return
        served = bucket.served(self.levels, need, self.settings)
        assert served.at_s == self.levels.at_s + wait_s
        self.now_s = served.at_s
        self.take(need)
        assert served == self.levels

    def take(self, need: bucket.Need) -> None:
        self.levels = bucket.refilled(self.levels, self.now_s, self.settings)
        self.levels = bucket.taken(self.levels, need, self.settings)
        self.enter(-need.requests, -need.tokens)
        self.held.append(need.tokens)

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 10**6), used=st.one_of(st.none(), amounts))
    def an_answer_comes(self, which: int, used: float | None) -> None:
        """With its usage, which may be a multiple of the estimate; an unknown one gives nothing back."""
        estimate = self.held.pop(which % len(self.held))
        if used is not None:
            self.levels = bucket.changed(self.levels, 0.0, estimate - used, self.settings)
            self.enter(0.0, estimate - used)

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 10**6))
    def a_request_was_never_sent(self, which: int) -> None:
        tokens = self.held.pop(which % len(self.held))
        self.levels = bucket.changed(self.levels, 1.0, tokens, self.settings)
        self.enter(1.0, tokens)

    def enter(self, requests: float, tokens: float) -> None:
        for ledger, amount in zip(self.ledgers, (requests, tokens), strict=True):
            if ledger is not None:
                ledger.enter(self.now_s, amount)

    def dust_s(self) -> float:
        """How long the slowest bucket takes for what counts as nothing."""
        return max(bucket.DUST / float(ledger.rate) for ledger in self.ledgers if ledger) if any(self.ledgers) else 0.0

    def expected_wait_s(self, need: bucket.Need) -> float | None:
        waits = [0.0]
        for ledger, amount in zip(self.ledgers, (need.requests, need.tokens), strict=True):
            if ledger is not None and amount > ledger.capacity:
                return None
            if ledger is not None:
                waits.append(float((Fraction(amount) - ledger.level(self.now_s)) / ledger.rate))
        return max(waits)

    @invariant()
    def the_levels_are_those_of_the_ledgers(self) -> None:
        for ledger, level in zip(self.ledgers, (self.levels.requests, self.levels.tokens), strict=True):
            expected = float("inf") if ledger is None else float(ledger.level(self.now_s))
            assert level == pytest.approx(expected, rel=1e-9, abs=NEAR)
            assert ledger is None or level <= ledger.capacity


TestBuckets = pytest.mark.machine(Against.TestCase)


@given(steps=st.lists(st.tuples(gaps_s, st.integers(0, 600)), min_size=1, max_size=40))
def test_no_span_of_time_gives_more_than_a_burst_and_the_rate(steps: list[tuple[float, int]]) -> None:
    levels, now_s = bucket.full(0.0, LIMITS), 0.0
    given_: list[tuple[float, int]] = []
    for gap_s, amount in steps:
        now_s += gap_s
        levels = bucket.refilled(levels, now_s, LIMITS)
        if bucket.wait_s(levels, bucket.Need(tokens=amount), LIMITS) == 0:
            levels = bucket.taken(levels, bucket.Need(tokens=amount), LIMITS)
            given_.append((now_s, amount))
    for first, (begin_s, _) in enumerate(given_):
        for last in range(first, len(given_)):
            minutes = (given_[last][0] - begin_s) / 60
            span = given_[first : last + 1]
            assert len(span) <= 5 + 5 * minutes + 1e-3
            assert sum(amount for _, amount in span) <= 600 + 600 * minutes + 1e-3


@given(amount=st.integers(0, 600), debt=st.floats(-2000, 600), requests=st.floats(-5, 5), at_s=st.floats(0, 1e6))
def test_after_the_wait_that_was_told_there_is_room_and_before_it_there_is_not(
    amount: int, debt: float, requests: float, at_s: float
) -> None:
    levels, need = bucket.Levels(requests, debt, at_s), bucket.Need(tokens=amount)
    wait_s = bucket.wait_s(levels, need, LIMITS)
    assert isinstance(wait_s, float)
    after = bucket.wait_s(bucket.refilled(levels, at_s + wait_s, LIMITS), need, LIMITS)
    assert after == pytest.approx(0.0, abs=1e-6)
    if wait_s > 0.01:
        early = bucket.wait_s(bucket.refilled(levels, at_s + wait_s - 0.01, LIMITS), need, LIMITS)
        assert early == pytest.approx(0.01, abs=1e-6)
