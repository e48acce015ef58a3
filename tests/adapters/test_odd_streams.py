"""Streams that no well-behaved server sends, byte by byte: each has one right end, whichever engine reads it."""

from __future__ import annotations

import json
from contextlib import suppress
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
    NetworkError,
    Outcome,
    Preferences,
    RequestTimedOut,
    RetrySettings,
    Secret,
    ServerError,
    StreamBroken,
    TimeoutSettings,
    collect,
    custom,
    generate_stream,
    run,
)
from llm_manager.adapters.incoming import LAST_WORDS_S
from tests.adapters.chosen import CHOSEN
from tests.paid import unpaid

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="x", preferences=Preferences(model="mine", fallback="none"))
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
JSON = HEAD.replace(b"text/event-stream", b"application/json")
CREATED = HEAD.replace(b"200 OK", b"201 Created")
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n"
DONE = b"data: [DONE]\n\n"
WHOLE = b'{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}]}'


def chunked(*pieces: bytes) -> bytes:
    """*pieces* as a body in chunks, without its end."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


def event(text: str | None, finish: str | None = None) -> bytes:
    delta = {} if text is None else {"content": text}
    return b"data: " + json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}).encode() + b"\n\n"


async def end_of(
    answer: bytes, *, hang_up: bool, idle_s: float = 0.2, pings: bytes = b"", later: bytes = b""
) -> str | LLMError:
    """The text, or the error, that comes of *answer*; then the server hangs up, or says *pings* alone.

    *later* comes when nobody waits for last words any more.
    """

    async def serve(connection: SocketStream) -> None:
        async with connection:
            with suppress(anyio.BrokenResourceError):
                received = b""
                while not received.endswith(b"}}"):  # what is left unread would reset the connection
                    received += await connection.receive()
                await connection.send(answer)
                if later:
                    await anyio.sleep(LAST_WORDS_S + 0.3)
                    await connection.send(later)
                while not hang_up:
                    await anyio.sleep(0.1)
                    if pings:
                        await connection.send(pings)

    found: list[Outcome[LLMResponse, LLMError]] = []
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1"
        config = LLMConfig(
            models={"mine": ModelSettings(provider="openai", model="gpt-4o")},
            keys=KeySettings(providers={"openai": (Secret("sk-0123456789"),)}),
            http=HttpSettings(engine=CHOSEN.engine, base_urls={"openai": url}),
            retry=RetrySettings(max_retries=0),
            timeouts=TimeoutSettings(first_byte_s=2, idle_s=idle_s),
        )
        async with custom(config) as context:
            opened = await run(generate_stream(ASK), context)
            found.append(opened if isinstance(opened, Failure) else await collect(opened.unwrap()))
        group.cancel_scope.cancel()
    [ended] = found
    return unpaid(replace(ended.failure(), message="")) if isinstance(ended, Failure) else ended.unwrap().content


BROKEN = StreamBroken("gpt-4o", "a")
NOTHING = StreamBroken("gpt-4o")


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        pytest.param(HEAD + b"\r\n" + event("a") + event(None, "stop") + DONE, "a", id="whole"),
        pytest.param(HEAD + b"\r\n" + event("a") + event(None, "stop"), "a", id="no terminator"),
        pytest.param(CREATED + b"\r\n" + event("a") + event(None, "stop") + DONE, "a", id="created"),
        pytest.param(
            CREATED.replace(b"text/event-stream", b"application/json") + b"\r\n" + WHOLE, "a", id="created whole"
        ),
        pytest.param(HEAD + b"\r\n" + event("a") + event("b")[:20], BROKEN, id="cut in an event"),
        pytest.param(HEAD + b"content-length: 9999\r\n\r\n" + event("a", "stop"), BROKEN, id="short of its length"),
        pytest.param(HEAD + b"content-length: 0\r\n\r\n", NOTHING, id="empty"),
        pytest.param(HEAD + b"\r\n" + b": x\n\n" * 50, NOTHING, id="only comments"),
        pytest.param(HEAD + b"\r\n" + event("a") + event(None, "stop").strip(), "a", id="a last event without its end"),
        pytest.param(JSON + b"\r\n" + event("a") + event(None, "stop"), "a", id="events under the type of JSON"),
        pytest.param(HEAD + b"\r\n\n\n" + WHOLE, "a", id="an answer under the type of events"),
        pytest.param(JSON + b"\r\n" + WHOLE, "a", id="an answer and no stream"),
        pytest.param(CREATED + b"\r\n" + event("a", "stop") + DONE, "a", id="a stream that was created"),
        pytest.param(
            HEAD + b"\r\n" + b'{"error":{"message":"busy","code":503}}', ServerError("gpt-4o", 503), id="an error alone"
        ),
        pytest.param(CHUNKED + b"\r\n" + chunked(event("a"), DONE), BROKEN, id="it is over, and the body is cut off"),
        pytest.param(
            CHUNKED + b"\r\n" + chunked(event("a"), b'event: error\ndata: {"details":"boom"}\n\n'),
            ServerError("gpt-4o", 500),
            id="an error by its name",
        ),
        pytest.param(HEAD + b"\r\n" + DONE, MalformedResponse("gpt-4o", "empty"), id="only the terminator"),
        pytest.param(b"\x00\x01 nonsense\r\n\r\n", NetworkError("gpt-4o", ambiguous=True, cause="reset"), id="no HTTP"),
        pytest.param(
            HEAD
            + b'\r\ndata: {"choices":[null]}\n\ndata: {"choices":null}\n\ndata: null\n\n'
            + event("a", "stop")
            + DONE,
            "a",
            id="null in every place",
        ),
        pytest.param(
            HEAD + b"\r\n" + event("a") + b'data: {"error":"boom"}\n\n', ServerError("gpt-4o", 500), id="error as text"
        ),
    ],
)
async def test_a_stream_has_one_right_end(answer: bytes, ended: str | LLMError) -> None:
    assert await end_of(answer, hang_up=True) == ended


async def test_what_has_said_all_need_not_hang_up() -> None:
    whole = HEAD + b"\r\n" + event("a") + event(None, "stop") + DONE
    assert await end_of(whole, hang_up=False) == "a"


@pytest.mark.parametrize("engine_idle_s", [0.2, 30.0])
async def test_an_answer_that_has_said_why_it_ended_does_not_wait_for_its_terminator(engine_idle_s: float) -> None:
    silent = HEAD + b"\r\n" + event("a") + event(None, "stop")
    with anyio.fail_after(2.0):
        assert await end_of(silent, hang_up=False, idle_s=engine_idle_s) == "a"


async def test_comments_are_no_last_words() -> None:
    pinging = HEAD + b"\r\n" + event("a") + event(None, "stop")
    with anyio.fail_after(2.5):
        assert await end_of(pinging, hang_up=False, idle_s=30.0, pings=b": ping\n\n") == "a"


async def test_a_reason_in_every_piece_is_none() -> None:
    slow = HEAD + b"\r\n" + event("a", "stop") + event("b", "stop")
    assert await end_of(slow, hang_up=True, idle_s=30.0, later=event("c", "stop")) == "abc"


async def test_silence_before_the_terminator_is_an_idle_stream() -> None:
    silent = HEAD + b"\r\n" + event("a")
    assert await end_of(silent, hang_up=False) == RequestTimedOut("gpt-4o", 0.2, "idle")
