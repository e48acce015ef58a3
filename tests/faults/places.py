"""Where a fault happens: servers that make it, on real sockets of loopback.

Most faults are a reply of the simulator. What happens before HTTP begins, and streams that no vendor would send, are
made here by hand. To add one, write a context manager that gives a :class:`Place`.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

import anyio
from anyio.abc import SocketAttribute, SocketStream

from llm_manager.testing.simulator import Fault, Reply, Simulator, refused_url

MODEL = "gpt-4o"
OCCUPIER = "gpt-4o-mini"
"""A model at the same place, whose calls never end."""

TRIES = 8
"""More than any row asks for."""


@dataclass(frozen=True, slots=True)
class Place:
    """A base URL, and how many requests for a model have arrived at it; None where no server can count."""

    url: str
    received: Callable[[str], int] | None = None


Opening: TypeAlias = Callable[[], AbstractAsyncContextManager[Place]]


def replying(*replies: Reply) -> Opening:
    """A vendor that gives *replies* over and over."""

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Place, None]:
        async with Simulator() as simulator:
            simulator.script(MODEL, replies * TRIES)
            simulator.script(OCCUPIER, [Fault("hang")])
            yield Place(
                f"{simulator.url}/v1", lambda model: sum(each.json["model"] == model for each in simulator.received)
            )

    return opened


def streaming(*events: str) -> Opening:
    """A server that answers every request with a stream of these *events*, then hangs up; it keeps to HTTP."""
    body = "".join(f"data: {event}\n\n" for event in events)
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n"
    return _by_hand(f"{head}content-length: {len(body.encode())}\r\n\r\n{body}".encode())


def silent_stream() -> AbstractAsyncContextManager[Place]:
    """A server that begins a stream, and says no word of it."""
    return _by_hand(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", hang_up=False)()


def _by_hand(answer: bytes, *, hang_up: bool = True) -> Opening:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Place, None]:
        count = 0

        async def serve(connection: SocketStream) -> None:
            nonlocal count
            async with connection:
                with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                    received = b""
                    while not received.endswith(b"}}") and not received.endswith(b'"stream":true}'):
                        received += await connection.receive()
                    count += 1
                    await connection.send(answer)
                    if not hang_up:
                        await anyio.sleep_forever()

        async with _listening(serve) as url:
            yield Place(f"{url}/v1", lambda _: count)

    return opened


@asynccontextmanager
async def _listening(serve: Callable[[SocketStream], object]) -> AsyncGenerator[str, None]:
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        group.cancel_scope.cancel()


@asynccontextmanager
async def refusing() -> AsyncGenerator[Place, None]:
    """Nobody listens."""
    with refused_url() as url:
        yield Place(url)


@asynccontextmanager
async def deaf() -> AsyncGenerator[Place, None]:
    """A queue of connections that is full: the next one hears nothing, neither yes nor no."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = server.getsockname()
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield Place(f"http://127.0.0.1:{address[1]}")


@asynccontextmanager
async def resetting() -> AsyncGenerator[Place, None]:
    """The connection is reset at the first word of its TLS handshake: the request cannot have been sent."""

    async def serve(connection: SocketStream) -> None:
        async with connection:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await connection.receive(1)
                raw = connection.extra(SocketAttribute.raw_socket)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with _listening(serve) as url:
        yield Place(url.replace("http://", "https://"))


@asynccontextmanager
async def nameless() -> AsyncGenerator[Place, None]:
    """A host that has no address: its name is longer than names can be, so no server is asked (RFC 1035, 2.3.4)."""
    yield Place(f"https://{'.'.join(['a' * 60] * 5)}.invalid")


@asynccontextmanager
async def plain() -> AsyncGenerator[Place, None]:
    """A server that knows nothing of TLS, asked over TLS."""
    async with Simulator() as simulator:
        yield Place(simulator.url.replace("http://", "https://"))


def chunks(*deltas: str) -> Sequence[str]:
    """Pieces of a chat completion: *deltas* are JSON."""
    return [f'{{"choices":[{{"delta":{delta}}}]}}' for delta in deltas]
