"""A cache that several processes share. Entries expire by Redis's own clock.

Redis decides what a full one forgets: give it a ``maxmemory`` and the policy ``allkeys-lru`` or ``volatile-lru``.
"""

from __future__ import annotations

from typing import final

from returns.result import Failure, Success

from llm_manager.adapters.redis.cache_text import text_of, value_of
from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.scripts import keys_of
from llm_manager.adapters.redis.wire import Refusal
from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import CacheSettings, RedisSettings
from llm_manager.domain.status import CacheStatus
from llm_manager.ports import Cached

MAX_VALUE_BYTES = 8 * 1024 * 1024
"""Longer values are neither stored nor read."""


@final
class RedisCache:
    """Entries by key, each until its time is over. Bytes that cannot be read are a miss, and so is foreign data."""

    __slots__ = ("_keys", "_redis", "_settings")

    def __init__(self, redis: Redis, settings: CacheSettings, shared: RedisSettings) -> None:
        self._redis = redis
        self._settings = settings
        self._keys = keys_of(shared.prefix, "cache")

    async def get(self, key: str, _now_s: float, /) -> Outcome[Cached | None, StoreUnavailable]:
        """What is stored under *key*."""
        outcome = await self._redis.call("GETRANGE", self._keys(key, "value"), 0, MAX_VALUE_BYTES)
        if isinstance(outcome, Failure):
            return outcome
        reply = outcome.unwrap()
        if isinstance(reply, bytes):
            return Success(value_of(reply) if 0 < len(reply) <= MAX_VALUE_BYTES else None)
        if isinstance(reply, Refusal) and reply.code == "WRONGTYPE":
            return Success(None)
        return Failure(_refused(reply))

    async def put(self, key: str, value: object, _now_s: float, ttl_s: float, /) -> Outcome[None, StoreUnavailable]:
        """Store *value*, a response or plain data, for *ttl_s*; fails for what JSON would not give back as it is."""
        text = text_of(value)
        if text is None:
            return Failure(StoreUnavailable("redis", f"a {type(value).__name__} is neither a response nor plain data"))
        body = text.encode()
        if len(body) > MAX_VALUE_BYTES:
            return Failure(StoreUnavailable("redis", f"{len(body)} bytes are more than it keeps"))
        milliseconds = round(ttl_s * 1000)
        if milliseconds <= 0:
            return Success(None)
        outcome = await self._redis.call("SET", self._keys(key, "value"), body, "PX", milliseconds)
        if isinstance(outcome, Failure):
            return outcome
        reply = outcome.unwrap()
        return Success(None) if reply == b"OK" else Failure(_refused(reply))

    async def status(self) -> Outcome[CacheStatus, StoreUnavailable]:
        """That it can be reached; its entries are not counted, for other data may be there that nobody should walk."""
        outcome = await self._redis.call("PING")
        if isinstance(outcome, Failure):
            return outcome
        reply = outcome.unwrap()
        if isinstance(reply, Refusal):
            return Failure(_refused(reply))
        return Success(CacheStatus(enabled=self._settings.enabled, entries=None, max_entries=None))


def _refused(reply: object) -> StoreUnavailable:
    said = reply.code if isinstance(reply, Refusal) else "it answered what no Redis does"
    return StoreUnavailable("redis", said)
