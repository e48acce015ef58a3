"""Answers that are broken below the level of a status, as steps on the socket: bytes, pauses and endings."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from llm_manager.testing.simulator.replies import Fault, FaultKind

End: TypeAlias = Literal["reset", "close", "keep", "hang"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for so many seconds."""

    seconds: float


Step: TypeAlias = bytes | Pause


@dataclass(frozen=True, slots=True)
class Play:
    """What is done on the socket, and how it ends."""

    steps: Sequence[Step]
    end: End = "keep"


DRIP_S = 0.05
BOMB_BYTES = 64 * 1024 * 1024
LINE_BYTES = 32 * 1024 * 1024
DEPTH = 1_000_000
DIGITS = 5_000

_GOOD = b'{"id":"x","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}'


def head(status: int, headers: Mapping[str, str], length: int | None = None) -> bytes:
    """A status line and headers; without a *length* the body is chunked."""
    framing = {"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)}
    lines = [f"HTTP/1.1 {status} Simulated", *(f"{name}: {value}" for name, value in {**headers, **framing}.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; the empty one is its end."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def whole(body: bytes, *, status: int = 200, **headers: str) -> Play:
    """A complete answer."""
    named = {"content-type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return Play((head(status, named, len(body)), body))


_JSON = {"content-type": "application/json"}
_EVENTS = {"content-type": "text/event-stream"}


def _drip(_: Fault) -> Play:
    steps: list[Step] = [head(200, _JSON, len(_GOOD))]
    for index in range(len(_GOOD)):
        steps += [_GOOD[index : index + 1], Pause(DRIP_S)]
    return Play(steps)


def _bomb(_: Fault) -> Play:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    block = b" " * (1024 * 1024)
    body = b"".join(packer.compress(block) for _ in range(BOMB_BYTES // len(block))) + packer.flush()
    return whole(body, content_encoding="gzip")


def _content(text: str) -> bytes:
    return _GOOD.replace(b'"hello"', text.encode())


FAULTS: Mapping[FaultKind, Callable[[Fault], Play]] = {
    "reset": lambda _: Play((), "reset"),
    "reset_in_headers": lambda _: Play((head(200, _JSON, 10)[:25],), "reset"),
    "hang": lambda _: Play((), "hang"),
    "drip": _drip,
    "short_body": lambda _: Play((head(200, _JSON, len(_GOOD)), _GOOD[:40]), "close"),
    "cut_chunks": lambda _: Play((head(200, _JSON), chunk(_GOOD[:40])), "close"),
    "reset_in_body": lambda _: Play((head(200, _JSON, len(_GOOD)), _GOOD[:40], Pause(0.05)), "reset"),
    "stream_without_end": lambda _: Play(
        (head(200, _EVENTS), chunk(b'data: {"choices":[{"index":0,"delta":{"content":"It"}}]}\n\n'), chunk(b""))
    ),
    "gzip_bomb": _bomb,
    "giant_line": lambda _: Play((head(200, _EVENTS), chunk(b"data: " + b"x" * LINE_BYTES), chunk(b""))),
    "corrupt_gzip": lambda _: whole(gzip.compress(_GOOD)[:30] + b"\xff" * 60, content_encoding="gzip"),
    "html": lambda _: whole(b"<html><body>502 Bad Gateway</body></html>", content_type="text/html"),
    "bad_utf8": lambda _: whole(_GOOD.replace(b"hello", b"\xff\xfe\xc3")),
    "deep_json": lambda _: whole(b'{"choices":' + b"[" * DEPTH + b"]" * DEPTH + b"}"),
    "nan": lambda _: whole(_content("NaN")),
    "huge_integer": lambda _: whole(_content("9" * DIGITS)),
    "redirect": lambda fault: whole(b"", status=307, location=fault.location),
    "error_in_ok": lambda _: whole(
        b'{"error":{"message":"slow down","type":"rate_limit_error","code":"rate_limit_exceeded"}}'
    ),
    "no_choices": lambda _: whole(b'{"id":"x","choices":[]}'),
    "null_content": lambda _: whole(_content("null")),
}
