"""Keys that rest for all processes, and never leave their own."""

from __future__ import annotations

from typing import cast

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    KeySettings,
    LLMError,
    QuotaExhausted,
    RateLimitExceeded,
    RedisSettings,
    Secret,
    ServerError,
    redis_keys,
)
from llm_manager.adapters.limits.keys import MemoryKeys
from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.keys import RedisKeys
from llm_manager.adapters.redis.scripts import callers_time
from llm_manager.ports import Keys, Lease
from llm_manager.testing import VirtualClock
from redis_lines import Blocking
from redis_server import RedisServer
from tests.shared.situations import FOREIGN, NOW, NOWHERE, PATIENT, QUICK, litter

pytestmark = pytest.mark.anyio


KEYS = "{llm_manager:keys:p}"
RESTS = "every key rests after a rate limit"
A, B, C = (Secret(f"sk-canary-{name}-0123456789") for name in "abc")


def pool(url: str, *secrets: Secret, shared: RedisSettings = PATIENT) -> Keys:
    return redis_keys(url, KeySettings(providers={"p": secrets}), shared=shared)


def used(url: str, most: int, *secrets: Secret) -> Keys:
    """A pool of two keys, in which *most* calls may use each."""
    settings = KeySettings(providers={"p": secrets or (A, B)}, max_connections_per_key=most)
    return redis_keys(url, settings, shared=PATIENT)


async def leased(keys: Keys) -> Lease:
    return (await keys.lease("p", "m", 0.0, NOW)).unwrap()


async def all_of(keys: Keys, most: int = 1) -> list[Lease]:
    """Every call that two keys may have."""
    return [await leased(keys) for _ in range(2 * most)]


async def ended(keys: Keys, lease: Lease, error: LLMError | None = None) -> None:
    await keys.give_back(lease, error, NOW.monotonic())


async def is_waited_for(keys: Keys) -> bool:
    """Is there no key to be had just now?"""
    with anyio.move_on_after(0.1) as waits:
        await leased(keys)
    return waits.cancelled_caught


async def usable(keys: Keys) -> bool:
    return await keys.usable("p", "m", NOW.monotonic())


async def test_a_key_that_one_was_told_about_rests_for_all_whatever_its_place(redis: RedisServer) -> None:
    mine, theirs = pool(redis.url, A, B), pool(redis.url, C, B, A)
    await ended(mine, await leased(mine), RateLimitExceeded("m", 60.0))
    assert {(await leased(mine)).secret for _ in range(3)} == {B}
    assert {(await leased(theirs)).secret for _ in range(4)} == {B, C}
    alone = pool(redis.url, A)
    refused = (await alone.lease("p", "m", 5.0, NOW)).failure()
    assert isinstance(refused, RateLimitExceeded)
    assert refused.retry_after_s == pytest.approx(60, abs=1)
    assert not refused.local
    assert not await usable(alone)
    assert await usable(pool(redis.url, C))


async def test_the_longer_of_two_rests_wins_and_a_lack_of_quota_is_told_as_one(redis: RedisServer) -> None:
    mine, theirs, third = pool(redis.url, A), pool(redis.url, A), pool(redis.url, A)
    lease, other = await leased(mine), await leased(theirs)
    await ended(mine, lease, QuotaExhausted("m"))
    await ended(theirs, other, RateLimitExceeded("m", 5.0))
    said = "every key that may use it is out of quota"
    assert (await third.lease("p", "m", 60.0, NOW)).failure() == QuotaExhausted("m", said)


async def test_a_key_that_was_refused_rests_for_all_and_is_told_as_one(redis: RedisServer) -> None:
    mine, theirs = pool(redis.url, A), pool(redis.url, A)
    await ended(mine, await leased(mine), AuthenticationFailed("m", message="revoked"))
    said = "another process was refused with this key"
    assert (await theirs.lease("p", "m", 999.0, NOW)).failure() == AuthenticationFailed("m", message=said)
    assert (await mine.lease("p", "m", 999.0, NOW)).failure() == AuthenticationFailed("m", message="revoked")
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    assert 59_000 < cast("int", redis.ask("PTTL", key)) <= 60_001


async def test_a_rest_that_another_process_was_told_is_waited_for_in_the_queue(redis: RedisServer) -> None:
    line, clock = Blocking(redis), VirtualClock()
    mine, theirs = (in_virtual_time(line, A) for _ in range(2))
    held = (await theirs.lease("p", "m", 0.0, clock)).unwrap()
    await theirs.give_back(held, RateLimitExceeded("m", 10.0), 0.0)
    times: list[float] = []

    async def wait() -> None:
        assert isinstance(await mine.lease("p", "m", 60.0, clock), Success)
        times.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(wait)
        await clock.advance(4.0)
        assert (await mine.lease("p", "m", 5.0, clock)).failure() == RateLimitExceeded("m", 6.0, RESTS)
        await clock.advance(60.0)
    assert times == pytest.approx([10.0, 10.1])
    line.close()


async def test_all_waits_for_rests_together_are_bounded(redis: RedisServer) -> None:
    """The first rest is short enough; another process meets the limit again, and then too little is left."""
    line, clock = Blocking(redis), VirtualClock()
    mine, theirs = (in_virtual_time(line, A) for _ in range(2))
    first, second = [(await theirs.lease("p", "m", 0.0, clock)).unwrap() for _ in range(2)]
    await theirs.give_back(first, RateLimitExceeded("m", 10.0), 0.0)
    told: list[tuple[float, object]] = []

    async def wait() -> None:
        told.append((0.0, await mine.lease("p", "m", 15.0, clock)))
        told[-1] = (clock.monotonic(), told[-1][1])

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.advance(9.0)
        await theirs.give_back(second, RateLimitExceeded("m", 30.0), 9.0)
        await clock.advance(1.0)
    assert told == [(10.0, Failure(RateLimitExceeded("m", 29.0, RESTS)))]
    line.close()


async def test_a_key_that_others_use_is_looked_for_on_the_clock_of_the_context(redis: RedisServer) -> None:
    line, clock = Blocking(redis), VirtualClock()
    mine, theirs = (in_virtual_time(line, A, B) for _ in range(2))
    held = [(await theirs.lease("p", "m", 0.0, clock)).unwrap() for _ in range(2)]
    times: list[float] = []

    async def wait() -> None:
        await mine.lease("p", "m", 0.0, clock)
        times.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.advance(10.01)
        assert times == []
        await theirs.give_back(held[1], None, clock.monotonic())
        await clock.advance(1.0)
    assert times == pytest.approx([10.05])
    line.close()


async def test_a_key_that_others_use_keeps_count_of_its_refusals(redis: RedisServer) -> None:
    """A lease that Redis did not grant is no call that succeeded: the next refusal rests for twice as long."""
    line, clock = Blocking(redis), VirtualClock()
    mine, theirs = (in_virtual_time(line, A, B) for _ in range(2))
    revoked = AuthenticationFailed("m", message="revoked")
    for _ in range(2):
        await mine.give_back((await mine.lease("p", "m", 0.0, clock)).unwrap(), revoked, 0.0)
    await clock.advance(61.0)
    held = [(await theirs.lease("p", "m", 0.0, clock)).unwrap() for _ in range(2)]
    async with anyio.create_task_group() as group:
        group.start_soon(mine.lease, "p", "m", 0.0, clock)
        await clock.advance(1.0)
        group.cancel_scope.cancel()
    for lease in held:
        await theirs.give_back(lease, None, clock.monotonic())
    for _ in range(2):
        lease = (await mine.lease("p", "m", 0.0, clock)).unwrap()
        await mine.give_back(lease, revoked, clock.monotonic())
    await clock.advance(61.0)
    assert (await mine.lease("p", "m", 0.0, clock)).failure() == revoked
    line.close()


def in_virtual_time(line: Redis, *secrets: Secret) -> Keys:
    """The keys of one process; each of several has one call at most."""
    settings = KeySettings(providers={"p": secrets}, max_connections_per_key=1)
    return RedisKeys(line, settings, PATIENT, MemoryKeys(settings), callers_time)


async def test_what_says_nothing_about_a_key_is_not_told(redis: RedisServer) -> None:
    for secrets in ((A,), (A, B)):
        mine = pool(redis.url, *secrets)
        await ended(mine, await leased(mine), ServerError("m", 500))
        await ended(mine, await leased(mine))
        assert redis.ask("DBSIZE") == 0


async def test_a_single_key_is_bounded_by_the_connections_of_each_process_alone(redis: RedisServer) -> None:
    settings = KeySettings(providers={"p": (A,)}, max_connections_per_key=1)
    mine, theirs = (redis_keys(redis.url, settings, shared=PATIENT, max_connections=3) for _ in range(2))
    assert [(await leased(keys)).secret for keys in (mine, theirs) for _ in range(3)] == [A] * 6
    assert await is_waited_for(mine)
    assert redis.ask("DBSIZE") == 0


async def test_a_pool_without_keys_never_reaches_redis(redis: RedisServer) -> None:
    mine, theirs = pool(redis.url, A), pool(redis.url, A)
    lease = (await mine.lease("@local", "m", 0.0, NOW)).unwrap()
    assert (lease.key_id, lease.secret) == (None, None)
    await ended(mine, lease, RateLimitExceeded("m", 60.0))
    assert not await mine.usable("@local", "m", NOW.monotonic())
    assert isinstance(await theirs.lease("@local", "m", 0.0, NOW), Success)
    assert redis.ask("DBSIZE") == 0


async def test_one_key_that_is_listed_twice_is_one_key(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 2, A, A), used(redis.url, 2, A, B)
    held = [await leased(mine), await leased(mine)]
    assert {(await leased(theirs)).secret for _ in range(2)} == {B}
    await ended(mine, held[0], RateLimitExceeded("m", 60.0))
    assert isinstance(await used(redis.url, 2, A, A).lease("p", "m", 0.0, NOW), Failure)


async def test_no_key_reaches_redis_and_a_rest_ends_there_too(redis: RedisServer) -> None:
    mine = pool(redis.url, A)
    await ended(mine, await leased(mine), RateLimitExceeded("m", 60.0))
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    assert b"canary" not in key + cast("bytes", redis.ask("DUMP", key))
    assert 59_000 < cast("int", redis.ask("PTTL", key)) <= 60_001


@pytest.mark.parametrize("kind", FOREIGN)
async def test_foreign_bytes_let_no_key_rest(redis: RedisServer, kind: str) -> None:
    mine = pool(redis.url, A)
    await ended(mine, await leased(mine), RateLimitExceeded("m", 60.0))
    litter(redis, kind)
    theirs = pool(redis.url, A)
    await ended(theirs, await leased(theirs), RateLimitExceeded("m", 60.0))
    assert isinstance(await pool(redis.url, A).lease("p", "m", 0.0, NOW), Failure)


async def test_without_a_redis_each_process_lets_its_keys_rest_itself() -> None:
    mine = pool(NOWHERE, A, B, shared=QUICK)
    await ended(mine, await leased(mine), RateLimitExceeded("m", 60.0))
    assert {(await leased(mine)).secret for _ in range(3)} == {B}


async def test_a_rest_that_is_heard_of_reaches_those_who_wait_for_that_key(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 1), used(redis.url, 2)
    await all_of(mine)
    told = [await leased(theirs), await leased(theirs)]
    got: list[object] = []

    async def wait() -> None:
        got.append((await mine.lease("p", "m", 0.0, NOW)).failure())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            for lease in told:
                await ended(theirs, lease, QuotaExhausted("m"))
            await usable(mine)
    assert got == [QuotaExhausted("m", "every key that may use it is out of quota")]


async def test_a_key_that_others_use_as_often_as_it_may_be_is_waited_for(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 1), used(redis.url, 1)
    held = await all_of(mine)
    got: list[Lease] = []

    async def wait() -> None:
        got.append(await leased(theirs))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.sleep(0.1)
            assert got == []
            assert await usable(theirs)
            await ended(mine, held[1])
    assert got == [held[1]]


async def test_where_others_leave_no_room_on_one_key_another_is_taken(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 1, A, C), used(redis.url, 1, A, B)
    await leased(mine)
    assert (await leased(theirs)).secret == B


async def test_who_has_a_key_keeps_no_place_in_the_line_for_another(redis: RedisServer) -> None:
    mine, theirs, third = used(redis.url, 1), used(redis.url, 1), used(redis.url, 1)
    held = await all_of(mine)

    async def wait() -> None:
        await leased(theirs)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.sleep(0.1)  # it has asked for both
            await ended(mine, held[0])
        await ended(mine, held[1])
        with anyio.fail_after(0.4):
            assert (await leased(third)).secret == B


async def test_a_process_that_is_busy_keeps_no_key_from_one_that_waits(redis: RedisServer) -> None:
    busy, other = used(redis.url, 1), used(redis.url, 1)
    order: list[str] = []

    async def calls(keys: Keys, name: str) -> None:
        lease = await leased(keys)
        order.append(name)
        await anyio.sleep(0.02)
        await ended(keys, lease)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for _ in range(40):
                group.start_soon(calls, busy, "busy")
            await anyio.sleep(0.05)
            group.start_soon(calls, other, "other")
    assert order.index("other") < 30


async def test_who_leaves_while_it_waits_for_others_holds_nothing(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 1), used(redis.url, 1)
    held = await all_of(mine)
    assert await is_waited_for(theirs)
    for lease in held:
        await ended(mine, lease)
    with anyio.fail_after(5):
        for lease in await all_of(theirs):
            await ended(theirs, lease)
        assert redis.ask("HLEN", f"{KEYS}:flights") == 0


async def test_the_calls_of_a_process_that_is_silent_count_for_a_minute(redis: RedisServer) -> None:
    dead, alive = used(redis.url, 1), used(redis.url, 1)
    held = await all_of(dead)
    assert await is_waited_for(alive)
    falls_silent(redis, 58.0)
    assert await is_waited_for(alive)
    falls_silent(redis, 61.0)
    with anyio.fail_after(5):
        await all_of(alive)
    await ended(dead, held[0])  # it was not dead: with its next word what it still has counts again
    await usable(alive)
    assert await is_waited_for(alive)


def falls_silent(redis: RedisServer, seconds: float) -> None:
    """The last word of every process was so long ago."""
    now_s, now_us = (int(part) for part in cast("list[bytes]", redis.ask("TIME")))
    flights = cast("list[bytes]", redis.ask("HGETALL", f"{KEYS}:flights"))
    for name, text in zip(flights[::2], flights[1::2], strict=True):
        number, _, uses = text.split(b" ", 2)
        seen = str(round((now_s - seconds) * 1e6 + now_us)).encode()
        redis.ask("HSET", f"{KEYS}:flights", name, b" ".join((number, seen, uses)))


async def test_an_emptied_redis_hears_of_all_calls_in_flight_with_the_next_word(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 1), used(redis.url, 1)
    await all_of(mine)
    redis.ask("FLUSHALL")
    await usable(mine)
    assert await is_waited_for(theirs)
