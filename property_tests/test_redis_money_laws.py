"""Budgets that are shared: no loss, delay or repetition of words, and no sleep of a process, lets them be exceeded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, cast

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import RedisSettings, StoreUnavailable
from llm_manager.adapters.limits.budget import MemoryBudget
from llm_manager.adapters.limits.retry_budgets import MemoryRetryBudgets
from llm_manager.adapters.redis.budget import RedisBudget
from llm_manager.adapters.redis.retry_budgets import RedisRetryBudgets
from llm_manager.adapters.redis.scripts import callers_time
from llm_manager.adapters.redis.wire import Reply, Word
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.ports import Budget, RetryBudgets
from llm_manager.testing import VirtualClock
from redis_lines import Blocking
from redis_server import RedisServer

LIMIT_USD, PROCESSES = 10, 3
STILL = VirtualClock()
CLOSED = RedisSettings(when_away="closed")
BUDGET = "{llm_manager:budget:all}"
ACCOUNTS = f"{BUDGET}:accounts"
RETRIES = RetryBudgetSettings(capacity=3, cost=1, per_success=0.25, per_second=0.125)

on_redis = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Fate = Literal["heard", "lost on its way", "answer lost", "and an old word again"]


@pytest.fixture
def line(redis: RedisServer) -> Iterator[Blocking]:
    blocking = Blocking(redis)
    yield blocking
    blocking.close()


@dataclass
class Lossy:
    """A line on which the next word has a fate."""

    line: Blocking
    fate: Fate = "heard"
    said: list[tuple[Word, ...]] = field(default_factory=list[tuple[Word, ...]])

    async def call(self, *command: Word) -> Outcome[Reply, StoreUnavailable]:
        lost = Failure(StoreUnavailable("redis", "lost"))
        if self.fate == "lost on its way":
            return lost
        self.said.append(command)
        reply = await self.line.call(*command)
        if self.fate == "and an old word again":
            await self.line.call(*self.said[len(self.said) // 2])
        return lost if self.fate == "answer lost" else reply


@dataclass(frozen=True)
class Step:
    """*who* asks for *dollars*, or settles the oldest of what it holds for that much less; then all others *sleep*."""

    who: int
    what: Literal["reserve", "settle"]
    dollars: int
    fate: Fate
    sleep: bool


steps = st.builds(
    Step,
    who=st.integers(0, PROCESSES - 1),
    what=st.sampled_from(["reserve", "reserve", "settle"]),
    dollars=st.integers(0, 6),
    fate=st.sampled_from(["heard", "heard", "heard", "lost on its way", "answer lost", "and an old word again"]),
    sleep=st.booleans(),
)


@on_redis
@given(script=st.lists(steps, max_size=30))
def test_all_together_never_hold_more_than_the_limit_and_redis_ends_with_what_they_spent(
    line: Blocking, script: list[Step]
) -> None:
    async def play() -> None:
        await line.call("FLUSHALL")
        lines = [Lossy(line) for _ in range(PROCESSES)]
        budgets = [RedisBudget(each, LIMIT_USD, CLOSED) for each in lines]
        held: list[list[int]] = [[] for _ in range(PROCESSES)]
        spent = 0
        for step in script:
            lines[step.who].fate, budget, mine = step.fate, budgets[step.who], held[step.who]
            if step.what == "reserve" and isinstance(await budget.reserve(step.dollars, 0.0, STILL), Success):
                mine.append(step.dollars)
            elif step.what == "settle" and mine:
                worst = mine.pop(0)
                used = max(worst - step.dollars, 0)
                await budget.settle(worst, used)
                spent += used
            assert spent + sum(map(sum, held)) <= LIMIT_USD
            if step.sleep:
                await all_fall_silent(line)
        for each, budget in zip(lines, budgets, strict=True):
            each.fate = "heard"
            await budget.spent_usd()
        assert await budgets[0].spent_usd() == spent
        assert await budgets[0].presumed_usd() == Success(0.0)

    anyio.run(play)


async def all_fall_silent(line: Blocking) -> None:
    accounts = cast("list[bytes]", (await line.call("HGETALL", ACCOUNTS)).unwrap())
    for name, text in zip(accounts[::2], accounts[1::2], strict=True):
        await line.call("HSET", ACCOUNTS, name, b" ".join((*text.split()[:3], b"1")))


@dataclass(frozen=True)
class Turn:
    """*who* asks for *dollars* and, if they are granted, spends *used* of them; before that Redis has a *loss*."""

    who: int
    dollars: int
    used: int | None
    loss: Literal["", "FLUSHALL", "accounts", "sums", "ended"]


turns = st.builds(
    Turn,
    who=st.integers(0, PROCESSES - 1),
    dollars=st.integers(0, 4),
    used=st.integers(0, 4) | st.none(),
    loss=st.sampled_from(["", "", "", "FLUSHALL", "accounts", "sums", "ended"]),
)


@on_redis
@given(script=st.lists(turns, max_size=20))
def test_no_process_ever_knows_of_less_spending_than_it_has_heard_whatever_redis_loses(
    line: Blocking, script: list[Turn]
) -> None:
    async def play() -> None:
        await line.call("FLUSHALL")
        budgets = [RedisBudget(line, LIMIT_USD, CLOSED) for _ in range(PROCESSES)]
        heard = [0.0] * PROCESSES
        for turn in script:
            if turn.loss:
                await line.call(*(("FLUSHALL",) if turn.loss == "FLUSHALL" else ("DEL", f"{BUDGET}:{turn.loss}")))
            budget = budgets[turn.who]
            granted = isinstance(await budget.reserve(turn.dollars, 0.0, STILL), Success)
            assert not granted or heard[turn.who] + turn.dollars <= LIMIT_USD
            if granted and turn.used is not None:
                await budget.settle(turn.dollars, min(turn.used, turn.dollars))
            now = await budget.spent_usd()
            assert now >= heard[turn.who]
            heard[turn.who] = now

    anyio.run(play)


@dataclass(frozen=True)
class Asker:
    """Comes *gap_s* after the one before, wants *dollars*, waits *most_s*, leaves after *patience_s*; uses a *part*."""

    gap_s: float
    dollars: int
    most_s: float
    patience_s: float
    part: float


askers = st.builds(
    Asker,
    gap_s=st.sampled_from([0.0, 0.1303, 1.0707]),  # nothing happens at the same moment by chance
    dollars=st.integers(0, 12),
    most_s=st.sampled_from([0.0, 3.0079, 100.0]),
    patience_s=st.sampled_from([0.5017, 1e9]),
    part=st.sampled_from([0.0, 0.25, 1.0]),
)


async def queued(budget: Budget, people: list[Asker]) -> list[tuple[int, float, float | None]]:
    """Who was answered when, and what was spent when others were refused: who is granted its wish holds it for
    a while and settles. What is reserved just then is not compared, for one word of Redis answers several.
    """
    clock = VirtualClock()
    told: list[tuple[int, float, float | None]] = []

    async def come(number: int, person: Asker) -> None:
        with clock.move_on_after(person.patience_s):
            outcome = await budget.reserve(person.dollars, person.most_s, clock)
            spent_usd = outcome.failure().spent_usd if isinstance(outcome, Failure) else None
            told.append((number, clock.monotonic(), spent_usd))
            if spent_usd is None:
                with anyio.CancelScope(shield=True):
                    await clock.sleep(2.0011 + number / 1000)
                    await budget.settle(person.dollars, person.dollars * person.part)

    async with anyio.create_task_group() as group:
        for number, person in enumerate(people):
            await clock.advance(person.gap_s)
            group.start_soon(come, number, person)
            await clock.advance(0)
        await clock.advance(1_000)
    assert await budget.reserve(0.0, 0.0, clock) == Success(None)
    told.append((len(people), clock.monotonic(), await budget.spent_usd()))
    return sorted(told, key=lambda each: each[0])


@on_redis
@given(people=st.lists(askers, max_size=7))
def test_a_shared_budget_grants_and_refuses_as_one_in_memory(line: Blocking, people: list[Asker]) -> None:
    async def both() -> tuple[list[tuple[int, float, float | None]], list[tuple[int, float, float | None]]]:
        await line.call("FLUSHALL")
        shared = RedisBudget(line, LIMIT_USD, CLOSED)
        return await queued(shared, people), await queued(MemoryBudget(LIMIT_USD), people)

    shared, own = anyio.run(both)
    assert shared == own


moves = st.tuples(st.sampled_from([0.0, 0.5, 2.0, 40.0]), st.sampled_from(["spend", "spend", "earn"]))


@on_redis
@given(script=st.lists(moves, max_size=30))
def test_a_shared_retry_budget_answers_as_one_in_memory(line: Blocking, script: list[tuple[float, str]]) -> None:
    async def answers(budgets: RetryBudgets) -> list[bool]:
        told: list[bool] = []
        now_s = 0.0
        for gap_s, what in script:
            now_s += gap_s
            if what == "spend":
                told.append(await budgets.spend("k", now_s))
            else:
                await budgets.earn("k", now_s)
        return told

    async def both() -> tuple[list[bool], list[bool]]:
        await line.call("FLUSHALL")
        own = MemoryRetryBudgets(RETRIES)
        return await answers(RedisRetryBudgets(line, RETRIES, CLOSED, own, callers_time)), await answers(own)

    shared, own = anyio.run(both)
    assert shared == own
