"""How far a long job is: one line of the terminal, drawn again and again; nothing where nobody looks."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from typing import Final, TextIO, final

from llm_manager.cli.chart import BLOCKS, ramp_for
from llm_manager.cli.show import seconds, shown
from llm_manager.domain.sanitize import escape_control_chars

_EVERY_S: Final = 0.1
_WIDTH: Final = 24


@final
class Progress:
    """A bar for *total* pieces of work, of which *before* were done by an earlier run and tell nothing of the rate."""

    def __init__(self, total: int, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._stream = sys.stderr if stream is None else stream
        self._now = now
        self._started_s = now()
        self._drawn_s = float("-inf")
        self._is_seen = self._stream.isatty()
        self._full, self._empty = ("█", "░") if ramp_for(self._stream) == BLOCKS else ("#", ".")

    @property
    def elapsed_s(self) -> float:
        """Since it began."""
        return self._now() - self._started_s

    def show(self, done: int, kept: int, failed: int, spent: Callable[[], str]) -> None:
        """*done* so far, *kept* of them by an earlier run; at most ten times a second, and always the last."""
        is_due = done == self._total or self._now() - self._drawn_s >= _EVERY_S
        if not self._is_seen or not is_due:
            return
        self._drawn_s = self._now()
        drawn = escape_control_chars(self.line(done, kept, failed, spent()))[: self._columns()]
        self._stream.write(f"\r\033[K{drawn}")
        self._stream.flush()

    def note(self, text: str) -> None:
        """Write a line above the bar, also where nobody looks: a log should say why a job waits."""
        self.clear()
        self._stream.write(f"{shown(text, self._stream)}\n")
        self._stream.flush()

    def clear(self) -> None:
        """Leave the line to what is written next."""
        if self._is_seen:
            self._stream.write("\r\033[K")
            self._stream.flush()

    def line(self, done: int, kept: int, failed: int, spent: str) -> str:
        """What is drawn.

        >>> import io
        >>> clock = iter([0.0, 2.0])
        >>> Progress(40, io.StringIO(), lambda: next(clock)).line(30, 10, 1, "$0.02")
        '██████████████████░░░░░░ 30/40  1 failed  10.0/s  $0.02  1.0 s left'
        """
        share = done / self._total if self._total else 1.0
        bar = self._full * round(share * _WIDTH) + self._empty * (_WIDTH - round(share * _WIDTH))
        elapsed_s = self.elapsed_s
        rate = (done - kept) / elapsed_s if elapsed_s > 0 else 0.0
        left = f"{seconds((self._total - done) / rate)} left" if rate > 0 else ""
        failures = f"{failed:,} failed  " if failed else ""
        return f"{bar} {done:,}/{self._total:,}  {failures}{rate:.1f}/s  {spent}  {left}".rstrip()

    def _columns(self) -> int:
        return shutil.get_terminal_size().columns - 1
