"""The command line at a real pseudo-terminal, for the tests: what is typed there, and what is seen."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from programs import started

_DRAWN_S = 0.3
_PATIENCE_S: Final = 30.0

_AS_LEADER: Final = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from llm_manager.cli.main import main
sys.exit(main())
"""
"""The program with the terminal as its own, so that a Ctrl-C typed there is its SIGINT."""


class Terminal:
    """``llm-manager`` with *arguments* at a terminal of *columns* and *rows*; it is killed when the block is left."""

    def __init__(
        self, arguments: Sequence[str], environ: Mapping[str, str], columns: int = 100, rows: int = 24
    ) -> None:
        self._arguments = arguments
        # The size is that of this terminal, not the one that the tests' own process was told.
        own = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}
        self._environ = {**own, "TERM": "xterm-256color"}
        self._size = struct.pack("HHHH", rows, columns, 0, 0)
        self._unread = ""
        self.seen = ""

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, self._size)
        self._process = started(
            [sys.executable, "-c", _AS_LEADER, *self._arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self._environ,
            start_new_session=True,
        )
        os.close(theirs)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def type(self, text: str) -> None:
        """Press the keys of *text*."""
        os.write(self._ours, text.encode())

    def until(self, text: str) -> str:
        """What is written up to and with *text*; fails when it does not come."""
        ends_s = time.monotonic() + _PATIENCE_S
        while text not in self._unread:
            if not self._read(ends_s - time.monotonic()):
                raise AssertionError(f"{text!r} did not come behind {self._unread!r}")
        before, _, self._unread = self._unread.partition(text)
        return before + text

    def idle(self) -> None:
        """Read until nothing more is drawn: a signal in the middle of it may be heard only with the next key."""
        while self._read(_DRAWN_S):
            pass

    def ended(self) -> int:
        """The exit code, once everything is read."""
        while self._read(_PATIENCE_S):
            pass
        return self._process.wait(_PATIENCE_S)

    def _read(self, timeout_s: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(timeout_s, 0.0))
        try:
            data = os.read(self._ours, 65536) if ready else b""
        except OSError:  # Linux says so when nobody has the other end open
            return False
        text = data.decode(errors="replace")
        self._unread += text
        self.seen += text
        return bool(data)
