"""Who reads: the name by which a strand of a run is known, in the recording and when it is replayed."""

from __future__ import annotations

from collections import Counter
from typing import final

from llm_manager.domain.request import LLMRequest
from llm_manager.testing.tape.content import digest


@final
class Reader:
    """A strand: its *name*, how many waits it has begun, and the strands that have begun in it.

    The root's name is empty. A name is a path: ``0#1/generate 4f21a0#2`` is the second strand that generates an answer
    to a certain request within the first child of a ``gather``.
    """

    __slots__ = ("_begun", "_waits", "name")

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._begun: Counter[str] = Counter()
        self._waits = 0

    def split(self, name: str, request: LLMRequest | None) -> Reader:
        """The strand that begins now."""
        own = name if request is None else f"{name} {digest(request)}"
        self._begun[own] += 1
        inner = f"{own}#{self._begun[own]}"
        return Reader(f"{self.name}/{inner}" if self.name else inner)

    def next_wait(self) -> int:
        """The number of the wait that begins now, from 1."""
        self._waits += 1
        return self._waits
