"""A shared cache: what comes back is what was stored, and everything else is a miss."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from returns.result import Failure, Success

from llm_manager import (
    LLMResponse,
    RateLimitExceeded,
    StoreUnavailable,
    ToolCall,
    redis_cache,
    redis_client,
    redis_limiter,
)
from llm_manager.adapters.redis.cache import MAX_VALUE_BYTES
from llm_manager.domain.status import CacheStatus
from llm_manager.ports import Cached
from redis_server import RedisServer, redis_server
from tests.shared.situations import CLOSED, FOREIGN, NOW, NOWHERE, PATIENT, TEN, litter

pytestmark = pytest.mark.anyio


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
        assert refused == RateLimitExceeded("m", 2, "the shared limits cannot be kept: NOPERM", local=True)
        assert await cache.status() == Failure(StoreUnavailable("redis", "NOPERM"))
        assert await cache.get("k", 0.0) == Failure(StoreUnavailable("redis", "NOPERM"))
