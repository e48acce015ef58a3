"""Going on where another model broke off: what the next one is asked, and what of its answer is new.

A model that is asked to go on may begin again from the start, or repeat the last words; neither is shown twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import final

from llm_manager.domain.request import LLMRequest, Message

GO_ON = "Your answer was cut off. Go on exactly where it stopped: repeat nothing, and say nothing about this."

SMALLEST_OVERLAP = 8
"""Characters that both ends must share before they count as a repetition; fewer may well be chance."""

LONGEST_OVERLAP = 400
"""How far back the repetition of the last words may reach."""


def can_continue(request: LLMRequest) -> bool:
    """Can *request* be answered in two halves by two models? Not where the answer has a form of its own."""
    return request.response_format is None


def continued(request: LLMRequest, partial: str) -> LLMRequest:
    """*request* to a model that is to go on after *partial*."""
    asked = (Message(role="user", content=request.prompt),) if request.prompt else ()
    so_far = Message(role="assistant", content=partial)
    return replace(request, messages=(*request.messages, *asked, so_far), prompt=GO_ON)


@final
class Seam:
    """The text after a break, piece by piece, without what repeats the text before it.

    Pieces are held back for as long as they could be a repetition: of the whole of what was *before*, from its start,
    or of its last words.
    """

    __slots__ = ("_before", "_held", "_is_open")

    def __init__(self, before: str) -> None:
        self._before = before
        self._held = ""
        self._is_open = bool(before)

    def feed(self, text: str) -> str:
        """What is new in *text* and in what was held back; empty while that cannot be told.

        >>> seam = Seam("one two three")
        >>> seam.feed("one two "), seam.feed("three four"), seam.feed(" five")
        ('', ' four', ' five')
        """
        if not self._is_open:
            return text
        self._held += text
        return "" if self._may_repeat() else self.close()

    def close(self) -> str:
        """What is new in all that is held back, now that nothing more is to be waited for."""
        self._is_open = False
        held, self._held = self._held, ""
        return held[self._repeated(held) :]

    def _may_repeat(self) -> bool:
        """Would more text make it a repetition, or a longer one?"""
        held = self._held
        if len(held) < len(self._before) and self._before.startswith(held):
            return True
        tail = self._before[-LONGEST_OVERLAP:]
        return len(held) < len(tail) and held in tail

    def _repeated(self, held: str) -> int:
        """How many characters of *held* were said before: all of it from the start, or its last words."""
        shared = _shared(self._before, held)
        if shared == len(self._before) or shared >= SMALLEST_OVERLAP:
            return shared
        for length in range(min(len(held), LONGEST_OVERLAP), SMALLEST_OVERLAP - 1, -1):
            if self._before.endswith(held[:length]):
                return length
        return 0


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))
