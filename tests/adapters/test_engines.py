"""The engines as the driver sees them: connections kept and closed, proxies, and which engine is taken."""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import replace

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from returns.result import Failure, Success

from llm_manager import (
    ConfigurationError,
    HttpSettings,
    LLMConfig,
    NetworkError,
    RequestTimedOut,
    TimeoutSettings,
    custom,
    describe,
)
from llm_manager.adapters.http.driver import Http, HttpStream
from llm_manager.adapters.http.engine import HttpCall
from llm_manager.adapters.http.engines import engine_for
from llm_manager.testing.simulator import Fault, Say, Simulator, Status
from tests.adapters.chosen import CHOSEN

pytestmark = pytest.mark.anyio

BODY = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": true}'
POOL_OF_FIVE = HttpSettings(max_connections=5)


@asynccontextmanager
async def driver(
    settings: HttpSettings = POOL_OF_FIVE, timeouts: TimeoutSettings | None = None
) -> AsyncGenerator[Http, None]:
    chosen, limits = replace(settings, engine=CHOSEN.engine), timeouts or TimeoutSettings(idle_s=5)
    http = Http(chosen, limits, engine_for(chosen, limits, None).unwrap())
    yield http
    await http.aclose()


def question(simulator: Simulator, body: bytes = BODY) -> HttpCall:
    headers = {"authorization": "Bearer sk-x", "content-type": "application/json"}
    url = f"{simulator.url}/v1/chat/completions"
    return HttpCall(method="POST", url=url, headers=headers, body=body, pool="p", model="gpt-4o")


async def opened(http: Http, simulator: Simulator) -> HttpStream:
    return (await http.stream(question(simulator))).unwrap()


async def read_on(stream: HttpStream) -> bytes:
    """All that comes."""
    body = b""
    while isinstance(got := await stream.read(), Success) and (piece := got.unwrap()) is not None:
        body += piece
    return body


async def test_an_answer_comes_piece_by_piece() -> None:
    async with Simulator() as simulator, driver() as http:
        simulator.script("gpt-4o", [Say("one two", gap_s=0.02)])
        stream = await opened(http, simulator)
        assert (stream.status, stream.ended) == (200, False)
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        first = (await stream.read()).unwrap()
        assert first is not None
        assert b"[DONE]" not in first
        assert (await read_on(stream)).endswith(b"data: [DONE]\n\n")
        assert stream.ended
        await stream.aclose()
        await stream.aclose()


async def test_an_answer_may_take_longer_than_its_longest_silence() -> None:
    async with Simulator() as simulator, driver(timeouts=TimeoutSettings(idle_s=0.2)) as http:
        simulator.script("gpt-4o", [Say("one two three four five six", gap_s=0.06)])
        stream = await opened(http, simulator)
        assert (await read_on(stream)).endswith(b"data: [DONE]\n\n")
        await stream.aclose()


async def test_a_reader_may_pause_for_longer_than_a_silence_may_last() -> None:
    async with Simulator() as simulator, driver(timeouts=TimeoutSettings(idle_s=0.1)) as http:
        simulator.script("gpt-4o", [Say("one two three", gap_s=0.04)])
        stream = await opened(http, simulator)
        assert (await stream.read()).unwrap()
        await anyio.sleep(0.2)
        assert (await read_on(stream)).endswith(b"data: [DONE]\n\n")
        await stream.aclose()


async def test_a_silence_ends_an_answer_however_many_pieces_came_before_it() -> None:
    async with Simulator() as simulator, driver(timeouts=TimeoutSettings(idle_s=0.2)) as http:
        simulator.script("gpt-4o", [Say("one two three four", gap_s=0.06), Fault("idle_stream")])
        first = await opened(http, simulator)
        await read_on(first)
        await first.aclose()
        second = await opened(http, simulator)
        got = await second.read()
        while isinstance(got, Success):
            got = await second.read()
        assert got == Failure(RequestTimedOut("gpt-4o", 0.2, "idle"))
        await second.aclose()


async def test_a_connection_is_used_again_after_a_whole_answer() -> None:
    async with Simulator() as simulator, driver() as http:
        for _ in range(3):
            await http.call(question(simulator))
            stream = await opened(http, simulator)
            await read_on(stream)
            await stream.aclose()
        assert simulator.connections == 1


@pytest.mark.parametrize("status", [500, 503, 529])
async def test_a_connection_is_not_used_again_after_the_server_broke_down(status: int) -> None:
    async with Simulator() as simulator, driver() as http:
        simulator.script("gpt-4o", [Status(status), Status(status), Status(429), Say("hi"), Say("ho")])
        for _ in range(2):
            await http.call(question(simulator))
        for _ in range(2):
            stream = await opened(http, simulator)
            await read_on(stream)
            await stream.aclose()
        assert (await http.call(question(simulator))).unwrap().status == 200
        assert simulator.connections == 3


async def test_one_that_has_said_all_is_used_again_if_its_end_is_near() -> None:
    async with Simulator() as simulator, driver() as http:
        for _ in range(3):
            stream = await opened(http, simulator)
            found = b""
            while b"[DONE]" not in found:
                found += (await stream.read()).unwrap() or b""
            await stream.aclose(said_all=True)
        assert simulator.connections == 1


async def test_an_abandoned_answer_closes_its_connection_at_once() -> None:
    hung_up = anyio.Event()

    async def answer(connection: SocketStream) -> None:
        async with connection:
            await connection.receive()
            await connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n")
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await connection.receive()
            hung_up.set()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
        driver() as http,
    ):
        group.start_soon(listener.serve, answer)
        port = listener.extra(SocketAttribute.local_port)
        call = HttpCall(method="POST", url=f"http://127.0.0.1:{port}/", headers={}, pool="p", model="m")
        stream = (await http.stream(call)).unwrap()
        assert (await stream.read()).unwrap() == b"hello"
        await stream.aclose()
        with anyio.fail_after(2):
            await hung_up.wait()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_calls_cancelled_at_any_moment_lose_no_connection(seed: int) -> None:
    """300 calls, each cancelled after a moment of its own, with a pool of five: then five more are answered."""
    chance = random.Random(seed)  # noqa: S311  # no secret

    async def ask(http: Http, simulator: Simulator, limit_s: float) -> None:
        with anyio.move_on_after(limit_s):
            await http.call(question(simulator))

    async with Simulator() as simulator, driver() as http:
        simulator.script("gpt-4o", [Say("one two", gap_s=0.002), Fault("hang"), Say("x", after_s=0.002)] * 100)
        for _ in range(60):
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(ask, http, simulator, chance.random() * 0.006)
        simulator.clear_scripts()
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(_answered, http, simulator)


async def _answered(http: Http, simulator: Simulator) -> None:
    assert (await http.call(question(simulator))).unwrap().status == 200


async def test_a_hundred_abandoned_streams_leave_a_pool_of_five_whole() -> None:
    async with Simulator() as simulator, driver() as http:
        simulator.script("gpt-4o", [Say("one two", gap_s=60)] * 100)
        for _ in range(100):
            stream = await opened(http, simulator)
            await stream.read()
            await stream.aclose()
        assert (await http.call(question(simulator))).unwrap().status == 200


async def test_a_body_of_some_megabytes_is_sent_whole() -> None:
    large = BODY.replace(b"hi", b"x" * 3_000_000)
    async with Simulator() as simulator, driver() as http:
        assert (await http.call(question(simulator, large))).unwrap().status == 200
        assert simulator.received[0].body == large


async def test_a_host_that_does_not_answer_is_no_connection_within_its_time() -> None:
    """A queue of connections that is full: the next one hears nothing, neither yes nor no."""
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = deaf.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        limits = TimeoutSettings(connect_s=0.2, first_byte_s=5)
        async with driver(timeouts=limits) as http:
            url = f"http://127.0.0.1:{address[1]}/"
            call = HttpCall(method="POST", url=url, headers={}, pool="p", model="m")
            error = (await http.call(call)).failure()
    assert isinstance(error, NetworkError)
    assert (error.cause, error.ambiguous) == ("connect", False)
    assert "0.2 s" in error.message


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.close()
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", "")
        async with Simulator() as simulator, driver() as http:
            assert (await http.call(question(simulator))).unwrap().status == 200


async def test_a_proxy_that_is_asked_for_is_asked() -> None:
    """The simulator takes a request for any host; as a proxy it gets the whole address."""
    async with Simulator() as proxy, driver(HttpSettings(proxy=proxy.url, allow_http=True)) as http:
        call = replace(question(proxy), url="http://vendor.invalid/v1/chat/completions")
        assert (await http.call(call)).unwrap().status == 200
        assert proxy.received[0].headers["host"] == "vendor.invalid"


async def test_a_proxy_that_is_not_there_is_no_connection() -> None:
    async with driver(HttpSettings(proxy="http://127.0.0.1:1", allow_http=True)) as http:
        call = HttpCall(method="GET", url="http://vendor.invalid/", headers={}, pool="p", model="m")
        error = (await http.call(call)).failure()
    assert isinstance(error, NetworkError)
    assert (error.cause, error.ambiguous) == ("connect", False)


async def test_the_fast_engine_works_where_it_can_and_says_so_where_it_cannot() -> None:
    fast = LLMConfig(http=HttpSettings(engine="aiohttp"))
    built = engine_for(fast.http, fast.timeouts, None)
    match built:
        case Success():
            async with custom(fast):
                pass
        case Failure(error):
            assert "asyncio alone" in describe(error)


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_on_trio_the_fast_engine_is_a_configuration_error(anyio_backend: str) -> None:
    found = engine_for(HttpSettings(engine="aiohttp"), TimeoutSettings(), None)
    assert isinstance(found.failure(), ConfigurationError)
    assert "http.engine" in describe(found.failure()), anyio_backend


def test_an_engine_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    found = engine_for(HttpSettings(engine="aiohttp"), TimeoutSettings(), None)
    assert "pip install 'llm-manager[fast]'" in describe(found.failure())
