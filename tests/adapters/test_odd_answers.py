"""Whole answers that few servers send: each is what it says, whichever engine reads it."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from returns.result import Failure

from llm_manager import (
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    MalformedResponse,
    ModelSettings,
    Outcome,
    Preferences,
    RetrySettings,
    Secret,
    collect,
    custom,
    generate,
    generate_stream,
    run,
)
from tests.adapters.chosen import CHOSEN
from tests.paid import unpaid

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="x", preferences=Preferences(model="mine", fallback="none"))
BODY = json.dumps({"choices": [{"message": {"content": "blue"}, "finish_reason": "stop"}]}).encode()
EVENTS = b"".join(
    b"data: " + json.dumps({"choices": [{"delta": {"content": text}, "finish_reason": finish}]}).encode() + b"\n\n"
    for text, finish in (("blue", None), ("", "stop"))
)
BOM = b"\xef\xbb\xbf"
EMPTY = MalformedResponse("gpt-4o", "empty")


def answer(body: bytes, *, status: str = "200 OK", kind: str = "application/json", packing: str = "") -> bytes:
    packed = f"content-encoding: {packing}\r\n" if packing else ""
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{packed}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def events(body: bytes, *, status: str = "200 OK", packing: str = "") -> bytes:
    return answer(body, status=status, kind="text/event-stream", packing=packing)


def members(*parts: bytes) -> bytes:
    return b"".join(map(gzip.compress, parts))


@asynccontextmanager
async def serving(sent: bytes) -> AsyncGenerator[str]:
    """The URL of a server that answers every request with *sent*."""

    async def serve(connection: SocketStream) -> None:
        async with connection:
            with suppress(anyio.BrokenResourceError):
                received = b""
                while not received.endswith(b"}"):  # what is left unread would reset the connection
                    received += await connection.receive()
                await connection.send(sent)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
        group.cancel_scope.cancel()


async def outcome_of(sent: bytes, *, streamed: bool) -> Outcome[LLMResponse, LLMError]:
    async with serving(sent) as url:
        config = LLMConfig(
            models={"mine": ModelSettings(provider="openai", model="gpt-4o")},
            keys=KeySettings(providers={"openai": (Secret("sk-0123456789"),)}),
            http=HttpSettings(engine=CHOSEN.engine, base_urls={"openai": url}),
            retry=RetrySettings(max_retries=0),
        )
        async with custom(config) as context:
            if not streamed:
                return await run(generate(ASK), context)
            opened = await run(generate_stream(ASK), context)
            return opened if isinstance(opened, Failure) else await collect(opened.unwrap())


async def end_of(sent: bytes, *, streamed: bool) -> str | LLMError:
    ended = await outcome_of(sent, streamed=streamed)
    return unpaid(replace(ended.failure(), message="")) if isinstance(ended, Failure) else ended.unwrap().content


@pytest.mark.parametrize(
    ("sent", "ended"),
    [
        pytest.param(answer(BODY, status="201 Created"), "blue", id="201"),
        pytest.param(answer(BODY, status="203 Non-Authoritative Information"), "blue", id="203"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", EMPTY, id="204"),
        pytest.param(b"HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n", EMPTY, id="205"),
        pytest.param(answer(BOM + BODY), "blue", id="byte order mark"),
        pytest.param(answer(members(BODY[:20], BODY[20:]), packing="gzip"), "blue", id="two members"),
        pytest.param(
            answer(members(b"", *(bytes([byte]) for byte in BODY)), packing="gzip"), "blue", id="many members"
        ),
        pytest.param(answer(members(BODY) + b"\x00" * 40, packing="gzip"), "blue", id="padding"),
        pytest.param(answer(zlib.compress(BODY), packing="deflate"), "blue", id="zlib"),
        pytest.param(
            answer(members(BODY[:20]) + b"\x1f\x8b nonsense", packing="gzip"),
            MalformedResponse("gpt-4o", "undecodable"),
            id="damaged second member",
        ),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
async def test_a_whole_answer_has_one_right_reading(sent: bytes, ended: str | LLMError, *, streamed: bool) -> None:
    assert await end_of(sent, streamed=streamed) == ended


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(events(EVENTS, status="201 Created"), id="201"),
        pytest.param(events(BOM + EVENTS), id="byte order mark"),
        pytest.param(events(members(EVENTS[:50], EVENTS[50:]), packing="gzip"), id="two members"),
    ],
)
async def test_a_stream_has_one_right_reading(sent: bytes) -> None:
    assert await end_of(sent, streamed=True) == "blue"


@pytest.mark.parametrize("name", [None, ""], ids=["null", "empty"])
async def test_a_call_that_names_no_tool_is_against_the_protocol(name: object) -> None:
    calls: Sequence[object] = [
        {"id": "call_1", "function": {"name": "look", "arguments": "{}"}},
        {"id": "call_2", "function": {"name": name, "arguments": "{}"}},
    ]
    choice = {"message": {"content": None, "tool_calls": calls}, "finish_reason": "tool_calls"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    sent = answer(json.dumps({"choices": [choice], "usage": usage}).encode())
    failed = (await outcome_of(sent, streamed=False)).failure()
    assert isinstance(failed, MalformedResponse)
    assert (failed.reason, failed.message) == ("protocol", "tool_calls[1].name: is missing or empty")
    assert failed.usage is not None
    assert failed.usage.total_tokens == 7
