"""An answer as what is done on the socket: bytes, pauses and an ending. HTTP is written by hand, so it can be wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

End: TypeAlias = Literal["reset", "close", "keep", "hang"]
"""How a connection goes on: torn down with RST, closed with FIN, kept for the next request, or held in silence."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for so many seconds."""

    seconds: float


Step: TypeAlias = bytes | Pause


@dataclass(frozen=True, slots=True)
class Play:
    """What is done on the socket, and how it ends. The steps may be made while they are played, and without end."""

    steps: Iterable[Step]
    end: End = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A sound HTTP answer, before it is bytes: one part is a body, *streamed* ones are chunks."""

    status: int
    headers: Mapping[str, str]
    parts: tuple[bytes, ...]
    streamed: bool = False
    after_s: float = 0.0
    gap_s: float = 0.0


def head(status: int, headers: Mapping[str, str], length: int | None = None) -> bytes:
    """A status line and headers; without a *length* the body is chunked.

    >>> head(204, {"x-request-id": "req_1"}, 0)
    b'HTTP/1.1 204 Simulated\\r\\nx-request-id: req_1\\r\\ncontent-length: 0\\r\\n\\r\\n'
    """
    framing = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
    lines = [f"HTTP/1.1 {status} Simulated", *(f"{name}: {value}" for name, value in {**headers, **framing}.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; the empty one is its end."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def play(answer: Answer) -> Play:
    """*answer* on the socket."""
    return Play(_streamed(answer) if answer.streamed else _whole(answer))


def _whole(answer: Answer) -> Iterator[Step]:
    body = b"".join(answer.parts)
    if answer.after_s:
        yield Pause(answer.after_s)
    yield head(answer.status, answer.headers, len(body)) + body


def _streamed(answer: Answer) -> Iterator[Step]:
    if answer.after_s:
        yield Pause(answer.after_s)
    yield head(answer.status, answer.headers)
    for part in answer.parts:
        yield chunk(part)
        if answer.gap_s:
            yield Pause(answer.gap_s)
    yield chunk(b"")
