"""Shared limits, by the server's time: nothing is given twice, nobody waits for the dead or a Redis that is gone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    LimiterSettings,
    RateLimitExceeded,
    RedisSettings,
    StoreUnavailable,
    redis_client,
    redis_limiter,
)
from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.limiter import GRACE_S, RedisLimiter, SharedReservation
from llm_manager.adapters.redis.scripts import callers_time
from llm_manager.adapters.redis.wire import Reply, Word
from llm_manager.domain.outcome import Outcome
from llm_manager.ports import Limiter, Reservation
from llm_manager.testing import VirtualClock
from redis_lines import Blocking, Nobody
from redis_server import RedisServer, redis_server
from tests.shared.situations import CLOSED, FOREIGN, NOW, NOWHERE, PATIENT, QUICK, TEN, litter

pytestmark = pytest.mark.anyio


async def taken(limits: Limiter, count: int, tokens: float = 0.0) -> list[Reservation]:
    return [(await limits.acquire("k", "m", tokens, 0, NOW)).unwrap() for _ in range(count)]


async def test_limits_are_one_for_all_and_their_keys_vanish_when_they_are_full_again(redis: RedisServer) -> None:
    mine, theirs = (redis_limiter(redis.url, TEN, shared=PATIENT) for _ in range(2))
    await taken(mine, 6)
    await taken(theirs, 4)
    refused = (await mine.acquire("k", "m", 0, 0.5, NOW)).failure()
    assert refused.retry_after_s == pytest.approx(6, abs=1)
    for key in cast("list[bytes]", redis.ask("KEYS", "*")):
        assert key.startswith(b"{llm_manager:limit:k}:")
        assert 60_000 < cast("int", redis.ask("PTTL", key)) <= 120_000


async def test_a_waiter_is_served_by_the_servers_time(redis: RedisServer) -> None:
    limits = redis_limiter(redis.url, LimiterSettings(requests_per_minute=120), shared=PATIENT)
    began_s = anyio.current_time()
    await taken(limits, 120)
    assert isinstance(await limits.acquire("k", "m", 0, 5, NOW), Success)
    assert 0.45 <= anyio.current_time() - began_s < 5


@pytest.mark.parametrize("kind", FOREIGN)
async def test_foreign_bytes_under_our_names_are_buckets_that_are_full(redis: RedisServer, kind: str) -> None:
    limits = redis_limiter(redis.url, TEN, shared=replace(PATIENT, when_away="closed"))
    await taken(limits, 10)
    assert isinstance(await limits.acquire("k", "m", 0, 0, NOW), Failure)
    litter(redis, kind)
    await taken(limits, 10)
    assert isinstance(await limits.acquire("k", "m", 0, 0, NOW), Failure)


async def test_what_was_taken_before_a_flush_is_not_given_back_after_it(redis: RedisServer) -> None:
    limits = redis_limiter(redis.url, TEN, shared=PATIENT)
    (before,) = await taken(limits, 1, tokens=1000)
    redis.ask("FLUSHALL")
    await taken(limits, 1, tokens=1000)
    await limits.release(before, 0.0)
    assert isinstance(await limits.acquire("k", "m", 500, 0, NOW), Failure)
    await limits.settle(before, 2000, 0.0)  # a debt is one whenever it is told
    assert ((await limits.acquire("k", "m", 500, 0, NOW)).failure().retry_after_s or 0) > 80


async def test_a_clock_that_was_set_back_stops_no_limit(redis: RedisServer) -> None:
    limits = redis_limiter(redis.url, LimiterSettings(requests_per_minute=600), shared=PATIENT)
    await taken(limits, 600)
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*buckets"))
    redis.ask("HSET", key, "at", 10**17)
    assert isinstance(await limits.acquire("k", "m", 0, 5, NOW), Success)


def in_virtual_time(line: Redis, settings: LimiterSettings) -> Limiter:
    nobody = cast("Limiter", Nobody())
    return RedisLimiter(line, settings, RedisSettings(), nobody, callers_time)


async def test_who_died_in_the_queue_is_forgotten_after_a_while(redis: RedisServer) -> None:
    """A process that waits for all tokens is killed: nobody says that it has left."""
    line = Blocking(redis)
    mute = Mute(line)
    dead, mine = in_virtual_time(mute, TEN), in_virtual_time(line, TEN)
    clock = VirtualClock()
    await mine.acquire("k", "m", 1000, 0, clock)
    async with anyio.create_task_group() as group:
        group.start_soon(dead.acquire, "k", "m", 1000, 100, clock)
        await clock.advance(0)
        mute.is_dead = True
        group.cancel_scope.cancel()
    assert (await mine.acquire("k", "m", 100, 0, clock)).failure().retry_after_s == pytest.approx(66)
    await clock.advance(GRACE_S + 2)
    assert (await mine.acquire("k", "m", 500, 0, clock)).failure().retry_after_s == pytest.approx(30 - 7)
    line.close()


async def test_who_is_late_keeps_the_room_in_front_of_those_who_come(redis: RedisServer) -> None:
    """A process that is stalled when its turn comes: what it needs is set aside until it is held for dead."""
    line = Blocking(redis)
    mute = Mute(line)
    late, mine = in_virtual_time(mute, TEN), in_virtual_time(line, TEN)
    clock = VirtualClock()
    await mine.acquire("k", "m", 1000, 0, clock)
    async with anyio.create_task_group() as group:
        group.start_soon(late.acquire, "k", "m", 100, 100, clock)
        await clock.advance(5.5)  # its turn comes after six seconds
        mute.is_dead = True
        group.cancel_scope.cancel()
    await clock.advance(2.5)
    assert (await mine.acquire("k", "m", 100, 0, clock)).failure().retry_after_s == pytest.approx(4)
    await clock.advance(4)
    assert isinstance(await mine.acquire("k", "m", 100, 0, clock), Success)
    line.close()


class Mute:
    """A line on which nothing is said any more once its process is dead."""

    def __init__(self, line: Blocking) -> None:
        self._line = line
        self.is_dead = False

    async def call(self, *command: Word) -> Outcome[Reply, StoreUnavailable]:
        if self.is_dead:
            return Failure(StoreUnavailable("redis", "its process is dead"))
        return await self._line.call(*command)


async def test_what_another_process_gives_back_is_seen_before_long(redis: RedisServer) -> None:
    line = Blocking(redis)
    mine, theirs = (in_virtual_time(line, TEN) for _ in range(2))
    clock = VirtualClock()
    dear = (await theirs.acquire("k", "m", 1000, 0, clock)).unwrap()
    got: list[float] = []

    async def wait() -> None:
        assert isinstance(await mine.acquire("k", "m", 1000, 60, clock), Success)
        got.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.advance(10.5)
        await theirs.release(dear, clock.monotonic())
        await clock.advance(1)
    assert got == [11.0]
    line.close()


class Meanwhile:
    """A line on which, once, something else happens between a question and its answer."""

    def __init__(self, line: Blocking) -> None:
        self._line = line
        self.happens: Callable[[], Awaitable[None]] | None = None

    async def call(self, *command: Word) -> Outcome[Reply, StoreUnavailable]:
        reply = await self._line.call(*command)
        happens, self.happens = self.happens, None
        if happens is not None:
            await happens()
        return reply


async def test_what_comes_back_while_the_head_is_asking_is_not_overlooked(redis: RedisServer) -> None:
    line = Blocking(redis)
    meanwhile = Meanwhile(line)
    limits = in_virtual_time(meanwhile, TEN)
    clock = VirtualClock()
    dear = (await limits.acquire("k", "m", 1000, 0, clock)).unwrap()
    got: list[float] = []

    async def wait() -> None:
        assert isinstance(await limits.acquire("k", "m", 1000, 60, clock), Success)
        got.append(clock.monotonic())

    async def refund() -> None:
        await limits.release(dear, clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.advance(0.5)
        meanwhile.happens = refund
        await clock.advance(0.5)  # when it looks again
    assert got == [1.0]
    line.close()


async def test_where_another_model_is_idle_a_refusal_is_ours_comes_at_once_and_leaves_no_place_in_the_queue(
    redis: RedisServer,
) -> None:
    line = Blocking(redis)
    mine, theirs = (in_virtual_time(line, TEN) for _ in range(2))
    clock = VirtualClock()
    await mine.acquire("k", "m", 1000, 0, clock)
    said = "the queue is longer than the wait allowed"
    refused = [await limits.acquire("k", "m", 100, 2.0, clock) for limits in (mine, theirs)]
    assert refused == [Failure(RateLimitExceeded("m", 6.0, said, local=True))] * 2
    assert clock.monotonic() == 0
    await clock.advance(6.0)
    assert isinstance(await theirs.acquire("k", "m", 100, 2.0, clock), Success)
    line.close()


async def test_without_a_redis_each_process_keeps_the_limits_by_itself() -> None:
    limits = redis_limiter(NOWHERE, TEN, shared=QUICK)
    (first, *_) = await taken(limits, 10)
    assert not isinstance(first, SharedReservation)
    assert isinstance(await limits.acquire("k", "m", 0, 0, NOW), Failure)
    await limits.release(first, NOW.monotonic())
    (last,) = await taken(limits, 1, tokens=900)
    await limits.settle(last, 100, NOW.monotonic())
    await limits.release(last, NOW.monotonic())
    await taken(limits, 1, tokens=800)


async def test_without_a_redis_nothing_passes_that_has_a_limit_if_that_was_asked_for() -> None:
    limits = redis_limiter(NOWHERE, TEN, shared=CLOSED)
    said = "the shared limits cannot be kept: 127.0.0.1:9: cannot be reached"
    assert await limits.acquire("k", "m", 0, 60, NOW) == Failure(RateLimitExceeded("m", 2, said, local=True))
    unlimited = redis_limiter(NOWHERE, LimiterSettings(), shared=CLOSED)
    free = (await unlimited.acquire("k", "m", 0, 60, NOW)).unwrap()
    await unlimited.settle(free, 5, 0.0)
    await unlimited.release(free, 0.0)


async def test_a_redis_that_goes_while_somebody_waits_leaves_nobody_waiting(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        limits = redis_limiter(redis.url, LimiterSettings(requests_per_minute=600), shared=QUICK)
        await taken(limits, 600)
        got: list[Outcome[Reservation, RateLimitExceeded]] = []

        async def wait() -> None:
            got.append(await limits.acquire("k", "m", 0, 5, NOW))

        with anyio.fail_after(4):
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(wait)
                await anyio.sleep(0.05)
                redis.stop()
        assert len(got) == 20
        assert all(isinstance(each, Success) for each in got)


async def test_a_slow_redis_delays_a_deadline_by_no_more_than_its_time_out(redis: RedisServer) -> None:
    async with redis_client(redis.url, QUICK) as client:
        limits = redis_limiter(client, TEN, shared=QUICK)
        await taken(limits, 1)
        with redis.frozen():
            began_s = anyio.current_time()
            with anyio.move_on_after(0.02):
                await limits.acquire("k", "m", 0, 60, NOW)
            assert anyio.current_time() - began_s < 0.4
