"""The server's clock is a wall clock: what becomes of shared state when somebody sets it a day ahead or back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from returns.result import Failure, Success

from llm_manager import (
    BreakerSettings,
    BudgetExceeded,
    KeySettings,
    RateLimitExceeded,
    Secret,
    redis_breakers,
    redis_budget,
    redis_cache,
    redis_keys,
    redis_limiter,
    redis_retry_budgets,
)
from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.ports import Cached
from redis_server import RedisServer, executable, redis_server
from tests.shared.situations import NOW, PATIENT, TEN
from wall_clock import DAY_S, WallClock, library

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(library() is None, reason="no libfaketime works on this machine"),
    pytest.mark.skipif(executable() is None, reason="there is no redis-server"),
]

AHEAD_OR_BACK = pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S], ids=["ahead", "back"])


@dataclass(frozen=True)
class Timed:
    """A Redis and its clock."""

    server: RedisServer
    wall: WallClock

    @property
    def url(self) -> str:
        return self.server.url

    def jump(self, jump_s: float) -> None:
        """Set the clock so far ahead of ours, and see that it was."""
        self.wall.set(jump_s)
        self.server.ask("PING")  # it reads the time once a turn
        seconds, _ = cast("list[bytes]", self.server.ask("TIME"))
        assert float(seconds) - time.time() == pytest.approx(jump_s, abs=60)


@pytest.fixture
def timed(tmp_path: Path) -> Iterator[Timed]:
    wall = WallClock(tmp_path)
    with redis_server(tmp_path, environment=wall.environment) as server:
        yield Timed(server, wall)


@AHEAD_OR_BACK
async def test_money_does_not_change(timed: Timed, jump_s: float) -> None:
    mine, theirs = (redis_budget(timed.url, 1.0, shared=PATIENT) for _ in range(2))
    await mine.reserve(0.3, 0.0, NOW)
    await mine.settle(0.3, 0.2)
    await mine.reserve(0.4, 0.0, NOW)
    timed.jump(jump_s)
    assert await theirs.reserve(0.5, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.6))  # presumed, until it speaks
    assert await theirs.reserve(0.4, 0.0, NOW) == Success(None)
    await mine.settle(0.4, 0.1)
    assert await theirs.spent_usd() == pytest.approx(0.3)
    assert await theirs.presumed_usd() == Success(0.0)


@AHEAD_OR_BACK
async def test_a_limit_gives_one_burst_at_most(timed: Timed, jump_s: float) -> None:
    limits = redis_limiter(timed.url, TEN, shared=PATIENT)

    async def let_through() -> int:
        return sum([isinstance(await limits.acquire("k", "m", 0, 0, NOW), Success) for _ in range(20)])

    assert await let_through() == 10
    timed.jump(jump_s)
    assert await let_through() == (10 if jump_s > 0 else 0)
    refused = (await limits.acquire("k", "m", 0, 0, NOW)).failure()
    assert 0 < (refused.retry_after_s or 0) <= 6


async def test_an_open_breaker_stays_open_no_longer_than_settings_ever_let_it(timed: Timed) -> None:
    settings = BreakerSettings(failure_threshold=1, open_s=60, max_open_s=100)
    breakers = redis_breakers(timed.url, settings, shared=PATIENT)
    permit = (await breakers.admit("k", "m", 0.0)).unwrap()
    await breakers.record(permit, "failure", 0.0, 0.0)
    timed.jump(-DAY_S)
    state, left_s = await breakers.state("k", 0.0)
    assert left_s is not None
    assert (state, 60 < left_s <= 110) == ("open", True)
    timed.jump(600)
    assert await breakers.state("k", 0.0) == ("half-open", 0.0)
    timed.jump(DAY_S)
    assert await breakers.state("k", 0.0) == ("closed", 0.0)  # nobody used it for more than an hour


@AHEAD_OR_BACK
async def test_a_key_whose_rest_is_a_day_off_is_awake(timed: Timed, jump_s: float) -> None:
    settings = KeySettings(providers={"p": (Secret("sk-canary-0123456789"),)})
    mine, theirs = (redis_keys(timed.url, settings, shared=PATIENT) for _ in range(2))
    lease = (await mine.lease("p", "m", 0.0, NOW)).unwrap()
    await mine.give_back(lease, RateLimitExceeded("m", 60.0), NOW.monotonic())
    timed.jump(jump_s)
    assert await theirs.usable("p", "m", NOW.monotonic())
    assert not await mine.usable("p", "m", NOW.monotonic())  # who was told has a clock of its own


@AHEAD_OR_BACK
async def test_retries_are_earned_by_a_clock_that_goes_on_and_lost_by_none(timed: Timed, jump_s: float) -> None:
    budgets = redis_retry_budgets(timed.url, RetryBudgetSettings(capacity=2, per_second=0.001), shared=PATIENT)
    assert [await budgets.spend("k", 0.0) for _ in range(3)] == [True, True, False]
    timed.jump(jump_s)
    assert [await budgets.spend("k", 0.0) for _ in range(3)] == [jump_s > 0, jump_s > 0, False]


async def test_an_answer_in_the_cache_is_forgotten_ahead_and_kept_longer_back(timed: Timed) -> None:
    cache = redis_cache(timed.url, shared=PATIENT)
    await cache.put("k", 1, 0.0, 60.0)
    timed.jump(-DAY_S)
    assert await cache.get("k", 0.0) == Success(Cached(1))
    timed.jump(DAY_S)
    assert await cache.get("k", 0.0) == Success(None)
