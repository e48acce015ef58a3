"""The server: sockets, requests in, what the script says out."""

from __future__ import annotations

import socket
import struct
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self, final

import anyio
import anyio.abc
import h11

from llm_manager.testing.simulator.batches import BatchRoom, Course
from llm_manager.testing.simulator.exchange import exchange
from llm_manager.testing.simulator.play import End, Pause, Play
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Reply

_CHUNK_BYTES = 65536


@final
class Simulator:
    """Listens on a free port of 127.0.0.1 inside its ``async with`` block, on asyncio and trio.

    A model answers from its script, and sensibly once that is used up. A request with Portkey's headers is answered as
    Portkey's gateway would. *received* is what arrived, *connections* how many were opened for it, and *room* has the
    batches that were handed in. Leaving the
    block ends every connection at once, in the middle of whatever it does.
    """

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self.connections = 0
        self._scripts: dict[str, deque[Reply]] = {}
        self._to_drop = 0
        self.room = BatchRoom()

    def script(self, model_or_path: str, replies: Sequence[Reply]) -> None:
        """What a model, or a path such as ``/v1/models``, answers next, one reply a request; a path goes first."""
        self._scripts.setdefault(model_or_path, deque()).extend(replies)

    def script_batches(self, courses: Sequence[Course]) -> None:
        """What becomes of the next batches. The paths of their endpoints are scripted with the method in front, such as
        ``POST /v1/batches``; there a fault loses the answer and not what was asked."""
        self.room.courses.extend(courses)

    def clear_scripts(self) -> None:
        """Forget every reply that has not been given."""
        self._scripts.clear()

    def drop_connections(self, count: int) -> None:
        """Reset the next *count* connections before anything of their request is read."""
        self._to_drop += count

    async def __aenter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.settimeout(0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._group = await anyio.create_task_group().__aenter__()
        self._group.start_soon(self._accept)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._group.cancel_scope.cancel()
        try:
            if isinstance(cause, Exception):  # the body's own: it goes on bare and not in an exception group
                await self._group.__aexit__(None, None, None)
            else:
                await self._group.__aexit__(kind, cause, trace)
        finally:
            self._listener.close()

    async def _accept(self) -> None:
        """Take connections as they come. By hand: anyio's listener loses the one it takes while it is cancelled."""
        while True:
            await anyio.wait_readable(self._listener)
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                continue  # the client went away before its turn
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            stream = await _wrapped(connection)
            if stream is not None:
                self._group.start_soon(self._serve, stream)

    async def _serve(self, stream: anyio.abc.SocketStream) -> None:
        try:
            async with stream:
                if self._to_drop > 0:
                    self._to_drop -= 1
                    _linger(stream)
                    return
                await self._converse(stream)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, h11.RemoteProtocolError):
            return  # the client went away, or does not speak HTTP

    async def _converse(self, stream: anyio.abc.SocketStream) -> None:
        """Requests and their answers, until one of the two sides has enough."""
        unread, end = b"", "keep"
        while end == "keep":
            parser = h11.Connection(h11.SERVER)
            if unread:
                parser.receive_data(unread)
            received = await _received(stream, parser)
            if received is None:
                return
            unread, _ = parser.trailing_data
            self.received.append(received)
            end = await _perform(stream, exchange(received, len(self.received), self._take, self.room))
            if received.headers.get("connection") == "close":
                return

    def _take(self, path: str, model: str | None) -> Reply | None:
        for name in (path, model):
            script = self._scripts.get(name or "")
            if script:
                return script.popleft()
        return None


@contextmanager
def refused_url() -> Generator[str, None, None]:
    """An address on loopback that refuses connections: its port is taken, so nobody else can begin to listen there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def _wrapped(connection: socket.socket) -> anyio.abc.SocketStream | None:
    """*connection* as a stream; None if the client has just reset it."""
    with anyio.CancelScope(shield=True):
        try:
            return await anyio.abc.SocketStream.from_socket(connection)
        except (ValueError, OSError):  # anyio's word for "no longer connected" is ValueError
            connection.close()
    return None


async def _perform(stream: anyio.abc.SocketStream, play: Play) -> End:
    for step in play.steps:
        if isinstance(step, Pause):
            await anyio.sleep(step.seconds)
        else:
            await stream.send(step)
    if play.end == "hang":
        await anyio.sleep_forever()
    if play.end == "reset":
        _linger(stream)
    return play.end


def _linger(stream: anyio.abc.SocketStream) -> None:
    """Have close() send RST and not FIN: SO_LINGER with a time of zero."""
    raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _received(stream: anyio.abc.SocketStream, parser: h11.Connection) -> Received | None:
    """The next request, or None when the client has no more."""
    request: h11.Request | None = None
    body = bytearray()
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            try:
                parser.receive_data(await stream.receive(_CHUNK_BYTES))
            except anyio.EndOfStream:
                parser.receive_data(b"")
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers}
            return Received(request.method.decode(), request.target.decode(), headers, bytes(body))
        else:
            return None
