"""The account of one run: every request that was sent for it, as lines that end up in its response."""

from __future__ import annotations

from typing import final

from llm_manager.domain.events import AttemptFinished, Event
from llm_manager.domain.response import Attempt
from llm_manager.ports import Observer


@final
class Ledger:
    """An observer that keeps the attempts of one run and passes everything on."""

    __slots__ = ("_next", "attempts")

    def __init__(self, next_: Observer) -> None:
        self._next = next_
        self.attempts: list[Attempt] = []

    def notify(self, event: Event, /) -> None:
        """Keep a line, and tell the next observer."""
        if isinstance(event, AttemptFinished):
            self.attempts.append(event.attempt)
        self._next.notify(event)
