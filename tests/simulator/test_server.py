"""The server itself: connections, scripts, and an end that never waits."""

from __future__ import annotations

import socket
import struct

import anyio
import httpx2
import pytest

from llm_manager.testing.simulator import Fault, Received, Say, Simulator, Status

pytestmark = pytest.mark.anyio

KEY = {"authorization": "Bearer sk-x"}


def asking(model: str = "gpt-4o", text: str = "hi") -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": text}]}


async def content(client: httpx2.AsyncClient, simulator: Simulator, model: str = "gpt-4o") -> object:
    answer = await client.post(f"{simulator.url}/v1/chat/completions", json=asking(model), headers=KEY)
    return answer.json()["choices"][0]["message"]["content"]


async def test_every_model_has_a_script_of_its_own() -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        simulator.script("gpt-4o", [Say("one")])
        simulator.script("gpt-4o-mini", [Say("mini")])
        simulator.script("gpt-4o", [Say("two")])
        said = [await content(client, simulator, model) for model in ("gpt-4o", "gpt-4o-mini", "gpt-4o", "gpt-4o")]
    assert said == ["one", "mini", "two", "You said: hi"]


async def test_an_answer_may_be_packed() -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        simulator.script("gpt-4o", [Say("packed", gzip=True)])
        answer = await client.post(f"{simulator.url}/v1/chat/completions", json=asking(), headers=KEY)
    assert (answer.headers["content-encoding"], answer.json()["choices"][0]["message"]["content"]) == ("gzip", "packed")


async def test_connections_that_are_reset_before_their_turn_harm_nobody() -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        host, _, port = simulator.url.removeprefix("http://").partition(":")
        for _ in range(5):
            with socket.create_connection((host, int(port))) as gone:
                gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert await content(client, simulator) == "You said: hi"


async def test_what_arrives_is_kept() -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        await client.post(f"{simulator.url}/v1/chat/completions", json=asking(), headers={**KEY, "X-Trace": "7"})
    [received] = simulator.received
    assert (received.method, received.path, received.headers["x-trace"]) == ("POST", "/v1/chat/completions", "7")
    assert received.json == asking()


async def test_one_connection_serves_many_requests() -> None:
    request = b"GET /v1/models HTTP/1.1\r\nhost: sim\r\n\r\n"
    async with Simulator() as simulator:
        host, _, port = simulator.url.removeprefix("http://").partition(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(request + request)
            data = b""
            while data.count(b'"object": "list"') < 2:
                data += await stream.receive()
    assert simulator.received == [Received("GET", "/v1/models", {"host": "sim"}, b"")] * 2


async def test_a_client_that_wants_the_connection_closed_gets_it_closed() -> None:
    async with Simulator() as simulator:
        host, _, port = simulator.url.removeprefix("http://").partition(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(b"GET /v1/models HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n")
            with pytest.raises(anyio.EndOfStream):
                while True:
                    await stream.receive()


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET", b""])
async def test_a_client_that_speaks_no_http_harms_nobody(nonsense: bytes) -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        host, _, port = simulator.url.removeprefix("http://").partition(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(nonsense)
            await stream.send_eof()
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()
        assert await content(client, simulator) == "You said: hi"
        assert len(simulator.received) == 1


async def test_closing_interrupts_every_wait() -> None:
    """A hang, delays of an hour and a long stream that nobody reads: all end with the block."""
    with anyio.fail_after(5.0):
        async with anyio.create_task_group() as group, Simulator() as simulator:
            simulator.script(
                "gpt-4o", [Fault("hang"), Say("late", after_s=3600.0), Status(500, after_s=3600.0), Fault("giant_line")]
            )
            for _ in range(4):
                group.start_soon(_left_alone, simulator.url)
            while len(simulator.received) < 4:
                await anyio.lowlevel.checkpoint()


async def _left_alone(url: str) -> None:
    async with httpx2.AsyncClient(timeout=60.0) as client:
        with pytest.raises(httpx2.TransportError):
            await client.post(f"{url}/v1/chat/completions", json={**asking(), "stream": True}, headers=KEY)


async def test_an_error_of_the_body_leaves_the_block_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with Simulator():
            raise KeyError("mine")


async def test_a_cancelled_block_closes_too() -> None:
    with anyio.move_on_after(0.01) as scope:
        async with Simulator():
            await anyio.sleep_forever()
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/embeddings"), ("GET", "/v1/chat/completions"), ("DELETE", "/v1/models")]
)
async def test_what_is_not_simulated_is_an_unknown_url(method: str, path: str) -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        answer = await client.request(method, simulator.url + path, headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")
