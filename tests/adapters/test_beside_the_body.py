"""What a server sends beside the body of an answer is bounded, whichever engine reads it: engines keep all of it."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from returns.result import Failure

from llm_manager import (
    BreakerSettings,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    MalformedResponse,
    ModelSettings,
    NetworkError,
    Preferences,
    RetrySettings,
    Secret,
    StreamBroken,
    custom,
    generate,
    run,
)
from tests.adapters.chosen import CHOSEN

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="x", preferences=Preferences(model="mine", fallback="none"))
MEBIBYTE = 1024 * 1024
SENT_BYTES = 16 * MEBIBYTE
LINE = b"x-long: " + b"a" * 50_000 + b"\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n"
BEGINNINGS = {
    "lines of a head": HEAD,
    "lines after the last chunk": HEAD + b"\r\n2\r\n{}\r\n0\r\n",
    "an extension of a chunk": HEAD + b"\r\n2\r\n{}\r\n2;",
}


async def peak_bytes(beginning: bytes, line: bytes) -> int:
    """The most memory that the second of two calls takes, each of which fails."""

    async def serve(connection: SocketStream) -> None:
        async with connection:
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                await connection.receive()
                await connection.send(beginning)
                for _ in range(SENT_BYTES // len(line)):
                    await connection.send(line)

    peak = 0
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        config = LLMConfig(
            models={"mine": ModelSettings(provider="openai", model="gpt-4o")},
            keys=KeySettings(providers={"openai": (Secret("sk-0123456789"),)}),
            http=HttpSettings(
                engine=CHOSEN.engine,
                base_urls={"openai": f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"},
            ),
            retry=RetrySettings(max_retries=0),
            circuit_breaker=BreakerSettings(enabled=False),
        )
        async with custom(config) as context:
            for _ in range(2):
                tracemalloc.start()
                outcome = await run(generate(ASK), context)
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert isinstance(outcome, Failure)
                assert isinstance(outcome.failure(), MalformedResponse | NetworkError | StreamBroken)
        group.cancel_scope.cancel()
    return peak


@pytest.mark.parametrize("what", BEGINNINGS)
async def test_what_comes_beside_a_body_without_end_is_not_kept(what: str) -> None:
    line = b"a" * 50_000 if what == "an extension of a chunk" else LINE
    assert await peak_bytes(BEGINNINGS[what], line) < 3 * MEBIBYTE
