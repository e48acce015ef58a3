"""Buckets and budgets never give more than they may, and a limiter keeps the waits that it promises."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
import pytest
from anyio.abc import TaskGroup
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.adapters.limits.limiter import SLACK_S, MemoryLimiter
from llm_manager.domain.settings import LimiterSettings, RetryBudgetSettings
from llm_manager.policies import bucket, retry_budget
from llm_manager.testing import VirtualClock

LIMITS = LimiterSettings(requests_per_minute=5, tokens_per_minute=600)
gaps = st.sampled_from([0.0, 0.1, 1.0, 12.0, 45.0])
tokens = st.integers(0, 600)


@given(steps=st.lists(st.tuples(gaps, tokens), min_size=1, max_size=40))
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


@given(amount=tokens, debt=st.floats(-2000, 600), requests=st.floats(-5, 5), at_s=st.floats(0, 1e6))
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


@given(steps=st.lists(st.tuples(gaps, st.booleans()), max_size=80))
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


@dataclass(frozen=True)
class Arrival:
    """Somebody who comes *gap_s* after the one before, waits at most *most_s*, and leaves after *patience_s*."""

    gap_s: float
    tokens: int
    most_s: float
    patience_s: float | None


arrivals = st.lists(
    st.builds(Arrival, gap_s=gaps, tokens=tokens, most_s=st.sampled_from([0.0, 10.0, 200.0]), patience_s=st.none()),
    min_size=1,
    max_size=12,
)
impatient = st.lists(
    st.builds(
        Arrival,
        gap_s=gaps,
        tokens=tokens,
        most_s=st.sampled_from([10.0, 200.0]),
        patience_s=st.one_of(st.none(), st.sampled_from([0.5, 7.0])),
    ),
    min_size=1,
    max_size=12,
)


@dataclass(frozen=True)
class Served:
    """What became of the one who came as *number*: the time it was let go, and how long it had waited."""

    number: int
    at_s: float
    waited_s: float
    tokens: int


def played(backend: str, people: list[Arrival]) -> list[Served]:
    """Let them all come to one limiter; only those who got room are told of, in the order in which they got it."""
    served: list[Served] = []

    async def come(limits: MemoryLimiter, clock: VirtualClock, number: int, person: Arrival) -> None:
        came_s = clock.monotonic()
        with clock.move_on_after(1e9 if person.patience_s is None else person.patience_s):
            outcome = await limits.acquire("k", "m", person.tokens, person.most_s, clock)
            if isinstance(outcome, Success):
                now_s = clock.monotonic()
                served.append(Served(number, now_s, now_s - came_s, person.tokens))

    async def all_come(group: TaskGroup, limits: MemoryLimiter, clock: VirtualClock) -> None:
        for number, person in enumerate(people):
            await clock.advance(person.gap_s)
            group.start_soon(come, limits, clock, number, person)
        await clock.advance(10_000)

    async def play() -> None:
        async with anyio.create_task_group() as group:
            await all_come(group, MemoryLimiter(LIMITS), VirtualClock())

    anyio.run(play, backend=backend)
    return served


@settings(max_examples=25)
@given(people=arrivals)
def test_whoever_is_let_in_is_served_in_order_and_within_the_wait_allowed(people: list[Arrival]) -> None:
    served = played("asyncio", people)
    assert [each.number for each in served] == sorted(each.number for each in served)
    assert all(each.waited_s <= people[each.number].most_s + SLACK_S for each in served)
    assert served[0].number == 0, "the first one finds full buckets"


@settings(max_examples=25)
@given(people=impatient)
def test_a_limiter_never_oversubscribes_whoever_leaves(people: list[Arrival]) -> None:
    served = played("asyncio", people)
    assert [each.number for each in served] == sorted(each.number for each in served)
    for first, begin in enumerate(served):
        for last in range(first, len(served)):
            minutes = (served[last].at_s - begin.at_s) / 60
            assert last - first + 1 <= 5 + 5 * minutes + 1e-3
            assert sum(each.tokens for each in served[first : last + 1]) <= 600 + 600 * minutes + 1e-3


async def _told(limits: MemoryLimiter, clock: VirtualClock, amount: int) -> float:
    """The wait that the limiter would tell somebody who allows none; 0 if there is room, which is then taken."""
    outcome = await limits.acquire("k", "m", amount, 0.0, clock)
    return (outcome.failure().retry_after_s or 0.0) if isinstance(outcome, Failure) else 0.0


@settings(max_examples=25)
@given(amounts=st.lists(tokens, min_size=1, max_size=10), last=tokens)
def test_the_wait_that_is_told_is_the_wait_that_passes(amounts: list[int], last: int) -> None:
    async def play() -> None:
        limits, clock = MemoryLimiter(LIMITS), VirtualClock()
        waited: list[float] = []

        async def wait() -> None:
            await limits.acquire("k", "m", last, 1e9, clock)
            waited.append(clock.monotonic())

        async with anyio.create_task_group() as group:
            for amount in amounts:
                group.start_soon(limits.acquire, "k", "m", amount, 1e9, clock)
                await clock.advance(0)
            told_s = await _told(limits, clock, last)
            if told_s > 0:
                group.start_soon(wait)
            await clock.advance(10_000)
            assert waited == ([pytest.approx(told_s, abs=1e-3)] if told_s > 0 else [])

    anyio.run(play)
