"""The one piece of mutable state of a tolerant reading: where it is, what it repaired, how much work it did.

A cursor lives inside one call and never leaves it. ``steps`` counts characters looked at; the laws bound it, because a
step counter cannot be fooled by a slow machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Final, cast

from llm_manager.extraction.extracted import Repair, RepairKind
from llm_manager.extraction.strict import Faulty, Read, failure_steps, is_writable, may_nest_deeply, read_at

_WINDOW: Final = 2_048
_NOISE: Final = 64
"""Repairs that any value may need, however short; a longer one may need one for every second character."""
LOOK_AHEAD: Final = 100
LONG: Final = 1_024
"""Characters of a document from which on it is worth reading in bulk."""
_MAY_BE_JSON: Final = re.compile(r"\{[ \t\r\n]*+[\"}]|\[[ \t\r\n]*+[\"{\[\]0-9tfn-]")
_ODD_BRACKETS: Final = frozenset({"bracket_added", "bracket_dropped", "bracket_swapped"})
_PATIENCE: Final = 3
_LONGEST_PAUSE: Final = 64


def island_work(text: str) -> int:
    """How many steps may go into trying to read children of one text as JSON; none where brackets nest deeply."""
    return 0 if may_nest_deeply(text) else 3 * len(text) + 4_000


def work_limit(text: str) -> int:
    """How many steps all readings of one text may take together; what is damaged at every turn takes two thirds."""
    return 7 * len(text) + 150_000


class TooDeep(Exception):  # stays inside the package, where it unwinds the reading
    """Brackets nest deeper than the cap; *at* is where."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Hopeless(Exception):
    """More repairs than every second character, or more work: whatever this is, no value; *at* is where it got bad."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Cursor:
    """A position *i* in ``text[:end]`` and what happened on the way to it."""

    __slots__ = (
        "bare_keys",
        "bulk_at",
        "cut",
        "end",
        "fault_at",
        "faulty_root",
        "halves",
        "i",
        "islands",
        "kinds",
        "limit",
        "offsets",
        "pause",
        "quotes",
        "run_before",
        "start",
        "steps",
        "text",
        "unlucky",
    )

    def __init__(self, text: str, start: int, end: int, *, islands: int, limit: int, halves: bool = False) -> None:
        self.text = text
        self.i = self.start = start
        self.end = end
        self.kinds: list[RepairKind] = []
        self.offsets: list[int] = []
        self.steps = 0
        self.cut = False
        self.bare_keys = False
        self.fault_at = start
        self.faulty_root = -1
        self.run_before = -1
        self.halves = halves
        self.islands = islands
        self.bulk_at = start + LONG if islands > 0 else end + 1
        self.limit = limit
        self.unlucky = self.pause = self.quotes = 0

    def note(self, kind: RepairKind, at: int | None = None) -> None:
        """Remember a repair, here unless said otherwise."""
        self.kinds.append(kind)
        self.offsets.append(self.i if at is None else at)

    def quote(self, at: int, start: int) -> None:
        """Remember a quotation mark at *at* that was left unescaped inside the string that began at *start*."""
        self.note("quote_escaped", at)
        self.quotes += 1
        if self.quotes > _NOISE + (at - start) // 3:  # HTML has every fourth character one
            raise Hopeless(at)
        self.check()

    def island(self) -> Read | None:
        """A child that is JSON as it stands, read in one go; None when it is not, or the budget for trying is spent.

        Before a fault that is already known only a child that ends soon is worth a try: a longer one probably
        holds the fault. Where try after try fails, more and more children go by untried.
        """
        if self.islands <= 0 or self.i == self.faulty_root or not _MAY_BE_JSON.match(self.text, self.i):
            return None
        if self.pause > 0:
            self.pause -= 1
            return None
        if self.i < self.fault_at:
            return self._accepted(_shifted(read_at(self.text[self.i : self.i + _WINDOW], 0), self.i), _WINDOW)
        return self._accepted(read_at(self.text, self.i), len(self.text))

    def _accepted(self, read: Read | Faulty, size: int) -> Read | None:
        match read:
            case Read(end=stop) if stop <= self.end and not (self.halves and not is_writable(read.value)):
                self.steps += 1
                self.unlucky = 0
                return read
            case Read(end=at) | Faulty(at=at):
                self.islands -= at - self.i + failure_steps(size)
                self.steps += at - self.i
                self.fault_at = max(self.fault_at, at)
                self.unlucky += 1
                if self.unlucky > _PATIENCE:
                    self.pause = min(2 ** (self.unlucky - _PATIENCE), _LONGEST_PAUSE)
                return None

    def check(self) -> None:
        """Raise ``Hopeless`` when there are more repairs than any value needs, or more work than the text may cost."""
        if len(self.kinds) > _NOISE + (self.i - self.start) // 2 or self.steps > self.limit:
            raise Hopeless(self.i)

    @property
    def has_odd_brackets(self) -> bool:
        """Whether some bracket was missing, too many or wrong."""
        return not _ODD_BRACKETS.isdisjoint(self.kinds)

    @property
    def repairs(self) -> tuple[Repair, ...]:
        """What was repaired, in the order of the text."""
        if len(self.kinds) < 2:  # as in lines with one fault each, of which there may be thousands
            return (_repair((self.kinds[0], self.offsets[0])),) if self.kinds else ()
        notes = zip(self.kinds, self.offsets, strict=True)
        in_order = self.offsets == sorted(self.offsets)  # nearly always, and cheap to know
        return tuple(map(_repair, notes if in_order else sorted(notes, key=itemgetter(1))))


_repair = cast(
    "Callable[[tuple[RepairKind, int]], Repair]",
    partial(tuple.__new__, Repair),  # pyright: ignore[reportUnknownMemberType]  # typeshed leaves its argument open
)
"""The same as ``Repair(*note)``, without the cost of a Python call: there may be thousands."""


def _shifted(read: Read | Faulty, by: int) -> Read | Faulty:
    match read:
        case Read(value=value, end=end):
            return Read(value, end + by)
        case Faulty(at=at):
            return Faulty(at + by)
