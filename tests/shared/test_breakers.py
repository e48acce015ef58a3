"""Shared breakers, by the server's time: every result counts once, and no probe is waited for forever."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BreakerSettings,
    CircuitOpen,
    StoreUnavailable,
    redis_breakers,
    redis_client,
)
from llm_manager.adapters.redis.breakers import RedisBreakers, SharedPermit
from llm_manager.adapters.redis.scripts import callers_time
from llm_manager.adapters.redis.wire import Reply, Word
from llm_manager.domain.outcome import Outcome
from redis_lines import Blocking, Nobody
from redis_server import RedisServer, redis_server
from tests.shared.situations import FOREIGN, NOWHERE, PATIENT, QUICK, TOUCHY, litter

pytestmark = pytest.mark.anyio

NOBODY: Any = Nobody()


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


async def test_failures_of_two_processes_at_the_same_moment_are_one_observation(redis: RedisServer) -> None:
    line = Blocking(redis)
    settings = BreakerSettings(failure_threshold=3, open_s=60.0)
    mine, theirs = (RedisBreakers(line, settings, PATIENT, NOBODY, callers_time) for _ in range(2))
    for began_s in (0.0, 10.0):
        permits = [(each, (await each.admit("k", "m", began_s)).unwrap()) for each in (mine, theirs) for _ in range(5)]
        for breakers, permit in permits:
            await breakers.record(permit, "failure", began_s + 0.5, 0.0)
        assert await theirs.state("k", began_s + 0.5) == ("closed", 0.0)
    permit = (await mine.admit("k", "m", 11.0)).unwrap()
    await mine.record(permit, "failure", 11.5, 0.0)
    assert await theirs.state("k", 11.5) == ("open", 60.0)
    line.close()


async def test_all_processes_know_that_one_probes(redis: RedisServer) -> None:
    line = Blocking(redis)
    mine, theirs = (RedisBreakers(line, replace(TOUCHY, probe_s=30.0), PATIENT, NOBODY, callers_time) for _ in range(2))
    await mine.record((await mine.admit("k", "m", 0.0)).unwrap(), "failure", 0.0, 0.0)
    probe = (await mine.admit("k", "m", 60.0)).unwrap()
    assert await theirs.state("k", 70.0) == ("half-open", 20.0)
    assert (await theirs.admit("k", "m", 70.0)).failure() == CircuitOpen("m", 20.0, probing=True)
    await mine.record(probe, "neither", 70.0, 0.0)
    assert await theirs.state("k", 70.0) == ("half-open", 0.0)
    line.close()


async def test_every_result_of_many_tasks_is_counted(redis: RedisServer) -> None:
    settings = BreakerSettings(failure_threshold=10**6, minimum_calls=10**6)
    async with redis_client(redis.url, PATIENT) as one, redis_client(redis.url, PATIENT) as other:
        both = [redis_breakers(client, settings, shared=PATIENT) for client in (one, other)]

        async def call(number: int) -> None:
            breakers = both[number % 2]
            permit = (await breakers.admit("k", "m", 0.0)).unwrap()
            await breakers.record(permit, "success", 0.0, 0.0)

        async with anyio.create_task_group() as group:
            for number in range(200):
                group.start_soon(call, number)
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    _, _, window, _, _ = json.loads(cast("bytes", redis.ask("GET", key)))
    assert sum(calls for _, calls, _ in window) == 200


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
    circuit, wait_s = await breakers.state("k", 0.0)
    assert circuit == "half-open"
    assert 0 < wait_s <= 0.1


async def test_a_clock_that_was_set_back_keeps_no_breaker_open(redis: RedisServer) -> None:
    breakers = redis_breakers(redis.url, replace(TOUCHY, open_s=0.01, max_open_s=0.01), shared=PATIENT)
    permit = (await breakers.admit("k", "m", 0.0)).unwrap()
    await breakers.record(permit, "failure", 0.0, 0.0)
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    redis.ask("SET", key, '["open",1,1e12,0.01]')
    left_s = (await breakers.state("k", 0.0))[1]
    assert left_s is not None
    assert left_s <= 0.011


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
        async def call(self, *_command: Word) -> Outcome[Reply, StoreUnavailable]:
            reply: list[Reply] = [b"1000000", b'["open",1,0.5,60.0]', 0]
            return Success(reply)

    breakers = redis_breakers(Busy(), TOUCHY, shared=PATIENT)
    assert isinstance(await breakers.admit("k", "m", 0.0), Success)
    await breakers.record(SharedPermit("k", 1, probe=True), "failure", 0.0, 0.0)
