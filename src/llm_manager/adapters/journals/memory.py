"""A journal in a mapping: for tests, and for programs that keep the mapping themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import MutableMapping
from typing import Never, final

from returns.result import Success

from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.layer import Layer, scoped
from llm_manager.effect.scope import Scope
from llm_manager.ports import Journal, Work


def memory_journal(kept: MutableMapping[tuple[str, int], str]) -> Layer[Journal, StoreUnavailable, None]:
    """The journal that *kept* is, opened anew for every run."""

    async def build(_needs: None, _scope: Scope) -> Outcome[Journal, StoreUnavailable]:
        return Success(_MemoryJournal(kept))

    return scoped(build)


@final
class _MemoryJournal:
    __slots__ = ("_claims", "_kept")

    def __init__(self, kept: MutableMapping[tuple[str, int], str]) -> None:
        self._kept = kept
        self._claims: Counter[str] = Counter()

    async def claim(self, key: str, /) -> Outcome[Work, Never]:
        """The next of the equal ones."""
        number = self._claims[key]
        self._claims[key] += 1
        return Success(Work(key, number, self._kept.get((key, number))))

    async def keep(self, work: Work, text: str, /) -> Outcome[None, Never]:
        """Write it down."""
        self._kept[work.key, work.number] = text
        return Success(None)
