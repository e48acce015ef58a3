"""A limiter never gives more than it may, keeps the order of its queue, and the waits that it promises."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
import pytest
from anyio.abc import TaskGroup
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.adapters.limits.limiter import MemoryLimiter
from llm_manager.domain.settings import LimiterSettings
from llm_manager.policies.bucket import SLACK_S
from llm_manager.testing import VirtualClock

LIMITS = LimiterSettings(requests_per_minute=5, tokens_per_minute=600)
gaps = st.sampled_from([0.0, 0.1, 1.0, 12.0, 45.0])
tokens = st.integers(0, 600)


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
