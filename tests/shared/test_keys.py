"""Keys that rest for all processes, and never leave their own."""

from __future__ import annotations

from typing import cast

import anyio
import pytest
from returns.result import Failure

from llm_manager import (
    KeySettings,
    QuotaExhausted,
    RateLimitExceeded,
    RedisSettings,
    Secret,
    ServerError,
    redis_keys,
)
from llm_manager.ports import Keys, Lease
from redis_server import RedisServer
from tests.shared.situations import FOREIGN, NOWHERE, PATIENT, QUICK, litter

pytestmark = pytest.mark.anyio


KEYS = "{llm_manager:keys:p}"
A, B, C = (Secret(f"sk-canary-{name}-0123456789") for name in "abc")


def pool(url: str, *secrets: Secret, shared: RedisSettings = PATIENT) -> Keys:
    return redis_keys(url, KeySettings(providers={"p": secrets}), shared=shared)


def used(url: str, most: int, *secrets: Secret) -> Keys:
    """A pool in which *most* calls may use each key."""
    settings = KeySettings(providers={"p": secrets or (A,)}, max_connections_per_key=most)
    return redis_keys(url, settings, shared=PATIENT)


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
    mine, theirs = used(redis.url, 1), used(redis.url, 2)
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


async def test_a_key_that_others_use_as_often_as_it_may_be_is_waited_for(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 2), used(redis.url, 2)
    held = [await leased(mine), await leased(theirs)]
    got: list[Lease] = []

    async def wait() -> None:
        got.append(await leased(theirs))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            await anyio.sleep(0.1)
            assert got == []
            assert await theirs.usable("p", "m", 0.0)
            await mine.give_back(held[0], None, 0.0)
    assert got == held[:1]


async def test_where_others_leave_no_room_on_one_key_another_is_taken(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 1, A), used(redis.url, 1, A, B)
    await leased(mine)
    assert (await leased(theirs)).secret == B


async def test_a_process_that_is_busy_keeps_no_key_from_one_that_waits(redis: RedisServer) -> None:
    busy, other = used(redis.url, 1), used(redis.url, 1)
    order: list[str] = []

    async def calls(keys: Keys, name: str) -> None:
        lease = await leased(keys)
        order.append(name)
        await anyio.sleep(0.02)
        await keys.give_back(lease, None, 0.0)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(calls, busy, "busy")
            await anyio.sleep(0.05)
            group.start_soon(calls, other, "other")
    assert order.index("other") < 15


async def test_who_leaves_while_it_waits_for_others_holds_nothing(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 1), used(redis.url, 1)
    held = await leased(mine)
    with anyio.move_on_after(0.1) as left:
        await leased(theirs)
    assert left.cancelled_caught
    await mine.give_back(held, None, 0.0)
    with anyio.fail_after(5):
        again = await leased(theirs)
        await theirs.give_back(again, None, 0.0)
        assert redis.ask("HLEN", f"{KEYS}:flights") == 0


async def test_the_calls_of_a_process_that_died_count_until_they_would_have_ended(redis: RedisServer) -> None:
    dead, alive = used(redis.url, 1), used(redis.url, 1)
    await leased(dead)
    (name, text) = cast("list[bytes]", redis.ask("HGETALL", f"{KEYS}:flights"))
    number, _, uses = text.split(b" ", 2)
    with anyio.move_on_after(0.1) as waits:
        await leased(alive)
    assert waits.cancelled_caught
    redis.ask("HSET", f"{KEYS}:flights", name, b" ".join((number, b"1", uses)))
    assert (await leased(alive)).secret == A


async def test_an_emptied_redis_hears_of_all_calls_in_flight_with_the_next_word(redis: RedisServer) -> None:
    mine, theirs = used(redis.url, 2), used(redis.url, 2)
    await leased(mine)
    await leased(mine)
    redis.ask("FLUSHALL")
    await mine.usable("p", "m", 0.0)
    with anyio.move_on_after(0.1) as waits:
        await leased(theirs)
    assert waits.cancelled_caught
