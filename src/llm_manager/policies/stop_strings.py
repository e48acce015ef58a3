"""Texts that end an answer, looked for in a stream of it: for an engine that looks for them in its thoughts too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final


@final
class StopCutter:
    """What comes before the first of *stops*, as it comes; what may be the beginning of one is held back."""

    __slots__ = ("_held", "_stops")

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""

    def feed(self, text: str) -> tuple[str, bool]:
        """What of *text*, and of what was held back, belongs to the answer, and whether one of the stops has come.

        >>> cutter = StopCutter(["\\nEND"])
        >>> cutter.feed("blue\\nE"), cutter.feed("ND, and more")
        (('blue', False), ('', True))
        """
        text = self._held + text
        at = min((found for stop in self._stops if (found := text.find(stop)) >= 0), default=None)
        if at is not None:
            self._held = ""
            return text[:at], True
        ends = len(text) - self._begun(text)
        self._held = text[ends:]
        return text[:ends], False

    def rest(self) -> str:
        """What was held back, now that nothing more comes."""
        rest, self._held = self._held, ""
        return rest

    def _begun(self, text: str) -> int:
        """How much of the end of *text* is the beginning of a stop."""
        longest = min(max(map(len, self._stops), default=1) - 1, len(text))
        lengths = range(longest, 0, -1)
        return next((n for n in lengths if any(stop.startswith(text[-n:]) for stop in self._stops)), 0)
