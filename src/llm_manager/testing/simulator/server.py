"""The server: sockets, requests in, scripted answers out."""

from __future__ import annotations

import gzip
import json
import socket
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, final

import anyio
import anyio.abc
import h11

from llm_manager.testing.simulator.faults import FAULTS, Pause, Play, Step, chunk, head
from llm_manager.testing.simulator.replies import CallTools, Fault, Reply, Say, Status
from llm_manager.testing.simulator.wires import openai

_CHUNK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@final
class Simulator:
    """Listens on a free port of 127.0.0.1 inside its ``async with`` block, on asyncio and trio.

    A model answers from its script, and sensibly once that is used up. Leaving the block ends every connection at once.
    """

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        self._scripts: dict[str, deque[Reply]] = {}

    def script(self, model: str, replies: Sequence[Reply]) -> None:
        """What *model* answers next, one reply a request."""
        self._scripts.setdefault(model, deque()).extend(replies)

    async def __aenter__(self) -> Self:
        self._listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
        port = self._listener.extra(anyio.abc.SocketAttribute.local_port)
        self.url = f"http://127.0.0.1:{port}"
        self._group = await anyio.create_task_group().__aenter__()
        self._group.start_soon(self._listener.serve, self._serve)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._group.cancel_scope.cancel()
        if isinstance(cause, Exception):  # the body's own: it goes on bare and not in an exception group
            await self._group.__aexit__(None, None, None)
        else:
            await self._group.__aexit__(kind, cause, trace)
        with anyio.CancelScope(shield=True):
            await self._listener.aclose()

    async def _serve(self, stream: anyio.abc.SocketStream) -> None:
        try:
            async with stream:
                while await self._exchange(stream, h11.Connection(h11.SERVER)):
                    pass
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, h11.RemoteProtocolError):
            return  # the client went away

    async def _exchange(self, stream: anyio.abc.SocketStream, parser: h11.Connection) -> bool:
        """One request and its answer; False when the connection is over."""
        received = await _received(stream, parser)
        if received is None:
            return False
        self.received.append(received)
        play = self._play(received)
        for step in play.steps:
            if isinstance(step, Pause):
                await anyio.sleep(step.seconds)
            else:
                await stream.send(step)
        if play.end == "hang":
            await anyio.sleep_forever()
        if play.end == "reset":  # SO_LINGER of 0 makes close() send RST
            raw = stream.extra(anyio.abc.SocketAttribute.raw_socket)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return play.end == "keep"

    def _play(self, received: Received) -> Play:
        if received.method == "GET" and received.path.endswith("/models"):
            body = openai.models()
            return Play((head(200, {"content-type": "application/json"}, len(body)), body))
        if received.method != "POST" or not received.path.endswith("/chat/completions"):
            return self._answer({"model": ""}, Status(404, "unknown_url", f"Unknown request URL: {received.path}"))
        try:
            asked = received.json
        except ValueError:
            return self._answer({"model": ""}, Status(400, None, "We could not parse the JSON body of your request."))
        refused = openai.complaint(asked)
        if refused is not None:
            return self._answer(asked, refused)
        script = self._scripts.get(asked["model"])
        return self._answer(asked, script.popleft() if script else openai.default_reply(asked))

    def _answer(self, asked: Any, reply: Reply) -> Play:
        number = len(self.received)
        wait: tuple[Step, ...] = (Pause(reply.after_s),) if reply.after_s else ()
        if isinstance(reply, Fault):
            play = FAULTS[reply.kind](reply)
            return Play((*wait, *play.steps), play.end)
        headers = {"x-request-id": f"req_{number}", **openai.RATE_HEADERS}
        if isinstance(reply, Status):
            return Play((*wait, *_body({**headers, **reply.headers}, reply.status, openai.error(reply))))
        if asked.get("stream"):
            return Play((*wait, *_events(headers, openai.chunks(asked, reply, number), reply.gap_s)))
        return Play((*wait, *_completion(headers, asked, reply, number)))


def _completion(headers: Mapping[str, str], asked: Any, reply: Say | CallTools, number: int) -> Sequence[Step]:
    body = openai.completion(asked, reply, number)
    if isinstance(reply, Say) and reply.gzip:
        return _body({**headers, "content-encoding": "gzip"}, 200, gzip.compress(body))
    return _body(headers, 200, body)


def _body(headers: Mapping[str, str], status: int, body: bytes) -> Sequence[Step]:
    return (head(status, {"content-type": "application/json", **headers}, len(body)) + body,)


def _events(headers: Mapping[str, str], events: Sequence[bytes], gap_s: float) -> Sequence[Step]:
    steps: list[Step] = [head(200, {"content-type": "text/event-stream", **headers})]
    for event in events:
        steps += [chunk(event), Pause(gap_s)] if gap_s else [chunk(event)]
    return [*steps, chunk(b"")]


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
