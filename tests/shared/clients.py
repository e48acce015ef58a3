"""What the tests of the client share: settings, readings of what came, and somebody who is no Redis."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import anyio
from anyio.abc import SocketAttribute, SocketStream
from returns.result import Failure, Success

from llm_manager import Outcome, RedisSettings, StoreUnavailable
from llm_manager.adapters.redis.wire import Reply

QUICK = RedisSettings(timeout_s=0.1, rest_s=0.2)
PATIENT = RedisSettings(timeout_s=10, rest_s=0.05)


def failed(outcome: object) -> StoreUnavailable:
    assert isinstance(outcome, Failure)
    return cast("StoreUnavailable", outcome.failure())


@asynccontextmanager
async def pretender(handle: Callable[[SocketStream], Awaitable[None]]) -> AsyncGenerator[str]:
    """Somebody on loopback who takes connections and is no Redis."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        yield f"redis://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        group.cancel_scope.cancel()


def said(outcome: Outcome[Reply, StoreUnavailable]) -> str:
    return "pong" if isinstance(outcome, Success) else outcome.failure().message.partition(": ")[2]
