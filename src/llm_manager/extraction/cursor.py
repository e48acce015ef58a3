"""The one piece of mutable state of a tolerant reading: where it is, what it repaired, how much work it did.

A cursor lives inside one call and never leaves it. ``steps`` counts characters looked at; the laws bound it, because a
step counter cannot be fooled by a slow machine.
"""

from __future__ import annotations

from typing import Final

from llm_manager.extraction.extracted import Repair, RepairKind
from llm_manager.extraction.strict import Faulty, Read, is_writable, read_at

_ISLAND_WORK: Final = 3
LOOK_AHEAD: Final = 100


class TooDeep(Exception):  # stays inside the package, where it unwinds the reading
    """Brackets nest deeper than the cap; *at* is where."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Cursor:
    """A position *i* in ``text[:end]`` and what happened on the way to it."""

    __slots__ = ("bare_keys", "cut", "end", "fault_at", "halves", "i", "islands", "notes", "steps", "text")

    def __init__(self, text: str, start: int, end: int, *, islands: bool = True, halves: bool = False) -> None:
        self.text = text
        self.i = start
        self.end = end
        self.notes: list[tuple[RepairKind, int]] = []
        self.steps = 0
        self.cut = False
        self.bare_keys = False
        self.fault_at = start
        self.halves = halves
        self.islands = _ISLAND_WORK * (end - start) if islands else 0

    def note(self, kind: RepairKind, at: int | None = None) -> None:
        """Remember a repair, here unless said otherwise."""
        self.notes.append((kind, self.i if at is None else at))

    def island(self) -> Read | None:
        """A child that is JSON as it stands, read in one go; None when it is not, or the budget for trying is spent."""
        if self.islands <= 0 or self.i < self.fault_at:
            return None
        match read_at(self.text, self.i):
            case Read(end=stop) as read if stop <= self.end and not (self.halves and not is_writable(read.value)):
                self.steps += 1
                return read
            case Read(end=at) | Faulty(at=at):
                self.islands -= at - self.i + 32
                self.steps += at - self.i
                self.fault_at = at
                return None

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """What was repaired, in the order of the text."""
        return tuple(Repair(kind, at) for kind, at in sorted(self.notes, key=_offset))


def _offset(note: tuple[RepairKind, int]) -> int:
    return note[1]
