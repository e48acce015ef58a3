"""Bodies cut into the JSON texts they carry, as they come: server-sent events, one text to a line, or one in all.

Incremental, linear in time and bounded in memory: what has not ended is kept joined, and never more of it than the
cap. A stream that stops in the middle of a text has not sent it. Which of the three a body is, its first bytes say:
what servers say of it (``content-type``) is wrong too often.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, final

from llm_manager.adapters.dialects.dialect import ErrorEvent, Framing

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Frames(Protocol):
    """One stream as it is cut."""

    def feed(self, chunk: bytes, /) -> Sequence[bytes] | None:
        """The texts that *chunk* completes; None when one is larger than the cap, and then for ever."""
        ...

    def rest(self) -> Sequence[bytes]:
        """The text that the end of the body completes: that of a line or an event without its end."""
        ...


@final
class _Lines:
    """Lines that end with LF, CRLF or CR, each without its end. A CR at the end of a chunk may have its LF in the
    next one."""

    __slots__ = ("_pending", "after_cr")

    def __init__(self) -> None:
        self._pending = bytearray()
        self.after_cr = False

    @property
    def pending_bytes(self) -> int:
        """How long the line is that has not ended."""
        return len(self._pending)

    def feed(self, chunk: bytes) -> list[bytes]:
        if not chunk:
            return []
        if self.after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self.after_cr = chunk.endswith(b"\r")
        lines = chunk.splitlines(keepends=True)
        last = b"" if not lines or lines[-1].endswith((b"\n", b"\r")) else lines.pop()
        whole = [line.rstrip(b"\r\n") for line in lines]
        if whole and self._pending:
            self._pending += whole[0]
            whole[0] = bytes(self._pending)
            self._pending = bytearray()
        self._pending += last
        return whole

    def rest(self) -> bytes:
        """The line that has not ended."""
        line, self._pending = bytes(self._pending), bytearray()
        return line


@final
class Events:
    """Server-sent events (WHATWG HTML, 9.2.6): the data of each. Comments and the other fields are passed over, but for
    the name of an event that is an error, of which some servers say nothing else."""

    __slots__ = ("_at_start", "_cap", "_data", "_is_error", "_lines", "_size")

    def __init__(self, max_bytes: int) -> None:
        self._cap = max_bytes
        self._lines = _Lines()
        self._data: bytes | bytearray | None = None  # joined from the second line on
        self._size = 0
        self._at_start = True
        self._is_error = False

    def feed(self, chunk: bytes, /) -> Sequence[bytes] | None:
        """The data of the events that *chunk* completes."""
        found = self._plain(chunk)
        if found is not None:
            return found
        frames: list[bytes] = []
        for line in self._lines.feed(chunk):
            if line:
                self._field(line)
            else:
                frames += self._event()
            if self._size > self._cap:
                return None
        return None if self._size + self._lines.pending_bytes > self._cap else frames

    def rest(self) -> Sequence[bytes]:
        """The data of the last event, if nothing ended it."""
        line = self._lines.rest()
        if line:
            self._field(line)
        return self._event()

    def _event(self) -> Sequence[bytes]:
        """The data of the event that has ended, if it has any."""
        data, is_error = self._data, self._is_error
        self._data, self._size, self._is_error = None, 0, False
        if data is None:
            return ()
        return (ErrorEvent(data) if is_error else bytes(data),)

    def _plain(self, chunk: bytes) -> Sequence[bytes] | None:
        """What :meth:`feed` says of whole events of one line of data each, which is how vendors send them; None of
        anything else. Of several events at once it takes half the time."""
        lines = self._lines
        if self._data is not None or lines.pending_bytes or lines.after_cr:  # something is left of an earlier chunk
            return None
        if chunk[:6] != b"data: " or chunk[-2:] != b"\n\n" or b"\r" in chunk or len(chunk) > self._cap:
            return None
        frames = chunk[6:-2].split(b"\n\ndata: ")
        if chunk.count(b"\n") != 2 * len(frames):
            return None
        self._at_start = False
        return frames

    def _field(self, line: bytes) -> None:
        if self._at_start:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        if line[:5] == b"data:" or line == b"data":
            data = line[6 if line[5:6] == b" " else 5 :]
            self._size += len(data) + 1
            if self._data is None:
                self._data = data
            else:
                self._data = self._data if isinstance(self._data, bytearray) else bytearray(self._data)
                self._data += b"\n" + data
        elif line[:6] == b"event:":
            self._is_error = line[6:].strip().lower() == b"error"


@final
class Texts:
    """One JSON text to a line; blank lines are passed over."""

    __slots__ = ("_at_start", "_cap", "_lines")

    def __init__(self, max_bytes: int) -> None:
        self._cap = max_bytes
        self._lines = _Lines()
        self._at_start = True

    def feed(self, chunk: bytes, /) -> Sequence[bytes] | None:
        """The texts that *chunk* completes."""
        lines = self._lines.feed(chunk)
        if lines and self._at_start:
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        texts = [line for line in lines if line.strip()]
        over = self._lines.pending_bytes > self._cap or any(len(text) > self._cap for text in texts)
        return None if over else texts

    def rest(self) -> Sequence[bytes]:
        """The last line, if nothing ended it."""
        line = self._lines.rest()
        line = line.removeprefix(_BYTE_ORDER_MARK) if self._at_start else line
        return (line,) if line.strip() else ()


@final
class Document:
    """One JSON text, or what is none, however many lines it has."""

    __slots__ = ("_cap", "_text")

    def __init__(self, max_bytes: int) -> None:
        self._cap = max_bytes
        self._text = bytearray()

    def feed(self, chunk: bytes, /) -> Sequence[bytes] | None:
        """Nothing, until its end."""
        self._text += chunk
        return None if len(self._text) > self._cap else ()

    def rest(self) -> Sequence[bytes]:
        """All of it."""
        return (bytes(self._text.removeprefix(_BYTE_ORDER_MARK)),)


_FIELDS = (b"data:", b"data\n", b"data\r", b"event:", b"id:", b"retry:", b":")
_LONGEST_FIELD = max(map(len, _FIELDS))
_LONGEST_START = 64
"""So many bytes say what a body is."""


def frames_of(start: bytes, framing: Framing, *, event_cap: int, body_cap: int) -> Frames | None:
    """How a body that begins with *start* is cut, where *framing* is that of its wire; None while that may be two."""
    text = start.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if len(text) < _LONGEST_FIELD and any(begins.startswith(text) for begins in (*_FIELDS, _BYTE_ORDER_MARK)):
        return None
    if text.startswith(_FIELDS):
        return Events(event_cap)
    if framing == "ndjson" and text[:1] == b"{":
        line, is_ended, _ = text.partition(b"\n")
        if len(line.strip()) > 1:
            return Texts(event_cap)
        return Document(body_cap) if is_ended or len(text) > _LONGEST_START else None
    if framing == "sse" and not text.startswith((b"{", b"[", b"<")) and b":" in text.partition(b"\n")[0]:
        return Events(event_cap)  # a field that nobody knows
    return Document(body_cap)
