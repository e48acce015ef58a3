"""A server that costs next to nothing: canned answers to chat completions, in a process of its own.

``python -m benchmarks.server`` prints its port and serves until its standard input ends. It looks at a request only as
far as it must: where it ends, and whether a stream is wanted, one that stays open after its first event, a value, or a
refusal.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager

CHUNKS = 200
"""Pieces of text in a stream."""


def _response(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _answer(text: str) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 10, "completion_tokens": 12, "total_tokens": 22}
    made = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
    return _response("200 OK", json.dumps({**made, "choices": [choice], "usage": usage}).encode())


def _refusal() -> bytes:
    error = {"message": "no", "type": "invalid_request_error", "code": None, "param": None}
    return _response("400 Bad Request", json.dumps({"error": error}).encode())


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    made = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**made, "choices": [choice]}).encode() + b"\n\n"


def _stream() -> list[bytes]:
    """The stream in writes of their own, as a vendor sends them: a client reads about one piece at a time."""
    pieces = [_event({"content": f"word{number} "}, None) for number in range(CHUNKS)]  # LiteLLM refuses repetitions
    pieces += [_event({}, "stop"), b"data: [DONE]\n\n"]
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return [head, *(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces), b"0\r\n\r\n"]


ANSWER, REFUSAL, STREAM = _answer("It scatters."), _refusal(), _stream()
VALUE = _answer('{"metric": "errors", "severity": "high"}')
HELD = STREAM[:2]
"""The head and the first event: a stream that stays open."""


def _reply(body: bytes) -> Sequence[bytes]:
    """The writes that answer a request."""
    if b'"stream":true' in body.replace(b" ", b""):
        return HELD if b'"held"' in body else STREAM
    if b'"json_schema"' in body:
        return (VALUE,)
    return (REFUSAL if b'"refuse"' in body else ANSWER,)


class Canned(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            _, _, rest = self._unread[:end].lower().partition(b"content-length:")
            whole = end + 4 + int(rest.split(b"\r\n")[0] or 0)
            if len(self._unread) < whole:
                return
            body, self._unread = self._unread[end + 4 : whole], self._unread[whole:]
            for piece in _reply(body):
                self._transport.write(piece)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Canned, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextmanager
def serving() -> Generator[str, None, None]:
    """The address of a server in another process, for as long as the block lasts."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve())
