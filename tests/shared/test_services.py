"""What the shared services do by the server's own time, and without a Redis: nothing is lost, nothing is wedged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BreakerSettings,
    CircuitOpen,
    KeySettings,
    LimiterSettings,
    LLMResponse,
    QuotaExhausted,
    RateLimitExceeded,
    RedisSettings,
    Secret,
    ServerError,
    StoreUnavailable,
    ToolCall,
    redis_breakers,
    redis_cache,
    redis_client,
    redis_keys,
    redis_limiter,
)
from llm_manager.adapters.redis.breakers import SharedPermit
from llm_manager.adapters.redis.cache import MAX_VALUE_BYTES
from llm_manager.adapters.redis.limiter import GRACE_S, RedisLimiter, SharedReservation
from llm_manager.adapters.redis.scripts import callers_time
from llm_manager.adapters.system import SystemClock
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.status import CacheStatus
from llm_manager.ports import Cached, Keys, Lease, Limiter, Reservation
from llm_manager.testing import VirtualClock
from redis_lines import Blocking, Nobody
from redis_server import RedisServer, redis_server

pytestmark = pytest.mark.anyio

NOW = SystemClock()
NOWHERE = "redis://127.0.0.1:9"
PATIENT = RedisSettings(timeout_s=10, rest_s=0.05)
QUICK = RedisSettings(timeout_s=0.1, rest_s=5)
CLOSED = RedisSettings(timeout_s=0.1, rest_s=2, when_away="closed")
TEN = LimiterSettings(requests_per_minute=10, tokens_per_minute=1000)
TOUCHY = BreakerSettings(failure_threshold=1)

FOREIGN: dict[str, tuple[str | bytes, ...]] = {
    "text": ("SET", "foreign"),
    "bytes": ("SET", b"\xff\x00\xfe"),
    "empty": ("SET", ""),
    "json": ("SET", '{"a": [1, 2]}'),
    "deep": ("SET", "[" * 100_000),
    "long": ("SET", "x" * 100_000),
    "list": ("RPUSH", "a"),
    "hash": ("HSET", "at", "never"),
    "numbers": ("HSET", "at", "nan"),
    "set": ("SADD", "a"),
    "sorted": ("ZADD", "1", "a 1"),
}


def litter(redis: RedisServer, kind: str) -> None:
    """Replace what every key holds by something that we never wrote."""
    command, *values = FOREIGN[kind]
    for key in cast("list[bytes]", redis.ask("KEYS", "*")):
        redis.ask("DEL", key)
        redis.ask(command, key, *values)


async def taken(limits: Limiter, count: int, tokens: float = 0.0) -> list[Reservation]:
    return [(await limits.acquire("k", "m", tokens, 0, NOW)).unwrap() for _ in range(count)]


# A cache


async def test_an_answer_comes_back_from_another_process_as_it_was(redis: RedisServer) -> None:
    call = ToolCall(id="1", name="f", arguments='{"a":1}')
    answer = LLMResponse(content="naïve 🙂\x00", model="m", tool_calls=(call,))
    async with redis_client(redis.url, PATIENT) as mine, redis_client(redis.url, PATIENT) as theirs:
        for value in (answer, {"a": [1, 2.5, None, True, "ü"]}, None, "", 0):
            assert await redis_cache(mine).put("k", value, 0.0, 10.0) == Success(None)
            assert await redis_cache(theirs).get("k", 0.0) == Success(Cached(value))


async def test_an_entry_expires_in_redis_itself(redis: RedisServer) -> None:
    cache = redis_cache(redis.url)
    await cache.put("k", 1, 0.0, 300.0)
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    assert 299_000 < cast("int", redis.ask("PTTL", key)) <= 300_000
    await cache.put("none", 1, 0.0, 0.0001)
    assert redis.ask("DBSIZE") == 1


async def test_what_json_would_change_is_not_stored(redis: RedisServer) -> None:
    cache = redis_cache(redis.url)
    for value in (
        (1, 2),
        {1: "a"},
        float("nan"),
        float("inf"),
        b"bytes",
        object(),
        "\ud800",
        {"\ud800": 1},
        [object()],
    ):
        assert isinstance(await cache.put("k", value, 0.0, 10.0), Failure)
    deep: object = 1
    for _ in range(200):
        deep = [deep]
    assert isinstance(await cache.put("k", deep, 0.0, 10.0), Failure)
    assert isinstance(await cache.put("k", "x" * MAX_VALUE_BYTES, 0.0, 10.0), Failure)
    assert redis.ask("DBSIZE") == 0


@pytest.mark.parametrize("kind", FOREIGN)
async def test_foreign_bytes_in_a_cache_are_a_miss_and_are_written_over(redis: RedisServer, kind: str) -> None:
    cache = redis_cache(redis.url)
    await cache.put("k", 1, 0.0, 10.0)
    litter(redis, kind)
    assert await cache.get("k", 0.0) == Success(None)
    await cache.put("k", 2, 0.0, 10.0)
    assert await cache.get("k", 0.0) == Success(Cached(2))


@pytest.mark.parametrize(
    "text",
    [
        '[1,"response",{}]',
        '[1,"response"]',
        '[0,"data",1]',
        '[1,"data"]',
        '[1,"data",NaN]',
        "[]",
        "1",
        '[true,"data",1]',
    ],
)
async def test_what_looks_like_an_entry_and_is_none_is_a_miss(redis: RedisServer, text: str) -> None:
    cache = redis_cache(redis.url)
    await cache.put("k", 1, 0.0, 10.0)
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    redis.ask("SET", key, text)
    assert await cache.get("k", 0.0) == Success(None)


async def test_a_value_that_is_too_long_to_be_ours_is_not_read(redis: RedisServer) -> None:
    cache = redis_cache(redis.url)
    await cache.put("k", 1, 0.0, 10.0)
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    redis.ask("SETRANGE", key, MAX_VALUE_BYTES * 4, "x")
    assert await cache.get("k", 0.0) == Success(None)


async def test_a_cache_says_whether_it_can_be_reached(redis: RedisServer) -> None:
    reached = CacheStatus(enabled=True, entries=None, max_entries=None)
    assert await redis_cache(redis.url).status() == Success(reached)
    gone = redis_cache(NOWHERE)
    said = Failure(StoreUnavailable("redis", "127.0.0.1:9: cannot be reached"))
    assert [await gone.status(), await gone.get("k", 0.0), await gone.put("k", 1, 0.0, 9.0)] == [said] * 3


async def test_a_redis_that_refuses_is_a_failure_with_its_word(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        cache = redis_cache(redis.url)
        limits = redis_limiter(redis.url, TEN, shared=CLOSED)
        redis.ask("CONFIG", "SET", "maxmemory", "1")
        assert await cache.put("k", 1, 0.0, 10.0) == Failure(StoreUnavailable("redis", "OOM"))
        redis.ask("CONFIG", "SET", "maxmemory", "0")
        redis.ask("ACL", "SETUSER", "default", "-ping", "-getrange", "-evalsha")
        refused = (await limits.acquire("k", "m", 0, 0, NOW)).failure()
        assert refused == RateLimitExceeded("m", 2, "the shared limits cannot be kept: NOPERM")
        assert await cache.status() == Failure(StoreUnavailable("redis", "NOPERM"))
        assert await cache.get("k", 0.0) == Failure(StoreUnavailable("redis", "NOPERM"))


# Limits


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


def in_virtual_time(line: Blocking, settings: LimiterSettings) -> Limiter:
    nobody = cast("Limiter", Nobody())
    return RedisLimiter(line, settings, RedisSettings(), nobody, callers_time)


async def test_who_died_in_the_queue_is_forgotten_after_a_while(redis: RedisServer) -> None:
    """A process that waits for all tokens is killed: nobody says that it has left."""
    line = Blocking(redis)
    mute = Mute(line)
    dead, mine = in_virtual_time(cast("Blocking", mute), TEN), in_virtual_time(line, TEN)
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


class Mute:
    """A line on which nothing is said any more once its process is dead."""

    def __init__(self, line: Blocking) -> None:
        self._line = line
        self.is_dead = False

    async def call(self, *command: str | bytes | int) -> object:
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

    async def call(self, *command: str | bytes | int) -> object:
        reply = await self._line.call(*command)
        happens, self.happens = self.happens, None
        if happens is not None:
            await happens()
        return reply


async def test_what_comes_back_while_the_head_is_asking_is_not_overlooked(redis: RedisServer) -> None:
    line = Blocking(redis)
    meanwhile = Meanwhile(line)
    limits = in_virtual_time(cast("Blocking", meanwhile), TEN)
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
    assert await limits.acquire("k", "m", 0, 60, NOW) == Failure(RateLimitExceeded("m", 2, said))
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


async def test_a_restart_in_the_middle_loses_no_call(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        async with redis_client(redis.url, PATIENT) as client:
            limits = redis_limiter(client, LimiterSettings(requests_per_minute=100_000), shared=PATIENT)
            breakers = redis_breakers(client, shared=PATIENT)
            cache = redis_cache(client, shared=PATIENT)
            done = 0

            async def call(number: int) -> None:
                nonlocal done
                reserved = (await limits.acquire("k", "m", 1, 60, NOW)).unwrap()
                permit = (await breakers.admit("k", "m", NOW.monotonic())).unwrap()
                await cache.put(str(number), number, 0.0, 60.0)
                held = await cache.get(str(number), 0.0)
                assert isinstance(held, Failure) or held.unwrap() in (None, Cached(number))
                await breakers.record(permit, "success", NOW.monotonic(), 0.0)
                await limits.settle(reserved, 2, NOW.monotonic())
                done += 1

            async def all_of_them() -> None:
                for start in range(0, 300, 30):
                    async with anyio.create_task_group() as group:
                        for number in range(start, start + 30):
                            group.start_soon(call, number)

            async with anyio.create_task_group() as group:
                group.start_soon(all_of_them)
                await anyio.sleep(0.1)
                redis.stop()
                await anyio.to_thread.run_sync(redis.start)
            assert done == 300
            await anyio.sleep(0.06)  # the rest is over
            assert await cache.put("k", 1, 0.0, 9.0) == Success(None)


async def test_a_slow_redis_delays_a_deadline_by_no_more_than_its_time_out(redis: RedisServer) -> None:
    async with redis_client(redis.url, QUICK) as client:
        limits = redis_limiter(client, TEN, shared=QUICK)
        await taken(limits, 1)
        with redis.frozen():
            began_s = anyio.current_time()
            with anyio.move_on_after(0.02):
                await limits.acquire("k", "m", 0, 60, NOW)
            assert anyio.current_time() - began_s < 0.4


# Breakers


@pytest.mark.parametrize("kind", FOREIGN)
async def test_foreign_bytes_in_a_breaker_are_one_that_is_new(redis: RedisServer, kind: str) -> None:
    breakers = redis_breakers(redis.url, TOUCHY, shared=PATIENT)
    permit = (await breakers.admit("k", "m", 0.0)).unwrap()
    await breakers.record(permit, "failure", 0.0, 0.0)
    assert isinstance(await breakers.admit("k", "m", 0.0), Failure)
    litter(redis, kind)
    assert await breakers.state("k", 0.0) == ("closed", 0.0)
    permit = (await breakers.admit("k", "m", 0.0)).unwrap()
    await breakers.record(permit, "failure", 0.0, 0.0)
    refused = (await breakers.admit("k", "m", 0.0)).failure()
    assert refused.retry_after_s == pytest.approx(60, abs=1)


async def test_every_result_of_many_tasks_is_counted(redis: RedisServer) -> None:
    settings = BreakerSettings(failure_threshold=10**6, minimum_calls=10**6)
    async with redis_client(redis.url, PATIENT) as one, redis_client(redis.url, PATIENT) as other:
        both = [redis_breakers(client, settings, shared=PATIENT) for client in (one, other)]

        async def call(number: int) -> None:
            breakers = both[number % 2]
            permit = (await breakers.admit("k", "m", 0.0)).unwrap()
            await breakers.record(permit, "failure", 0.0, 0.0)

        async with anyio.create_task_group() as group:
            for number in range(200):
                group.start_soon(call, number)
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    held = cast("bytes", redis.ask("GET", key))
    assert held.endswith(b",200]")


async def test_the_lease_of_a_probe_that_died_ends_by_the_servers_time(redis: RedisServer) -> None:
    settings = replace(TOUCHY, open_s=0.05, probe_s=0.1)
    breakers = redis_breakers(redis.url, settings, shared=PATIENT)
    permit = (await breakers.admit("k", "m", 0.0)).unwrap()
    await breakers.record(permit, "failure", 0.0, 0.0)
    assert isinstance(await breakers.admit("k", "m", 0.0), Failure)
    await anyio.sleep(0.06)
    assert (await breakers.admit("k", "m", 0.0)).unwrap().probe
    assert isinstance(await breakers.admit("k", "m", 0.0), Failure)
    await anyio.sleep(0.11)
    assert (await breakers.admit("k", "m", 0.0)).unwrap().probe
    assert await breakers.state("k", 0.0) == ("half-open", 0.0)


async def test_a_clock_that_was_set_back_keeps_no_breaker_open(redis: RedisServer) -> None:
    breakers = redis_breakers(redis.url, replace(TOUCHY, open_s=0.01, max_open_s=0.01), shared=PATIENT)
    permit = (await breakers.admit("k", "m", 0.0)).unwrap()
    await breakers.record(permit, "failure", 0.0, 0.0)
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    redis.ask("SET", key, '["open",1,1e12,0.01]')
    assert (await breakers.state("k", 0.0))[1] <= 0.011


async def test_without_a_redis_each_process_has_breakers_of_its_own() -> None:
    breakers = redis_breakers(NOWHERE, TOUCHY, shared=QUICK)
    permit = (await breakers.admit("k", "m", 0.0)).unwrap()
    await breakers.record(permit, "failure", 0.0, 0.0)
    assert (await breakers.admit("k", "m", 1.0)).failure() == CircuitOpen("m", 59.0)
    assert await breakers.state("k", 1.0) == ("open", 59.0)


async def test_a_result_that_redis_could_not_be_told_is_lost_and_no_more(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        breakers = redis_breakers(redis.url, TOUCHY, shared=QUICK)
        permit = (await breakers.admit("k", "m", 0.0)).unwrap()
        redis.stop()
        await breakers.record(permit, "failure", 0.0, 0.0)
        assert isinstance(await breakers.admit("k", "m", 0.0), Success)


async def test_a_probe_that_was_left_lets_the_next_one_go(redis: RedisServer) -> None:
    breakers = redis_breakers(redis.url, replace(TOUCHY, open_s=0.01), shared=PATIENT)
    permit = (await breakers.admit("k", "m", 0.0)).unwrap()
    await breakers.record(permit, "failure", 0.0, 0.0)
    await anyio.sleep(0.02)
    probe = (await breakers.admit("k", "m", 0.0)).unwrap()
    await breakers.record(probe, "neither", 0.0, 0.0)
    assert (await breakers.admit("k", "m", 0.0)).unwrap().probe


async def test_a_move_that_others_always_overtake_is_given_up() -> None:
    class Busy:
        async def call(self, *_command: str | bytes | int) -> Outcome[object, StoreUnavailable]:
            return Success([b"1000000", b'["open",1,0.5,60.0]', 0])

    breakers = redis_breakers(cast("Blocking", Busy()), TOUCHY, shared=PATIENT)
    assert isinstance(await breakers.admit("k", "m", 0.0), Success)
    await breakers.record(SharedPermit("k", 1, probe=True), "failure", 0.0, 0.0)


# Keys

A, B, C = (Secret(f"sk-canary-{name}-0123456789") for name in "abc")


def pool(url: str, *secrets: Secret, shared: RedisSettings = PATIENT) -> Keys:
    return redis_keys(url, KeySettings(providers={"p": secrets}), shared=shared)


async def leased(keys: Keys, now_s: float = 0.0) -> Lease:
    return (await keys.lease("p", "m", now_s)).unwrap()


async def test_a_key_that_one_was_told_about_rests_for_all_whatever_its_place(redis: RedisServer) -> None:
    mine, theirs = pool(redis.url, A, B), pool(redis.url, C, B, A)
    await mine.give_back(await leased(mine), RateLimitExceeded("m", 60.0), 0.0)
    assert {(await leased(mine)).secret for _ in range(3)} == {B}
    assert {(await leased(theirs, 1000.0)).secret for _ in range(4)} == {B, C}
    alone = pool(redis.url, A)
    refused = (await alone.lease("p", "m", 5.0)).failure()
    assert isinstance(refused, RateLimitExceeded)
    assert refused.retry_after_s == pytest.approx(60, abs=1)
    assert not await alone.usable("p", "m", 5.0)
    assert await pool(redis.url, C).usable("p", "m", 5.0)
    assert not await alone.usable("other", "m", 5.0)


async def test_the_longer_of_two_rests_wins_and_a_lack_of_quota_is_told_as_one(redis: RedisServer) -> None:
    mine, theirs, third = pool(redis.url, A), pool(redis.url, A), pool(redis.url, A)
    lease, other = await leased(mine), await leased(theirs)
    await mine.give_back(lease, QuotaExhausted("m"), 0.0)
    await theirs.give_back(other, RateLimitExceeded("m", 5.0), 0.0)
    said = "every key that may use it is out of quota"
    assert (await third.lease("p", "m", 60.0)).failure() == QuotaExhausted("m", said)


async def test_what_says_nothing_about_a_key_is_not_told(redis: RedisServer) -> None:
    mine = pool(redis.url, A)
    await mine.give_back(await leased(mine), ServerError("m", 500), 0.0)
    await mine.give_back(await leased(mine), None, 0.0)
    assert redis.ask("DBSIZE") == 0


async def test_no_key_reaches_redis_and_a_rest_ends_there_too(redis: RedisServer) -> None:
    mine = pool(redis.url, A)
    await mine.give_back(await leased(mine), RateLimitExceeded("m", 60.0), 0.0)
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    assert b"canary" not in key + cast("bytes", redis.ask("DUMP", key))
    assert 59_000 < cast("int", redis.ask("PTTL", key)) <= 60_001


@pytest.mark.parametrize("kind", FOREIGN)
async def test_foreign_bytes_let_no_key_rest(redis: RedisServer, kind: str) -> None:
    mine = pool(redis.url, A)
    await mine.give_back(await leased(mine), RateLimitExceeded("m", 60.0), 0.0)
    litter(redis, kind)
    theirs = pool(redis.url, A)
    await theirs.give_back(await leased(theirs), RateLimitExceeded("m", 60.0), 0.0)
    assert isinstance(await pool(redis.url, A).lease("p", "m", 0.0), Failure)


async def test_without_a_redis_each_process_lets_its_keys_rest_itself() -> None:
    mine = pool(NOWHERE, A, B, shared=QUICK)
    await mine.give_back(await leased(mine), RateLimitExceeded("m", 60.0), 0.0)
    assert {(await leased(mine)).secret for _ in range(3)} == {B}


async def test_a_rest_that_is_heard_of_reaches_those_who_wait_for_that_key(redis: RedisServer) -> None:
    settings = KeySettings(providers={"p": (A,)}, max_connections_per_key=1)
    mine, theirs = (redis_keys(redis.url, settings, shared=PATIENT) for _ in range(2))
    await leased(mine)
    told = await leased(theirs)
    got: list[object] = []

    async def wait() -> None:
        got.append((await mine.lease("p", "m", 0.0)).failure())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await theirs.give_back(told, QuotaExhausted("m"), 0.0)
            await mine.usable("p", "m", 0.0)
    assert got == [QuotaExhausted("m", "every key that may use it is out of quota")]


async def test_a_service_whose_script_redis_answers_strangely_does_without() -> None:
    class Strange:
        async def call(self, *_command: str | bytes | int) -> Outcome[object, StoreUnavailable]:
            return Success(self.reply)

        reply: object = b"+"

    strange = cast("Blocking", Strange())
    shared = replace(PATIENT, when_away="closed")
    for reply in (b"text", 1, None, [], [b"wait"], [1, 2, 3]):
        Strange.reply = reply
        limits = redis_limiter(strange, TEN, shared=shared)
        assert isinstance(await limits.acquire("k", "m", 0, 0, NOW), Failure)
        breakers = redis_breakers(strange, TOUCHY, shared=shared)
        assert isinstance(await breakers.admit("k", "m", 0.0), Success)
        keys = redis_keys(strange, KeySettings(providers={"p": (A,)}), shared=shared)
        assert isinstance(await keys.lease("p", "m", 0.0), Success)
