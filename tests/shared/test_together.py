"""All shared services at once, on a Redis that fails them in the middle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    KeySettings,
    LimiterSettings,
    Secret,
    StoreUnavailable,
    redis_breakers,
    redis_cache,
    redis_client,
    redis_keys,
    redis_limiter,
    redis_retry_budgets,
)
from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.wire import Reply, Word
from llm_manager.domain.outcome import Outcome
from llm_manager.ports import Cached
from redis_server import RedisServer, redis_server
from tests.shared.situations import NOW, PATIENT, TEN, TOUCHY

pytestmark = pytest.mark.anyio


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


async def test_a_service_whose_script_redis_answers_strangely_does_without() -> None:
    @dataclass
    class Strange:
        reply: Reply

        async def call(self, *_command: Word) -> Outcome[Reply, StoreUnavailable]:
            return Success(self.reply)

    shared = replace(PATIENT, when_away="closed")
    replies: list[Reply] = [b"text", 1, None, [], [b"wait"], [1, 2, 3]]
    for strange in map(Strange, replies):
        limits = redis_limiter(strange, TEN, shared=shared)
        assert isinstance(await limits.acquire("k", "m", 0, 0, NOW), Failure)
        breakers = redis_breakers(strange, TOUCHY, shared=shared)
        assert isinstance(await breakers.admit("k", "m", 0.0), Success)
        assert await redis_retry_budgets(strange, shared=shared).spend("k", 0.0)
        keys = redis_keys(strange, KeySettings(providers={"p": (Secret("sk-canary-0123456789"),)}), shared=shared)
        assert isinstance(await keys.lease("p", "m", 0.0, NOW), Success)


async def test_a_cancellation_waits_until_it_is_known_what_redis_did(redis: RedisServer) -> None:
    """As in memory, where nothing can come between the moment something is taken and the moment it is known."""

    class Distant:
        def __init__(self, client: Redis) -> None:
            self._client = client

        async def call(self, *command: Word) -> Outcome[Reply, StoreUnavailable]:
            reply = await self._client.call(*command)
            await anyio.sleep(0.02)
            return reply

    async with redis_client(redis.url, PATIENT) as client:
        far = Distant(client)
        limits = redis_limiter(far, TEN, shared=PATIENT)
        breakers = redis_breakers(far, TOUCHY, shared=PATIENT)
        with anyio.move_on_after(0.01) as late:
            reserved = (await limits.acquire("k", "m", 900, 0, NOW)).unwrap()
            permit = (await breakers.admit("k", "m", 0.0)).unwrap()
            await breakers.record(permit, "failure", 0.0, 0.0)
            await limits.settle(reserved, 100, 0.0)
        assert late.cancel_called
        assert (await breakers.state("k", 0.0))[0] == "open"
        assert isinstance(await limits.acquire("k", "m", 800, 0, NOW), Success)
