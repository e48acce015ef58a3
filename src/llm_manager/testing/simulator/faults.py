"""Answers that are broken below the level of a status.

The rule: a fault is one row, a function from the answer that would have been sound to what is done on the socket
instead, so it breaks every wire in the same way. A fault of streams breaks the events even if none were asked for.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from llm_manager.testing.simulator.play import Pause, Play, Step, chunk, head
from llm_manager.testing.simulator.replies import Fault, FaultKind

DRIP_S = 0.05
BOMB_BYTES = 64 * 1024 * 1024
LINE_BYTES = 32 * 1024 * 1024
DEPTH = 1_000_000
DIGITS = 5_000

WORD = "hello"
"""What a sound answer says; a fault finds it in the body to put something else there."""

ACCENTED = "Grüße, 世界 😀"
"""What it says where letters of two, three and four bytes are wanted."""

_BLOCK = 1024 * 1024
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What the wire would have sent: the whole body, or the events of the stream, and its words for trouble.

    *accented* is such an answer in letters of several bytes, framed as it was asked for; *empty* is one without any
    choice; *error* and *error_event* say in a body and in a stream that the model is overloaded.
    """

    body: bytes
    events: tuple[bytes, ...]
    streamed: bool
    stream_type: str
    accented: bytes
    empty: bytes
    error: bytes
    error_event: bytes
    ping: bytes

    @property
    def stream_headers(self) -> Mapping[str, str]:
        """The headers of a stream."""
        return {"content-type": self.stream_type}

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of what was asked for."""
        return self.stream_headers if self.streamed else _JSON

    @property
    def begun(self) -> tuple[bytes, ...]:
        """The events up to the one that says the word."""
        place = next(index for index, event in enumerate(self.events) if WORD.encode() in event)
        return self.events[: place + 1]

    def half_events(self) -> bytes:
        """The events up to the one that says the word, and a piece of the next."""
        return b"".join(self.begun) + self.events[len(self.begun)][:9]

    def half(self) -> bytes:
        """Half of what was asked for."""
        return self.half_events() if self.streamed else self.body[: len(self.body) // 2]


def broken(fault: Fault, sound: Sound) -> Play:
    """What *fault* does with the *sound* answer."""
    done = FAULTS[fault.kind](fault, sound)
    return Play(_after(fault.after_s, done), done.end) if fault.after_s else done


def _after(seconds: float, play: Play) -> Iterator[Step]:
    yield Pause(seconds)
    yield from play.steps


def _whole(body: bytes, *, status: int = 200, headers: Mapping[str, str] = _JSON) -> Play:
    return Play((head(status, headers, len(body)), body))


def _dripped(data: bytes, gap_s: float) -> Iterator[Step]:
    for index in range(len(data)):
        yield data[index : index + 1]
        yield Pause(gap_s)


def _slow_headers(fault: Fault, sound: Sound) -> Play:
    def steps() -> Iterator[Step]:
        yield from _dripped(head(200, _JSON, len(sound.body)), fault.gap_s or DRIP_S)
        yield sound.body

    return Play(steps())


def _drip(fault: Fault, sound: Sound) -> Play:
    def steps() -> Iterator[Step]:
        yield head(200, _JSON, len(sound.body))
        yield from _dripped(sound.body, fault.gap_s or DRIP_S)

    return Play(steps())


def _pings(fault: Fault, sound: Sound) -> Play:
    def steps() -> Iterator[Step]:
        yield head(200, sound.stream_headers)
        while True:
            yield chunk(sound.ping)
            yield Pause(fault.gap_s or DRIP_S)

    return Play(steps())


def _stream(sound: Sound, *events: bytes) -> Play:
    return Play((head(200, sound.stream_headers), *(chunk(event) for event in events), chunk(b"")))


def _begun(sound: Sound) -> tuple[bytes, bytes]:
    """The beginning of the answer in the framing that it would have had, without its end."""
    if sound.streamed:
        return head(200, sound.headers), chunk(sound.half())
    return head(200, sound.headers, len(sound.body)), sound.half()


def _split_utf8(_: Fault, sound: Sound) -> Play:
    letters = (sound.accented[index : index + 1] for index in range(len(sound.accented)))
    return Play((head(200, sound.headers), *(chunk(letter) for letter in letters), chunk(b"")))


def _giant_line(_: Fault, sound: Sound) -> Play:
    def steps() -> Iterator[Step]:
        yield head(200, sound.stream_headers)
        yield chunk(b"data: ")
        for _ in range(LINE_BYTES // _BLOCK):
            yield chunk(b"x" * _BLOCK)
        yield chunk(b"")

    return Play(steps())


@cache
def _bomb() -> bytes:
    """Spaces: sound JSON may begin with them, so nothing but their number is wrong."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    block = b" " * _BLOCK
    return b"".join(packer.compress(block) for _ in range(BOMB_BYTES // _BLOCK)) + packer.flush()


def _instead(value: bytes) -> Callable[[Fault, Sound], Play]:
    """The sound body with something else in place of the text and its quotes."""
    return lambda _, sound: _whole(sound.body.replace(f'"{WORD}"'.encode(), value))


_PACKED = {**_JSON, "content-encoding": "gzip"}

FAULTS: Mapping[FaultKind, Callable[[Fault, Sound], Play]] = {
    "reset": lambda _, __: Play((), "reset"),
    "reset_in_headers": lambda _, __: Play((head(200, _JSON, 10)[:25], Pause(DRIP_S)), "reset"),
    "hang": lambda _, __: Play((), "hang"),
    "slow_headers": _slow_headers,
    "drip": _drip,
    "idle_stream": lambda _, sound: Play((head(200, sound.stream_headers), chunk(sound.half_events())), "hang"),
    "pings": _pings,
    "short_body": lambda _, sound: Play((head(200, _JSON, len(sound.body)), sound.body[:40]), "close"),
    "cut_chunks": lambda _, sound: Play((head(200, sound.headers), chunk(sound.half())), "close"),
    # A client is free to drop what it has not read yet when RST comes, so it is given time to read.
    "reset_in_body": lambda _, sound: Play((*_begun(sound), Pause(DRIP_S)), "reset"),
    "stream_without_end": lambda _, sound: _stream(sound, *sound.begun),
    "stream_without_done": lambda _, sound: _stream(sound, *sound.events[:-1]),
    "error_in_stream": lambda _, sound: _stream(sound, sound.error_event),
    "split_utf8": _split_utf8,
    "gzip_bomb": lambda _, __: _whole(_bomb(), headers=_PACKED),
    "giant_line": _giant_line,
    "corrupt_gzip": lambda _, sound: _whole(gzip.compress(sound.body)[:30] + b"\xff" * 60, headers=_PACKED),
    "html": lambda _, __: _whole(b"<html><body>502 Bad Gateway</body></html>", headers={"content-type": "text/html"}),
    "bad_utf8": _instead(b'"\xff\xfe\xc3"'),
    "deep_json": _instead(b"[" * DEPTH + b"]" * DEPTH),
    "nan": _instead(b"NaN"),
    "huge_integer": _instead(b"9" * DIGITS),
    "redirect": lambda fault, _: _whole(b"", status=307, headers={"location": fault.location}),
    "error_in_ok": lambda _, sound: _whole(sound.error),
    "no_choices": lambda _, sound: _whole(sound.empty),
    "null_content": _instead(b"null"),
}
"""What each kind of fault makes of a sound answer."""
