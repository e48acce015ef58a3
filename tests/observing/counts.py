"""What the tests of kept counts share."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Signal
from typing import TypeVar, final

from llm_manager.adapters.conversations.sql import Database, Session, Unusable
from llm_manager.domain.events import AttemptFinished
from llm_manager.domain.response import Attempt, ComputedCost, Usage

A = TypeVar("A")


def attempt(model: str, latency_ms: float = 8.0, outcome: str = "ok") -> AttemptFinished:
    """One that used ten tokens, for half a dollar."""
    usage = Usage(prompt_tokens=7, completion_tokens=3, total_tokens=10, cost=ComputedCost(0.5))
    line = Attempt(model=model, provider="p", latency_ms=latency_ms, first_ms=1.0, outcome=outcome, usage=usage)
    return AttemptFinished(at_s=0.0, attempt=line, error=None)


@final
class Fickle:
    """*database*, which cannot be used while it is ``away``, may keep quiet about what it has stored, and may hang.

    ``refused`` is set when it was asked in vain, ``used`` when it was asked with success.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.store = database.store
        self.is_away = self.is_silent = False
        self.refused, self.used = Signal(), Signal()
        self.goes_on = Signal()
        self.goes_on.set()

    def keep(self, most: int) -> None:
        self._database.keep(most)

    def transact(self, work: Callable[[Session], A], /, *, writes: bool) -> A:
        self.goes_on.wait()
        if self.is_away:
            self.refused.set()
            raise Unusable("it is away")
        done = self._database.transact(work, writes=writes)
        if self.is_silent:
            self.is_silent = False
            self.refused.set()
            raise Unusable("the connection was lost")
        self.used.set()
        return done
