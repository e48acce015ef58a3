"""Streams cut into the JSON texts they carry, as they come: server-sent events, and one text to a line.

Incremental, linear in time and bounded in memory: what has not ended is kept joined, and never more of it than the
cap. A stream that stops in the middle of a text has not sent it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, final

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Frames(Protocol):
    """One stream as it is cut."""

    def feed(self, chunk: bytes, /) -> Sequence[bytes] | None:
        """The texts that *chunk* completes; None when one is larger than the cap, and then for ever."""
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


@final
class Events:
    """Server-sent events (WHATWG HTML, 9.2.6): the data of each. Comments and the other fields are passed over."""

    __slots__ = ("_at_start", "_cap", "_data", "_lines", "_size")

    def __init__(self, max_bytes: int) -> None:
        self._cap = max_bytes
        self._lines = _Lines()
        self._data: bytes | bytearray | None = None  # joined from the second line on
        self._size = 0
        self._at_start = True

    def feed(self, chunk: bytes, /) -> Sequence[bytes] | None:
        """The data of the events that *chunk* completes."""
        found = self._plain(chunk)
        if found is not None:
            return found
        frames: list[bytes] = []
        for line in self._lines.feed(chunk):
            if line:
                self._field(line)
            elif self._data is not None:
                frames.append(bytes(self._data))
                self._data = None
                self._size = 0
            if self._size > self._cap:
                return None
        return None if self._size + self._lines.pending_bytes > self._cap else frames

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
