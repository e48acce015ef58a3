"""Every fault, byte for byte, as a client sees it that knows nothing but sockets."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any, get_args

import anyio
import anyio.abc
import pytest

from llm_manager.testing.simulator import FAULTS, Fault, FaultKind, Say, Simulator, refused_url
from llm_manager.testing.simulator.faults import ACCENTED, BOMB_BYTES, DEPTH, DIGITS, LINE_BYTES

pytestmark = pytest.mark.anyio


def request(**fields: object) -> bytes:
    """A request that OpenAI would take."""
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], **fields}).encode()
    headers = ("host: sim", "authorization: Bearer sk-x", "connection: close", f"content-length: {len(body)}")
    return "\r\n".join(("POST /v1/chat/completions HTTP/1.1", *headers, "", "")).encode() + body


async def connected(url: str) -> anyio.abc.SocketStream:
    host, _, port = url.removeprefix("http://").partition(":")
    return await anyio.connect_tcp(host, int(port))


async def heard(url: str, *, enough: int | None = None, **fields: object) -> tuple[bytes, str]:
    """What is answered on a connection of its own, and its end: ``closed``, ``reset``, or ``open`` after *enough*."""
    with anyio.fail_after(10.0):
        async with await connected(url) as stream:
            await stream.send(request(**fields))
            data = bytearray()
            while enough is None or len(data) < enough:
                try:
                    data += await stream.receive(1 << 20)
                except anyio.EndOfStream:
                    return bytes(data), "closed"
                except anyio.BrokenResourceError:
                    return bytes(data), "reset"
            return bytes(data), "open"


async def broken(fault: Fault | FaultKind, *, enough: int | None = None, **fields: object) -> tuple[bytes, str]:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [fault if isinstance(fault, Fault) else Fault(fault)])
        return await heard(simulator.url, enough=enough, **fields)


async def whole(fault: Fault | FaultKind) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer that is sound as HTTP."""
    data, ended = await broken(fault)
    assert ended == "closed"
    top, _, body = data.partition(b"\r\n\r\n")
    first, *lines = top.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert len(body) == int(headers["content-length"])
    return int(first.split()[1]), headers, body


def parsed(raw: bytes) -> Any:
    return json.loads(raw)


def test_every_kind_of_fault_has_its_row() -> None:
    assert set(FAULTS) == set(get_args(FaultKind))


async def test_a_reset_comes_instead_of_any_answer() -> None:
    assert await broken("reset") == (b"", "reset")


async def test_a_reset_in_the_headers_comes_after_some_of_them() -> None:
    assert await broken("reset_in_headers") == (b"HTTP/1.1 200 Simulated\r\nc", "reset")


async def test_a_reset_before_the_request_leaves_nothing_received() -> None:
    async with Simulator() as simulator:
        simulator.drop_connections(1)
        with pytest.raises(anyio.BrokenResourceError):
            async with await connected(simulator.url) as stream:
                while True:
                    await stream.receive()
        assert simulator.received == []
        data, _ = await heard(simulator.url)
        assert data.startswith(b"HTTP/1.1 200")


async def test_nobody_listens_where_connections_are_refused() -> None:
    with refused_url() as url, pytest.raises(OSError, match=r"connect|attempts"):
        await connected(url)


async def test_a_server_that_hangs_says_nothing_and_still_closes_at_once() -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Fault("hang")])
        async with await connected(simulator.url) as stream:
            await stream.send(request())
            with anyio.move_on_after(0.05) as patience:
                await stream.receive()
            assert patience.cancelled_caught


@pytest.mark.parametrize("kind", ["slow_headers", "drip"])
async def test_a_slow_answer_is_complete_in_the_end(kind: FaultKind) -> None:
    status, _, body = await whole(Fault(kind, gap_s=0.0001))
    assert (status, parsed(body)["choices"][0]["message"]["content"]) == (200, "hello")


async def test_slow_headers_come_a_byte_at_a_time() -> None:
    assert await broken(Fault("slow_headers", gap_s=30.0), enough=1) == (b"H", "open")


async def test_a_dripping_body_comes_a_byte_at_a_time() -> None:
    data, ended = await broken(Fault("drip", gap_s=30.0), enough=60)
    assert (len(data.partition(b"\r\n\r\n")[2]) <= 1, ended) == (True, "open")


async def test_an_idle_stream_begins_and_then_keeps_silent() -> None:
    data, ended = await broken("idle_stream", enough=200, stream=True)
    assert (data.count(b"data: "), data.count(b"\n\n"), ended) == (3, 2, "open")


async def test_pings_come_for_ever_and_nothing_else() -> None:
    data, ended = await broken(Fault("pings", gap_s=0.001), enough=400, stream=True)
    assert (data.count(b": ping") > 10, b"data:" in data, ended) == (True, False, "open")


async def test_a_short_body_is_shorter_than_it_says() -> None:
    data, ended = await broken("short_body")
    head, _, body = data.partition(b"\r\n\r\n")
    assert (b"content-length: " in head, len(body), ended) == (True, 40, "closed")


@pytest.mark.parametrize("streamed", [False, True])
async def test_cut_chunks_end_without_the_last_one(streamed: bool) -> None:
    data, ended = await broken("cut_chunks", stream=streamed)
    assert b"transfer-encoding: chunked" in data
    assert (b"data: " in data, data.endswith(b"0\r\n\r\n"), ended) == (streamed, False, "closed")


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_reset_in_the_body_comes_after_some_of_it(streamed: bool) -> None:
    data, ended = await broken("reset_in_body", stream=streamed)
    assert (b"chatcmpl-1" in data, b"[DONE]" in data, ended) == (True, False, "reset")


async def test_a_stream_without_its_end_is_sound_http_and_says_no_reason() -> None:
    data, _ = await broken("stream_without_end", stream=True)
    assert (data.endswith(b"0\r\n\r\n"), b'"finish_reason": "stop"' in data) == (True, False)


async def test_a_stream_without_done_has_its_reason() -> None:
    data, _ = await broken("stream_without_done", stream=True)
    assert (b'"finish_reason": "stop"' in data, b"[DONE]" in data) == (True, False)


async def test_an_error_in_a_stream_comes_under_a_status_of_200() -> None:
    data, _ = await broken("error_in_stream", stream=True)
    assert data.startswith(b"HTTP/1.1 200")
    assert b'data: {"error": ' in data


async def test_an_error_in_ok_is_the_vendors_own_under_200() -> None:
    status, _, body = await whole("error_in_ok")
    assert (status, parsed(body)["error"]["code"]) == (200, "rate_limit_exceeded")


async def test_letters_are_split_across_chunks() -> None:
    data, _ = await broken("split_utf8", stream=True)
    assert ACCENTED.split()[0].encode() not in data
    assert b"1\r\n\xc3\r\n1\r\n\xbc\r\n" in data


async def test_a_bomb_is_small_on_the_wire() -> None:
    _, headers, body = await whole("gzip_bomb")
    assert headers["content-encoding"] == "gzip"
    assert len(body) < 100_000
    assert len(zlib.decompress(body, zlib.MAX_WBITS | 16)) == BOMB_BYTES


async def test_gzip_that_is_corrupt_cannot_be_unpacked() -> None:
    _, headers, body = await whole("corrupt_gzip")
    assert headers["content-encoding"] == "gzip"
    with pytest.raises((zlib.error, EOFError, gzip.BadGzipFile)):
        gzip.decompress(body)


async def test_a_giant_line_does_not_end() -> None:
    data, _ = await broken("giant_line", stream=True)
    _, _, body = data.partition(b"\r\n\r\n")
    assert (b"\n\n" in body, body.count(b"x") > LINE_BYTES * 0.99) == (False, True)


async def test_html_comes_under_200() -> None:
    status, headers, body = await whole("html")
    assert (status, headers["content-type"], body[:6]) == (200, "text/html", b"<html>")


async def test_text_that_is_no_utf8_is_none() -> None:
    _, _, body = await whole("bad_utf8")
    with pytest.raises(UnicodeDecodeError):
        body.decode()


async def test_deep_json_is_deep() -> None:
    _, _, body = await whole("deep_json")
    assert (body.count(b"[" * 1000) > 0, body.count(b"[") - 1) == (True, DEPTH)


@pytest.mark.parametrize(
    ("kind", "content"), [("nan", b"NaN"), ("null_content", b"null"), ("huge_integer", b"9" * DIGITS)]
)
async def test_something_else_stands_where_the_text_should(kind: FaultKind, content: bytes) -> None:
    _, _, body = await whole(kind)
    assert b'"content": ' + content + b"," in body


async def test_a_redirect_says_where_to() -> None:
    status, headers, _ = await whole(Fault("redirect", location="http://127.0.0.1:9/"))
    assert (status, headers["location"]) == (307, "http://127.0.0.1:9/")


async def test_an_answer_may_have_no_choices() -> None:
    _, _, body = await whole("no_choices")
    assert parsed(body)["choices"] == []


async def test_a_fault_comes_after_as_many_seconds_as_it_says() -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Fault("reset", after_s=0.05)])
        begun = anyio.current_time()
        assert await heard(simulator.url) == (b"", "reset")
    assert anyio.current_time() - begun >= 0.05


async def test_the_parts_of_a_stream_come_as_far_apart_as_it_says() -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Say("one two", gap_s=30.0, after_s=0.01)])
        data, _ = await heard(simulator.url, enough=300, stream=True)
    assert data.count(b"data: ") <= 1
