"""A real Redis for tests in virtual time, and what must not be asked while it is there."""

from __future__ import annotations

import socket
from typing import cast, final

import hiredis
from returns.result import Success

from llm_manager.adapters.redis.wire import NotRedis, Refusal, Reply, Word, packed
from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.status import CacheStatus
from llm_manager.ports import Cache, Cached
from redis_server import RedisServer


@final
class Blocking:
    """Asks without giving the loop a turn: nobody can take the wait for a reply for a reason to move virtual time."""

    def __init__(self, server: RedisServer) -> None:
        self._line = socket.create_connection(("127.0.0.1", server.port), 5)
        self._reader = hiredis.Reader(protocolError=NotRedis, replyError=Refusal)

    async def call(self, *command: Word) -> Outcome[Reply, StoreUnavailable]:
        self._line.sendall(packed(command))
        reply: object = False
        while reply is False:
            self._reader.feed(self._line.recv(65536))
            reply = self._reader.gets()
        return Success(cast("Reply", reply))

    def close(self) -> None:
        self._line.close()


@final
class Nobody:
    """Stands where a service of this process would: a test of Redis that comes here has not tested Redis."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # somebody looks what kind of thing it is
            raise AttributeError(name)
        msg = f"{name} was left to this process"
        raise AssertionError(msg)


@final
class Aging:
    """A cache whose Redis grows older with the times that it is told: each key loses what has passed of its life."""

    def __init__(self, cache: Cache, server: RedisServer) -> None:
        self._cache = cache
        self._server = server
        self._now_s = 0.0

    async def get(self, key: str, now_s: float, /) -> Outcome[Cached | None, StoreUnavailable]:
        self._age(now_s)
        return await self._cache.get(key, now_s)

    async def put(self, key: str, value: object, now_s: float, ttl_s: float, /) -> Outcome[None, StoreUnavailable]:
        self._age(now_s)
        return await self._cache.put(key, value, now_s, ttl_s)

    async def status(self) -> Outcome[CacheStatus, StoreUnavailable]:
        return await self._cache.status()

    def _age(self, now_s: float) -> None:
        passed_ms = round((now_s - self._now_s) * 1000)
        self._now_s = max(self._now_s, now_s)
        for key in cast("list[bytes]", self._server.ask("KEYS", "*")) if passed_ms > 0 else []:
            left_ms = cast("int", self._server.ask("PTTL", key))
            self._server.ask("PEXPIRE", key, left_ms - passed_ms)
